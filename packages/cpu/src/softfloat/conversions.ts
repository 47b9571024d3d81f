import { FloatArithmetic } from "./arithmetic.ts"
import { estimateEnvironment, FPSR, type Rounding } from "./environment.ts"
import { alternativeHalf, type Format, formats } from "./format.ts"
import { FloatKernel, isNaNKind, roundInteger, type Unpacked } from "./kernel.ts"

interface Integral {
  /** Rounded value, with its sign. */
  readonly value: bigint
  readonly inexact: boolean
}

/** A number times 2^`scale`, rounded to an integer. */
function integral(x: Unpacked, rounding: Rounding, scale: number): Integral {
  const drop = -(x.exponent + scale)
  const magnitude = BigInt(x.significand)
  const { value, inexact } = drop > 0 ? roundInteger(x.negative, magnitude, drop, rounding) : { value: magnitude << BigInt(-drop), inexact: false }
  return { value: x.negative ? -value : value, inexact }
}

/** Reads the operands and writes the results of conversions between two formats. */
class Converter extends FloatKernel {
  read(x: bigint): Unpacked {
    return this.unpack(x)
  }

  /** `x`, which has the format `source`, in this format. */
  write(x: Unpacked, source: Format, rounding: Rounding): bigint {
    if (isNaNKind(x)) return this.writeNaN(x, source)
    this.use(x)
    if (x.kind === "zero") return this.zero(x.negative)
    if (x.kind === "number") return this.round({ negative: x.negative, magnitude: BigInt(x.significand), exponent: x.exponent }, rounding)
    if (this.format.specials) return this.infinity(x.negative)
    this.raise(FPSR.IOC)
    return this.largest(x.negative)
  }

  private writeNaN(x: Unpacked, source: Format): bigint {
    if (!this.format.specials) {
      this.raise(FPSR.IOC)
      return this.zero(x.negative)
    }
    return this.propagated(withFraction(x, source, this.format))!
  }
}

/** A NaN of format `source` with its payload moved to the top of the fraction of format `target`; other operands as they are. */
export function withFraction(x: Unpacked, source: Format, target: Format): Unpacked {
  if (!isNaNKind(x)) return x
  return { ...x, significand: Math.floor(x.significand * 2 ** (target.fractionBits - source.fractionBits)) }
}

/** Conversions between formats, to and from integers, and rounding to integral values. */
export class FloatConversions extends FloatArithmetic {
  private readonly converters = new Map<Format, Converter>()

  /**
   * `x`, which has the format of `source`, in this format. Only the format of `source` counts: exceptions, flushing and rounding are those of this
   * environment. Half precision follows FPCR.AHP and is not flushed by FZ16; results in bfloat16 obey `estimateEnvironment`. FCVTXN is "odd".
   */
  convert(x: bigint, source: FloatKernel, rounding?: Rounding): bigint {
    const reader = this.converterFor(source.format)
    const writer = this.converterFor(this.format)
    return writer.write(reader.read(x), reader.format, rounding ?? writer.environment.rounding)
  }

  /** The integer `value` / 2^`fractionBits` in this format; `value` carries its sign. */
  fromInteger(value: bigint, fractionBits = 0): bigint {
    if (value === 0n) return this.zero(false)
    return this.round({ negative: value < 0n, magnitude: value < 0n ? -value : value, exponent: -fractionBits })
  }

  /**
   * `x` * 2^`fractionBits` as an integer of `bits` bits, in two's complement modulo 2^`bits`. What does not fit becomes the nearest limit and a
   * NaN becomes 0, both with IOC.
   */
  toInteger(x: bigint, bits: number, signed: boolean, rounding: Rounding, fractionBits = 0): bigint {
    const a = this.unpack(x)
    if (a.kind === "zero") return 0n
    const lowest = signed ? -(1n << BigInt(bits - 1)) : 0n
    const highest = (1n << BigInt(signed ? bits - 1 : bits)) - 1n
    if (a.kind !== "number") {
      this.raise(FPSR.IOC)
      return isNaNKind(a) ? 0n : BigInt.asUintN(bits, a.negative ? lowest : highest)
    }
    const { value, inexact } = integral(a, rounding, fractionBits)
    const fits = value >= lowest && value <= highest
    if (!fits) this.raise(FPSR.IOC)
    else if (inexact) this.raise(FPSR.IXC)
    return BigInt.asUintN(bits, fits ? value : value < lowest ? lowest : highest)
  }

  /** FRINT: `x` rounded to an integral value; IXC only with `signalInexact`. */
  roundToIntegral(x: bigint, rounding: Rounding = this.environment.rounding, signalInexact = false): bigint {
    const a = this.unpack(x)
    const nan = this.propagated(a)
    if (nan !== undefined) return nan
    if (a.kind !== "number") return this.repack(a)
    const { value, inexact } = integral(a, rounding, 0)
    if (inexact && signalInexact) this.raise(FPSR.IXC)
    return this.integralValue(value, a.negative)
  }

  /**
   * FRINT32Z, FRINT32X, FRINT64Z, FRINT64X: rounded to an integral value that fits a signed integer of `bits` bits. NaNs, infinities and what does
   * not fit become the most negative one, with IOC.
   */
  roundToInteger(x: bigint, bits: 32 | 64, rounding: Rounding = this.environment.rounding): bigint {
    const a = this.unpack(x)
    if (a.kind === "zero") return this.zero(a.negative)
    const lowest = -(1n << BigInt(bits - 1))
    if (a.kind !== "number") return this.outOfRange(lowest)
    const { value, inexact } = integral(a, rounding, 0)
    if (value < lowest || value >= -lowest) return this.outOfRange(lowest)
    if (inexact) this.raise(FPSR.IXC)
    return this.integralValue(value, a.negative)
  }

  /**
   * FJCVTZS: `x` truncated, modulo 2^32. `exact` is what the instruction writes to Z: the result stands for the operand's value, which -0 and a
   * flushed denormal do not.
   */
  jsConvert(x: bigint): { readonly result: bigint; readonly exact: boolean } {
    const a = this.unpack(x)
    if (a.kind === "zero") return { result: 0n, exact: !a.negative && x === 0n }
    if (a.kind !== "number") {
      this.raise(FPSR.IOC)
      return { result: 0n, exact: false }
    }
    const { value, inexact } = integral(a, "zero", 0)
    const fits = BigInt.asIntN(32, value) === value
    if (!fits) this.raise(FPSR.IOC)
    else if (inexact) this.raise(FPSR.IXC)
    return { result: BigInt.asUintN(32, value), exact: fits && !inexact }
  }

  private outOfRange(lowest: bigint): bigint {
    this.raise(FPSR.IOC)
    return this.integralValue(lowest, true)
  }

  /** An integral value the format holds exactly, or zero with the operand's sign. */
  private integralValue(value: bigint, negative: boolean): bigint {
    if (value === 0n) return this.zero(negative)
    return this.round({ negative, magnitude: value < 0n ? -value : value, exponent: 0 })
  }

  private converterFor(format: Format): Converter {
    const known = this.converters.get(format)
    if (known !== undefined) return known
    const converter = this.makeConverter(format)
    this.converters.set(format, converter)
    return converter
  }

  private makeConverter(format: Format): Converter {
    const environment = this.format === formats.bfloat16 ? estimateEnvironment(this.environment) : this.environment
    if (format !== formats[16]) return new Converter(format, environment)
    return new Converter(environment.alternativeHalf ? alternativeHalf : format, environment, { inputs: false, outputs: false })
  }
}
