/** Hyp code beside a kernel at EL1: what EL2 is set up with, the calls, the addresses, and what it does about mistakes. */

import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import {
  type Crash,
  createHost,
  defineMode,
  HCR,
  HOST_CALLS,
  type Host,
  HostCall,
  hostCall,
  hostNvheHcr,
  type KvmEvent,
  kernelAtEl1,
  kernHypVa,
  REG,
  trapWords
} from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { hvhe } from "@eltwo/plugin-hvhe"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { assemble, boot, GUEST_RAM, guest, isa, RAM } from "../../vhe/test/machine.ts"
import { nvhe } from "../src/index.ts"

/** A control register in force. */
const inForce = ({ cpus }: Host, register: string): bigint => {
  const { controls } = cpus[0]!.pe
  return controls.inForce(controls.machine.registerByName.get(register)!.slot)
}

describe("after boot", () => {
  it.each([
    { mode: nvhe, hcr: 0x400_0300_8000_0000n, cptr: 0x33ffn, cnthctl: 3n, banner: "Hyp nVHE mode" },
    { mode: hvhe, hcr: 0x400_0304_8000_0000n, cptr: 0x300000n, cnthctl: 0xc00n, banner: "Hyp hVHE mode" }
  ])("$mode.name: the kernel is at EL1, EL2 is hyp code's", ({ mode, hcr, cptr, cnthctl, banner }) => {
    const host = boot(mode)
    const { pe, hostEl } = host.cpus[0]!
    expect([mode.banner, hostEl, pe.el]).toEqual([banner, 1, 0])
    expect(hostNvheHcr(host.features, mode.e2h)).toBe(hcr)
    // pointer authentication and MTE are not there: their bits are RES0
    expect(inForce(host, "HCR_EL2")).toBe(hcr & (HCR.RW | HCR.E2H))
    expect(inForce(host, "CPTR_EL2")).toBe(cptr)
    expect(inForce(host, "CNTHCTL_EL2")).toBe(cnthctl)
    // the kernel's own FP is a matter of CPACR_EL1
    expect(inForce(host, "CPACR_EL1")).toBe(0x300000n)
    expect(inForce(host, "VTTBR_EL2")).toBe(0n)
    expect(inForce(host, "SCTLR_EL2") & 0x1005n).toBe(0x1005n)
    // one range of addresses: the other is switched off or does not exist
    expect(inForce(host, "TCR_EL2") & (1n << 23n)).toBe(1n << 23n)
    expect(inForce(host, "VBAR_EL2") >> 47n).toBe(1n)
    expect(inForce(host, "TTBR0_EL2")).not.toBe(inForce(host, "TTBR1_EL1"))
  })
  it("nVHE needs no FEAT_VHE, hVHE does", () => {
    const machine = composeOrThrow([base, fpsimd], { features: { VHE: false } })
    const on = (mode: typeof nvhe) => createHost({ board: createBoard({ isa: machine, ramBase: RAM, ramBytes: 8 << 20 }), mode })
    const { vcpu } = guest("movz x0, #0x8400, lsl #16\nhvc #0\nhlt #1", { host: on(nvhe) })
    expect(vcpu.run(100)).toMatchObject({ reason: "debug", immediate: 1 })
    expect(vcpu.getOneReg(REG.x(0))).toBe(0x10003n)
    expect(() => on(hvhe)).toThrow(/FEAT_VHE/)
  })
})

/** Runs code of the kernel; a crash is the result. */
const inKernel = <T>(host: Host, code: () => T): T | Crash => host.inKernel(code)
const firstCpu = ({ cpus }: Host) => cpus[0]!

describe("calls", () => {
  it("have the kernel's numbers", () => {
    expect([...HOST_CALLS.keys()].sort((a, b) => a - b)).toEqual([8, 9, 10, 13, 15, 16, 25, 26])
  })
  it("are made at EL1 and answered at EL2: 0 in X0, the result in X1", () => {
    const host = boot(nvhe)
    const cpu = firstCpu(host)
    const events: KvmEvent[] = []
    host.subscribe((e) => events.push(e))
    const result = inKernel(host, () => {
      const before = [cpu.pe.el, cpu.context]
      const x1 = hostCall(cpu, HOST_CALLS, HostCall.kvm_timer_set_cntvoff, 77n)
      return { before, after: [cpu.pe.el, cpu.context], x0: cpu.pe.x[0], x1 }
    })
    expect(result).toEqual({ before: [1, "host"], after: [1, "host"], x0: 0n, x1: 0n })
    expect(cpu.pe.system[cpu.pe.controls.slot.CNTVOFF_EL2]).toBe(77n)
    const call = events.findIndex((e) => e.what === "exc" && e.from === "host")
    expect(events[call]).toMatchObject({ where: "hyp", ec: 0x16, iss: 0, hostCall: 16 })
    expect(events[call + 1]).toMatchObject({ what: "eret", where: "hyp", to: "host", cptr: 0x33ffn })
  })
  it("that hyp code does not have are NOT_SUPPORTED, which the kernel does not expect", () => {
    const host = boot(nvhe)
    const cpu = firstCpu(host)
    const crash = inKernel(host, () => hostCall(cpu, new Map(), HostCall.kvm_flush_vm_context))
    expect(crash).toMatchObject({ kind: "HostOops", message: "Hyp code has no function kvm_flush_vm_context" })
    expect(cpu.pe.x[0]).toBe(0xffff_ffff_ffff_ffffn)
  })
  it("give the registers of EL2 to hyp code alone: the kernel's own write is UNDEFINED", () => {
    const host = boot(nvhe)
    expect(inKernel(host, () => firstCpu(host).write("CNTVOFF_EL2", 1n))).toMatchObject({
      kind: "HostOops",
      message: expect.stringContaining("msr CNTVOFF_EL2 at EL1 trapped to EL1: EC 0x00")
    })
  })
  it("need pointers that hyp code translates: one of the kernel's, and one to what is not mapped, panic", () => {
    const crashOf = (pointer: (own: bigint) => bigint): unknown => {
      const host = boot(nvhe)
      const cpu = firstCpu(host)
      const table = new Map([[HostCall.kvm_tlb_flush_vmid as number, (_: unknown, argument: bigint) => cpu.load64(pointer(argument))]])
      return inKernel(host, () => hostCall(cpu, table, HostCall.kvm_tlb_flush_vmid, inForce(host, "VBAR_EL1")))
    }
    expect(crashOf((kernel) => kernel)).toMatchObject({ kind: "HypPanic", message: expect.stringContaining("ldr at EL2 trapped to EL2: EC 0x25") })
    expect(crashOf(kernHypVa)).toMatchObject({ kind: "HypPanic", message: expect.stringContaining("ldr at EL2 trapped to EL2: EC 0x25") })
  })
})

describe("mistakes of a mode", () => {
  const FP_GUEST = "mov x0, #0x300000\nmsr cpacr_el1, x0\nisb\nfmov d0, x0\nhlt #1"
  it("the names of E2H are UNDEFINED without it: HypPanic", () => {
    const wrong = defineMode({ ...nvhe, name: "wrong", registers: "redirected" })
    expect(guest(FP_GUEST, { host: boot(wrong) }).vcpu.run(100)).toMatchObject({
      reason: "crash",
      crash: { kind: "HypPanic", message: expect.stringContaining("SCTLR_EL12 at EL2 trapped to EL2: EC 0x00") }
    })
  })
  it("classic trap words under E2H close FP to hyp code: HypPanic at its first use", () => {
    const wrong = defineMode({ ...hvhe, name: "wrong", trapSpelling: "classic" })
    expect(guest(FP_GUEST, { host: boot(wrong) }).vcpu.run(100)).toMatchObject({ reason: "crash" })
  })
  it("a table of calls without kvm_vcpu_run never enters the guest", () => {
    const calls = new Map([...HOST_CALLS].filter(([call]) => call !== HostCall.kvm_vcpu_run))
    const without = defineMode({ ...nvhe, name: "without", ...kernelAtEl1(calls) })
    const { vcpu, host } = guest(FP_GUEST, { host: boot(without) })
    expect(vcpu.run(100)).toMatchObject({ reason: "crash", crash: { message: "Hyp code has no function kvm_vcpu_run" } })
    expect(host.account.entries).toBe(0)
  })
})

describe("a guest", () => {
  /** Programs the physical timer and reads it back, then waits for it. */
  const TIMER = `
    mrs x0, cntpct_el0
    mov x1, #1000
    msr cntp_tval_el0, x1
    mov x2, #1
    msr cntp_ctl_el0, x2
    mrs x3, cntp_ctl_el0
    mrs x4, cntp_cval_el0
    sub x4, x4, x0
    wfi
    mrs x5, cntp_ctl_el0
    msr cntp_ctl_el0, xzr
    hlt #7`
  it.each([vhe, nvhe, hvhe])("of $name has a physical timer, which a kernel at EL1 emulates", (mode) => {
    const { vcpu, host } = guest(TIMER, { host: boot(mode) })
    const levels: number[] = []
    for (let i = 0; i < 6; i++) {
      const exit = vcpu.run(10_000)
      if (typeof exit === "string" || exit.reason !== "intr") break
      levels.push(exit.deviceIrqLevel)
    }
    expect(vcpu.lastExit).toMatchObject({ reason: "debug", immediate: 7 })
    // a write that is emulated is an exit, after which the kernel looks at the timer
    expect(levels).toEqual(mode === vhe ? [2] : [2, 0])
    expect([3, 5].map((n) => vcpu.getOneReg(REG.x(n)))).toEqual([1n, 5n])
    const distance = vcpu.getOneReg(REG.x(4)) as bigint
    expect(distance >= 1000n && distance < 1010n).toBe(true)
    expect(host.account.exits.get("SystemRegister") ?? 0).toBe(mode === vhe ? 0 : 6)
  })
  it.each([nvhe, hvhe])("of $name and the host keep their own registers of EL1", (mode) => {
    const { vcpu, host } = guest("msr tpidr_el1, x1\nmsr vbar_el1, x2\nmsr tpidr_el0, x3\nmsr contextidr_el1, x4\nhlt #1", { host: boot(mode) })
    const before = ["VBAR_EL1", "SCTLR_EL1", "TCR_EL1", "TTBR1_EL1", "MAIR_EL1", "CPACR_EL1"].map((register) => inForce(host, register))
    for (const [n, value] of [
      [1, 0x11n],
      [2, 0x2000n],
      [3, 0x33n],
      [4, 0x44n]
    ] as const)
      vcpu.setOneReg(REG.x(n), value)
    expect(vcpu.run(100)).toMatchObject({ reason: "debug" })
    expect(["VBAR_EL1", "SCTLR_EL1", "TCR_EL1", "TTBR1_EL1", "MAIR_EL1", "CPACR_EL1"].map((register) => inForce(host, register))).toEqual(before)
    expect(inForce(host, "HCR_EL2") & (HCR.VM | HCR.TGE)).toBe(0n)
    expect(inForce(host, "CPTR_EL2")).toBe(trapWords(isa, mode.trapSpelling).rest)
    // they come back with the next run
    vcpu.completeHalt()
    const second = "mrs x5, tpidr_el1\nmrs x6, vbar_el1\nmrs x7, tpidr_el0\nmrs x8, contextidr_el1\nmrs x9, midr_el1\nhlt #2"
    vcpu.vm.write(GUEST_RAM + 5 * 4, assemble(second, GUEST_RAM + 5 * 4))
    expect(vcpu.run(100)).toMatchObject({ reason: "debug", immediate: 2 })
    expect([5, 6, 7, 8].map((n) => vcpu.getOneReg(REG.x(n)))).toEqual([0x11n, 0x2000n, 0x33n, 0x44n])
  })
  it("that is closed leaves no memory behind", () => {
    const host = boot(nvhe)
    const before = host.pages.available
    for (let i = 0; i < 3; i++) {
      const { vm, vcpu } = guest("hlt #1", { host })
      expect(vcpu.run(100)).toMatchObject({ reason: "debug" })
      expect(vm.destroy()).toBeUndefined()
    }
    expect(host.pages.available).toBe(before)
  })
})
