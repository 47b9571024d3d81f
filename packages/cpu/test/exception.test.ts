/** Exception entry and return, routing of calls, interrupts, waiting. */
import { base, composeOrThrow } from "@eltwo/isa"
import fpsimd from "@eltwo/plugin-fpsimd"
import { beforeEach, describe, expect, it } from "vitest"
import { type Abort, instructionException, type PendingException, returnFromException, takeException } from "../src/exception.ts"
import { Board, pendingInterrupt, registerNamed, setState, startAt, synchronize, virtualTime, wait, writeRegister } from "../src/index.ts"
import { PSTATE } from "../src/layout.ts"

const RAM = 0x40000000
const pe = new Board({ isa: composeOrThrow([base, fpsimd]), ramBase: RAM, ramBytes: 1 << 16 }).pes[0]!
const RW = 1n << 31n
const E2H = 1n << 34n
const TGE = 1n << 27n
const bit = (n: number) => 1n << BigInt(n)
const set = (name: string, value: bigint) => {
  writeRegister(pe, registerNamed(pe, name), value)
  synchronize(pe)
}
const get = (name: string) => pe.system[registerNamed(pe, name).slot]!
/** PSTATE of an exception level with its own stack pointer, or EL0. */
const at = (el: number, more = 0) => setState(pe, (el << 2) | (el ? 1 : 0) | more)
const thrown = (run: () => void): PendingException => {
  try {
    run()
  } catch (error) {
    return (error as Abort).exception
  }
  throw new Error("No exception")
}
beforeEach(() => {
  startAt(pe, 1, 0x40000100n)
  set("VBAR_EL1", 0x40001000n)
  set("VBAR_EL2", 0x40002000n)
  Object.assign(pe.lines, { irq: false, fiq: false, serror: undefined, virtualIrq: false, virtualFiq: false, timersAssertIrq: true })
  pe.eventRegister = false
})

const exception = (target: 1 | 2, more: Partial<PendingException> = {}): PendingException => ({
  kind: "synchronous",
  target,
  ec: 0x15,
  iss: 0x1234,
  returnTo: "this",
  ...more
})

describe("exception entry", () => {
  it.each<[number, number, 1 | 2, PendingException["kind"], bigint]>([
    [0, 0, 1, "synchronous", 0x40001400n],
    [1, 1, 1, "synchronous", 0x40001200n],
    [1, 0, 1, "synchronous", 0x40001000n],
    [1, 1, 1, "irq", 0x40001280n],
    [0, 0, 1, "fiq", 0x40001500n],
    [0, 0, 2, "serror", 0x40002580n],
    [1, 1, 2, "synchronous", 0x40002400n],
    [2, 0, 2, "irq", 0x40002080n],
    [2, 1, 2, "synchronous", 0x40002200n]
  ])("from EL%i with SPSel %i to EL%i: %s", (el, sp, target, kind, vector) => {
    setState(pe, (el << 2) | sp)
    takeException(pe, exception(target, { kind }))
    expect([pe.pc, pe.el, pe.pstate & PSTATE.SP]).toEqual([vector, target, 1])
  })
  it("saves NZCV and PSTATE, masks interrupts, and keeps what is kept", () => {
    at(1, PSTATE.DIT | PSTATE.UAO | PSTATE.PAN | PSTATE.SSBS | PSTATE.F)
    pe.flags = 9
    set("SCTLR_EL1", bit(23))
    takeException(pe, exception(1, { returnTo: "next", far: 0xdeadn }))
    expect(get("SPSR_EL1")).toBe(BigInt(((9 << 28) | PSTATE.DIT | PSTATE.UAO | PSTATE.PAN | PSTATE.SSBS | PSTATE.F | 5) >>> 0))
    expect([get("ELR_EL1"), get("ESR_EL1"), get("FAR_EL1")]).toEqual([0x40000104n, 0x56001234n, 0xdeadn])
    expect(pe.pstate).toBe(5 | PSTATE.DIT | PSTATE.PAN | PSTATE.D | PSTATE.A | PSTATE.I | PSTATE.F)
    expect(pe.flags).toBe(9)
  })
  it("sets PAN unless SPAN forbids, SSBS by DSSBS, and clears IL", () => {
    at(1, PSTATE.IL)
    set("SCTLR_EL1", bit(44))
    takeException(pe, exception(1))
    expect(pe.pstate & (PSTATE.PAN | PSTATE.SSBS | PSTATE.IL)).toBe(PSTATE.PAN | PSTATE.SSBS)
    at(1)
    takeException(pe, exception(2))
    expect(pe.pstate & PSTATE.PAN).toBe(0)
    set("HCR_EL2", RW | E2H | TGE)
    set("SCTLR_EL2", 0n)
    at(0)
    takeException(pe, exception(2))
    expect(pe.pstate & PSTATE.PAN).toBe(PSTATE.PAN)
  })
  it("leaves ESR and FAR alone for interrupts, HPFAR for all but stage 2 faults", () => {
    for (const name of ["ESR_EL1", "FAR_EL1", "HPFAR_EL2"]) set(name, 0x10n)
    takeException(pe, exception(1, { kind: "irq" }))
    expect([get("ESR_EL1"), get("FAR_EL1"), get("HPFAR_EL2")]).toEqual([0x10n, 0x10n, 0x10n])
    takeException(pe, exception(2, { hpfar: 0xab0n }))
    expect(get("HPFAR_EL2")).toBe(0xab0n)
  })
  it("exchanges stack pointers", () => {
    pe.x[31] = 0x111n
    takeException(pe, exception(2))
    pe.x[31] = 0x222n
    set("SPSR_EL2", 4n)
    returnFromException(pe)
    expect(pe.x[31]).toBe(0n)
    at(1)
    expect(pe.x[31]).toBe(0x111n)
    at(2)
    expect(pe.x[31]).toBe(0x222n)
  })
})

describe("exception return", () => {
  const returnTo = (spsr: number, elr = 0x40000200n) => {
    const level = pe.el
    set(`SPSR_EL${level}`, BigInt(spsr >>> 0))
    set(`ELR_EL${level}`, elr)
    returnFromException(pe)
  }
  it("restores PSTATE and PC", () => {
    returnTo(0xa0000000 | PSTATE.PAN | PSTATE.DIT | PSTATE.I | 4)
    expect([pe.pstate, pe.flags, pe.pc]).toEqual([PSTATE.PAN | PSTATE.DIT | PSTATE.I | 4, 10, 0x40000200n])
    at(2)
    returnTo(0)
    expect(pe.el).toBe(0)
  })
  it.each([
    ["to a higher level", 1, 9],
    ["to EL3", 2, 13],
    ["to AArch32", 2, 0x10],
    ["to a reserved mode", 1, 2],
    ["to EL0 with its own stack pointer", 1, 1]
  ])("%s is illegal", (_, el, mode) => {
    at(el, PSTATE.PAN)
    returnTo(0xf0000000 | PSTATE.D | PSTATE.SSBS | mode)
    expect([pe.pstate, pe.flags, pe.pc]).toEqual([(el << 2) | 1 | PSTATE.PAN | PSTATE.D | PSTATE.IL, 15, 0x40000200n])
  })
  it("to EL1 is illegal while TGE is set", () => {
    at(2)
    set("HCR_EL2", RW | TGE)
    returnTo(5)
    expect([pe.el, pe.pstate & PSTATE.IL]).toEqual([2, PSTATE.IL])
    at(2)
    returnTo(0)
    expect(pe.el).toBe(0)
  })
  it("opens the exclusive monitor and is an event", () => {
    pe.words[0x148 >> 2] = 8
    returnTo(5)
    expect([pe.words[0x148 >> 2], pe.eventRegister]).toEqual([0, true])
  })
  it("is UNDEFINED at EL0 and trapped by HFGITR_EL2.ERET", () => {
    at(0)
    expect(thrown(() => returnFromException(pe))).toMatchObject({ ec: 0, target: 1 })
    at(1)
    set("HFGITR_EL2", bit(51))
    expect(thrown(() => returnFromException(pe))).toMatchObject({ ec: 0x1a, target: 2 })
  })
  it("drops the tag of an address when the target's translations ignore it", () => {
    set("TCR_EL1", bit(37))
    at(1)
    returnTo(0, 0xab000000_40000200n)
    expect(pe.pc).toBe(0x40000200n)
    at(1)
    returnTo(0, 0xabff0000_40000200n)
    expect(pe.pc).toBe(0xabff0000_40000200n)
    set("TCR_EL1", bit(38))
    at(1)
    returnTo(0, 0xabff0000_40000200n)
    expect(pe.pc).toBe(0xffff0000_40000200n)
  })
})

describe("calls and breakpoints", () => {
  const raise = (...args: [Parameters<typeof instructionException>[1], number]) => instructionException(pe, ...args).exception
  const summary = ({ ec, iss, target, returnTo }: PendingException) => [ec, iss, target, returnTo]
  it.each<[string, number, bigint, Parameters<typeof instructionException>[1], unknown[]]>([
    ["SVC from EL0", 0, RW, "supervisorCall", [0x15, 7, 1, "next"]],
    ["SVC from EL0 with TGE", 0, RW | TGE, "supervisorCall", [0x15, 7, 2, "next"]],
    ["SVC from EL1", 1, RW, "supervisorCall", [0x15, 7, 1, "next"]],
    ["SVC from EL2", 2, RW, "supervisorCall", [0x15, 7, 2, "next"]],
    ["HVC from EL1", 1, RW, "hypervisorCall", [0x16, 7, 2, "next"]],
    ["HVC from EL1 with HCD", 1, RW | bit(29), "hypervisorCall", [0, 0, 1, "this"]],
    ["HVC from EL0", 0, RW, "hypervisorCall", [0, 0, 1, "this"]],
    ["HVC from EL2", 2, RW, "hypervisorCall", [0x16, 7, 2, "next"]],
    ["SMC from EL1", 1, RW, "secureMonitorCall", [0, 0, 1, "this"]],
    ["SMC from EL1 with TSC", 1, RW | bit(19), "secureMonitorCall", [0x17, 7, 2, "this"]],
    ["SMC from EL0 with TSC", 0, RW | bit(19), "secureMonitorCall", [0, 0, 1, "this"]],
    ["SMC from EL2 with TSC", 2, RW | bit(19), "secureMonitorCall", [0, 0, 2, "this"]],
    ["BRK from EL0", 0, RW, "breakpoint", [0x3c, 7, 1, "this"]],
    ["BRK from EL0 with TGE", 0, RW | TGE, "breakpoint", [0x3c, 7, 2, "this"]],
    ["HLT", 1, RW, "halt", [0, 0, 1, "this"]],
    ["UNDEFINED at EL0 with TGE", 0, RW | TGE | E2H, "undefined", [0, 0, 2, "this"]]
  ])("%s", (_, el, hcr, kind, expected) => {
    set("HCR_EL2", hcr)
    at(el)
    expect(summary(raise(kind, 7))).toEqual(expected)
  })
  it("BRK from EL1 goes to EL2 with MDCR_EL2.TDE, memory copies with HCRX_EL2.MCE2, SVC with HFGITR_EL2", () => {
    set("MDCR_EL2", bit(8))
    expect(raise("breakpoint", 0).target).toBe(2)
    expect(raise("memoryCopy", 0x5).target).toBe(2)
    set("HCRX_EL2", 0n)
    expect(summary(raise("memoryCopy", 0x5))).toEqual([0x27, 5, 1, "this"])
    set("HFGITR_EL2", bit(53))
    expect(summary(raise("supervisorCall", 1))).toEqual([0x15, 1, 2, "this"])
    at(0)
    expect(summary(raise("supervisorCall", 1))).toEqual([0x15, 1, 1, "next"])
  })
})

describe("interrupts", () => {
  const { I, F, A } = PSTATE
  const taken = () => {
    const p = pendingInterrupt(pe)
    return p && `${p.kind} EL${p.target}`
  }
  it.each<[string, number, number, bigint, string | undefined]>([
    ["EL0, unmasked", 0, 0, RW, "irq EL1"],
    ["EL0, masked", 0, I, RW, undefined],
    ["EL1 routed to EL2, masked", 1, I, RW | bit(4), "irq EL2"],
    ["EL0 with TGE, masked", 0, I, RW | TGE, "irq EL2"],
    ["EL0 in host mode, masked", 0, I, RW | TGE | E2H, undefined],
    ["EL0 in host mode", 0, 0, RW | TGE | E2H, "irq EL2"],
    ["EL2, not routed there", 2, 0, RW, undefined],
    ["EL2, routed there", 2, 0, RW | bit(4), "irq EL2"],
    ["EL2, routed there, masked", 2, I, RW | bit(4), undefined]
  ])("IRQ at %s", (_, el, mask, hcr, expected) => {
    set("HCR_EL2", hcr)
    at(el, mask)
    expect(taken()).toBeUndefined()
    pe.lines.irq = true
    expect(taken()).toBe(expected)
  })
  it("virtual: HCR_EL2.VI and the line, only while IMO is set and below EL2", () => {
    at(1)
    set("HCR_EL2", RW | bit(7))
    expect(taken()).toBeUndefined()
    set("HCR_EL2", RW | bit(7) | bit(4))
    expect(taken()).toBe("irq EL1")
    at(1, I)
    expect(taken()).toBeUndefined()
    at(2)
    expect(taken()).toBeUndefined()
    set("HCR_EL2", RW | bit(3))
    pe.lines.virtualFiq = true
    at(0)
    expect(taken()).toBe("fiq EL1")
  })
  it("SError: a physical one is consumed; a virtual one has VSESR_EL2's syndrome and clears VSE", () => {
    at(1)
    pe.lines.serror = 0x11
    takeException(pe, pendingInterrupt(pe)!)
    expect([get("ESR_EL1"), pe.lines.serror]).toEqual([0xbe000011n, undefined])
    set("HCR_EL2", RW | bit(8) | bit(5))
    set("VSESR_EL2", bit(24) | 0x22n)
    at(1, A)
    expect(taken()).toBeUndefined()
    at(1)
    takeException(pe, pendingInterrupt(pe)!)
    expect([get("ESR_EL1"), get("HCR_EL2"), taken()]).toEqual([0xbf000022n, RW | bit(5), undefined])
  })
  it("of timers: enabled, unmasked, condition met; ISR_EL1 shows them", () => {
    at(1, I | F)
    const cval = virtualTime(pe) / 16n + 100n
    set("CNTV_CVAL_EL0", cval)
    set("CNTV_CTL_EL0", 1n)
    expect(wait(pe, "waitForInterrupt", -1n)).toEqual({ event: "interrupt", until: cval * 16n })
    pe.retire(Number(cval * 16n - virtualTime(pe)) - 1)
    expect([taken(), wait(pe, "waitForInterrupt", -1n) === undefined]).toEqual([undefined, false])
    pe.retire(1)
    at(1)
    expect([taken(), wait(pe, "waitForInterrupt", -1n)]).toEqual(["irq EL1", undefined])
    set("CNTV_CTL_EL0", 3n)
    expect(taken()).toBeUndefined()
    set("CNTV_CTL_EL0", 1n)
    set("CNTVOFF_EL2", 1n)
    expect(taken()).toBeUndefined()
    pe.lines.timersAssertIrq = false
    set("CNTVOFF_EL2", 0n)
    expect(taken()).toBeUndefined()
  })
})

describe("waiting", () => {
  const trapped = (operation: "waitForInterrupt" | "waitForEvent") => {
    const { ec, iss, target } = thrown(() => wait(pe, operation, -1n))
    return [ec, iss, target]
  }
  it("is trapped at EL0 by SCTLR_EL1.nTWI and nTWE, below EL2 by HCR_EL2.TWI and TWE", () => {
    set("SCTLR_EL1", 0n)
    at(0)
    expect(trapped("waitForInterrupt")).toEqual([1, 0x1e00000, 1])
    expect(trapped("waitForEvent")).toEqual([1, 0x1e00001, 1])
    set("SCTLR_EL1", bit(16) | bit(18))
    expect(wait(pe, "waitForInterrupt", -1n)).toEqual({ event: "interrupt" })
    set("HCR_EL2", RW | bit(13) | bit(14))
    expect(trapped("waitForInterrupt")).toEqual([1, 0x1e00000, 2])
    at(1)
    expect(trapped("waitForEvent")).toEqual([1, 0x1e00001, 2])
    at(2)
    expect(wait(pe, "waitForEvent", -1n)).toEqual({ event: "event" })
  })
  it("does not happen with an event or an interrupt, masked or not, and is then not trapped", () => {
    set("HCR_EL2", RW | bit(13) | bit(14))
    pe.eventRegister = true
    expect([wait(pe, "waitForEvent", -1n), pe.eventRegister]).toEqual([undefined, false])
    at(1, PSTATE.I)
    pe.lines.irq = true
    expect(wait(pe, "waitForInterrupt", -1n)).toBeUndefined()
  })
  it("ends at the count that WFIT names", () => {
    set("CNTVOFF_EL2", 0n)
    const now = virtualTime(pe) / 16n
    expect(wait(pe, "waitForInterrupt", now)).toBeUndefined()
    expect(wait(pe, "waitForInterrupt", now + 10n)).toEqual({ event: "interrupt", until: (now + 10n) * 16n })
    set("CNTP_CVAL_EL0", now + 5n)
    set("CNTP_CTL_EL0", 1n)
    expect(wait(pe, "waitForEvent", now + 10n)).toEqual({ event: "event", until: (now + 5n) * 16n })
  })
})
