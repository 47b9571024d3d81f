/** Exceptions: what may be pending, where it goes, architectural entry and return. */
import { EC, type Exception, type Syndrome, UNDEFINED } from "@eltwo/isa"
import { HCR } from "./controls.ts"
import { PSTATE } from "./layout.ts"
import type { Pe } from "./pe.ts"
import { consume } from "./pending.ts"
import { branchAddress, setState } from "./processor-state.ts"

/** An exception that is about to be taken: its kind, where to, and what its syndrome registers will say. */
export interface PendingException {
  readonly kind: "synchronous" | "irq" | "fiq" | "serror"
  /** Exception level it is taken to. */
  readonly target: 1 | 2
  /** Exception class and syndrome; ignored for irq and fiq. */
  readonly ec: number
  readonly iss: number
  /** Written to FAR_ELx, if the class reports an address. */
  readonly far?: bigint
  /** Written to HPFAR_EL2: bits 47:12 of the intermediate physical address at bits 43:4. Only stage 2 faults have it. */
  readonly hpfar?: bigint
  /** Return address: the instruction itself, or the one after it. */
  readonly returnTo: "this" | "next"
  /** A virtual interrupt. */
  readonly virtual?: boolean
}
/** Thrown inside an instruction by engine and system code; the step loop catches it once. It never leaves the cpu package. */
export class Abort {
  constructor(readonly exception: PendingException) {}
}

/** Where synchronous exceptions without a rule of their own go. */
export const ownTarget = (pe: Pe): 1 | 2 => (pe.el === 2 || (pe.el === 0 && pe.controls.tge) ? 2 : 1)

/** A synchronous exception to EL1 or EL2; its return address is the instruction itself, or the next one. */
export const synchronous = (target: 1 | 2, { ec, iss }: Syndrome, returnTo: "this" | "next" = "this"): PendingException => ({
  kind: "synchronous",
  target,
  ec,
  iss,
  returnTo
})
/** The UNDEFINED exception of the current instruction. */
export const undefinedInstruction = (pe: Pe): PendingException => synchronous(ownTarget(pe), UNDEFINED)

const FINE_ERET = 1 << 19
const FINE_SVC_EL0 = 1 << 20
const FINE_SVC_EL1 = 1 << 21
const MDCR_TDE = 1 << 8
const HCRX_MCE2 = 1 << 10
/** HFGITR_EL2 traps nothing in host mode. */
const fineInstructionTrap = (pe: Pe, bit: number): boolean => {
  const { controls } = pe
  return pe.el < 2 && !controls.host && (controls.high(controls.slot.HFGITR_EL2) & bit) !== 0
}

/** The exception an instruction raises by name; `syndrome` is its immediate, or the memory-copy syndrome. */
export const instructionException = (pe: Pe, exception: Exception | "memoryCopy", syndrome: number): Abort =>
  new Abort(exceptionOf(pe, exception, syndrome))

const exceptionOf = (pe: Pe, exception: Exception | "memoryCopy", iss: number): PendingException => {
  const { controls, el } = pe
  switch (exception) {
    case "supervisorCall":
      if (fineInstructionTrap(pe, el === 0 ? FINE_SVC_EL0 : FINE_SVC_EL1)) return synchronous(2, { ec: EC.SVC64, iss })
      return synchronous(ownTarget(pe), { ec: EC.SVC64, iss }, "next")
    case "hypervisorCall":
      if (el === 0 || controls.hcr & HCR.HCD) return undefinedInstruction(pe)
      return synchronous(2, { ec: EC.HVC64, iss }, "next")
    case "secureMonitorCall":
      return el === 1 && controls.hcr & HCR.TSC ? synchronous(2, { ec: EC.SMC64, iss }) : undefinedInstruction(pe)
    case "breakpoint": {
      const routed = el < 2 && (controls.tge || (controls.low(controls.slot.MDCR_EL2) & MDCR_TDE) !== 0)
      return synchronous(routed ? 2 : ownTarget(pe), { ec: EC.BRK64, iss })
    }
    case "memoryCopy":
      return synchronous(el === 1 && controls.low(controls.slot.HCRX_EL2) & HCRX_MCE2 ? 2 : ownTarget(pe), { ec: EC.MemoryCopy, iss })
    default:
      return undefinedInstruction(pe)
  }
}

/** PC not a multiple of 4. */
export const pcAlignmentFault = (pe: Pe): Abort => new Abort({ ...synchronous(ownTarget(pe), { ec: EC.PCAlignment, iss: 0 }), far: pe.pc })
/** The stack pointer as base of an access is not a multiple of 16. */
export const stackAlignmentFault = (pe: Pe): Abort => new Abort(synchronous(ownTarget(pe), { ec: EC.SPAlignment, iss: 0 }))
/** Any instruction while PSTATE.IL is 1. */
export const illegalState = (pe: Pe): Abort => new Abort(synchronous(ownTarget(pe), { ec: EC.IllegalState, iss: 0 }))

const VECTOR = { synchronous: 0, irq: 0x80, fiq: 0x100, serror: 0x180 } as const
const DAIF = PSTATE.D | PSTATE.A | PSTATE.I | PSTATE.F
const SCTLR_SPAN = 1 << 23
const SCTLR_DSSBS_HIGH = 1 << 12
/** PSTATE fields that survive exception entry. */
const KEPT_ON_ENTRY = PSTATE.PAN | PSTATE.DIT | PSTATE.ALLINT
const ESR_IL = 1 << 25

/** Architectural entry. A context synchronisation event: pending control writes take effect first. */
export const takeException = (pe: Pe, e: PendingException): void => {
  const { controls } = pe
  controls.synchronize()
  consume(pe, e)
  const { slot } = controls,
    el2 = e.target === 2,
    old = pe.pstate,
    from = pe.el
  pe.system[el2 ? slot.SPSR_EL2 : slot.SPSR_EL1] = BigInt(savedState(pe))
  pe.system[el2 ? slot.ELR_EL2 : slot.ELR_EL1] = BigInt.asUintN(64, e.returnTo === "next" ? pe.pc + 4n : pe.pc)
  if (e.kind === "synchronous" || e.kind === "serror") {
    pe.system[el2 ? slot.ESR_EL2 : slot.ESR_EL1] = BigInt(((e.ec << 26) | ESR_IL | e.iss) >>> 0)
    if (e.far !== undefined) pe.system[el2 ? slot.FAR_EL2 : slot.FAR_EL1] = e.far
    if (e.hpfar !== undefined) pe.system[slot.HPFAR_EL2] = e.hpfar
  }
  const sctlr = el2 ? slot.SCTLR_EL2 : slot.SCTLR_EL1,
    setsPan = controls.machine.features.has("PAN") && (!el2 || controls.host) && !(controls.low(sctlr) & SCTLR_SPAN)
  let state = (old & KEPT_ON_ENTRY) | (e.target << 2) | PSTATE.SP | DAIF
  if (setsPan) state |= PSTATE.PAN
  if (controls.high(sctlr) & SCTLR_DSSBS_HIGH) state |= PSTATE.SSBS
  setState(pe, state)
  const offset = (from < e.target ? 0x400 : old & PSTATE.SP ? 0x200 : 0) + VECTOR[e.kind]
  pe.pc = BigInt.asUintN(64, controls.inForce(el2 ? slot.VBAR_EL2 : slot.VBAR_EL1) + BigInt(offset))
}

/** PSTATE in the format of SPSR_ELx. */
export const savedState = (pe: Pe): number => ((pe.flags << 28) | pe.pstate) >>> 0

const SPSR_M = 0x1f
const RETURNED = PSTATE.SP | PSTATE.EL | DAIF | PSTATE.SSBS | PSTATE.IL | PSTATE.PAN | PSTATE.UAO | PSTATE.DIT

/**
 * ERET. Throws Abort at EL0 (UNDEFINED) and when trapped to EL2. A context synchronisation event. An illegal return changes neither exception level nor stack
 * pointer and sets PSTATE.IL, so that the next instruction takes the Illegal Execution state exception.
 */
export const returnFromException = (pe: Pe): void => {
  const { controls, el } = pe
  if (el === 0) throw new Abort(undefinedInstruction(pe))
  if (fineInstructionTrap(pe, FINE_ERET)) throw new Abort(synchronous(2, { ec: EC.ERet, iss: 0 }))
  controls.synchronize()
  const { slot } = controls,
    spsr = Number(pe.system[el === 2 ? slot.SPSR_EL2 : slot.SPSR_EL1]! & 0xffffffffn),
    address = pe.system[el === 2 ? slot.ELR_EL2 : slot.ELR_EL1]!
  pe.flags = spsr >>> 28
  pe.clearExclusive()
  pe.eventRegister = true
  if (isLegalReturn(pe, spsr)) {
    setState(pe, spsr & RETURNED)
    pe.pc = branchAddress(pe, address)
    return
  }
  setState(pe, (pe.pstate & ~DAIF) | (spsr & DAIF) | PSTATE.IL)
  pe.pc = address
}

const isLegalReturn = (pe: Pe, spsr: number): boolean => {
  const mode = spsr & SPSR_M,
    to = (mode >> 2) & 3
  if (mode & 0x12 || to > pe.el || to === 3) return false
  if (to === 0 && mode & PSTATE.SP) return false
  return !(to === 1 && pe.controls.tge)
}
