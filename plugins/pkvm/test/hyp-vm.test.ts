/** VMs and vCPUs of hyp: handles, what creation refuses and undoes, loading, teardown, and where every page goes. */
import { describe, expect, it } from "vitest"
import { guestShareHost } from "../src/ownership/guest-host.ts"
import { hostDonateGuest, hostShareGuest, hostUnshareGuest } from "../src/ownership/host-guest.ts"
import { hostDonateHyp, hostShareHyp, hostUnshareHyp, pinShared } from "../src/ownership/host-hyp.ts"
import { initVcpu, initVm, loadVcpu, putVcpu, type VcpuRequest, type VmRequest } from "../src/ownership/hyp-vm.ts"
import { PageStack, refillMemcache } from "../src/ownership/memcache.ts"
import { PAGE_BYTES, PageState, Prot } from "../src/ownership/page-state.ts"
import { forceReclaim, reclaimFromDying } from "../src/ownership/reclaim.ts"
import { finalizeTeardown, startTeardown } from "../src/ownership/teardown.ts"
import { HANDLE_OFFSET, MAX_VMS, newVmTable, reserveVm, unreserveVm, vmByHandle, vmidOf } from "../src/ownership/vm-table.ts"
import { type InMemoryPkvm, inMemoryPkvm } from "./in-memory.ts"
import { BAD_HANDLE, bytesOf, describeWorld, makeVm, makeWorld, must, pagesPerVm, type World } from "./world.ts"

const RAM = { pfn: 0x100, pages: 96 }
const LIST_PAGES = 6
const world = (): World => makeWorld({ regions: [RAM] }, LIST_PAGES)
const look = (w: World) => describeWorld(w, RAM.pfn, RAM.pages)

describe("handles", () => {
  it("are 255, the lowest free one first, and belong to a VMID", () => {
    const table = newVmTable()
    const handles = Array.from({ length: MAX_VMS }, () => reserveVm(table))
    expect(handles[0]).toBe(0x1000)
    expect(handles.at(-1)).toBe(0x10fe)
    expect(vmidOf(0x1000)).toBe(1)
    expect(reserveVm(table)).toBe("ENOMEM")
    unreserveVm(table, 0x1007)
    unreserveVm(table, 0x1003)
    unreserveVm(table, 0x1003)
    expect([reserveVm(table), reserveVm(table), reserveVm(table)]).toEqual([0x1003, 0x1007, "ENOMEM"])
  })
  it("name no VM while they are only reserved, and are not given back while they do", () => {
    const { pkvm, vms } = world()
    const handle = reserveVm(pkvm.vms) as number
    expect(vmByHandle(pkvm.vms, handle)).toBe(undefined)
    for (const wrong of [0, -1, HANDLE_OFFSET - 1, HANDLE_OFFSET + MAX_VMS, BAD_HANDLE, 1.5]) {
      expect(vmByHandle(pkvm.vms, wrong)).toBe(undefined)
      unreserveVm(pkvm.vms, wrong)
    }
    unreserveVm(pkvm.vms, vms.A.handle)
    expect(vmByHandle(pkvm.vms, vms.A.handle)).toBe(vms.A.vm)
    expect(pkvm.vms.slots).toHaveLength(MAX_VMS)
  })
})

describe("creation that fails changes nothing", () => {
  /** Page numbers of a request that would succeed. */
  const prepared = () => {
    const w = world()
    const { pkvm, firstFree: at } = w
    const handle = reserveVm(pkvm.vms) as number
    must(hostShareHyp(pkvm, at), "share kvm")
    must(hostShareHyp(pkvm, at + 1), "share vcpu")
    must(hostShareHyp(pkvm, at + 6), "share sve")
    must(hostShareHyp(pkvm, at + 7), "share sve")
    const request: VmRequest = {
      hostVm: { address: at * PAGE_BYTES + 64, bytes: 512 },
      createdVcpus: 2,
      handle,
      protected: false,
      area: bytesOf(at + 2, 2),
      tables: bytesOf(at + 4)
    }
    const vcpu: VcpuRequest = {
      handle,
      hostVcpu: bytesOf(at + 1),
      index: 0,
      area: bytesOf(at + 5),
      sve: { address: (at + 6) * PAGE_BYTES + 1, bytes: 5000 }
    }
    return { w, pkvm, at, request, vcpu }
  }
  const refusesVm = (errno: string, change: (p: ReturnType<typeof prepared>) => Partial<VmRequest>) => {
    const p = prepared()
    const changed = { ...p.request, ...change(p) }
    const before = look(p.w)
    expect(initVm(p.pkvm, changed)).toBe(errno)
    expect(look(p.w)).toEqual(before)
    // and the right request is none the worse
    expect(initVm(p.pkvm, p.request)).toBe(undefined)
  }
  it("init_vm", () => {
    refusesVm("EPERM", ({ at }) => ({ hostVm: bytesOf(at + 8) }))
    refusesVm("EPERM", ({ at }) => ({ hostVm: bytesOf(at + 1, 2) }))
    refusesVm("EINVAL", () => ({ hostVm: bytesOf(RAM.pfn + RAM.pages - 1, 2) }))
    refusesVm("EINVAL", () => ({ createdVcpus: 0 }))
    refusesVm("EINVAL", () => ({ createdVcpus: Number.NaN }))
    refusesVm("EINVAL", () => ({ handle: HANDLE_OFFSET - 1 }))
    refusesVm("ENOMEM", ({ at }) => ({ area: bytesOf(at + 1) }))
    refusesVm("ENOMEM", ({ at }) => ({ area: { address: (at + 2) * PAGE_BYTES + 8, bytes: PAGE_BYTES } }))
    refusesVm("ENOMEM", () => ({ createdVcpus: 2 ** 40 }))
    refusesVm("ENOMEM", ({ at }) => ({ tables: bytesOf(at + 3) }))
    refusesVm("ENOMEM", ({ at }) => ({ tables: bytesOf(at + 6) }))
    refusesVm("EINVAL", () => ({ handle: BAD_HANDLE }))
    refusesVm("EINVAL", ({ w }) => ({ handle: w.vms.A.handle }))
  })
  it("init_vm without room for tables", () => {
    const p = prepared()
    const before = look(p.w)
    expect(initVm({ ...p.pkvm, newGuestStage2: () => undefined }, p.request)).toBe("ENOMEM")
    expect(look(p.w)).toEqual(before)
    expect(initVm(p.pkvm, p.request)).toBe(undefined)
  })
  it("init_vm: the first of several reasons is told", () => {
    const { pkvm, request, at } = prepared()
    const worst = { ...request, hostVm: bytesOf(at + 8), createdVcpus: 0, handle: 0, area: bytesOf(at + 1) }
    expect(initVm(pkvm, worst)).toBe("EPERM")
    expect(initVm(pkvm, { ...worst, hostVm: request.hostVm })).toBe("EINVAL")
    expect(initVm(pkvm, { ...worst, hostVm: request.hostVm, createdVcpus: 1, handle: BAD_HANDLE })).toBe("ENOMEM")
    expect(initVm(pkvm, { ...request, handle: BAD_HANDLE })).toBe("EINVAL")
    expect(initVm(pkvm, request)).toBe(undefined)
  })
  it("init_vcpu", () => {
    const refuses = (errno: string, change: (p: ReturnType<typeof prepared>) => Partial<VcpuRequest>) => {
      const p = prepared()
      must(initVm(p.pkvm, p.request), "init_vm")
      const changed = { ...p.vcpu, ...change(p) }
      const before = look(p.w)
      expect(initVcpu(p.pkvm, changed)).toBe(errno)
      expect(look(p.w)).toEqual(before)
      expect(initVcpu(p.pkvm, p.vcpu)).toBe(undefined)
      expect([0, 1, 6, 7].map((page) => p.pkvm.records.refcount(p.at + page))).toEqual([1, 1, 1, 1])
      const after = look(p.w)
      expect(initVcpu(p.pkvm, { ...p.vcpu, area: bytesOf(p.at + 8) })).toBe("EINVAL")
      expect(look(p.w)).toEqual(after)
    }
    refuses("ENOMEM", ({ at }) => ({ area: bytesOf(at + 6), handle: BAD_HANDLE }))
    refuses("ENOENT", ({ at }) => ({ handle: BAD_HANDLE, hostVcpu: bytesOf(at + 8) }))
    refuses("ENOENT", ({ pkvm }) => ({ handle: reserveVm(pkvm.vms) as number }))
    refuses("EBUSY", ({ at }) => ({ hostVcpu: bytesOf(at + 8), check: () => "EINVAL" }))
    refuses("EINVAL", ({ at }) => ({ check: () => "EINVAL", sve: bytesOf(at + 8) }))
    refuses("EPERM", ({ at }) => ({ sve: bytesOf(at + 7, 2), index: 2 }))
    refuses("EINVAL", () => ({ index: 2 }))
    refuses("EINVAL", () => ({ index: -1 }))
  })
})

describe("loading", () => {
  it("is of one vCPU a CPU and of one CPU a vCPU, and silent", () => {
    const { pkvm, vms } = world()
    const { A, P } = vms
    expect(loadVcpu(pkvm, 0, BAD_HANDLE, 0)).toBe(false)
    expect(loadVcpu(pkvm, 0, A.handle, 1)).toBe(false)
    expect(loadVcpu(pkvm, 0, A.handle, 0)).toBe(true)
    expect(loadVcpu(pkvm, 1, A.handle, 0)).toBe(false)
    expect(loadVcpu(pkvm, 0, P.handle, 0)).toBe(false)
    expect(loadVcpu(pkvm, 1, P.handle, 0)).toBe(true)
    expect(startTeardown(pkvm, A.handle)).toBe("EINVAL")
    putVcpu(pkvm, 0)
    putVcpu(pkvm, 0)
    expect(startTeardown(pkvm, A.handle)).toBe(undefined)
    expect(startTeardown(pkvm, A.handle)).toBe("EINVAL")
    expect(loadVcpu(pkvm, 0, A.handle, 0)).toBe(false)
  })
  it("goes on after a late vCPU was refused for want of a place", () => {
    const { pkvm, vms, firstFree } = world()
    must(hostShareHyp(pkvm, firstFree), "share")
    expect(initVcpu(pkvm, { handle: vms.A.handle, hostVcpu: bytesOf(firstFree), index: 1, area: bytesOf(firstFree + 1) })).toBe("EINVAL")
    expect(loadVcpu(pkvm, 0, vms.A.handle, 0)).toBe(true)
  })
})

describe("teardown", () => {
  const RW = Prot.R | Prot.W
  /** All pages, of everybody, that are not plain host memory. */
  const taken = (pkvm: InMemoryPkvm) =>
    Array.from({ length: RAM.pages }, (_, i) => RAM.pfn + i).filter(
      (pfn) => pkvm.records.hostState(pfn) !== PageState.OWNED || pkvm.records.hypState(pfn) !== PageState.NOPAGE
    )
  it("gives every page back, cleared where the host must not see it", () => {
    const pkvm = inMemoryPkvm({ regions: [RAM] })
    const { handle, vm, vcpu, donated } = makeVm(pkvm, RAM.pfn, true, LIST_PAGES)
    const at = RAM.pfn + pagesPerVm(LIST_PAGES)
    for (const [i, gfn] of [0, 600, 601, 300_000].entries()) must(hostDonateGuest(pkvm, vcpu, at + i, gfn), "donate")
    must(guestShareHost(pkvm, vm, 600), "guest share")
    must(forceReclaim(pkvm, at + 2), "force reclaim")
    expect(reclaimFromDying(pkvm, vm, 1)).toBe("ENOENT")
    expect(startTeardown(pkvm, handle)).toBe(undefined)
    pkvm.memory.takeCleared()
    for (const gfn of [0, 600, 601, 300_000]) expect(reclaimFromDying(pkvm, vm, gfn)).toBe(undefined)
    const cleared = pkvm.memory.takeCleared()
    expect([0, 1, 2, 3].map((i) => cleared.includes(at + i))).toEqual([true, false, false, true])
    expect(reclaimFromDying(pkvm, vm, 600)).toBe("ENOENT")
    expect(reclaimFromDying(pkvm, vm, 601)).toBe(undefined)
    const pages = finalizeTeardown(pkvm, handle)
    if (typeof pages === "string") throw new Error(pages)
    expect([...pages.metadata, ...pages.stage2].sort((a, b) => a - b)).toEqual(donated)
    expect([...pages.metadata].sort()).toEqual([donated[0], donated[2]])
    expect(taken(pkvm)).toEqual([RAM.pfn, RAM.pfn + 1])
    for (const pfn of [RAM.pfn, RAM.pfn + 1]) expect(hostUnshareHyp(pkvm, pfn)).toBe(undefined)
    expect(taken(pkvm)).toEqual([])
    expect(pkvm.hypStage1.mapped.size).toBe(0)
    expect(pkvm.vms.slots.every((slot) => slot === undefined)).toBe(true)
    expect(finalizeTeardown(pkvm, handle)).toBe("EINVAL")
    expect(reserveVm(pkvm.vms)).toBe(handle)
  })
  it("of an ordinary VM ends its loans one by one", () => {
    const { pkvm, vms, firstFree } = world()
    const { handle, vm, vcpu } = vms.A
    must(hostShareGuest(pkvm, vcpu, firstFree, 5, 1, RW), "share")
    must(hostShareGuest(pkvm, vms.B.vcpu, firstFree, 9, 1, RW), "share")
    expect(finalizeTeardown(pkvm, handle)).toBe("EINVAL")
    must(startTeardown(pkvm, handle), "start")
    expect(reclaimFromDying(pkvm, vm, 5)).toBe("EPERM")
    expect(hostUnshareGuest(pkvm, vm, 5, 1)).toBe(undefined)
    expect(pkvm.records.hostState(firstFree)).toBe(PageState.SHARED_OWNED)
    expect(typeof finalizeTeardown(pkvm, handle)).toBe("object")
    expect(hostUnshareGuest(pkvm, vms.B.vm, 9, 1)).toBe(undefined)
    expect(pkvm.records.hostState(firstFree)).toBe(PageState.OWNED)
  })
  it("leaves pages that nobody reclaimed to nobody, also when the handle is used again", () => {
    const pkvm = inMemoryPkvm({ regions: [RAM] })
    const first = makeVm(pkvm, RAM.pfn, true, LIST_PAGES)
    const at = RAM.pfn + 2 * pagesPerVm(LIST_PAGES)
    must(hostDonateGuest(pkvm, first.vcpu, at, 5), "donate")
    must(hostDonateGuest(pkvm, first.vcpu, at + 1, 6), "donate")
    must(guestShareHost(pkvm, first.vm, 6), "share")
    must(startTeardown(pkvm, first.handle), "start")
    expect(typeof finalizeTeardown(pkvm, first.handle)).toBe("object")
    expect(forceReclaim(pkvm, at)).toBe("EAGAIN")
    const second = makeVm(pkvm, RAM.pfn + pagesPerVm(LIST_PAGES), true, LIST_PAGES)
    expect(second.handle).toBe(first.handle)
    expect(forceReclaim(pkvm, at)).toBe("ENOENT")
    must(hostDonateGuest(pkvm, second.vcpu, at + 2, 5), "donate")
    expect(forceReclaim(pkvm, at)).toBe("EAGAIN")
    expect(second.vm.stage2.walk(5)).toMatchObject({ kind: "leaf", pfn: at + 2, state: PageState.OWNED })
    expect([at, at + 1].map((pfn) => pkvm.records.hostState(pfn))).toEqual([PageState.NOPAGE, PageState.SHARED_BORROWED])
    for (const pfn of [at, at + 1]) expect(hostDonateHyp(pkvm, pfn, 1)).toBe("EPERM")
  })
})

describe("lists for tables", () => {
  it("take only what the host may give, and keep what they took", () => {
    const { pkvm, vms, firstFree: at } = world()
    const { vcpu } = vms.P
    const had = vcpu.memcache.length
    const list = new PageStack()
    must(hostShareHyp(pkvm, at + 1), "share")
    for (const pfn of [at + 2, at + 1, at]) list.push(pfn)
    expect(refillMemcache(pkvm, vcpu.memcache, list, had + 3)).toBe("ENOMEM")
    expect([vcpu.memcache.length, list.length, list.head]).toEqual([had + 1, 2, at + 1])
    expect([at, at + 1, at + 2].map((pfn) => pkvm.records.hypState(pfn))).toEqual([PageState.OWNED, PageState.SHARED_BORROWED, PageState.NOPAGE])
    expect(refillMemcache(pkvm, vcpu.memcache, list, had)).toBe(undefined)
    expect(refillMemcache(pkvm, vcpu.memcache, new PageStack(), had + 2)).toBe("ENOMEM")
  })
  it("give tables, which then stay in the VM", () => {
    const { pkvm, vms, firstFree: at } = world()
    const { vm, vcpu } = vms.A
    const had = vcpu.memcache.length
    must(hostShareGuest(pkvm, vcpu, at, 5, 1, Prot.R), "share")
    expect([vcpu.memcache.length, vm.pool.available]).toEqual([had - 2, 0])
    must(hostShareGuest(pkvm, vcpu, at, 6, 1, Prot.R), "share")
    expect(vcpu.memcache.length).toBe(had - 2)
    must(hostUnshareGuest(pkvm, vm, 5, 1), "unshare")
    must(hostUnshareGuest(pkvm, vm, 6, 1), "unshare")
    expect([vcpu.memcache.length, vm.pool.available]).toEqual([had - 2, 2])
    must(hostShareGuest(pkvm, vcpu, at, 2 ** 20, 1, Prot.R), "share")
    expect([vcpu.memcache.length, vm.pool.available]).toEqual([had - 2, 0])
  })
  it("hold while a pinned structure is on the same page as another", () => {
    const { pkvm, firstFree: at } = world()
    must(hostShareHyp(pkvm, at), "share")
    must(pinShared(pkvm, { address: at * PAGE_BYTES, bytes: 64 }), "pin")
    must(pinShared(pkvm, { address: at * PAGE_BYTES + 64, bytes: 64 }), "pin")
    expect(pkvm.records.refcount(at)).toBe(2)
  })
})
