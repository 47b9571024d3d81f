/** Draws cases: scalable instructions, and some of FP and Advanced SIMD, whose writes clear the rest of a scalable register. */
import type { Instruction } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { drawCases } from "../differential/cases.ts"
import type { Case } from "../differential/state.ts"
import { scalableInstructions, scalableMachine } from "./machine.ts"

const { decode } = scalableMachine
const implemented = new Set(scalableMachine.instructions)
const isHere = (instruction: Instruction): boolean => implemented.has(instruction)

/**
 * Literals lie elsewhere in the other side's program. The rest of a scalable register, which these others clear, it leaves as it was: SHLL, loads of
 * one structure, and some conversions under FPCR.NEP.
 */
const SKIPPED = /literal|^SHLL|single structure|SIMD&FP register, .* to |scalar, AdvSIMD fixed-point/
/** One case in eight is of FP or Advanced SIMD, unless a pattern of names is given. */
export const drawScalableCases = (count: number, seed: number, family?: RegExp): readonly Case[] => {
  const chosen = (instructions: readonly Instruction[]) => instructions.filter((i) => isHere(i) && (family?.test(i.name) ?? true))
  const scalable = chosen(scalableInstructions)
  const fixed = family && family.source !== "(?:)" ? [] : chosen(fpsimd.instructions ?? []).filter((i) => !SKIPPED.test(i.name))
  const rest = fixed.length > 0 ? count >> 3 : 0
  const cases = drawCases({ instructions: scalable, decode }, count - rest, seed)
  return fixed.length > 0 ? [...cases, ...drawCases({ instructions: fixed, decode }, rest, seed + 0x5eed)] : cases
}
