/** MSR (immediate): PSTATE fields by op1 and op2. */
import { systemSyndrome } from "@eltwo/isa"
import { Abort, ownTarget, synchronous, undefinedInstruction } from "./exception.ts"
import { checkGate } from "./gates.ts"
import { PSTATE } from "./layout.ts"
import type { Pe } from "./pe.ts"
import { setState } from "./processor-state.ts"
import { writeSvcr } from "./vector-length.ts"

interface Field {
  readonly feature?: string
  /** Lowest exception level. */
  readonly level: 0 | 1
  write(pe: Pe, immediate: number): void
}
/** A one-bit field set from bit 0 of the immediate. */
const flag = (mask: number, level: 0 | 1, feature?: string): Field => ({
  level,
  ...(feature === undefined ? {} : { feature }),
  write: (pe, immediate) => setState(pe, immediate & 1 ? pe.pstate | mask : pe.pstate & ~mask)
})
const DAIF_SHIFT = 6
const SCTLR_UMA = 1 << 9
const masks = (change: (pstate: number, bits: number) => number, op2: number): Field => ({
  level: 0,
  write(pe, immediate) {
    checkUserMasks(pe, op2, immediate)
    pe.pstate = change(pe.pstate, (immediate & 15) << DAIF_SHIFT)
    pe.attention = true
  }
})
/** SCTLR_ELx.UMA lets EL0 write the interrupt masks. */
const checkUserMasks = (pe: Pe, op2: number, CRm: number): void => {
  if (pe.el > 0) return
  const { controls } = pe
  if (controls.low(controls.host ? controls.slot.SCTLR_EL2 : controls.slot.SCTLR_EL1) & SCTLR_UMA) return
  throw new Abort(synchronous(ownTarget(pe), systemSyndrome(encoding(3, op2, CRm), 31, false)))
}
/** op0 = 0, CRn = 4; CRm is the immediate. */
const encoding = (op1: number, op2: number, CRm: number): number => (op1 << 11) | (4 << 7) | (CRm << 3) | op2

const SVCR_FEATURE = "SME"
/** CRm of SMSTART and SMSTOP: bit 0 the value, bits 1 and 2 choose SM and ZA. */
const svcr: Field = {
  feature: SVCR_FEATURE,
  level: 0,
  write(pe, immediate) {
    const access = pe.controls.machine.registerByName.get("SVCR")?.declaration.access
    const closed = access === undefined ? undefined : checkGate(pe, access)
    if (closed) throw new Abort(closed)
    const chosen = (immediate >> 1) & 3
    writeSvcr(pe, immediate & 1 ? pe.svcr | chosen : pe.svcr & ~chosen)
  }
}

const FIELDS: Readonly<Record<string, Field>> = {
  "0 5": flag(PSTATE.SP, 1),
  "0 3": flag(PSTATE.UAO, 1, "UAO"),
  "0 4": flag(PSTATE.PAN, 1, "PAN"),
  "3 1": flag(PSTATE.SSBS, 0, "SSBS"),
  "3 2": flag(PSTATE.DIT, 0, "DIT"),
  "3 3": svcr,
  "3 4": flag(PSTATE.TCO, 0, "MTE"),
  "3 6": masks((pstate, bits) => pstate | bits, 6),
  "3 7": masks((pstate, bits) => pstate & ~bits, 7)
}

/** Writes a PSTATE field. Throws Abort: UNDEFINED for an unknown field or too low a level, or the trap of the field. */
export const writePstateImmediate = (pe: Pe, op1: number, op2: number, immediate: number): void => {
  const field = FIELDS[`${op1} ${op2}`]
  if (!field || pe.el < field.level || (field.feature !== undefined && !pe.controls.machine.features.has(field.feature)))
    throw new Abort(undefinedInstruction(pe))
  field.write(pe, immediate)
}
