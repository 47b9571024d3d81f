import { FloatArithmetic } from "./arithmetic.ts"
import { FPSR, type FpEnvironment } from "./environment.ts"
import { type FormatName, formats } from "./format.ts"
import { FloatSums } from "./sums.ts"

/**
 * The arithmetic of one format in one environment, exact in every FPCR mode: results, NaN payloads and FPSR exceptions. Bit patterns go in and out
 * as unsigned bigints of the format's width. Exceptions accumulate in `environment.flags`.
 */
export class Soft extends FloatSums {
  private plain: FloatArithmetic | undefined

  constructor(format: FormatName, environment: FpEnvironment) {
    super(formats[format], environment)
  }

  /** FAMAX: the larger absolute value. Nothing is flushed, and FPCR.AH does not count. */
  absoluteMaximum(x: bigint, y: bigint): bigint {
    return this.absoluteExtreme(x, y, (F, a, b) => F.maximum(a, b))
  }

  /** FAMIN: see `absoluteMaximum`. */
  absoluteMinimum(x: bigint, y: bigint): bigint {
    return this.absoluteExtreme(x, y, (F, a, b) => F.minimum(a, b))
  }

  private absoluteExtreme(x: bigint, y: bigint, extreme: (F: FloatArithmetic, x: bigint, y: bigint) => bigint): bigint {
    const unchanged = { flushToZero: false, flushToZero16: false, flushInputsOnly: false, alternate: false, flags: 0 }
    this.plain ??= new FloatArithmetic(this.format, { ...this.environment, ...unchanged })
    const { plain } = this
    if (!this.isNaN(x) && !this.isNaN(y)) return extreme(plain, plain.absolute(x), plain.absolute(y))
    const nan = extreme(plain, x, y)
    this.raise(plain.environment.flags & FPSR.IOC)
    plain.environment.flags = 0
    return nan
  }
}
