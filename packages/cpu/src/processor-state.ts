/** PSTATE and what follows from it: stack pointer banks, translation context, checks in force, vector lengths. */
import { PE, PSTATE } from "./layout.ts"
import type { Pe } from "./pe.ts"
import { haveUpperBits, hideUpperBits, updateVectorLengths, vectorsAreUsed } from "./vector-length.ts"

const SCTLR = { A: 1 << 1, SA: 1 << 3, SA0: 1 << 4, nAA: 1 << 6 } as const

/** Writes PSTATE (without NZCV, SM and ZA) and derives everything that depends on it. */
export const setState = (pe: Pe, state: number): void => {
  const old = pe.pstate
  const vectorsShow = ((old ^ state) & PSTATE.EL) !== 0 && haveUpperBits(pe)
  if ((old ^ state) & (PSTATE.EL | PSTATE.SP)) {
    pe.system[stackSlot(pe, old)] = pe.x[31]!
    pe.x[31] = pe.system[stackSlot(pe, state)]!
  }
  pe.words[PE.PSTATE >> 2] = state
  deriveState(pe)
  if (vectorsShow) hideUpperBits(pe)
}

/** Register-file slot of the stack pointer that a PSTATE selects. While selected, its value is in x[31]. */
export const stackSlot = (pe: Pe, state: number): number => {
  const { slot } = pe.controls
  if (!(state & PSTATE.SP)) return slot.SP_EL0
  return (state & PSTATE.EL) >> 2 === 2 ? slot.SP_EL2 : slot.SP_EL1
}

/** Derives what follows from the state: after a change of PSTATE, of control registers in force, of SVCR, or of the whole state. */
export const deriveState = (pe: Pe): void => {
  updateVectorLengths(pe)
  pe.trapKeys.stale = true
  // a modelled kernel fetches nothing and walks for its accesses: the banks of what runs below it stay
  if (pe.el < pe.modelledEl) deriveForEngines(pe)
  else pe.translation.selected = false
}
/** Derives what only engines look at; the run loop does it where deriveState had no need to. */
export const deriveForEngines = (pe: Pe): void => {
  const { controls, translation, el } = pe
  const sctlr = controls.low(el === 2 || (el === 0 && controls.host) ? controls.slot.SCTLR_EL2 : controls.slot.SCTLR_EL1)
  const regime = translation.current()
  translation.select()
  vectorsAreUsed(pe)
  pe.alignmentCheck = (sctlr & SCTLR.A) !== 0 || (!regime.enabled && !regime.normalWhenOff)
  pe.nonAligned = (sctlr & SCTLR.nAA) !== 0
  pe.stackAlignmentCheck = (sctlr & (el === 0 ? SCTLR.SA0 : SCTLR.SA)) !== 0
}

/** A context synchronisation event: control writes take effect. */
export const synchronize = (pe: Pe): void => {
  if (pe.controls.synchronize()) deriveState(pe)
}

/** The address a branch really goes to: where the top byte is ignored, it becomes a copy of bit 55 (or zero for a regime with one range). */
export const branchAddress = (pe: Pe, address: bigint): bigint => {
  const [first, second] = pe.translation.current().ranges
  const upper = second !== undefined && (address >> 55n) & 1n
  if (!(upper ? second : first).topByteIgnored) return address
  return upper ? address | (0xffn << 56n) : address & ~(0xffn << 56n)
}
