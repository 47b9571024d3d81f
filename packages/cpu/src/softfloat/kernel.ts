import { FPSR, type FpEnvironment, type Rounding } from "./environment.ts"
import { type Format, formats } from "./format.ts"

export type FloatKind = "zero" | "number" | "infinity" | "quietNaN" | "signallingNaN"

/** An operand taken apart. A number is (-1)^negative * significand * 2^exponent, whatever format it came from. */
export interface Unpacked {
  readonly kind: FloatKind
  readonly negative: boolean
  /** An integer below 2^53: of a number its significand, of a NaN its fraction field, else 0. */
  readonly significand: number
  readonly exponent: number
  /** Whether using this operand counts as IDC under FPCR.AH: a single or double denormal that was not flushed. */
  readonly denormal: boolean
}

/** An exact non-zero result before rounding: (-1)^negative * magnitude * 2^exponent. */
export interface Exact {
  readonly negative: boolean
  readonly magnitude: bigint
  readonly exponent: number
}

/** Which denormals become zero. */
export interface Flushing {
  readonly inputs: boolean
  readonly outputs: boolean
}

const flushingOf = (format: Format, environment: FpEnvironment): Flushing =>
  format.exponentBits === 5
    ? { inputs: environment.flushToZero16, outputs: environment.flushToZero16 }
    : {
        inputs: environment.flushInputsOnly || (environment.flushToZero && !environment.alternate),
        outputs: environment.flushToZero
      }

// One 64-bit cell seen three ways (little-endian hosts): moving bits through it is several times faster than BigInt shifts.
const cell = new BigUint64Array(1)
const words = new Uint32Array(cell.buffer)
const double = new Float64Array(cell.buffer)
const TWO_32 = 2 ** 32

/** Bits needed to write the positive integer `x`, below 2^53, in binary. */
export function lengthOf(x: number): number {
  double[0] = x
  return (words[1]! >>> 20) - 1022
}

/** Bits needed to write the positive `x`, below 2^1023, in binary. */
function bitLength(x: bigint): number {
  const length = lengthOf(Number(x))
  // The conversion may have rounded up to the next power of two.
  const roundedUp = length > 53 && words[0] === 0 && (words[1]! & 0xfffff) === 0 && x >> BigInt(length - 1) === 0n
  return roundedUp ? length - 1 : length
}

export interface RoundedInteger {
  readonly value: bigint
  readonly inexact: boolean
}

/** `magnitude` / 2^`drop` (drop > 0) rounded to an integer. */
export function roundInteger(negative: boolean, magnitude: bigint, drop: number, rounding: Rounding): RoundedInteger {
  const value = magnitude >> BigInt(drop)
  const rest = BigInt.asUintN(drop, magnitude)
  if (rest === 0n) return { value, inexact: false }
  return { value: roundsAway(negative, value, rest, drop, rounding) ? value + 1n : value, inexact: true }
}

function roundsAway(negative: boolean, value: bigint, rest: bigint, drop: number, rounding: Rounding): boolean {
  switch (rounding) {
    case "up":
      return !negative
    case "down":
      return negative
    case "zero":
      return false
    case "odd":
    case "oddToInfinity":
      return (value & 1n) === 0n
    default: {
      const half = 1n << BigInt(drop - 1)
      if (rest !== half) return rest > half
      return rounding === "nearestAway" || (value & 1n) === 1n
    }
  }
}

/** Overflow goes to the largest finite number instead of infinity. */
const overflowsToLargest = (negative: boolean, rounding: Rounding) =>
  rounding === "zero" || rounding === "odd" || (rounding === "up" && negative) || (rounding === "down" && !negative)

/**
 * One format in one environment: taking operands apart, choosing NaNs, and rounding an exact result once. Operands and results are bit patterns.
 * The arithmetic is layered on top of this in the neighbouring files.
 */
export class FloatKernel {
  /** Width of the format in bits. */
  readonly bits: number
  protected readonly bias: number
  /** Exponent of the smallest normal number. */
  protected readonly minimumExponent: number
  private readonly maximumField: number
  private readonly quietBit: number
  private readonly reportsDenormals: boolean
  private readonly reportsFlushed: boolean

  constructor(
    readonly format: Format,
    readonly environment: FpEnvironment,
    private readonly flushing: Flushing = flushingOf(format, environment)
  ) {
    this.bits = 1 + format.exponentBits + format.fractionBits
    this.bias = 2 ** (format.exponentBits - 1) - 1
    this.minimumExponent = 1 - this.bias
    this.maximumField = 2 ** format.exponentBits - 1
    this.quietBit = 2 ** (format.fractionBits - 1)
    this.reportsDenormals = format.exponentBits !== formats[16].exponentBits
    this.reportsFlushed = this.reportsDenormals && environment.flushToZero && !environment.alternate
  }

  protected raise(flags: number): void {
    if (this.environment.recordFlags) this.environment.flags |= flags
  }

  protected pack(negative: boolean, exponentField: number, fraction: number): bigint {
    const sign = negative ? 1 : 0
    if (this.bits === 64) {
      words[1] = (sign << 31) | (exponentField << 20) | Math.floor(fraction / TWO_32)
      words[0] = fraction
    } else {
      words[1] = 0
      words[0] = (sign << (this.bits - 1)) | (exponentField << this.format.fractionBits) | fraction
    }
    return cell[0]!
  }

  /** A zero of that sign. */
  zero(negative: boolean): bigint {
    return this.pack(negative, 0, 0)
  }

  /** An infinity of that sign. */
  infinity(negative: boolean): bigint {
    return this.pack(negative, this.maximumField, 0)
  }

  /** The largest finite number of that sign. */
  largest(negative: boolean): bigint {
    return this.pack(negative, this.format.specials ? this.maximumField - 1 : this.maximumField, 2 ** this.format.fractionBits - 1)
  }

  /** The NaN that invalid operations give; FPCR.AH sets its sign. */
  defaultNaN(): bigint {
    return this.pack(this.environment.alternate, this.maximumField, this.quietBit)
  }

  protected unpack(x: bigint): Unpacked {
    cell[0] = x
    const low = words[0]!
    const high = words[1]!
    if (this.bits === 64) return this.classify(high >>> 31 === 1, (high >>> 20) & 0x7ff, (high & 0xfffff) * TWO_32 + low)
    const { fractionBits } = this.format
    return this.classify(((low >>> (this.bits - 1)) & 1) === 1, (low >>> fractionBits) & this.maximumField, low & ((1 << fractionBits) - 1))
  }

  private classify(negative: boolean, field: number, fraction: number): Unpacked {
    const { fractionBits } = this.format
    if (field === this.maximumField && this.format.specials) {
      const kind = fraction === 0 ? "infinity" : fraction >= this.quietBit ? "quietNaN" : "signallingNaN"
      return { kind, negative, significand: fraction, exponent: 0, denormal: false }
    }
    if (field !== 0) {
      return { kind: "number", negative, significand: fraction + 2 ** fractionBits, exponent: field - this.bias - fractionBits, denormal: false }
    }
    if (fraction !== 0 && !this.flushing.inputs) {
      const exponent = this.minimumExponent - fractionBits
      return { kind: "number", negative, significand: fraction, exponent, denormal: this.reportsDenormals }
    }
    if (fraction !== 0 && this.reportsFlushed) this.raise(FPSR.IDC)
    return { kind: "zero", negative, significand: 0, exponent: 0, denormal: false }
  }

  /** Under FPCR.AH an operation that uses an unflushed denormal reports IDC. */
  protected use(...operands: readonly Unpacked[]): void {
    if (this.environment.alternate && operands.some((x) => x.denormal)) this.raise(FPSR.IDC)
  }

  protected invalid(): bigint {
    this.raise(FPSR.IOC)
    return this.defaultNaN()
  }

  /** The result of an operation whose chosen NaN operand is `x`. */
  protected quieted(x: Unpacked): bigint {
    if (this.environment.defaultNaN) return this.defaultNaN()
    return this.pack(x.negative, this.maximumField, x.kind === "signallingNaN" ? x.significand + this.quietBit : x.significand)
  }

  /**
   * The NaN result of an operation with these operands, first choice first; undefined if none is a NaN. Signalling NaNs come before quiet ones
   * unless FPCR.AH says otherwise, and report IOC in any case.
   */
  protected propagated(...operands: readonly Unpacked[]): bigint | undefined {
    const signalling = operands.find((x) => x.kind === "signallingNaN")
    if (signalling !== undefined) this.raise(FPSR.IOC)
    const chosen = signalling === undefined || this.environment.alternate ? operands.find(isNaNKind) : signalling
    return chosen && this.quieted(chosen)
  }

  /** A non-NaN operand as a result: rounding cannot change it, flushing can. */
  protected repack(x: Unpacked): bigint {
    if (x.kind === "zero") return this.zero(x.negative)
    if (x.kind === "infinity") return this.infinity(x.negative)
    return this.round({ negative: x.negative, magnitude: BigInt(x.significand), exponent: x.exponent })
  }

  /** The bit pattern of an exact non-zero value, rounded once, with every exception that belongs to it. */
  protected round(exact: Exact, rounding: Rounding = this.environment.rounding): bigint {
    const { negative, magnitude, exponent } = exact
    const { fractionBits } = this.format
    const length = bitLength(magnitude)
    const tiny = this.isTiny(exact, length, rounding)
    if (tiny && this.flushing.outputs) {
      this.raise(this.environment.alternate ? FPSR.UFC | FPSR.IXC : FPSR.UFC)
      return this.zero(negative)
    }
    const drop = Math.max(length - 1 - fractionBits, this.minimumExponent - fractionBits - exponent)
    const { value, inexact } = drop > 0 ? roundInteger(negative, magnitude, drop, rounding) : { value: magnitude << BigInt(-drop), inexact: false }
    const significand = Number(value)
    const implicit = 2 ** fractionBits
    const carry = significand === 2 * implicit
    const field = significand < implicit ? 0 : exponent + drop + fractionBits + this.bias + (carry ? 1 : 0)
    if (field > this.maximumField || (field === this.maximumField && this.format.specials)) return this.overflow(negative, rounding)
    if (inexact) this.raise(tiny ? FPSR.UFC | FPSR.IXC : FPSR.IXC)
    return this.pack(negative, field, significand % implicit)
  }

  private overflow(negative: boolean, rounding: Rounding): bigint {
    if (!this.format.specials) {
      this.raise(FPSR.IOC)
      return this.largest(negative)
    }
    this.raise(FPSR.OFC | FPSR.IXC)
    return overflowsToLargest(negative, rounding) ? this.largest(negative) : this.infinity(negative)
  }

  /** Whether the value is below the normal range: before rounding, or with FPCR.AH after rounding as if the exponent had no limit. */
  private isTiny({ negative, magnitude, exponent }: Exact, length: number, rounding: Rounding): boolean {
    const shortfall = this.minimumExponent - (length - 1 + exponent)
    if (shortfall <= 0 || !this.environment.alternate || shortfall > 1) return shortfall > 0
    const drop = length - 1 - this.format.fractionBits
    return drop <= 0 || bitLength(roundInteger(negative, magnitude, drop, rounding).value) === length - drop
  }
}

export const isNaNKind = (x: Unpacked): boolean => x.kind === "quietNaN" || x.kind === "signallingNaN"
