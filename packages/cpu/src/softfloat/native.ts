/**
 * The host's arithmetic where it provably gives the bits and the exceptions that `Soft` gives: rounding to nearest even, operands zero or normal,
 * results zero or clearly normal. Then no NaN, infinity, denormal, overflow or underflow is in play, so no FPCR setting but RMode matters, and
 * the only possible exception is IXC, found by computing the rounding error. In every other case a function returns undefined and has done nothing.
 */
import { FPSR, type FpEnvironment } from "./environment.ts"

/** Singles are numbers (32-bit patterns, unsigned), doubles are bigints. */
export interface NativeArithmetic<Bits extends number | bigint> {
  add(environment: FpEnvironment, x: Bits, y: Bits): Bits | undefined
  subtract(environment: FpEnvironment, x: Bits, y: Bits): Bits | undefined
  multiply(environment: FpEnvironment, x: Bits, y: Bits): Bits | undefined
  divide(environment: FpEnvironment, x: Bits, y: Bits): Bits | undefined
  squareRoot(environment: FpEnvironment, x: Bits): Bits | undefined
  multiplyAdd(environment: FpEnvironment, addend: Bits, x: Bits, y: Bits): Bits | undefined
  /** NZCV as `Soft.compare`, whichever NaNs signal. */
  compare(x: Bits, y: Bits): number | undefined
  /** As `Soft.toInteger` with rounding "zero"; the integer is in two's complement modulo 2^`bits`. */
  truncate(environment: FpEnvironment, x: Bits, bits: 32 | 64, signed: boolean): bigint | undefined
  /** As `Soft.fromInteger` of an integer (with its sign) below 2^64. */
  fromInteger(environment: FpEnvironment, value: bigint): Bits | undefined
}

// One 64-bit cell seen in several ways (little-endian hosts).
const cell = new BigUint64Array(1)
const words = new Uint32Array(cell.buffer)
const doubles = new Float64Array(cell.buffer)
const singles = new Float32Array(cell.buffer)

/** The value of a zero or normal double; NaN for all others, which then makes every result NaN and so unusable. */
function doubleOperand(bits: bigint): number {
  cell[0] = bits
  const field = (words[1]! >>> 20) & 0x7ff
  if (field === 0x7ff) return Number.NaN
  const value = doubles[0]!
  return field === 0 && value !== 0 ? Number.NaN : value
}

function singleOperand(bits: number): number {
  const field = (bits >>> 23) & 0xff
  if (field === 0xff || (field === 0 && bits << 1 !== 0)) return Number.NaN
  words[0] = bits
  return singles[0]!
}

function doubleBits(value: number): bigint {
  doubles[0] = value
  return cell[0]!
}

function singleBits(value: number): number {
  singles[0] = value
  return words[0]!
}

// A result equal to the smallest normal number may have been tiny before rounding, so it is not usable.
const SMALLEST_DOUBLE = 2 ** -1022
const SMALLEST_SINGLE = 2 ** -126
const usable = (value: number, smallest: number) => Math.abs(value) > smallest && Math.abs(value) !== Number.POSITIVE_INFINITY

const nearest = (environment: FpEnvironment) => environment.rounding === "nearestEven"
/** Whether IXC can still change, so that exactness matters. */
const watching = (environment: FpEnvironment) => environment.recordFlags && (environment.flags & FPSR.IXC) === 0

function settle(environment: FpEnvironment, inexact: boolean): void {
  if (inexact && environment.recordFlags) environment.flags |= FPSR.IXC
}

/** What `sum`, the rounded sum of `a` and `b`, lacks: exact for all finite operands and sums. */
function sumError(a: number, b: number, sum: number): number {
  const second = sum - a
  return a - (sum - second) + (b - second)
}

const SPLITTER = 2 ** 27 + 1
/** Between these magnitudes no step of `productError` overflows or loses bits. */
const PRODUCT_LOW = 2 ** -900
const PRODUCT_HIGH = 2 ** 900
const moderate = (value: number) => Math.abs(value) > PRODUCT_LOW && Math.abs(value) < PRODUCT_HIGH

/** What `product`, the rounded product of `a` and `b`, lacks: exact if all three are moderate. */
function productError(a: number, b: number, product: number): number {
  const aTimes = SPLITTER * a
  const aHigh = aTimes - (aTimes - a)
  const aLow = a - aHigh
  const bTimes = SPLITTER * b
  const bHigh = bTimes - (bTimes - b)
  const bLow = b - bHigh
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)
}

/** The inexact sum `value` + `error` rounded to odd: then rounding it again to at most 51 bits is as good as rounding the exact sum. */
function roundedToOdd(value: number, error: number): number {
  if (error === 0) return value
  doubles[0] = value
  const low = words[0]!
  if ((low & 1) === 1) return value
  // The neighbours of an even pattern are the odd ones; only the lower one may borrow from the upper word.
  if (error > 0 === value > 0) words[0] = low + 1
  else {
    words[0] = low - 1
    if (low === 0) words[1] = words[1]! - 1
  }
  return doubles[0]!
}

const LESS = 0b1000
const EQUAL = 0b0110
const GREATER = 0b0010

const relation = (a: number, b: number): number | undefined => (a < b ? LESS : a > b ? GREATER : a === b ? EQUAL : undefined)

const LIMITS = { 32: 2 ** 32, 64: 2 ** 64 } as const

function truncated(environment: FpEnvironment, value: number, bits: 32 | 64, signed: boolean): bigint | undefined {
  const integer = Math.trunc(value)
  const limit = signed ? LIMITS[bits] / 2 : LIMITS[bits]
  if (!(integer < limit && integer >= (signed ? -limit : 0))) return undefined
  settle(environment, integer !== value)
  return BigInt.asUintN(bits, BigInt(integer))
}

function doubleSum(environment: FpEnvironment, a: number, b: number): bigint | undefined {
  const sum = a + b
  if (!nearest(environment) || (!usable(sum, SMALLEST_DOUBLE) && sum !== 0)) return undefined
  if (watching(environment)) settle(environment, sumError(a, b, sum) !== 0)
  return doubleBits(sum)
}

/** Double precision. */
export const nativeDouble: NativeArithmetic<bigint> = {
  add: (environment, x, y) => doubleSum(environment, doubleOperand(x), doubleOperand(y)),

  subtract: (environment, x, y) => doubleSum(environment, doubleOperand(x), -doubleOperand(y)),

  multiply(environment, x, y) {
    const a = doubleOperand(x)
    const b = doubleOperand(y)
    const product = a * b
    if (!nearest(environment)) return undefined
    if (product === 0 && (a === 0 || b === 0)) return doubleBits(product)
    if (!usable(product, SMALLEST_DOUBLE)) return undefined
    if (watching(environment)) {
      if (!moderate(a) || !moderate(b) || !moderate(product)) return undefined
      settle(environment, productError(a, b, product) !== 0)
    }
    return doubleBits(product)
  },

  divide(environment, x, y) {
    const a = doubleOperand(x)
    const b = doubleOperand(y)
    const quotient = a / b
    if (!nearest(environment)) return undefined
    if (a === 0 && quotient === 0) return doubleBits(quotient)
    if (!usable(quotient, SMALLEST_DOUBLE)) return undefined
    if (watching(environment)) {
      if (!moderate(a) || !moderate(b) || !moderate(quotient)) return undefined
      const product = quotient * b
      settle(environment, product !== a || productError(quotient, b, product) !== 0)
    }
    return doubleBits(quotient)
  },

  squareRoot(environment, x) {
    const a = doubleOperand(x)
    const root = Math.sqrt(a)
    if (!nearest(environment)) return undefined
    if (root === 0) return x
    if (!usable(root, SMALLEST_DOUBLE)) return undefined
    if (watching(environment)) {
      if (!moderate(a)) return undefined
      const square = root * root
      settle(environment, square !== a || productError(root, root, square) !== 0)
    }
    return doubleBits(root)
  },

  multiplyAdd(environment, addend, x, y) {
    const c = doubleOperand(addend)
    const a = doubleOperand(x)
    const b = doubleOperand(y)
    if (!nearest(environment)) return undefined
    const product = a * b
    if (a === 0 || b === 0) return c - c === 0 && product === 0 ? doubleBits(product + c) : undefined
    if (!moderate(a) || !moderate(b) || !moderate(product) || !(c === 0 || moderate(c))) return undefined
    // Three exact parts of the sum; the two small ones are joined by rounding to odd, so that the last addition rounds as if it had them all.
    const error = productError(a, b, product)
    const low = error + c
    const lowError = sumError(error, c, low)
    const high = product + low
    const highError = sumError(product, low, high)
    const rest = lowError + highError
    const restError = sumError(lowError, highError, rest)
    const tail = roundedToOdd(rest, restError)
    const sum = high + tail
    if (!usable(sum, SMALLEST_DOUBLE) && sum !== 0) return undefined
    settle(environment, restError !== 0 || sumError(high, tail, sum) !== 0)
    return doubleBits(sum)
  },

  compare: (x, y) => relation(doubleOperand(x), doubleOperand(y)),

  truncate: (environment, x, bits, signed) => truncated(environment, doubleOperand(x), bits, signed),

  fromInteger(environment, value) {
    const rounded = Number(value)
    if (!nearest(environment)) return undefined
    if (watching(environment)) settle(environment, BigInt(rounded) !== value)
    return doubleBits(rounded)
  }
}

/** A single result that the double `value` rounds to; `exact` says whether `value` is the exact result. */
function singleResult(environment: FpEnvironment, value: number, exact: boolean): number | undefined {
  const rounded = Math.fround(value)
  if (!nearest(environment) || (!usable(rounded, SMALLEST_SINGLE) && !(value === 0 && exact))) return undefined
  settle(environment, !exact || rounded !== value)
  return singleBits(rounded)
}

function singleSum(environment: FpEnvironment, a: number, b: number): number | undefined {
  const sum = a + b
  return singleResult(environment, sum, sumError(a, b, sum) === 0)
}

/**
 * Single precision, computed in double: products are exact there, and for the other operations rounding twice is harmless because double has more
 * than twice the bits.
 */
export const nativeSingle: NativeArithmetic<number> = {
  add: (environment, x, y) => singleSum(environment, singleOperand(x), singleOperand(y)),

  subtract: (environment, x, y) => singleSum(environment, singleOperand(x), -singleOperand(y)),

  multiply: (environment, x, y) => singleResult(environment, singleOperand(x) * singleOperand(y), true),

  divide(environment, x, y) {
    const a = singleOperand(x)
    const b = singleOperand(y)
    const quotient = a / b
    return singleResult(environment, quotient, Math.fround(quotient) * b === a)
  },

  squareRoot(environment, x) {
    const a = singleOperand(x)
    const root = Math.sqrt(a)
    const rounded = Math.fround(root)
    return singleResult(environment, root, rounded * rounded === a)
  },

  multiplyAdd(environment, addend, x, y) {
    const c = singleOperand(addend)
    const product = singleOperand(x) * singleOperand(y)
    const sum = product + c
    const error = sumError(product, c, sum)
    return singleResult(environment, roundedToOdd(sum, error), error === 0)
  },

  compare: (x, y) => relation(singleOperand(x), singleOperand(y)),

  truncate: (environment, x, bits, signed) => truncated(environment, singleOperand(x), bits, signed),

  fromInteger(environment, value) {
    const double = Number(value)
    return BigInt(double) === value ? singleResult(environment, double, true) : undefined
  }
}

/** FCVT from single to double. */
export function nativeWiden(x: number): bigint | undefined {
  const value = singleOperand(x)
  return Number.isNaN(value) ? undefined : doubleBits(value)
}

/** FCVT from double to single. */
export function nativeNarrow(environment: FpEnvironment, x: bigint): number | undefined {
  return singleResult(environment, doubleOperand(x), true)
}
