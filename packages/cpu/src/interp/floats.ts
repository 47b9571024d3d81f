/** Floating-point element types over packages/cpu/src/softfloat: patterns in the form of integers.ts, hardware arithmetic where it is provably the same. */
import type { Comparison, FloatEnvironment, FloatFormat, FloatOperation, Rounding } from "@eltwo/isa"
import { PE } from "../layout.ts"
import {
  derivedEnvironment,
  environmentOf,
  type FormatName,
  FPSR,
  type FpEnvironment,
  Soft,
  unsignedRecipEstimate,
  unsignedRecipSqrtEstimate
} from "../softfloat/index.ts"
import type { Bits, IntegerType } from "./integers.ts"

const FPSR_WORD = PE.FPSR >> 2
/** Three doubles and three singles, as numbers and as patterns. */
const doubles = new Float64Array(3)
const doublePatterns = new BigUint64Array(doubles.buffer)
const doubleHalves = new Uint32Array(doubles.buffer)
const singles = new Float32Array(3)
const singlePatterns = new Uint32Array(singles.buffer)
const big = (x: Bits): bigint => (typeof x === "number" ? BigInt(x) : x)

/** What each named operation of the builder is called in softfloat; operands are patterns of the type. */
const SPECIAL: Readonly<Record<FloatOperation, (soft: Soft, x: bigint, y: bigint, z: bigint) => bigint>> = {
  reciprocalEstimate: (soft, x) => soft.recipEstimate(x),
  reciprocalSquareRootEstimate: (soft, x) => soft.recipSqrtEstimate(x),
  reciprocalExponent: (soft, x) => soft.recipExponent(x),
  unsignedReciprocalEstimate: (_soft, x) => unsignedRecipEstimate(x),
  unsignedReciprocalSquareRootEstimate: (_soft, x) => unsignedRecipSqrtEstimate(x),
  reciprocalStep: (soft, x, y) => soft.recipStep(x, y),
  reciprocalSquareRootStep: (soft, x, y) => soft.recipSqrtStep(x, y),
  multiplyExtended: (soft, x, y) => soft.mulExtended(x, y),
  javascriptConvert: (soft, x) => {
    const { result, exact } = soft.jsConvert(x)
    return result | (exact ? 1n << 32n : 0n)
  },
  roundToInt32: (soft, x) => soft.roundToInteger(x, 32),
  roundToInt64: (soft, x) => soft.roundToInteger(x, 64),
  roundToInt32Zero: (soft, x) => soft.roundToInteger(x, 32, "zero"),
  roundToInt64Zero: (soft, x) => soft.roundToInteger(x, 64, "zero"),
  bfloat16Dot: (soft, sum, x, y) => soft.bfloatDot(sum, x, y),
  absoluteMaximum: (soft, x, y) => soft.absoluteMaximum(x, y),
  absoluteMinimum: (soft, x, y) => soft.absoluteMinimum(x, y),
  multiplyAddHalf: (soft, sum, x, y) => soft.halfMultiplyAdd(sum, x & 0xffffn, y & 0xffffn),
  multiplyAddBfloat16: (soft, sum, x, y) => soft.bfloatMultiplyAdd(sum, x & 0xffffn, y & 0xffffn)
}

/** A format in an environment. Exact in every FPCR mode; `ExactFloat` is the whole truth, its subclasses only know shortcuts. */
export class ExactFloat {
  readonly name: string
  readonly soft: Soft
  readonly #constants = new Map<number | bigint, Bits>()

  constructor(
    readonly bits: number,
    readonly format: FormatName,
    readonly environment: FpEnvironment
  ) {
    this.name = `float${format}`
    this.soft = new Soft(format, environment)
  }

  protected pattern(x: bigint): Bits {
    return this.bits <= 32 ? Number(x) : x
  }
  constant(n: number | bigint): Bits {
    let pattern = Object.is(n, -0) ? undefined : this.#constants.get(n)
    if (pattern === undefined) {
      doubles[0] = Number(n)
      const quiet = environmentOf(0)
      pattern = this.pattern(new Soft(this.format, quiet).convert(doublePatterns[0]!, new Soft(64, quiet)))
      if (!Object.is(n, -0)) this.#constants.set(n, pattern)
    }
    return pattern
  }
  add(x: Bits, y: Bits): Bits {
    return this.pattern(this.soft.add(big(x), big(y)))
  }
  subtract(x: Bits, y: Bits): Bits {
    return this.pattern(this.soft.subtract(big(x), big(y)))
  }
  multiply(x: Bits, y: Bits): Bits {
    return this.pattern(this.soft.multiply(big(x), big(y)))
  }
  divide(x: Bits, y: Bits): Bits {
    return this.pattern(this.soft.divide(big(x), big(y)))
  }
  squareRoot(x: Bits): Bits {
    return this.pattern(this.soft.squareRoot(big(x)))
  }
  multiplyAdd(addend: Bits, x: Bits, y: Bits): Bits {
    return this.pattern(this.soft.multiplyAdd(big(addend), big(x), big(y)))
  }
  minimum(x: Bits, y: Bits): Bits {
    return this.pattern(this.soft.minimum(big(x), big(y)))
  }
  maximum(x: Bits, y: Bits): Bits {
    return this.pattern(this.soft.maximum(big(x), big(y)))
  }
  minimumNumber(x: Bits, y: Bits): Bits {
    return this.pattern(this.soft.minimumNumber(big(x), big(y)))
  }
  maximumNumber(x: Bits, y: Bits): Bits {
    return this.pattern(this.soft.maximumNumber(big(x), big(y)))
  }
  negate(x: Bits): Bits {
    return this.pattern(this.soft.negate(big(x)))
  }
  absolute(x: Bits): Bits {
    return this.pattern(this.soft.absolute(big(x)))
  }
  select(condition: boolean, whenTrue: Bits, whenFalse: Bits): Bits {
    return condition ? whenTrue : whenFalse
  }
  test(x: Bits, comparison: Comparison, y: Bits): boolean {
    const a = big(x)
    const b = big(y)
    switch (comparison) {
      case "equal":
        return this.soft.equal(a, b)
      case "less":
        return this.soft.greater(b, a)
      case "lessOrEqual":
        return this.soft.greaterOrEqual(b, a)
      case "greater":
        return this.soft.greater(a, b)
      case "greaterOrEqual":
        return this.soft.greaterOrEqual(a, b)
      case "unordered":
        return this.soft.compare(a, b, false) === 0b0011
    }
  }
  compare(x: Bits, y: Bits, signalAllNaNs: boolean): number {
    return this.soft.compare(big(x), big(y), signalAllNaNs)
  }
  convert(x: Bits, source: ExactFloat, rounding: Rounding = "current"): Bits {
    // Left open, the rounding mode is softfloat's to choose: bfloat16 has its own under FPCR.AH.
    return this.pattern(this.soft.convert(big(x), source.soft, rounding === "current" ? undefined : rounding))
  }
  fromInteger(x: Bits, source: IntegerType, fractionBits: number): Bits {
    return this.pattern(this.soft.fromInteger(BigInt(source.value(x as never)), fractionBits))
  }
  toInteger(x: Bits, target: IntegerType, rounding: Rounding, fractionBits: number): Bits {
    const result = this.soft.toInteger(big(x), target.bits, target.signed, this.#mode(rounding), fractionBits)
    return target.bits <= 32 ? Number(result) : result
  }
  roundToIntegral(x: Bits, rounding: Rounding, signalInexact: boolean): Bits {
    return this.pattern(this.soft.roundToIntegral(big(x), this.#mode(rounding), signalInexact))
  }
  special(operation: FloatOperation, ...operands: readonly Bits[]): Bits {
    const [x = 0, y = 0, z = 0] = operands
    return this.pattern(SPECIAL[operation](this.soft, big(x), big(y), big(z)))
  }
  #mode(rounding: Rounding) {
    return rounding === "current" ? this.environment.rounding : rounding
  }
}

/**
 * Whether hardware arithmetic may stand for softfloat, given a result that is a normal number above the smallest: rounding is to nearest, nothing
 * is flushed, and an inexact result needs no recording, because it is recorded already or never is.
 */
class HardwareRule {
  readonly #possible: boolean

  constructor(
    readonly environment: FpEnvironment,
    readonly words: Uint32Array
  ) {
    const { rounding, flushToZero, flushInputsOnly, alternate } = environment
    this.#possible = rounding === "nearestEven" && !flushToZero && !flushInputsOnly && !alternate
  }
  get holds(): boolean {
    return this.#possible && (!this.environment.recordFlags || ((this.words[FPSR_WORD]! | this.environment.flags) & FPSR.IXC) !== 0)
  }
}

class Double extends ExactFloat {
  readonly #rule: HardwareRule

  constructor(environment: FpEnvironment, words: Uint32Array) {
    super(64, 64, environment)
    this.#rule = new HardwareRule(environment, words)
  }
  /** Whether the number put into `doubles[2]` is the result. */
  #taken(result: number): boolean {
    doubles[2] = result
    const exponent = doubleHalves[5]! & 0x7ff00000
    return exponent > 0x00100000 && exponent < 0x7ff00000 && this.#rule.holds
  }
  #set(x: Bits, y: Bits): void {
    doublePatterns[0] = x as bigint
    doublePatterns[1] = y as bigint
  }
  override add(x: Bits, y: Bits): Bits {
    this.#set(x, y)
    return this.#taken(doubles[0]! + doubles[1]!) ? doublePatterns[2]! : super.add(x, y)
  }
  override subtract(x: Bits, y: Bits): Bits {
    this.#set(x, y)
    return this.#taken(doubles[0]! - doubles[1]!) ? doublePatterns[2]! : super.subtract(x, y)
  }
  override multiply(x: Bits, y: Bits): Bits {
    this.#set(x, y)
    return this.#taken(doubles[0]! * doubles[1]!) ? doublePatterns[2]! : super.multiply(x, y)
  }
  override divide(x: Bits, y: Bits): Bits {
    this.#set(x, y)
    return this.#taken(doubles[0]! / doubles[1]!) ? doublePatterns[2]! : super.divide(x, y)
  }
  override squareRoot(x: Bits): Bits {
    doublePatterns[0] = x as bigint
    return this.#taken(Math.sqrt(doubles[0]!)) ? doublePatterns[2]! : super.squareRoot(x)
  }
}

/** A double holds the sum, product, quotient and root of singles well enough that rounding it again gives the single result. */
class Single extends ExactFloat {
  readonly #rule: HardwareRule

  constructor(environment: FpEnvironment, words: Uint32Array) {
    super(32, 32, environment)
    this.#rule = new HardwareRule(environment, words)
  }
  #taken(result: number): boolean {
    singles[2] = result
    const exponent = singlePatterns[2]! & 0x7f800000
    return exponent > 0x00800000 && exponent < 0x7f800000 && this.#rule.holds
  }
  #set(x: Bits, y: Bits): void {
    singlePatterns[0] = x as number
    singlePatterns[1] = y as number
  }
  override add(x: Bits, y: Bits): Bits {
    this.#set(x, y)
    return this.#taken(singles[0]! + singles[1]!) ? singlePatterns[2]! : super.add(x, y)
  }
  override subtract(x: Bits, y: Bits): Bits {
    this.#set(x, y)
    return this.#taken(singles[0]! - singles[1]!) ? singlePatterns[2]! : super.subtract(x, y)
  }
  override multiply(x: Bits, y: Bits): Bits {
    this.#set(x, y)
    return this.#taken(singles[0]! * singles[1]!) ? singlePatterns[2]! : super.multiply(x, y)
  }
  override divide(x: Bits, y: Bits): Bits {
    this.#set(x, y)
    return this.#taken(singles[0]! / singles[1]!) ? singlePatterns[2]! : super.divide(x, y)
  }
  override squareRoot(x: Bits): Bits {
    singlePatterns[0] = x as number
    return this.#taken(Math.sqrt(singles[0]!)) ? singlePatterns[2]! : super.squareRoot(x)
  }
}

/** The types under one FPCR value. Exceptions they meet wait in `environment.flags`. */
export class FloatTypes {
  readonly environment: FpEnvironment
  readonly #words: Uint32Array
  readonly #made = new Map<FloatEnvironment, Map<FloatFormat, ExactFloat>>()

  /** `words`: the processing element's block, for its FPSR. */
  constructor(fpcr: number, words: Uint32Array) {
    this.environment = environmentOf(fpcr)
    this.#words = words
  }
  type(format: FloatFormat, name: FloatEnvironment): ExactFloat {
    let inEnvironment = this.#made.get(name)
    if (!inEnvironment) this.#made.set(name, (inEnvironment = new Map()))
    let type = inEnvironment.get(format)
    if (!type) inEnvironment.set(format, (type = this.#make(format, derivedEnvironment(this.environment, name))))
    return type
  }
  #make(format: FloatFormat, environment: FpEnvironment): ExactFloat {
    if (format === 64) return new Double(environment, this.#words)
    if (format === 32) return new Single(environment, this.#words)
    if (format === "float8") throw new RangeError("Arithmetic on 8-bit floating-point numbers is not implemented")
    return new ExactFloat(16, format, environment)
  }
}
