/** System registers that generated code reads itself: nothing traps the access under this trap key, and reading has no effect. */
import { PE } from "../layout.ts"
import type { Pe } from "../pe.ts"
import { accessIsFree, readRegister, registerNamed } from "../system-registers.ts"
import { CONSTANT, IN_PLACE } from "../trap-key.ts"

export type SystemRead =
  /** A doubleword of the block. */
  | { readonly kind: "slot"; readonly offset: number }
  /** The same under equal trap keys. */
  | { readonly kind: "constant"; readonly value: bigint }
  | { readonly kind: "FPCR" | "FPSR" | "NZCV" }

const ELSEWHERE = ["FPCR", "FPSR", "NZCV"] as const

/** How to read the register at an encoding; undefined: the interpreter must. */
export const systemReadOf = (pe: Pe, encoding: number): SystemRead | undefined => {
  const names = pe.controls.machine.systemNames
  const isFree = (name: string): boolean => names.encoding(name.toLowerCase(), "read") === encoding && accessIsFree(pe, name, true)
  const inPlace = IN_PLACE.find(isFree)
  if (inPlace) return { kind: "slot", offset: PE.SYSTEM + 8 * registerNamed(pe, inPlace).slot }
  const constant = CONSTANT.find(isFree)
  if (constant) return { kind: "constant", value: readRegister(pe, registerNamed(pe, constant)) }
  const kind = ELSEWHERE.find(isFree)
  return kind && { kind }
}
