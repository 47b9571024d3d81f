/** Hypercalls of the host's kernel, one by one, on hyp code with its real tables: sharing, VMs and vCPUs, loading, lending, the end; and any calls at all. */
import { HostCall, hostCall, linear, type Vcpu } from "@eltwo/kvm"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runs } from "../../../test/property.ts"
import { GUEST_RAM, ok } from "../../vhe/test/machine.ts"
import { tableProblems, tablesInMemory } from "../src/check-tables.ts"
import { hostSideOf } from "../src/host/side.ts"
import { PKVM_CALLS } from "../src/hyp/calls.ts"
import { hypAddress } from "../src/hyp/memory.ts"
import { PKVM_ERRNO } from "../src/ownership/errno.ts"
import { pinShared, unpinShared } from "../src/ownership/host-hyp.ts"
import { PageState } from "../src/ownership/page-state.ts"
import { bootProtected, during, kernelCall, newVm, PROTECTED, poolBytes, stateOf } from "./protected-host.ts"

const PAGE = 4096
const errno = (name: keyof typeof PKVM_ERRNO): bigint => -BigInt(PKVM_ERRNO[name])
/** Pages of the host's, one after the other, that nothing else uses. */
const freePages = (host: ReturnType<typeof bootProtected>, pages: number): number => ok(host.pages.allocate(pages * PAGE)) / PAGE

describe("sharing with hyp code", () => {
  const setUp = () => {
    const host = bootProtected("hvhe")
    const side = hostSideOf(host)
    const { records } = stateOf(host)
    const states = (pfn: number) => [records.hostState(pfn), records.hypState(pfn)]
    const inKernel = <T>(act: () => T): T => host.inKernel(act) as T
    const calls = (act: () => void) => during(host, "hostcall", () => inKernel(act)).map(({ call, result }) => [call, BigInt.asIntN(64, result)])
    return { host, side, records, states, inKernel, calls }
  }
  const HOSTS = [PageState.OWNED, PageState.NOPAGE]
  const SHARED = [PageState.SHARED_OWNED, PageState.SHARED_BORROWED]

  it("H9: two structures on one page make one call, and one when the second goes", () => {
    const { host, side, states, calls } = setUp()
    const pfn = freePages(host, 1)
    const at = pfn * PAGE
    expect(calls(() => side.shares.share(at, at + 100))).toEqual([[29, 0n]])
    expect(calls(() => side.shares.share(at + 200, at + 300))).toEqual([])
    expect([side.shares.count(pfn), states(pfn)]).toEqual([2, SHARED])
    expect(calls(() => side.shares.unshare(at, at + 100))).toEqual([])
    expect(calls(() => side.shares.unshare(at + 200, at + 300))).toEqual([[30, 0n]])
    expect([side.shares.count(pfn), states(pfn)]).toEqual([0, HOSTS])
    expect(tableProblems(host)).toEqual([])
  })
  it("H10: the third page is hyp code's, so the first two are not shared either", () => {
    const { host, side, states, inKernel, calls } = setUp()
    const { pool } = stateOf(host)
    const from = (pool.pfn - 2) * PAGE
    expect(states(pool.pfn - 1)).toEqual(HOSTS)
    let outcome: unknown
    expect(calls(() => (outcome = side.shares.share(from, from + 3 * PAGE)))).toEqual([
      [29, 0n],
      [29, 0n],
      [29, errno("EPERM")],
      [30, 0n],
      [30, 0n]
    ])
    expect(outcome).toBe("EPERM")
    expect([states(pool.pfn - 2), states(pool.pfn - 1)]).toEqual([HOSTS, HOSTS])
    expect([...inKernel(() => [...side.shares.entries()])]).toEqual([])
  })
  it("H10b: a page that hyp code has pinned stays shared; the kernel leaks it", () => {
    const { host, side, states, inKernel } = setUp()
    const pfn = freePages(host, 1)
    const range = { address: pfn * PAGE, bytes: PAGE }
    inKernel(() => side.shares.share(range.address, range.address + PAGE))
    const { pkvm } = stateOf(host)
    const isMapped = () => tablesInMemory(stateOf(host)).hyp.leaf(Number(hypAddress(range.address))) !== undefined
    expect(isMapped()).toBe(false)
    asHyp(host, () => expect(pinShared(pkvm, range)).toBeUndefined())
    expect(isMapped()).toBe(true)
    expect(inKernel(() => side.shares.unshare(range.address, range.address + PAGE))).toEqual([{ pfn, errno: "EBUSY" }])
    expect([side.shares.count(pfn), states(pfn)]).toEqual([1, SHARED])
    expect(tableProblems(host)).toEqual([])
    asHyp(host, () => unpinShared(pkvm, range))
    expect(isMapped()).toBe(false)
  })
  it("is what a VM's structures do: shared when they are made, pinned from the first run to the end", () => {
    const { host, records, states } = setUp()
    const { vm, vcpu } = newVm(host, "hlt #1")
    const { structure } = hostSideOf(host).vms.get(vm)!
    const pfn = Math.floor(structure / PAGE)
    // VM and vCPU lie on one page
    expect([states(pfn), records.refcount(pfn), hostSideOf(host).shares.count(pfn)]).toEqual([SHARED, 0, 2])
    vcpu.run(10)
    expect(records.refcount(pfn)).toBe(2)
    expect(kernelCall(host, HostCall.pkvm_host_unshare_hyp, pfn)).toBe(errno("EBUSY"))
    vm.destroy()
    expect([states(pfn), records.refcount(pfn)]).toEqual([HOSTS, 0])
  })
})

/** The vCPU has pages for tables to give. */
const fillList = (host: ReturnType<typeof bootProtected>, vcpu: Vcpu): void => {
  const list = hostSideOf(host).memcache(vcpu)
  while (list.length < 3) list.push(freePages(host, 1))
}
/** Does what hyp code does on the first CPU, at EL2, in a call of the kernel. */
const asHyp = (host: ReturnType<typeof bootProtected>, act: () => void): void => {
  const result = host.inKernel(() =>
    hostCall(
      host.cpus[0]!,
      new Map([
        [
          0,
          () => {
            act()
            return 0n
          }
        ]
      ]),
      0
    )
  )
  expect(result).toBe(0n)
}

describe("VMs", () => {
  it("have handles from 0x1000 on, used again when their VM is gone; ENOMEM when all are taken", () => {
    const host = bootProtected("nvhe")
    expect(kernelCall(host, HostCall.pkvm_reserve_vm)).toBe(0x1000n)
    expect(kernelCall(host, HostCall.pkvm_reserve_vm)).toBe(0x1001n)
    kernelCall(host, HostCall.pkvm_unreserve_vm, 0x1000)
    expect(kernelCall(host, HostCall.pkvm_reserve_vm)).toBe(0x1000n)
    for (let i = 2; i < 255; i++) expect(kernelCall(host, HostCall.pkvm_reserve_vm)).toBe(BigInt(0x1000 + i))
    expect(kernelCall(host, HostCall.pkvm_reserve_vm)).toBe(errno("ENOMEM"))
    expect(host.createVm()).toBe("ENOMEM")
  })
  it("are made of structures that are shared, and of memory that is the host's", () => {
    const host = bootProtected("hvhe")
    const [shared, area, tables, hidden] = [0, 1, 2, 3].map((i) => freePages(host, 1) + 0 * i) as [number, number, number, number]
    const at = (pfn: number) => linear(pfn * PAGE)
    const init = (vm: number, of = area, first = tables) => kernelCall(host, HostCall.pkvm_init_vm, at(vm), at(of), at(first))
    const fill = (handle: number, vcpus: number) =>
      host.inKernel(() =>
        hostSideOf(host).fill(shared * PAGE, [
          [0n, BigInt(handle)],
          [8n, BigInt(vcpus)],
          [16n, 1n]
        ])
      )
    fill(0x1000, 1)
    expect(init(shared)).toBe(errno("EPERM"))
    kernelCall(host, HostCall.pkvm_host_share_hyp, shared)
    const before = poolBytes(host)
    expect(init(shared)).toBe(errno("EINVAL"))
    kernelCall(host, HostCall.pkvm_reserve_vm)
    fill(0x1000, 0)
    expect(init(shared)).toBe(errno("EINVAL"))
    fill(0x10, 1)
    expect(init(shared)).toBe(errno("EINVAL"))
    fill(0x1000, 1)
    const { pool } = stateOf(host)
    expect(init(shared, pool.pfn)).toBe(errno("ENOMEM"))
    expect(init(shared, area, shared)).toBe(errno("ENOMEM"))
    // the host's own stage 2 has become finer, nothing else has changed
    expect(Buffer.compare(recordsOf(poolBytes(host), host), recordsOf(before, host))).toBe(0)
    expect(tableProblems(host)).toEqual([])
    expect(init(shared)).toBe(0n)
    expect(init(shared, hidden, hidden)).toBe(errno("ENOMEM"))
    expect(tableProblems(host)).toEqual([])
    expect(kernelCall(host, HostCall.pkvm_start_teardown_vm, 0x1000)).toBe(0n)
    expect(kernelCall(host, HostCall.pkvm_finalize_teardown_vm, 0x1000)).toBe(0n)
    expect(tableProblems(host)).toEqual([])
  })
  it("take no vCPU beyond those that were there at the first run", () => {
    const host = bootProtected("hvhe")
    const { vm, vcpu } = newVm(host, "hlt #1")
    expect(vcpu.run(10)).toMatchObject({ reason: "debug" })
    const late = ok(vm.createVcpu(1))
    late.init({ features: vcpu.features! })
    expect(late.run(10)).toBe("EINVAL")
    expect(tableProblems(host)).toEqual([])
    vm.destroy()
    expect(tableProblems(host)).toEqual([])
  })
})
/** The records at the start of hyp code's pool. */
const recordsOf = (pool: Uint8Array, host: ReturnType<typeof bootProtected>): Uint8Array => pool.subarray(0, (host.board.ram.bytes / PAGE) * 8)

describe("loading", () => {
  const two = () => {
    const host = bootProtected("hvhe", 2)
    const made = newVm(host, "hlt #1")
    made.vcpu.run(10)
    const { handle } = hostSideOf(host).vms.get(made.vm)!
    /** The second CPU is idle in the kernel. */
    const on = (cpu: number, call: number, ...args: readonly number[]) =>
      host.inKernel(() => BigInt.asIntN(64, hostCall(host.cpus[cpu]!, PKVM_CALLS, call, ...args.map(BigInt))))
    return { host, handle, on, ...made }
  }
  it("H17: a vCPU that is loaded on one CPU is not loaded on another, so there is nothing to run", () => {
    const { host, handle, on } = two()
    on(0, HostCall.pkvm_vcpu_load, handle, 0, 0)
    expect(stateOf(host).pkvm.loaded.size).toBe(1)
    on(0, HostCall.pkvm_vcpu_load, handle, 0, 0)
    on(1, HostCall.pkvm_vcpu_load, handle, 0, 0)
    expect([...stateOf(host).pkvm.loaded.keys()]).toEqual([0])
    expect(on(1, 9)).toBe(-22n)
    on(0, HostCall.pkvm_vcpu_put)
    on(1, HostCall.pkvm_vcpu_load, handle, 0, 0)
    expect([...stateOf(host).pkvm.loaded.keys()]).toEqual([1])
    expect(on(0, 9)).toBe(-22n)
    on(1, HostCall.pkvm_vcpu_put)
  })
  it("H18: a VM with a loaded vCPU does not end; put, it does, and is loaded no more", () => {
    const { handle, on, host } = two()
    on(0, HostCall.pkvm_vcpu_load, handle, 0, 0)
    expect(on(0, HostCall.pkvm_start_teardown_vm, handle)).toBe(errno("EINVAL"))
    on(0, HostCall.pkvm_vcpu_put)
    expect(on(0, HostCall.pkvm_finalize_teardown_vm, handle)).toBe(errno("EINVAL"))
    expect(on(0, HostCall.pkvm_start_teardown_vm, handle)).toBe(0n)
    on(0, HostCall.pkvm_vcpu_load, handle, 0, 0)
    expect(stateOf(host).pkvm.loaded.size).toBe(0)
    expect(on(0, 9)).toBe(-22n)
  })
})

describe("lending to ordinary VMs", () => {
  it("H12: a page lent to two VMs is the host's alone when the second gives it back", () => {
    const host = bootProtected("nvhe")
    const [a, b] = [newVm(host, "hlt #1"), newVm(host, "hlt #1")]
    const pfn = freePages(host, 1)
    const { records } = stateOf(host)
    const handles = [a, b].map(({ vm, vcpu }) => {
      vcpu.run(10)
      return hostSideOf(host).vms.get(vm)!.handle
    })
    const GFN = GUEST_RAM / PAGE + 100
    for (const [i, handle] of handles.entries()) {
      fillList(host, [a, b][i]!.vcpu)
      kernelCall(host, HostCall.pkvm_vcpu_load, handle, 0, 0)
      expect(kernelCall(host, HostCall.pkvm_host_share_guest, pfn, GFN + i, 1, 7)).toBe(0n)
      expect(kernelCall(host, HostCall.pkvm_host_donate_guest, pfn, GFN + 9)).toBe(errno("EINVAL"))
      kernelCall(host, HostCall.pkvm_vcpu_put)
    }
    expect([records.hostState(pfn), records.shareCount(pfn)]).toEqual([PageState.SHARED_OWNED, 2])
    expect(tableProblems(host)).toEqual([])
    expect(kernelCall(host, HostCall.pkvm_host_unshare_guest, handles[0]!, GFN, 1)).toBe(0n)
    expect([records.hostState(pfn), records.shareCount(pfn)]).toEqual([PageState.SHARED_OWNED, 1])
    expect(kernelCall(host, HostCall.pkvm_host_unshare_guest, handles[1]!, GFN, 1)).toBe(errno("ENOENT"))
    expect(kernelCall(host, HostCall.pkvm_host_unshare_guest, handles[1]!, GFN + 1, 1)).toBe(0n)
    expect([records.hostState(pfn), records.shareCount(pfn)]).toEqual([PageState.OWNED, 0])
    expect(tableProblems(host)).toEqual([])
  })
  it("writes nothing to a page whose write access was taken, until it is given again", () => {
    const host = bootProtected("hvhe")
    const { vm, vcpu } = newVm(host, `mov x1, #${GUEST_RAM}\nadd x1, x1, #2, lsl #12\nstr x1, [x1]\nhlt #1\nstr xzr, [x1]\nhlt #2`)
    expect(vcpu.run(100)).toMatchObject({ reason: "debug", immediate: 1 })
    const { handle } = hostSideOf(host).vms.get(vm)!
    const gfn = GUEST_RAM / PAGE + 2
    expect(kernelCall(host, HostCall.pkvm_host_test_clear_young_guest, handle, gfn, 1, 1)).toBe(1n)
    expect(kernelCall(host, HostCall.pkvm_host_test_clear_young_guest, handle, gfn, 1, 0)).toBe(0n)
    expect(kernelCall(host, HostCall.pkvm_host_wrprotect_guest, handle, gfn, 1)).toBe(0n)
    vcpu.completeHalt()
    const calls = during(host, "hostcall", () => expect(vcpu.run(100)).toMatchObject({ reason: "debug", immediate: 2 }))
    // used again first, then written again
    expect(calls.map(({ call }) => call).filter((call) => call >= 29 && call < 47)).toEqual([
      HostCall.pkvm_host_mkyoung_guest,
      HostCall.pkvm_host_relax_perms_guest
    ])
    expect(ok(vm.read(GUEST_RAM + 2 * PAGE, 8))).toEqual(new Uint8Array(8))
    expect(tableProblems(host)).toEqual([])
  })
})

describe("a kernel that harms itself", () => {
  it("and describes another stage 2 to be forgotten, stays behind its own", () => {
    for (const base of ["hvhe", "nvhe"] as const)
      for (const call of [HostCall.kvm_tlb_flush_vmid, HostCall.kvm_flush_cpu_context]) {
        const host = bootProtected(base)
        const { vm, vcpu } = newVm(host, "hlt #1")
        vcpu.run(10)
        const { structure } = hostSideOf(host).vms.get(vm)!
        expect(kernelCall(host, call, linear(structure))).toBe(0n)
        expect(tableProblems(host)).toEqual([])
      }
  })
  it("and ends VMs without taking back what they had, loses those pages", () => {
    const host = bootProtected("hvhe")
    const made = [newVm(host, "hlt #1"), newVm(host, "hlt #1", PROTECTED)]
    const { records } = stateOf(host)
    for (const { vm, vcpu } of made) {
      vcpu.run(10)
      const { handle } = hostSideOf(host).vms.get(vm)!
      expect(kernelCall(host, HostCall.pkvm_start_teardown_vm, handle)).toBe(0n)
      expect(kernelCall(host, HostCall.pkvm_finalize_teardown_vm, handle)).toBe(0n)
      expect(tableProblems(host)).toEqual([])
    }
    const [lent, given] = made.map(({ vm }) => vm.slots.physical(GUEST_RAM, 8)! / PAGE) as [number, number]
    expect([records.hostState(lent), records.shareCount(lent), records.hostState(given)]).toEqual([PageState.SHARED_OWNED, 1, PageState.NOPAGE])
    expect(kernelCall(host, HostCall.pkvm_force_reclaim_guest_page, given * PAGE)).toBe(errno("EAGAIN"))
    // a new VM with the same handle has nothing to do with them
    const next = newVm(host, "hlt #1", PROTECTED)
    expect(next.vcpu.run(10)).toMatchObject({ reason: "debug" })
    expect(tableProblems(host)).toEqual([])
  })
})

describe("ordinary VMs", () => {
  it("give up what a slot maps when it moves and when it goes", () => {
    const host = bootProtected("nvhe")
    const { vm, vcpu } = newVm(host, "hlt #1")
    vcpu.run(10)
    const pfn = vm.slots.physical(GUEST_RAM, 8)! / PAGE
    const { records } = stateOf(host)
    const state = () => [records.hostState(pfn), records.shareCount(pfn)]
    expect(state()).toEqual([PageState.SHARED_OWNED, 1])
    const slot = { slot: 0, guestPhysical: 0x60000000, bytes: 0x10000 }
    expect(ok(vm.setMemoryRegion(slot)).bytes.length).toBe(0x10000)
    expect(state()).toEqual([PageState.OWNED, 0])
    vcpu.completeHalt()
    vcpu.registers.pc = BigInt(slot.guestPhysical)
    expect(vcpu.run(10)).toMatchObject({ reason: "debug" })
    expect(state()).toEqual([PageState.SHARED_OWNED, 1])
    expect(ok(vm.setMemoryRegion({ ...slot, bytes: 0 })).bytes.length).toBe(0)
    expect(state()).toEqual([PageState.OWNED, 0])
    expect(tableProblems(host)).toEqual([])
  })
  it("have blocks where both sides have one", () => {
    const host = bootProtected("hvhe")
    const BLOCK = 2 << 20
    const vm = ok(host.createVm())
    ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 2 * BLOCK }))
    vm.write(GUEST_RAM, new Uint8Array([0x20, 0, 0x40, 0xd4]))
    const vcpu = ok(vm.createVcpu(0))
    vcpu.init({ features: 4 })
    vcpu.registers.pc = BigInt(GUEST_RAM)
    const calls = during(host, "hostcall", () => expect(vcpu.run(10)).toMatchObject({ reason: "debug", immediate: 1 }))
    expect(calls.filter(({ call }) => call === HostCall.pkvm_host_share_guest).map(({ arguments: [, gfn, pages] }) => [gfn, pages])).toEqual([
      [BigInt(GUEST_RAM / PAGE), 512n]
    ])
    expect(tableProblems(host)).toEqual([])
    vm.destroy()
    expect(tableProblems(host)).toEqual([])
  })
})

describe("what the checks of hyp code rule out", () => {
  it("is a panic of EL2: here, more pins of a page than can be counted", () => {
    const host = bootProtected("hvhe")
    const { vm, vcpu } = newVm(host, "hlt #1")
    const pfn = Math.floor(hostSideOf(host).vms.get(vm)!.structure / PAGE)
    stateOf(host).records.setRefcount(pfn, 0xffff)
    expect(vcpu.run(10)).toMatchObject({ reason: "crash", crash: { kind: "HypPanic", message: expect.stringContaining("is pinned 65535 times") } })
  })
})

describe("any calls at all", () => {
  it("leave the tables as the records say; one that fails changes no record", { timeout: 60_000 }, () => {
    const host = bootProtected("hvhe")
    const [np, pvm] = [newVm(host, "hlt #1"), newVm(host, "hlt #1", PROTECTED)]
    for (const { vcpu } of [np, pvm]) vcpu.run(10)
    const handles = [np, pvm].map(({ vm }) => hostSideOf(host).vms.get(vm)!.handle)
    const { pool } = stateOf(host)
    const first = freePages(host, 12)
    const guestPfn = pvm.vm.slots.physical(GUEST_RAM, 8)! / PAGE
    const pfn = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: first, max: first + 11 }) },
      { weight: 1, arbitrary: fc.constantFrom(pool.pfn, guestPfn, 0, 2 ** 40) }
    )
    const gfn = fc.integer({ min: 0x40000, max: 0x40010 })
    const handle = fc.constantFrom(...handles, 0, 0x1005)
    const call = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ call: fc.constantFrom(HostCall.pkvm_host_share_hyp, HostCall.pkvm_host_unshare_hyp), args: fc.tuple(pfn) })
      },
      { weight: 4, arbitrary: fc.record({ call: fc.constant(HostCall.pkvm_host_donate_guest), args: fc.tuple(pfn, gfn) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          call: fc.constant(HostCall.pkvm_host_share_guest),
          args: fc.tuple(pfn, gfn, fc.constantFrom(1, 512, 3), fc.constantFrom(7, 4, 9))
        })
      },
      {
        weight: 3,
        arbitrary: fc.record({
          call: fc.constantFrom(HostCall.pkvm_host_unshare_guest, HostCall.pkvm_host_wrprotect_guest),
          args: fc.tuple(handle, gfn, fc.constantFrom(1, 512))
        })
      },
      {
        weight: 2,
        arbitrary: fc.record({ call: fc.constant(HostCall.pkvm_force_reclaim_guest_page), args: fc.tuple(pfn.map((page) => page * PAGE)) })
      },
      { weight: 1, arbitrary: fc.record({ call: fc.constant(HostCall.pkvm_reclaim_dying_guest_page), args: fc.tuple(handle, gfn) }) },
      {
        weight: 4,
        arbitrary: fc.record({ call: fc.constant(HostCall.pkvm_vcpu_load), args: fc.tuple(handle, fc.constantFrom(0, 1), fc.constant(0)) })
      },
      { weight: 2, arbitrary: fc.record({ call: fc.constant(HostCall.pkvm_vcpu_put), args: fc.tuple() }) }
    )
    const succeeded = new Map<number, number>()
    fc.assert(
      fc.property(fc.array(call, { minLength: 30, maxLength: 30 }), (calls) => {
        for (const { call: which, args } of calls) {
          for (const { vcpu } of [np, pvm]) fillList(host, vcpu)
          const before = recordsOf(poolBytes(host), host).slice()
          const result = kernelCall(host, which, ...args)
          expect(host.crash).toBeUndefined()
          if (typeof result === "bigint" && result < 0n) {
            if (result !== errno("ENOMEM") && !isRefill(which)) expect(Buffer.compare(recordsOf(poolBytes(host), host), before)).toBe(0)
          } else succeeded.set(which, (succeeded.get(which) ?? 0) + 1)
        }
        expect(tableProblems(host)).toEqual([])
      }),
      runs(60, 7)
    )
    for (const which of [29, 30, 31, 32, 33, 43]) expect([which, (succeeded.get(which) ?? 0) > 0]).toEqual([which, true])
  })
})
describe("VMs made, used and ended by any calls", () => {
  const PAGES = 12
  /** Arguments by what they mean; a number chooses among the values that there are. */
  type Kind = "page" | "pageAddress" | "pagePointer" | "gfn" | "handle" | "vm" | "vcpu" | "one" | "rwx" | "zero"
  const CALLS: readonly (readonly [HostCall, ...(readonly Kind[])])[] = [
    [HostCall.pkvm_init_vm, "vm", "pagePointer", "pagePointer"],
    [HostCall.pkvm_init_vcpu, "handle", "vcpu", "pagePointer"],
    [HostCall.pkvm_vcpu_load, "handle", "zero", "zero"],
    [HostCall.pkvm_vcpu_load, "handle", "zero", "zero"],
    [HostCall.pkvm_vcpu_put],
    [HostCall.kvm_vcpu_run],
    [HostCall.pkvm_host_donate_guest, "page", "gfn"],
    [HostCall.pkvm_host_donate_guest, "page", "gfn"],
    [HostCall.pkvm_force_reclaim_guest_page, "pageAddress"],
    [HostCall.pkvm_force_reclaim_guest_page, "pageAddress"],
    [HostCall.pkvm_host_share_guest, "page", "gfn", "one", "rwx"],
    [HostCall.pkvm_host_unshare_guest, "handle", "gfn", "one"],
    [HostCall.pkvm_force_reclaim_guest_page, "pageAddress"],
    [HostCall.pkvm_reclaim_dying_guest_page, "handle", "gfn"],
    [HostCall.pkvm_start_teardown_vm, "handle"],
    [HostCall.pkvm_finalize_teardown_vm, "handle"],
    [HostCall.pkvm_reserve_vm],
    [HostCall.pkvm_unreserve_vm, "handle"],
    [HostCall.kvm_tlb_flush_vmid, "vm"],
    [HostCall.pkvm_tlb_flush_vmid, "handle"]
  ]
  /** Calls that must have succeeded at least once. */
  const MADE = [
    HostCall.pkvm_init_vm,
    HostCall.pkvm_init_vcpu,
    HostCall.pkvm_host_donate_guest,
    HostCall.pkvm_host_share_guest,
    HostCall.pkvm_force_reclaim_guest_page,
    HostCall.pkvm_start_teardown_vm,
    HostCall.pkvm_finalize_teardown_vm
  ]
  it("leave the tables as the records say, after each of them", { timeout: 60_000 }, () => {
    const made = new Map<number, number>()
    const step = fc.tuple(fc.integer({ min: 0, max: CALLS.length - 1 }), fc.array(fc.nat(997), { minLength: 4, maxLength: 4 }))
    fc.assert(
      fc.property(fc.constantFrom("hvhe" as const, "nvhe" as const), fc.array(step, { minLength: 60, maxLength: 60 }), (base, steps) => {
        const host = bootProtected(base)
        const side = hostSideOf(host)
        const vms = [0n, PROTECTED, 0n, PROTECTED].map((type) => newVm(host, "hlt #1", type))
        for (const { vcpu } of vms.slice(0, 2)) vcpu.run(10)
        // the other two are ready to be made, by whoever makes the calls
        host.inKernel(() => {
          for (const { vm } of vms.slice(2)) {
            const { structure, handle } = side.vms.get(vm)!
            side.fill(structure, [
              [0n, BigInt(handle)],
              [8n, 1n],
              [16n, vm.protected ? 1n : 0n]
            ])
          }
        })
        const first = freePages(host, PAGES)
        const value: Readonly<Record<Kind, (n: number) => bigint>> = {
          page: (n) => BigInt(first + (n % PAGES)),
          pageAddress: (n) => BigInt((first + (n % PAGES)) * PAGE),
          pagePointer: (n) => linear((first + (n % PAGES)) * PAGE),
          gfn: (n) => BigInt(GUEST_RAM / PAGE + (n % 6)),
          handle: (n) => BigInt(0x1000 + (n % 4)),
          vm: (n) => linear(side.vms.get(vms[n % 4]!.vm)!.structure),
          vcpu: (n) => linear(side.vcpus.get(vms[n % 4]!.vcpu)!.structure),
          one: () => 1n,
          rwx: () => 7n,
          zero: () => 0n
        }
        for (const [which, numbers] of steps) {
          const [call, ...kinds] = CALLS[which]!
          for (const { vcpu } of vms) fillList(host, vcpu)
          const result = kernelCall(host, call, ...kinds.map((kind, i) => value[kind](numbers[i]!)))
          // a pointer to what hyp code does not have pinned ends the machine, and nothing else does
          if (host.crash) expect(call).toBe(HostCall.kvm_tlb_flush_vmid)
          expect(tableProblems(host)).toEqual([])
          if (host.crash) return
          if (typeof result === "bigint" && result >= 0n) made.set(call, (made.get(call) ?? 0) + 1)
        }
      }),
      runs(22, 11)
    )
    for (const call of MADE) expect([HostCall[call], made.has(call)]).toEqual([HostCall[call], true])
  })
})
/** A call that takes pages for tables first keeps them, whatever follows. */
const isRefill = (call: number): boolean => call === HostCall.pkvm_host_donate_guest || call === HostCall.pkvm_host_share_guest
