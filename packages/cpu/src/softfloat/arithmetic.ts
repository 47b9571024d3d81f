import { FPSR } from "./environment.ts"
import { type Exact, FloatKernel, isNaNKind, lengthOf, type Unpacked } from "./kernel.ts"

/** Beyond this distance between two exponents the smaller operand can only decide which side of the larger one the sum lies on. */
const FAR = 512

const exactOf = (x: Unpacked): Exact => ({ negative: x.negative, magnitude: BigInt(x.significand), exponent: x.exponent })

/** The exact product of two numbers. */
export const exactProduct = (x: Unpacked, y: Unpacked): Exact => ({
  negative: x.negative !== y.negative,
  magnitude: BigInt(x.significand) * BigInt(y.significand),
  exponent: x.exponent + y.exponent
})

/** The sum of two exact values as far as rounding can tell; undefined if they cancel. */
export function exactSum(x: Exact, y: Exact): Exact | undefined {
  if (x.exponent < y.exponent) return exactSum(y, x)
  const distance = x.exponent - y.exponent
  const far = distance > FAR
  const left = x.magnitude << BigInt(far ? FAR : distance)
  const right = far ? 1n : y.magnitude
  const exponent = far ? x.exponent - FAR : y.exponent
  if (x.negative === y.negative) return { negative: x.negative, magnitude: left + right, exponent }
  if (left === right) return undefined
  return left > right ? { negative: x.negative, magnitude: left - right, exponent } : { negative: y.negative, magnitude: right - left, exponent }
}

/** The largest integer whose square is not above `x`, which is so small (below 2^110) that the host's root is only a few units off. */
function integerSquareRoot(x: bigint): bigint {
  let root = BigInt(Math.floor(Math.sqrt(Number(x))))
  while (root * root > x) root -= 1n
  while ((root + 1n) * (root + 1n) <= x) root += 1n
  return root
}

/** -1, 0 or 1 as `x` is below, equal to or above `y`; neither is a NaN and both have the same format. */
function order(x: Unpacked, y: Unpacked): number {
  if (x.kind === "zero" && y.kind === "zero") return 0
  if (x.negative !== y.negative) return x.negative ? -1 : 1
  const magnitudes = orderOfMagnitudes(x, y)
  return x.negative ? -magnitudes : magnitudes
}

const RANK = { zero: 0, number: 1, infinity: 2, quietNaN: 3, signallingNaN: 3 } as const

function orderOfMagnitudes(x: Unpacked, y: Unpacked): number {
  if (x.kind !== y.kind) return RANK[x.kind] - RANK[y.kind]
  if (x.exponent !== y.exponent) return x.exponent - y.exponent
  return x.significand - y.significand
}

const LESS = 0b1000
const EQUAL = 0b0110
const GREATER = 0b0010
const UNORDERED = 0b0011

/** IEEE arithmetic, comparison and the sign operations. */
export class FloatArithmetic extends FloatKernel {
  add(x: bigint, y: bigint): bigint {
    return this.sum(this.unpack(x), this.unpack(y), false)
  }

  subtract(x: bigint, y: bigint): bigint {
    return this.sum(this.unpack(x), this.unpack(y), true)
  }

  multiply(x: bigint, y: bigint): bigint {
    return this.product(this.unpack(x), this.unpack(y), undefined)
  }

  /** FMULX: as `multiply`, but zero times infinity is 2 with the sign of the product. */
  mulExtended(x: bigint, y: bigint): bigint {
    const a = this.unpack(x)
    const b = this.unpack(y)
    return this.product(a, b, this.pack(a.negative !== b.negative, this.bias + 1, 0))
  }

  divide(x: bigint, y: bigint): bigint {
    const a = this.unpack(x)
    const b = this.unpack(y)
    const nan = this.propagated(a, b)
    if (nan !== undefined) return nan
    if (a.kind === b.kind && a.kind !== "number") return this.invalid()
    const negative = a.negative !== b.negative
    if (b.kind === "zero") {
      if (a.kind === "number") this.raise(FPSR.DZC)
      return this.infinity(negative)
    }
    this.use(a, b)
    if (a.kind === "infinity") return this.infinity(negative)
    if (a.kind === "zero" || b.kind === "infinity") return this.zero(negative)
    // At least one quotient bit more than the format keeps, then one that says whether anything is left.
    const shift = this.format.fractionBits + 2 + lengthOf(b.significand) - lengthOf(a.significand)
    const dividend = BigInt(a.significand) << BigInt(shift)
    const divisor = BigInt(b.significand)
    const quotient = dividend / divisor
    const magnitude = (quotient << 1n) | (quotient * divisor === dividend ? 0n : 1n)
    return this.round({ negative, magnitude, exponent: a.exponent - b.exponent - shift - 1 })
  }

  squareRoot(x: bigint): bigint {
    const a = this.unpack(x)
    const nan = this.propagated(a)
    if (nan !== undefined) return nan
    if (a.kind === "zero") return this.zero(a.negative)
    if (a.negative) return this.invalid()
    if (a.kind === "infinity") return this.infinity(false)
    this.use(a)
    // An even exponent and at least one root bit more than the format keeps, then one that says whether anything is left.
    const enough = 2 * this.format.fractionBits + 3 - lengthOf(a.significand)
    const shift = enough + ((a.exponent - enough) & 1)
    const scaled = BigInt(a.significand) << BigInt(shift)
    const root = integerSquareRoot(scaled)
    const magnitude = (root << 1n) | (root * root === scaled ? 0n : 1n)
    return this.round({ negative: false, magnitude, exponent: (a.exponent - shift) / 2 - 1 })
  }

  /** `addend` + `x` * `y`, rounded once. */
  multiplyAdd(addend: bigint, x: bigint, y: bigint): bigint {
    return this.fused(this.unpack(addend), this.unpack(x), this.unpack(y), 0)
  }

  minimum(x: bigint, y: bigint): bigint {
    return this.extreme(x, y, -1)
  }

  maximum(x: bigint, y: bigint): bigint {
    return this.extreme(x, y, 1)
  }

  /** FMINNM: as `minimum`, but a single quiet NaN loses against a number, and FPCR.AH changes nothing but the NaN rules. */
  minimumNumber(x: bigint, y: bigint): bigint {
    return this.extremeNumber(x, y, -1)
  }

  /** FMAXNM: see `minimumNumber`. */
  maximumNumber(x: bigint, y: bigint): bigint {
    return this.extremeNumber(x, y, 1)
  }

  /** `x` with the other sign; with FPCR.AH a NaN keeps its sign. No exception, no flushing. */
  negate(x: bigint): bigint {
    return this.environment.alternate && this.isNaN(x) ? x : x ^ this.zero(true)
  }

  /** `x` with a positive sign; with FPCR.AH a NaN keeps its sign. No exception, no flushing. */
  absolute(x: bigint): bigint {
    return this.environment.alternate && this.isNaN(x) ? x : x & (this.zero(true) - 1n)
  }

  /** Whether the bit pattern is a NaN of either kind. */
  isNaN(x: bigint): boolean {
    return (x & (this.zero(true) - 1n)) > this.infinity(false)
  }

  /** NZCV as FCMP leaves it, N in bit 3; with `signalAllNaNs` as FCMPE. */
  compare(x: bigint, y: bigint, signalAllNaNs: boolean): number {
    const a = this.unpack(x)
    const b = this.unpack(y)
    if (isNaNKind(a) || isNaNKind(b)) {
      if (signalAllNaNs || a.kind === "signallingNaN" || b.kind === "signallingNaN") this.raise(FPSR.IOC)
      return UNORDERED
    }
    this.use(a, b)
    const relation = order(a, b)
    return relation === 0 ? EQUAL : relation < 0 ? LESS : GREATER
  }

  /** FCMEQ: quiet. */
  equal(x: bigint, y: bigint): boolean {
    return this.compare(x, y, false) === EQUAL
  }

  /** FCMGT: signals on every NaN. */
  greater(x: bigint, y: bigint): boolean {
    return this.compare(x, y, true) === GREATER
  }

  /** FCMGE: signals on every NaN. */
  greaterOrEqual(x: bigint, y: bigint): boolean {
    const relation = this.compare(x, y, true)
    return relation === GREATER || relation === EQUAL
  }

  /** FACGT: `greater` of the absolute values. */
  absoluteGreater(x: bigint, y: bigint): boolean {
    return this.greater(this.absolute(x), this.absolute(y))
  }

  /** FACGE: `greaterOrEqual` of the absolute values. */
  absoluteGreaterOrEqual(x: bigint, y: bigint): boolean {
    return this.greaterOrEqual(this.absolute(x), this.absolute(y))
  }

  private sum(a: Unpacked, second: Unpacked, subtracting: boolean): bigint {
    const nan = this.propagated(a, second)
    if (nan !== undefined) return nan
    this.use(a, second)
    const b = subtracting ? { ...second, negative: !second.negative } : second
    if (a.kind === "number" && b.kind === "number") return this.roundOrZero(exactSum(exactOf(a), exactOf(b)))
    if (a.kind === "infinity" && b.kind === "infinity" && a.negative !== b.negative) return this.invalid()
    if (a.kind === "zero" && b.kind === "zero") return this.zero(a.negative === b.negative ? a.negative : this.cancelsToMinusZero)
    return this.repack(a.kind === "infinity" || b.kind === "zero" ? a : b)
  }

  private get cancelsToMinusZero(): boolean {
    return this.environment.rounding === "down"
  }

  /** Rounds a sum; one that cancelled is the zero the rounding mode asks for. */
  protected roundOrZero(exact: Exact | undefined): bigint {
    return exact === undefined ? this.zero(this.cancelsToMinusZero) : this.round(exact)
  }

  private product(a: Unpacked, b: Unpacked, zeroTimesInfinity: bigint | undefined): bigint {
    const nan = this.propagated(a, b)
    if (nan !== undefined) return nan
    const negative = a.negative !== b.negative
    if (isZeroTimesInfinity(a, b)) return zeroTimesInfinity ?? this.invalid()
    this.use(a, b)
    if (a.kind === "infinity" || b.kind === "infinity") return this.infinity(negative)
    if (a.kind === "zero" || b.kind === "zero") return this.zero(negative)
    return this.round(exactProduct(a, b))
  }

  /** (`c` + `a` * `b`) * 2^`scale`, rounded once. */
  protected fused(c: Unpacked, a: Unpacked, b: Unpacked, scale: number): bigint {
    const undefinedProduct = isZeroTimesInfinity(a, b)
    const nan = this.fusedNaN(c, a, b, undefinedProduct)
    if (nan !== undefined) return nan
    const negative = a.negative !== b.negative
    const infinite = a.kind === "infinity" || b.kind === "infinity"
    if (undefinedProduct || (infinite && c.kind === "infinity" && c.negative !== negative)) return this.invalid()
    this.use(c, a, b)
    if (c.kind === "infinity") return this.infinity(c.negative)
    if (infinite) return this.infinity(negative)
    if (a.kind === "zero" || b.kind === "zero") {
      if (c.kind === "zero") return this.zero(c.negative === negative ? negative : this.cancelsToMinusZero)
      return this.round({ ...exactOf(c), exponent: c.exponent + scale })
    }
    const sum = c.kind === "zero" ? exactProduct(a, b) : exactSum(exactProduct(a, b), exactOf(c))
    return this.roundOrZero(sum && { ...sum, exponent: sum.exponent + scale })
  }

  /** NaN operands of a fused operation: the addend comes first, with FPCR.AH last, and an invalid product can hide a quiet one. */
  private fusedNaN(c: Unpacked, a: Unpacked, b: Unpacked, undefinedProduct: boolean): bigint | undefined {
    if (this.environment.alternate) return this.propagated(a, b, c)
    if (undefinedProduct && isNaNKind(c)) {
      this.raise(FPSR.IOC)
      return c.kind === "quietNaN" ? this.defaultNaN() : this.quieted(c)
    }
    return this.propagated(c, a, b)
  }

  private extreme(x: bigint, y: bigint, direction: 1 | -1): bigint {
    return this.environment.alternate ? this.alternateExtreme(x, y, direction) : this.ieeeExtreme(this.unpack(x), this.unpack(y), direction)
  }

  private ieeeExtreme(a: Unpacked, b: Unpacked, direction: 1 | -1): bigint {
    const nan = this.propagated(a, b)
    if (nan !== undefined) return nan
    this.use(a, b)
    if (a.kind === "zero" && b.kind === "zero") return this.zero(direction > 0 ? a.negative && b.negative : a.negative || b.negative)
    return this.repack(order(a, b) * direction >= 0 ? a : b)
  }

  /** FPCR.AH: NaNs of either kind report IOC and give the second operand, as two zeros do; results are not flushed. */
  private alternateExtreme(x: bigint, y: bigint, direction: 1 | -1): bigint {
    const a = this.unpack(x)
    const b = this.unpack(y)
    if (isNaNKind(a) || isNaNKind(b)) {
      this.raise(FPSR.IOC)
      return b.kind === "zero" ? this.zero(b.negative) : y
    }
    if (a.kind === "zero" && b.kind === "zero") return this.zero(b.negative)
    this.use(a, b)
    const first = order(a, b) * direction >= 0
    const chosen = first ? a : b
    return chosen.kind === "zero" ? this.zero(chosen.negative) : first ? x : y
  }

  private extremeNumber(x: bigint, y: bigint, direction: 1 | -1): bigint {
    const a = this.unpack(x)
    const b = this.unpack(y)
    const number = a.kind === "quietNaN" && !isNaNKind(b) ? b : b.kind === "quietNaN" && !isNaNKind(a) ? a : undefined
    if (number === undefined) return this.ieeeExtreme(a, b, direction)
    this.use(number)
    return this.repack(number)
  }
}

export const isZeroTimesInfinity = (a: Unpacked, b: Unpacked) =>
  (a.kind === "zero" && b.kind === "infinity") || (a.kind === "infinity" && b.kind === "zero")
