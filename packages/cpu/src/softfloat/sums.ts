import { FloatArithmetic, isZeroTimesInfinity } from "./arithmetic.ts"
import { withFraction } from "./conversions.ts"
import { derivedEnvironment, estimateEnvironment, type FpEnvironment } from "./environment.ts"
import { FloatEstimates } from "./estimates.ts"
import { formats } from "./format.ts"
import { FloatKernel, isNaNKind, type Unpacked } from "./kernel.ts"

/** Takes half-precision operands apart for a single-precision result. */
class HalfReader extends FloatKernel {
  constructor(environment: FpEnvironment) {
    super(formats[16], environment)
  }

  widened(x: bigint): Unpacked {
    return withFraction(this.unpack(x), formats[16], formats[32])
  }
}

/** Number `index` of two packed bfloat16 values as a single. */
const bfloatPart = (pair: bigint, index: 0 | 1): bigint => (index === 0 ? BigInt.asUintN(16, pair) << 16n : (pair >> 16n) << 16n)

/** Single-precision sums of products of half or bfloat16 operands. Only meaningful for the format of 32 bits. */
export class FloatSums extends FloatEstimates {
  private halves: HalfReader | undefined
  private bfloatProducts: FloatSums | undefined
  private bfloatDots: SteppedDots | ExtendedDots | undefined

  /** FMLAL, FMLSL: `addend` + `x` * `y`, rounded once; `x` and `y` are half precision and flushed by FZ16. */
  halfMultiplyAdd(addend: bigint, x: bigint, y: bigint): bigint {
    this.halves ??= new HalfReader(this.environment)
    return this.fused(this.unpack(addend), this.halves.widened(x), this.halves.widened(y), 0)
  }

  /**
   * One element of FMOPA from half precision: `addend` + (x0 * y0 + x1 * y1), where `x` and `y` hold two halves each, number 0 in the low half.
   * The sum in brackets is rounded once.
   */
  halfDot(addend: bigint, x: bigint, y: bigint): bigint {
    this.halves ??= new HalfReader(this.environment)
    const { halves } = this
    const part = (pair: bigint, index: 0 | 1) => halves.widened(BigInt.asUintN(16, index === 0 ? pair : pair >> 16n))
    return this.add(addend, this.fused(unroundedProduct(part(x, 0), part(y, 0)), part(x, 1), part(y, 1), 0))
  }

  /** BFMLALB, BFMLALT: `addend` + `x` * `y`, rounded once, in `estimateEnvironment`; `x` and `y` are bfloat16. */
  bfloatMultiplyAdd(addend: bigint, x: bigint, y: bigint): bigint {
    this.bfloatProducts ??= new FloatSums(this.format, estimateEnvironment(this.environment))
    return this.bfloatProducts.multiplyAdd(addend, x << 16n, y << 16n)
  }

  /**
   * One element of BFDOT: `addend` + (x0 * y0 + x1 * y1), where `x` and `y` hold two bfloat16 each, number 0 in the low half. Records nothing and
   * gives default NaNs. With FPCR.EBF the sum in brackets is rounded once; without, each step rounds to odd and flushes. An element of BFMMLA is
   * two of these, one after the other.
   */
  bfloatDot(addend: bigint, x: bigint, y: bigint): bigint {
    this.bfloatDots ??= this.environment.extendedBfloat ? new ExtendedDots(this.environment) : new SteppedDots(this.environment)
    return this.bfloatDots.dot(addend, x, y)
  }
}

/** Without FPCR.EBF: every product and every sum is rounded to odd. */
class SteppedDots extends FloatArithmetic {
  constructor(environment: FpEnvironment) {
    super(formats[32], derivedEnvironment(environment, "bfloat16"))
  }

  dot(addend: bigint, x: bigint, y: bigint): bigint {
    return this.add(addend, this.add(this.multiplyParts(x, y, 0), this.multiplyParts(x, y, 1)))
  }

  private multiplyParts(x: bigint, y: bigint, index: 0 | 1): bigint {
    return this.multiply(bfloatPart(x, index), bfloatPart(y, index))
  }
}

/** With FPCR.EBF: the sum of the two products is rounded once. */
class ExtendedDots extends FloatArithmetic {
  constructor(environment: FpEnvironment) {
    super(formats[32], derivedEnvironment(environment, "za"))
  }

  dot(addend: bigint, x: bigint, y: bigint): bigint {
    const part = (pair: bigint, index: 0 | 1) => this.unpack(bfloatPart(pair, index))
    return this.add(addend, this.fused(unroundedProduct(part(x, 0), part(y, 0)), part(x, 1), part(y, 1), 0))
  }
}

/** The exact product of two operands with short significands, as an operand. Which NaN an undefined one is does not matter to default NaNs. */
function unroundedProduct(x: Unpacked, y: Unpacked): Unpacked {
  const product = {
    negative: x.negative !== y.negative,
    significand: x.significand * y.significand,
    exponent: x.exponent + y.exponent,
    denormal: false
  }
  if (isNaNKind(x) || isNaNKind(y) || isZeroTimesInfinity(x, y)) return { ...product, kind: "quietNaN" }
  if (x.kind === "infinity" || y.kind === "infinity") return { ...product, kind: "infinity" }
  return { ...product, kind: x.kind === "zero" || y.kind === "zero" ? "zero" : "number" }
}
