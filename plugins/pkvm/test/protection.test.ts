/** The host behind its stage 2: how hyp code takes over, what the host reaches, and what it is told when it does not. */
import { defineMode, HCR, type Host, HostCall, linear } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { DATA, GUEST_RAM, ok, program } from "../../vhe/test/machine.ts"
import { tableProblems, tablesInMemory } from "../src/check-tables.ts"
import { createHostSide, errnoIn, type HostSide, hostSideOf } from "../src/host/side.ts"
import { type Base, pkvm, protectedMode } from "../src/index.ts"
import { PageState } from "../src/ownership/page-state.ts"
import { bootProtected, during, kernelCall, newVm, PROTECTED, stateOf } from "./protected-host.ts"

const inForce = ({ cpus }: Host, register: string, cpu = 0): bigint => {
  const { controls } = cpus[cpu]!.pe
  return controls.inForce(controls.machine.registerByName.get(register)!.slot)
}
const BASES: readonly Base[] = ["hvhe", "nvhe"]
const PAGE = 4096
const BLOCK = 0x200000
const S1PTW = 1n << 7n
const NO_FUNCTION = /^Hyp code has no function/

/** Stops before protection begins: the kernel at EL1, hyp code still by its tables. */
const before = (base: Base, act: (side: HostSide) => void): void => {
  bootProtected(base, 1, defineMode({ ...protectedMode(base), finalize: (host) => act(createHostSide(host)) }))
}
/** The message of the crash that `act` ends in. */
const crashOf = (act: () => void): string => {
  try {
    act()
  } catch (error) {
    return (error as { crash: { message: string } }).crash.message
  }
  return "none"
}

describe.each(BASES)("base %s", (base) => {
  it("has its name, banner and exception levels; hVHE is what is chosen unless said", () => {
    const mode = protectedMode(base)
    const isHvhe = base === "hvhe"
    expect([mode.name, mode.banner, mode.hostEl, mode.e2h]).toEqual(["pkvm", `Protected ${isHvhe ? "hVHE" : "nVHE"} mode`, 1, isHvhe])
    expect(pkvm.options["base"]).toMatchObject({ default: "hvhe", choices: ["hvhe", "nvhe"] })
    expect(pkvm.create({ base })).toMatchObject({ kind: "mode", name: "pkvm", e2h: isHvhe })
  })
  it("has tables of its own in force on every CPU, and every host behind one stage 2", () => {
    const host = bootProtected(base, 2)
    const { pkvm: ownership, pool } = stateOf(host)
    for (const cpu of [0, 1]) {
      expect(inForce(host, "TTBR0_EL2", cpu)).toBe(BigInt(ownership.hypStage1.root))
      expect(inForce(host, "VTTBR_EL2", cpu)).toBe(ownership.hostStage2.vttbr)
      expect(inForce(host, "VTCR_EL2", cpu)).toBe(ownership.hostStage2.vtcr)
      expect(inForce(host, "HCR_EL2", cpu) & (HCR.VM | HCR.FWB | HCR.TSC | HCR.TGE)).toBe(HCR.VM | HCR.FWB | HCR.TSC)
    }
    for (const root of [ownership.hypStage1.root, Number(ownership.hostStage2.vttbr)]) {
      expect(root / PAGE).toBeGreaterThanOrEqual(pool.pfn)
      expect(root / PAGE).toBeLessThan(pool.pfn + pool.pages)
    }
    expect(tableProblems(host)).toEqual([])
  })
  it("owns its memory, of which the host may read nothing but the text", () => {
    const host = bootProtected(base)
    const { pool, text, records } = stateOf(host)
    for (const pfn of [pool.pfn, pool.pfn + pool.pages - 1, text.pfn])
      expect([records.hostState(pfn), records.hypState(pfn)]).toEqual([PageState.NOPAGE, PageState.OWNED])
    const [cpu] = host.cpus
    expect(host.inKernel(() => cpu!.load64(linear(text.pfn * PAGE)))).toBe(0n)
    const write = host.inKernel(() => cpu!.store64(linear(text.pfn * PAGE), 1n))
    expect(write).toMatchObject({ kind: "HostOops", message: expect.stringContaining("hypervisor-protected memory") })
  })
  it("takes its pool once, as whole pages, and large enough", () => {
    before(base, (side) => {
      const init = (physical: number, bytes: number) => errnoIn(side.call(HostCall.pkvm_init, BigInt(physical), BigInt(bytes)))
      expect(init(0x80100010, 0x100000)).toBe("EINVAL")
      expect(init(0x80100000, 0x100010)).toBe("EINVAL")
      expect(init(0x80100000, 0x1000)).toBe("ENOMEM")
    })
  })
  it("has calls of the start before, and calls about VMs after (H15); each CPU is finalized once (H16)", () => {
    before(base, (side) => {
      for (const slot of [0n, 3n]) expect(side.call(HostCall.pkvm_cpu_set_vector, slot)).toBe(0n)
      expect(errnoIn(side.call(HostCall.pkvm_cpu_set_vector, 4n))).toBe("EINVAL")
      for (const call of [HostCall.pkvm_host_share_hyp, HostCall.pkvm_reserve_vm, HostCall.pkvm_tlb_flush_vmid])
        expect(crashOf(() => side.call(call))).toMatch(NO_FUNCTION)
    })
    for (const call of [0, 1, 2, 3, 4, 5, 6, 50, 0x1234]) {
      const host = bootProtected(base)
      expect(kernelCall(host, call)).toMatch(NO_FUNCTION)
      expect(host.cpus[0]!.pe.x[0]).toBe(0xffff_ffff_ffff_ffffn)
    }
    expect(kernelCall(bootProtected(base), HostCall.pkvm_prot_finalize)).toBe(-1n)
  })

  describe("memory of the host", () => {
    it("is mapped when it is touched, once, by the largest block that is all its own", () => {
      const host = bootProtected(base)
      const cpu = host.cpus[0]!
      const last = host.board.ram.base + host.board.ram.bytes - PAGE
      const touch = () => void host.inKernel(() => cpu.load64(linear(last)))
      expect(during(host, "host-stage2-fault", touch).map(({ ipa, result }) => [ipa, result])).toContainEqual([last, "mapped"])
      expect(during(host, "host-stage2-fault", touch)).toEqual([])
      const { pool, pkvm: ownership } = stateOf(host)
      const behind = (pool.pfn + pool.pages) * PAGE
      host.inKernel(() => cpu.load64(linear(behind)))
      const tables = tablesInMemory(stateOf(host)).host
      // around it nobody has anything, and around hyp code's page somebody does
      expect(tables.leaf(last)).toMatchObject({ physical: last, bytes: BLOCK })
      expect(tables.leaf(behind)).toMatchObject({ physical: behind, bytes: PAGE })
      expect(tables.leaf(pool.pfn * PAGE)).toBeUndefined()
      expect(ownership.records.hypState(pool.pfn)).toBe(PageState.OWNED)
      expect(tableProblems(host)).toEqual([])
    })
    it("that is not its own is a SIGSEGV for a program, with the mark of hyp code", () => {
      const host = bootProtected(base)
      const { pool } = stateOf(host)
      const { task } = program(host, `mov x0, #${DATA + 0x10000}\nldr x1, [x0]\nmov x8, #94\nsvc #0`)
      host.inKernel(() => task.space.map(DATA + 0x10000, pool.pfn * PAGE, PAGE, { write: true }))
      const faults = during(host, "host-stage2-fault", () => expect(host.runTask(task, 1000)).toBe("ended"))
      expect(faults.at(-1)).toMatchObject({ ipa: pool.pfn * PAGE, result: "refused" })
      expect(task.ended).toMatchObject({ signal: "SIGSEGV", far: BigInt(DATA + 0x10000) })
      const { esr } = task.ended as { esr: bigint }
      expect([esr >> 26n, esr & S1PTW]).toEqual([0x24n, S1PTW])
      expect(host.crash).toBeUndefined()
    })
    it("that hyp code has cannot be used as a table either: the walk is refused", () => {
      const host = bootProtected(base)
      const { pool } = stateOf(host)
      const { task } = program(host, "nop\nmov x8, #94\nsvc #0")
      host.inKernel(() => host.cpus[0]!.store64(linear(task.space.tables.root), BigInt(pool.pfn * PAGE) | 3n))
      host.runTask(task, 1000)
      expect(task.ended).toMatchObject({ signal: "SIGSEGV" })
      expect(tableProblems(host)).toEqual([])
    })
    it("is not for programs alone: the kernel's own access to hyp code's memory is an oops", () => {
      const host = bootProtected(base)
      const { pool } = stateOf(host)
      const crash = host.inKernel(() => host.cpus[0]!.load64(linear(pool.pfn * PAGE)))
      expect(crash).toMatchObject({ kind: "HostOops", message: expect.stringContaining("hypervisor-protected memory at 0xffff0000") })
      const { esr } = crash as { esr: number }
      expect([esr >>> 26, esr & Number(S1PTW)]).toEqual([0x25, Number(S1PTW)])
    })
    it("outside RAM is the host's as a device", () => {
      const host = bootProtected(base)
      let reads = 0
      host.board.attach({ base: 0x0a000000, bytes: PAGE, read: () => BigInt(++reads), write: () => {} })
      const { task } = program(host, `mov x0, #${DATA + 0x10000}\nldr x1, [x0]\nldr x2, [x0]\nmov x8, #94\nmov x0, x2\nsvc #0`)
      host.inKernel(() => task.space.map(DATA + 0x10000, 0x0a000000, PAGE, { write: true }))
      const faults = during(host, "host-stage2-fault", () => expect(host.runTask(task, 1000)).toBe("ended"))
      expect(faults.filter(({ ipa }) => ipa === 0x0a000000)).toHaveLength(1)
      expect(task.ended).toEqual({ status: 2 })
      expect(tableProblems(host)).toEqual([])
    })
  })

  describe("memory of a protected guest", () => {
    /** Stores to its second page, says so, then loads it again. */
    const TWO_PAGES = `
      mov x1, #${GUEST_RAM}
      add x1, x1, #1, lsl #12
      mov x2, #77
      str x2, [x1]
      hlt #1
      ldr x3, [x1]
      hlt #2`
    const started = () => {
      const host = bootProtected(base)
      const made = newVm(host, TWO_PAGES, PROTECTED)
      expect(made.vcpu.run(100)).toMatchObject({ reason: "debug", immediate: 1 })
      made.vcpu.completeHalt()
      const physical = made.vm.slots.physical(GUEST_RAM + PAGE, 8)!
      return { host, ...made, physical }
    }
    it("is out of reach of user space, through the interface and by access", () => {
      const { host, vm, physical } = started()
      expect(vm.read(GUEST_RAM + PAGE, 8)).toBe("EFAULT")
      expect(vm.write(GUEST_RAM + PAGE, new Uint8Array(8))).toBe("EFAULT")
      // what the guest has not touched is still the host's
      expect(vm.read(GUEST_RAM + 4 * PAGE, 8)).toEqual(new Uint8Array(8))
      const { task } = program(host, `mov x0, #${DATA + 0x10000}\nldr x1, [x0]\nmov x8, #94\nsvc #0`)
      host.inKernel(() => task.space.map(DATA + 0x10000, physical, PAGE, {}))
      expect(host.runTask(task, 1000)).toBe("ended")
      expect(task.ended).toMatchObject({ signal: "SIGSEGV" })
      expect(tableProblems(host)).toEqual([])
    })
    it("is taken by force when the kernel copies from it for a system call: what is copied is zeroes", () => {
      const { host, vcpu, physical } = started()
      const { task } = program(
        host,
        `mov x0, #1\nmov x1, #${DATA + 0x10000}\nmov x2, #8\nmov x8, #64\nsvc #0\nmov x19, x0\nmov x8, #94\nmov x0, x19\nsvc #0`
      )
      host.inKernel(() => task.space.map(DATA + 0x10000, physical, PAGE, { write: true }))
      const written: number[] = []
      task.files.set(1, { write: (bytes) => written.push(...bytes) })
      expect(host.runTask(task, 1000)).toBe("ended")
      expect([task.ended, written]).toEqual([{ status: 8 }, [0, 0, 0, 0, 0, 0, 0, 0]])
      expect(vcpu.run(100)).toBe("EFAULT")
      expect(tableProblems(host)).toEqual([])
    })
    it("is taken by force when the kernel uses it: cleared for the kernel, poison for the guest (H13)", () => {
      const { host, vcpu, vm, physical } = started()
      const pages = during(host, "page", () => {
        expect(host.inKernel(() => host.cpus[0]!.load64(linear(physical)))).toBe(0n)
      })
      expect(pages).toMatchObject([{ pfn: physical / PAGE, from: "guest", to: "host", actor: "host", transition: "force_reclaim_guest_page" }])
      expect(tableProblems(host)).toEqual([])
      expect(vcpu.run(100)).toBe("EFAULT")
      expect(vcpu.run(100)).toBe("EFAULT")
      expect(host.crash).toBeUndefined()
      expect(vm.destroy()).toBeUndefined()
      expect(tableProblems(host)).toEqual([])
    })
    it("comes back as zeroes when the VM ends, and all that hyp code had for it", () => {
      const { host, vm, physical } = started()
      const side = hostSideOf(host)
      vm.destroy()
      expect(side.vms.size + side.vcpus.size).toBe(0)
      expect([...side.shares.entries()]).toEqual([])
      expect(stateOf(host).records.hostState(physical / PAGE)).toBe(PageState.OWNED)
      expect(host.board.physical.read(physical, 8)).toEqual(new Uint8Array(8))
      expect(stateOf(host).pkvm.vms.slots.every((slot) => slot === undefined)).toBe(true)
      expect(tableProblems(host)).toEqual([])
      const after = host.pages.available
      // the next VM needs what this one had, no more
      const next = newVm(host, "hlt #1", PROTECTED)
      next.vcpu.run(10)
      next.vm.destroy()
      expect(host.pages.available).toBe(after)
    })
    it("stays while the VM lives: no slot goes, moves or is for reading only", () => {
      const { vm } = started()
      const slot = { slot: 0, guestPhysical: GUEST_RAM, bytes: 0x10000 }
      expect(vm.setMemoryRegion({ ...slot, bytes: 0 })).toBe("EPERM")
      expect(vm.setMemoryRegion({ ...slot, guestPhysical: 0x50000000 })).toBe("EPERM")
      expect(vm.setMemoryRegion({ slot: 1, guestPhysical: 0x50000000, bytes: PAGE, readonly: true })).toBe("EPERM")
      expect(vm.setMemoryRegion({ slot: 1, guestPhysical: 0x50000000, bytes: PAGE })).toMatchObject({ slot: 1 })
    })
    it("is shared by the guest page by page, also one that nothing backs yet (H14)", () => {
      const host = bootProtected(base)
      const { vm, vcpu } = newVm(
        host,
        `
        mov x19, #${GUEST_RAM}
        add x19, x19, #3, lsl #12
        mov x0, #3
        movk x0, #0xc600, lsl #16
        mov x1, x19
        mov x2, #0
        mov x3, #0
        hvc #0
        mov x9, x0
        mov x2, #99
        str x2, [x19]
        hlt #1
        mov x0, #4
        movk x0, #0xc600, lsl #16
        mov x1, x19
        mov x2, #0
        mov x3, #0
        hvc #0
        mov x10, x0
        ldr x11, [x19]
        hlt #2`,
        PROTECTED
      )
      const pages = during(host, "page", () => expect(vcpu.run(100)).toMatchObject({ reason: "debug", immediate: 1 }))
      const pfn = vm.slots.physical(GUEST_RAM + 3 * PAGE, 8)! / PAGE
      expect(pages.filter((p) => p.pfn === pfn)).toMatchObject([
        { from: "host", to: "guest", actor: "host", transition: "host_donate_guest" },
        { from: "guest", to: "guest, lent to host", actor: "guest", transition: "mem_share" }
      ])
      expect(vcpu.registers.x[9]).toBe(0n)
      expect(ok(vm.read(GUEST_RAM + 3 * PAGE, 8))[0]).toBe(99)
      expect(tableProblems(host)).toEqual([])
      vcpu.completeHalt()
      expect(vcpu.run(100)).toMatchObject({ reason: "debug", immediate: 2 })
      expect([vcpu.registers.x[10], vcpu.registers.x[11]]).toEqual([0n, 99n])
      expect(vm.read(GUEST_RAM + 3 * PAGE, 8)).toBe("EFAULT")
      expect(tableProblems(host)).toEqual([])
    })
  })
})
