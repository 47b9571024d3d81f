/** Power off and on again: everything a processing element held is lost but virtual time. */
import { PE, PSTATE } from "./layout.ts"
import type { Pe } from "./pe.ts"
import { idleLines } from "./pending.ts"

/** What UNKNOWN registers hold after power on, so that nobody comes to rely on zeroes. */
const UNKNOWN = 0xa5
/** The highest exception level, with its own stack pointer and everything masked. */
const RESET_STATE = (2 << 2) | PSTATE.SP | PSTATE.D | PSTATE.A | PSTATE.I | PSTATE.F

/** Cold reset. General and vector registers are UNKNOWN, system registers at their reset values, translations forgotten, interrupt lines low. */
export const resetPe = (pe: Pe): void => {
  const { bytes, retired } = pe
  const idle = pe.doublewords[PE.IDLE >> 3]!
  bytes.fill(UNKNOWN, PE.X, PE.PC)
  bytes.fill(0, PE.PC, PE.TLB)
  bytes.fill(UNKNOWN, PE.Z, PE.SYSTEM)
  bytes.fill(UNKNOWN, PE.ZA, PE.TLBS)
  pe.doublewords[PE.FPMR >> 3] = 0n
  pe.doublewords[PE.RETIRED >> 3] = retired
  pe.doublewords[PE.IDLE >> 3] = idle
  pe.pstate = RESET_STATE
  pe.modelledEl = 3
  pe.eventRegister = false
  Object.assign(pe.lines, idleLines())
  pe.controls.reset()
  pe.restored()
}
