import type { Soft } from "./soft.ts"

/**
 * The named operations of a float type, by the names the instruction language has for them. Operands are bit patterns in the order the language
 * gives; so is the result.
 */
export const specialOperations = {
  reciprocalEstimate: (F: Soft, x: bigint) => F.recipEstimate(x),
  reciprocalSquareRootEstimate: (F: Soft, x: bigint) => F.recipSqrtEstimate(x),
  reciprocalExponent: (F: Soft, x: bigint) => F.recipExponent(x),
  reciprocalStep: (F: Soft, x: bigint, y: bigint) => F.recipStep(x, y),
  reciprocalSquareRootStep: (F: Soft, x: bigint, y: bigint) => F.recipSqrtStep(x, y),
  multiplyExtended: (F: Soft, x: bigint, y: bigint) => F.mulExtended(x, y),
  javascriptConvert: (F: Soft, x: bigint) => {
    const { result, exact } = F.jsConvert(x)
    return exact ? result | (1n << 32n) : result
  },
  roundToInt32: (F: Soft, x: bigint) => F.roundToInteger(x, 32),
  roundToInt64: (F: Soft, x: bigint) => F.roundToInteger(x, 64),
  roundToInt32Zero: (F: Soft, x: bigint) => F.roundToInteger(x, 32, "zero"),
  roundToInt64Zero: (F: Soft, x: bigint) => F.roundToInteger(x, 64, "zero"),
  bfloat16Dot: (F: Soft, sum: bigint, x: bigint, y: bigint) => F.bfloatDot(sum, x, y),
  float16Dot: (F: Soft, sum: bigint, x: bigint, y: bigint) => F.halfDot(sum, x, y),
  absoluteMaximum: (F: Soft, x: bigint, y: bigint) => F.absoluteMaximum(x, y),
  absoluteMinimum: (F: Soft, x: bigint, y: bigint) => F.absoluteMinimum(x, y),
  multiplyAddHalf: (F: Soft, sum: bigint, x: bigint, y: bigint) => F.halfMultiplyAdd(sum, x, y),
  multiplyAddBfloat16: (F: Soft, sum: bigint, x: bigint, y: bigint) => F.bfloatMultiplyAdd(sum, x, y)
} satisfies Record<string, (F: Soft, ...operands: never[]) => bigint>
