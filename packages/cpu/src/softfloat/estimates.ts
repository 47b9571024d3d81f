import { isZeroTimesInfinity } from "./arithmetic.ts"
import { FloatConversions } from "./conversions.ts"
import { estimateEnvironment, FPSR } from "./environment.ts"
import { formats } from "./format.ts"
import { isNaNKind, lengthOf, type Unpacked } from "./kernel.ts"

/**
 * How precise an estimate is: bits of the operand it looks at (including the leading one), and fraction bits of the result. The reciprocal looks
 * at one operand bit more than the square root.
 */
interface Precision {
  readonly reciprocalBits: number
  readonly rootBits: number
  readonly fractionBits: number
}

const STANDARD: Precision = { reciprocalBits: 9, rootBits: 8, fractionBits: 8 }
/** FEAT_RPRES: single precision with FPCR.AH. */
const INCREASED: Precision = { reciprocalBits: 12, rootBits: 11, fractionBits: 12 }

/** floor(x / 2 + 1 / 2). */
const halfRoundedUp = (x: number) => Math.floor((x + 1) / 2)

/** The leading bits `top` of an operand in 0.5 to 1 give those of its reciprocal in 1 to 2: that of the middle of all operands beginning so. */
const reciprocalEstimate = (top: number, precision: Precision): number =>
  halfRoundedUp(Math.floor(2 ** (precision.fractionBits + precision.reciprocalBits + 2) / (2 * top + 1)))

/** As `reciprocalEstimate` for 1 / square root, the operand being in 0.5 to 1 (`upperHalf`) or in 0.25 to 0.5. */
function rootEstimate(top: number, upperHalf: boolean, precision: Precision): number {
  const middle = (2 * top + 1) * (upperHalf ? 2 : 1)
  const scale = 2 ** (2 * precision.fractionBits + precision.rootBits + 4)
  return halfRoundedUp(Math.ceil(Math.sqrt(scale / middle)) - 1)
}

const ALL_ONES_32 = 0xffff_ffffn

/** URECPE on a 32-bit unsigned fixed-point number in 0.5 to 1. */
export function unsignedRecipEstimate(x: bigint): bigint {
  if (x >> 31n === 0n) return ALL_ONES_32
  return BigInt(reciprocalEstimate(Number(x >> 23n), STANDARD)) << 23n
}

/** URSQRTE on a 32-bit unsigned fixed-point number in 0.25 to 1. */
export function unsignedRecipSqrtEstimate(x: bigint): bigint {
  if (x >> 30n === 0n) return ALL_ONES_32
  const upperHalf = x >> 31n === 1n
  return BigInt(rootEstimate(Number(x >> (upperHalf ? 24n : 23n)), upperHalf, STANDARD)) << 23n
}

const exponentOf = (x: Unpacked) => x.exponent + lengthOf(x.significand) - 1

/** The first `bits` bits of a number's significand. */
const leadingBits = (x: Unpacked, bits: number) => Math.floor(x.significand * 2 ** (bits - lengthOf(x.significand)))

/** Reciprocal estimates and the Newton-Raphson steps that refine them; all in `estimateEnvironment`. */
export class FloatEstimates extends FloatConversions {
  private sibling: FloatEstimates | undefined

  /** FRECPE */
  recipEstimate(x: bigint): bigint {
    return this.estimating.reciprocal(x)
  }

  /** FRSQRTE */
  recipSqrtEstimate(x: bigint): bigint {
    return this.estimating.reciprocalRoot(x)
  }

  /** FRECPS: 2 - `x` * `y`, rounded once; 2 if the product is zero times infinity. */
  recipStep(x: bigint, y: bigint): bigint {
    return this.estimating.step(x, y, this.pack(false, this.bias + 1, 0), 0)
  }

  /** FRSQRTS: (3 - `x` * `y`) / 2, rounded once; 1.5 if the product is zero times infinity. */
  recipSqrtStep(x: bigint, y: bigint): bigint {
    return this.estimating.step(x, y, this.pack(false, this.bias + 1, 2 ** (this.format.fractionBits - 1)), -1)
  }

  /** FRECPX: a power of two near the reciprocal, made by inverting the exponent field. */
  recipExponent(x: bigint): bigint {
    return this.estimating.invertedExponent(x)
  }

  private get estimating(): FloatEstimates {
    if (!this.environment.alternate) return this
    this.sibling ??= new FloatEstimates(this.format, estimateEnvironment(this.environment))
    return this.sibling
  }

  private get precision(): Precision {
    return this.environment.alternate && this.format === formats[32] ? INCREASED : STANDARD
  }

  private reciprocal(x: bigint): bigint {
    const a = this.unpack(x)
    const nan = this.propagated(a)
    if (nan !== undefined) return nan
    if (a.kind === "infinity") return this.zero(a.negative)
    if (a.kind === "zero") return this.divisionByZero(a)
    const { fractionBits, reciprocalBits } = this.precision
    const estimate = reciprocalEstimate(leadingBits(a, reciprocalBits), this.precision)
    return this.round({ negative: a.negative, magnitude: BigInt(estimate), exponent: -exponentOf(a) - 1 - fractionBits })
  }

  private reciprocalRoot(x: bigint): bigint {
    const a = this.unpack(x)
    const nan = this.propagated(a)
    if (nan !== undefined) return nan
    if (a.kind === "zero") return this.divisionByZero(a)
    if (a.negative) return this.invalid()
    if (a.kind === "infinity") return this.zero(false)
    const { fractionBits, rootBits } = this.precision
    const exponent = exponentOf(a)
    const estimate = rootEstimate(leadingBits(a, rootBits), (exponent & 1) === 1, this.precision)
    return this.round({ negative: false, magnitude: BigInt(estimate), exponent: Math.floor((-1 - exponent) / 2) - fractionBits })
  }

  private divisionByZero(x: Unpacked): bigint {
    this.raise(FPSR.DZC)
    return this.infinity(x.negative)
  }

  /** (`constant` - `x` * `y`) * 2^`scale`. */
  private step(x: bigint, y: bigint, constant: bigint, scale: number): bigint {
    const a = this.unpack(this.negate(x))
    const b = this.unpack(y)
    const c = this.unpack(constant)
    if (isZeroTimesInfinity(a, b)) return this.repack({ ...c, exponent: c.exponent + scale })
    return this.fused(c, a, b, scale)
  }

  private invertedExponent(x: bigint): bigint {
    const a = this.unpack(x)
    if (isNaNKind(a)) return this.propagated(a)!
    const field = (x & this.infinity(false)) >> BigInt(this.format.fractionBits)
    const largest = 2 ** this.format.exponentBits - 1
    return this.pack(a.negative, field === 0n ? largest - 1 : largest - Number(field), 0)
  }
}
