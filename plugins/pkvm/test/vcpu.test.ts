/** What a vCPU of a protected VM is: registers it sees, traps it has, what the host can and cannot change, and whose FP registers are whose. */
import { HCR, type KvmEvent, MDCR, REG, type RunExit, SLOT, type Vcpu } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { assemble, boot, GUEST_RAM, guest as guestOf } from "../../vhe/test/machine.ts"
import { canBeProtected, protectedIdRegister } from "../src/vcpu/id-registers.ts"
import { flushVcpu } from "../src/vcpu/vcpu.ts"
import { adopt, MODES } from "./vcpu-world.ts"

const VECTORS = GUEST_RAM + 0x1000
const UNDEFINED = 0x0200_0000n
const halt = (immediate: number): RunExit => ({ reason: "debug", immediate })
const x = (vcpu: Vcpu, n: number): bigint => vcpu.getOneReg(REG.x(n)) as bigint

describe.each(MODES)("under $name", (mode) => {
  /** A guest that reports an exception at EL1 by HLT #9, ESR in X20, ELR in X21; HLT #1 at its end. */
  const guest = (source: string, isProtected = true) => {
    const machine = guestOf(`movz x19, #0x4000, lsl #16\nmovk x19, #0x1000\nmsr vbar_el1, x19\nisb\n${source}\nhlt #1`, { host: boot(mode) })
    machine.vm.write(VECTORS + 0x200, assemble("mrs x20, esr_el1\nmrs x21, elr_el1\nmrs x22, far_el1\nhlt #9", VECTORS + 0x200))
    return { ...machine, ...adopt(machine.host, machine.vcpu, isProtected) }
  }
  const at = (n: number): bigint => BigInt(GUEST_RAM + 4 * (4 + n))

  describe("system registers of a protected guest", () => {
    it.each([
      ["mrs x1, id_aa64dfr0_el1", 0x000f_00f0_0000_0000n],
      ["mrs x1, id_aa64mmfr4_el1", 0x0f00_0000n],
      ["mrs x1, id_aa64pfr2_el1", 0n],
      ["mrs x1, id_aa64smfr0_el1", 0n],
      ["mrs x1, id_aa64zfr0_el1", 0n],
      ["mrs x1, id_pfr0_el1", 0n],
      ["mrs x1, dbgbvr0_el1", 0n],
      ["mrs x1, mdscr_el1", 0n],
      ["mrs x1, oslsr_el1", 0n]
    ])("%s reads 0x%s", (instruction, value) => {
      const { vcpu } = guest(`mov x1, #-1\n${instruction}`)
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 1)).toBe(value)
    })
    it("ID_AA64PFR0_EL1 has EL0 and EL1 in AArch64 only, FP with half precision, and no SVE", () => {
      const { vcpu } = guest("mrs x1, id_aa64pfr0_el1\nmrs x2, id_aa64mmfr0_el1")
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 1) & 0xf_00ff_00ffn).toBe(0x11_0011n)
      expect(x(vcpu, 2) & 0xffn).toBe(0x22n)
    })
    it.each(["msr dbgbvr0_el1, x1", "msr mdscr_el1, x1", "msr oslar_el1, x1"])("%s is ignored", (instruction) => {
      const { vcpu } = guest(`mov x1, #-1\n${instruction}\nmrs x2, mdscr_el1`)
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 2)).toBe(0n)
    })
    it.each([
      "mrs x1, actlr_el1",
      "mrs x1, dbgbvr1_el1",
      "mrs x1, lorid_el1",
      "dc isw, x1",
      "mrs x1, tcr2_el1",
      "mrs x1, sctlr2_el1",
      "mrs x1, pir_el1"
    ])("%s is UNDEFINED, without the host", (instruction) => {
      const { vcpu, host } = guest(instruction)
      const events: KvmEvent[] = []
      host.subscribe((e) => events.push(e))
      expect(vcpu.run(100)).toEqual(halt(9))
      expect([x(vcpu, 20), x(vcpu, 21)]).toEqual([UNDEFINED, at(0)])
      const trap = events.findIndex((e) => e.what === "exc" && e.ec === 0x18)
      expect(events.slice(trap).find((e) => e.what === "eret")).toMatchObject({ where: "hyp", to: "guest-el1" })
    })
    it("REVIDR and the cache registers are the host's to answer", () => {
      const { vcpu } = guest("mrs x1, clidr_el1\nmrs x2, revidr_el1\nmrs x3, ctr_el0")
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 1)).not.toBe(0n)
    })
    it("CCSIDR2, GMID and SMIDR trap to EL1 where FEAT_IDST says so, else they are UNDEFINED", () => {
      const { vcpu } = guest("mrs x1, s3_1_c0_c0_2")
      expect(vcpu.run(100)).toEqual(halt(9))
      const idst = x(vcpu, 20) !== UNDEFINED
      expect(x(vcpu, 20) >> 26n).toBe(idst ? 0x18n : 0n)
    })
    it("the exception comes as from EL1: PSTATE masked, SP_EL1, the old state in SPSR", () => {
      const { vcpu } = guest("msr daifclr, #15\nmrs x1, actlr_el1")
      vcpu.run(100)
      expect(vcpu.registers.pstate & 0x3ffn).toBe(0x3c5n)
      expect(vcpu.system[SLOT.SPSR_EL1]! & 0x3ffn).toBe(5n)
    })
  })

  describe("hypercalls of a protected guest", () => {
    const answer = (...values: readonly bigint[]): bigint => {
      const { vcpu } = guest("hvc #0")
      for (const [i, value] of values.entries()) vcpu.setOneReg(REG.x(i), value)
      expect(vcpu.run(100)).toEqual(halt(1))
      expect([1, 2, 3].map((n) => x(vcpu, n))).toEqual([0n, 0n, 0n])
      return BigInt.asIntN(64, x(vcpu, 0))
    }
    it.each([
      ["KVM_FEATURES", [0x86000000n], 0x1dn],
      ["HYP_MEMINFO", [0xc6000002n], 4096n],
      ["HYP_MEMINFO with an argument", [0xc6000002n, 1n], -3n],
      ["MEM_SHARE of no page address", [0xc6000003n, 0x40000001n], -3n],
      ["MEM_SHARE with a second argument", [0xc6000003n, 0x40000000n, 1n], -3n],
      ["MEM_UNSHARE of what is not there", [0xc6000004n, 0x40000000n], -3n],
      ["MEM_SHARE beyond the address space", [0xc6000003n, 1n << 52n], -3n]
    ] as const)("%s", (_, call, result) => {
      expect(answer(...call)).toBe(result)
    })
    it("MEM_SHARE of a page that is not there looks to the host like a write to it, and is done again", () => {
      const { vcpu, hyp } = guest("movz x0, #0xc600, lsl #16\nmovk x0, #3\nmovz x1, #0x4000, lsl #16\nhvc #0")
      // the host of this test maps memory of its own, so the call comes again until its time is over
      expect(vcpu.run(30)).toMatchObject({ reason: "intr" })
      expect(vcpu.registers.pc).toBe(at(3))
      expect(hyp.state.fault).toMatchObject({ esr: 0x90000047, far: 0n, hpfar: 0x400000n })
    })
    it("PSCI and the rest are the host's", () => {
      const { vcpu } = guest("movz x0, #0x8400, lsl #16\nhvc #0\nmov x10, x0\nmovz x0, #0xc600, lsl #16\nmovk x0, #7\nhvc #0")
      expect(vcpu.run(100)).toEqual(halt(1))
      expect([x(vcpu, 10), BigInt.asIntN(64, x(vcpu, 0))]).toEqual([0x10003n, -1n])
    })
  })

  describe("what the host can change", () => {
    it("of HCR_EL2: TWI, TWE and VSE; the rest is as hyp code made it", () => {
      const { vcpu, hyp } = guest("nop")
      const made = hyp.state.hcr & ~(HCR.TWI | HCR.TWE)
      vcpu.run(100)
      for (const forged of [0n, ~0n & 0xffff_ffff_ffff_feffn, HCR.TGE | HCR.TWE, HCR.TWI]) {
        vcpu.hcr = forged
        vcpu.registers.pc = BigInt(GUEST_RAM)
        expect(vcpu.run(100)).toEqual(halt(1))
        expect(vcpu.hcr).toBe(made | (forged & (HCR.TWI | HCR.TWE)))
      }
    })
    it("of MDCR_EL2: everything, as in Linux 7.2", () => {
      const { vcpu, hyp, host } = guest("nop")
      expect(hyp.state.mdcr).toBe(MDCR.TPM | MDCR.TPMCR | MDCR.TDRA | MDCR.TDA | MDCR.TDOSA | MDCR.TPMS | MDCR.TTRF | MDCR.TDCC)
      vcpu.mdcr = MDCR.TPM
      const written: bigint[] = []
      host.subscribe((e) => {
        if (e.what === "regs-write" && e.list[0] === "MDCR_EL2") written.push(e.values[0]!)
      })
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(written[0]).toBe(MDCR.TPM)
    })
    it("registers: all of them, as in Linux 7.2", () => {
      const { vcpu } = guest("add x1, x1, #1\nmrs x2, tpidr_el1")
      vcpu.registers.x[1] = 41n
      vcpu.setOneReg(REG.system(3, 0, 13, 0, 4), 0x77n)
      expect(vcpu.run(100)).toEqual(halt(1))
      expect([x(vcpu, 1), x(vcpu, 2)]).toEqual([42n, 0x77n])
    })
    it("of the virtual interrupts: what is in list registers, but not that there are more of them", () => {
      const { vcpu, hyp } = guest("nop")
      vcpu.interrupts.lists.fill(5n)
      vcpu.interrupts.ap1r0 = 3n
      for (const claimed of [1000, -1]) {
        vcpu.interrupts.used = claimed
        flushVcpu(vcpu.vm.host.cpus[0]!, hyp)
        expect(hyp.state.interrupts.used).toBe(claimed < 0 ? 0 : hyp.state.interrupts.lists.length)
      }
      expect([...hyp.state.interrupts.lists]).toEqual([...vcpu.interrupts.lists])
      expect(hyp.state.interrupts).not.toBe(vcpu.interrupts)
      expect(hyp.state.interrupts.ap1r0).toBe(3n)
    })
    it("not the structure that runs: what it writes meanwhile does not matter until the next run", () => {
      const { vcpu, hyp } = guest("nop")
      expect(hyp.state).not.toBe(vcpu)
      for (const own of ["registers", "system", "fp", "fault"] as const) expect(hyp.state[own]).not.toBe(vcpu[own])
      expect(Object.hasOwn(hyp.state, "hcr") && Object.hasOwn(hyp.state, "mdcr") && Object.hasOwn(hyp.state, "features")).toBe(true)
    })
  })
})

describe("ID registers of a protected VM", () => {
  const reader =
    (values: Readonly<Record<string, bigint>>) =>
    (name: string): bigint =>
      values[name] ?? 0n
  it("are at most what the table lists, and at most what the processor has", () => {
    const everything = reader({
      ID_AA64PFR0_EL1: 0x7777_7777_7711_2222n,
      ID_AA64PFR1_EL1: ~0n & 0xffff_ffff_ffff_ffffn,
      ID_AA64MMFR0_EL1: 0x2222_2222_2222_2226n
    })
    expect(protectedIdRegister("ID_AA64PFR0_EL1", everything, { pauth: false })).toBe(0x1101_0000_1111_1111n)
    expect(protectedIdRegister("ID_AA64PFR1_EL1", everything, { pauth: false })).toBe(0x21n)
    expect(protectedIdRegister("ID_AA64MMFR0_EL1", everything, { pauth: false }) & 15n).toBe(2n)
    const little = reader({ ID_AA64PFR0_EL1: 0xff0011n })
    expect(protectedIdRegister("ID_AA64PFR0_EL1", little, { pauth: false })).toBe(0xff0011n)
  })
  it("show pointer authentication only with the vCPU feature", () => {
    const read = reader({ ID_AA64ISAR1_EL1: 0x1100_0550n | (1n << 32n) })
    expect(protectedIdRegister("ID_AA64ISAR1_EL1", read, { pauth: true })).toBe(0x1_1100_0550n)
    expect(protectedIdRegister("ID_AA64ISAR1_EL1", read, { pauth: false })).toBe(0x1_0000_0000n)
  })
  it.each([
    ["FP and AdvSIMD, AArch64 only", 0x110011n, 0n, true],
    ["AArch32 at EL0", 0x110012n, 0n, false],
    ["AArch32 at EL1", 0x110021n, 0n, false],
    ["no FP", 0x1f0011n, 0n, false],
    ["no AdvSIMD", 0xf10011n, 0n, false],
    ["SME", 0x110011n, 1n << 24n, false]
  ])("%s: a VM is made or not", (_, pfr0, pfr1, possible) => {
    expect(canBeProtected(reader({ ID_AA64PFR0_EL1: pfr0, ID_AA64PFR1_EL1: pfr1 }))).toBe(possible)
  })
})
