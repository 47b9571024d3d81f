/** Floating-point element types over packages/cpu/src/softfloat: patterns in the form of integers.ts, hardware arithmetic where it is provably the same. */
import type { Comparison, FloatEnvironment, FloatFormat, FloatOperation, Rounding } from "@eltwo/isa"
import {
  derivedEnvironment,
  environmentOf,
  type FormatName,
  type FpEnvironment,
  type NativeArithmetic,
  nativeDouble,
  nativeNarrow,
  nativeSingle,
  nativeWiden,
  Soft,
  specialOperations,
  unsignedRecipEstimate,
  unsignedRecipSqrtEstimate
} from "../softfloat/index.ts"
import type { Bits, IntegerType } from "./integers.ts"

const double = new Float64Array(1)
const doublePattern = new BigUint64Array(double.buffer)
const big = (x: Bits): bigint => (typeof x === "number" ? BigInt(x) : x)

/** The named operations of the builder; operands are patterns of the type. */
const SPECIAL: Readonly<Record<FloatOperation, (soft: Soft, x: bigint, y: bigint, z: bigint) => bigint>> = {
  ...specialOperations,
  unsignedReciprocalEstimate: (_soft, x) => unsignedRecipEstimate(x),
  unsignedReciprocalSquareRootEstimate: (_soft, x) => unsignedRecipSqrtEstimate(x)
}

/** A format in an environment. Exact in every FPCR mode; `ExactFloat` is the whole truth, its subclass only knows shortcuts. */
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
      double[0] = Number(n)
      const quiet = environmentOf(0)
      pattern = this.pattern(new Soft(this.format, quiet).convert(doublePattern[0]!, new Soft(64, quiet)))
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

/** A format the host has: its arithmetic first, softfloat for what it does not prove. */
class HostFloat<Pattern extends Bits> extends ExactFloat {
  readonly #native: NativeArithmetic<Pattern>

  constructor(bits: number, format: FormatName, environment: FpEnvironment, native: NativeArithmetic<Pattern>) {
    super(bits, format, environment)
    this.#native = native
  }
  override add(x: Bits, y: Bits): Bits {
    return this.#native.add(this.environment, x as Pattern, y as Pattern) ?? super.add(x, y)
  }
  override subtract(x: Bits, y: Bits): Bits {
    return this.#native.subtract(this.environment, x as Pattern, y as Pattern) ?? super.subtract(x, y)
  }
  override multiply(x: Bits, y: Bits): Bits {
    return this.#native.multiply(this.environment, x as Pattern, y as Pattern) ?? super.multiply(x, y)
  }
  override divide(x: Bits, y: Bits): Bits {
    return this.#native.divide(this.environment, x as Pattern, y as Pattern) ?? super.divide(x, y)
  }
  override squareRoot(x: Bits): Bits {
    return this.#native.squareRoot(this.environment, x as Pattern) ?? super.squareRoot(x)
  }
  override multiplyAdd(addend: Bits, x: Bits, y: Bits): Bits {
    return this.#native.multiplyAdd(this.environment, addend as Pattern, x as Pattern, y as Pattern) ?? super.multiplyAdd(addend, x, y)
  }
  override compare(x: Bits, y: Bits, signalAllNaNs: boolean): number {
    return this.#native.compare(x as Pattern, y as Pattern) ?? super.compare(x, y, signalAllNaNs)
  }
  override convert(x: Bits, source: ExactFloat, rounding: Rounding = "current"): Bits {
    if (this.bits === 64 && source.bits === 32) return nativeWiden(x as number) ?? super.convert(x, source, rounding)
    const narrows = this.bits === 32 && source.bits === 64 && rounding === "current"
    return (narrows ? nativeNarrow(this.environment, x as bigint) : undefined) ?? super.convert(x, source, rounding)
  }
  override fromInteger(x: Bits, source: IntegerType, fractionBits: number): Bits {
    const fast = fractionBits === 0 && source.bits <= 64 ? this.#native.fromInteger(this.environment, BigInt(source.value(x as never))) : undefined
    return fast ?? super.fromInteger(x, source, fractionBits)
  }
  override toInteger(x: Bits, target: IntegerType, rounding: Rounding, fractionBits: number): Bits {
    const { bits, signed } = target
    const possible = rounding === "zero" && fractionBits === 0 && (bits === 32 || bits === 64)
    const fast = possible ? this.#native.truncate(this.environment, x as Pattern, bits as 32 | 64, signed) : undefined
    if (fast === undefined) return super.toInteger(x, target, rounding, fractionBits)
    return bits === 32 ? Number(fast) : fast
  }
}

/** The types under one FPCR value. Exceptions they meet wait in `environment.flags`. */
export class FloatTypes {
  readonly environment: FpEnvironment
  readonly #made = new Map<FloatEnvironment, Map<FloatFormat, ExactFloat>>()

  constructor(fpcr: number) {
    this.environment = environmentOf(fpcr)
  }
  type(format: FloatFormat, name: FloatEnvironment): ExactFloat {
    let inEnvironment = this.#made.get(name)
    if (!inEnvironment) this.#made.set(name, (inEnvironment = new Map()))
    let type = inEnvironment.get(format)
    if (!type) inEnvironment.set(format, (type = make(format, derivedEnvironment(this.environment, name))))
    return type
  }
}
const make = (format: FloatFormat, environment: FpEnvironment): ExactFloat => {
  if (format === 64) return new HostFloat(64, 64, environment, nativeDouble)
  if (format === 32) return new HostFloat(32, 32, environment, nativeSingle)
  if (format === "float8") throw new RangeError("Arithmetic on 8-bit floating-point numbers is not implemented")
  return new ExactFloat(16, format, environment)
}
