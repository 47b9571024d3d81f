/**
 * Floating-point element types of the builder, on hardware arithmetic.
 *
 * They are used only while FPCR selects round to nearest without flushing and FPSR.IXC is set already: then a result is right, and leaves no
 * trace in FPSR, unless something other than Inexact happened. Each operation checks for that, and the instruction is left to the interpreter
 * when the check fails:
 *
 * | operation | may record, beside IXC | hence the check |
 * | --- | --- | --- |
 * | add, subtract | IOC, OFC: the result is a NaN or infinite. Tiny results are exact, so UFC is never recorded | the result is finite |
 * | multiply | and UFC: the result is at or below the least normal number (tininess is before rounding) | finite, and above the least normal; zero only with a zero factor |
 * | divide | and DZC: the result is infinite | as multiply; zero only with a zero dividend |
 * | square root | IOC: a NaN. Never tiny | the result is finite |
 * | multiply-add | as multiply | as multiply; zero also when the addend is large: then a sum so near zero is a multiple of the least number, and is zero |
 * | to a narrower format | OFC, UFC | as multiply; zero only of zero |
 * | to a wider format, minimum, maximum, round to integral | IOC for signalling NaNs | the result is not a NaN |
 * | compare | IOC for NaNs | both operands are numbers |
 * | to integer | IOC | within the integer's range after rounding, so not a NaN either |
 *
 * Infinite operands of exact operations leave needlessly; that costs time, not truth. A NaN never stays, since WebAssembly does not define its bits.
 */
import type { Comparison, Condition, Float, FloatOperation, Integer, Rounding, Value } from "@eltwo/isa"
import { laneShape, type Shape, scalarShape } from "./float-shape.ts"
import { IMPORT } from "./imports.ts"
import { laneCounts, WasmInteger } from "./integer.ts"
import { asBits, asFloat, call, compare, const32, const64, constFloat, extendU, integer, lane, Node, plain, unary, wrap } from "./node.ts"
import { F32, F64, floatPattern, I32, I64, i32, i64, lanePattern, OP, V128, v128 } from "./opcodes.ts"
import { asValue, conditionOf, FlagsOf, Lanes, type Operand, operandOf, unlowered } from "./values.ts"

/** What arithmetic needs of the instruction under translation. */
export interface FloatContext {
  /** Whether hardware arithmetic may be used: the FPCR class. */
  readonly hardware: boolean
  /** Whether relaxed_madd is there and rounds once. */
  readonly fused: boolean
  /** Leaves the instruction to the interpreter unless the condition holds. */
  require(condition: Node): void
  /** Computes a node now. */
  settle(n: Node): Node
  /** Code for a case that is seldom. */
  seldom(condition: Node, then: () => void): void
}

interface Limits {
  readonly infinity: bigint
  readonly leastNormal: bigint
  /** An addend this large makes every sum with a product a multiple of the least number, or large itself. */
  readonly largeAddend: bigint
  readonly half: bigint
  readonly one: bigint
  readonly two: bigint
  readonly three: bigint
}
const LIMITS: Readonly<Record<32 | 64, Limits>> = {
  // 2^-100; 2^-960
  32: {
    infinity: 0x7f800000n,
    leastNormal: 0x00800000n,
    largeAddend: 0x0d800000n,
    half: 0x3f000000n,
    one: 0x3f800000n,
    two: 0x40000000n,
    three: 0x40400000n
  },
  64: {
    infinity: 0x7ff0000000000000n,
    leastNormal: 0x0010000000000000n,
    largeAddend: 0x03f0000000000000n,
    half: 0x3fe0000000000000n,
    one: 0x3ff0000000000000n,
    two: 0x4000000000000000n,
    three: 0x4008000000000000n
  }
}
const patternOfNumber = (bits: 32 | 64, n: number): bigint =>
  bits === 32 ? BigInt(new Uint32Array(new Float32Array([n]).buffer)[0]!) : new BigUint64Array(new Float64Array([n]).buffer)[0]!
const ROUNDING = { nearestEven: "nearest", current: "nearest", up: "ceil", down: "floor", zero: "trunc" } as const

/** An operation's operands as parts of one shape. */
interface Parts {
  readonly shape: Shape
  readonly operands: readonly (readonly Node[])[]
  readonly wrap: (parts: readonly Node[]) => Value
}

export class WasmFloat implements Float {
  readonly name: string
  readonly #bitsType: WasmInteger

  constructor(
    readonly cpu: FloatContext,
    readonly bits: number,
    format: string | number
  ) {
    this.name = `float${format}`
    this.#bitsType = new WasmInteger(bits, false)
  }
  /** The width, where there is hardware for it. */
  get #width(): 32 | 64 {
    if (this.bits !== 32 && this.bits !== 64) return unlowered(`arithmetic of ${this.name}`)
    return this.bits
  }
  #arithmeticWidth(): 32 | 64 {
    if (!this.cpu.hardware) unlowered("arithmetic outside the default FPCR class")
    return this.#width
  }
  get #limits(): Limits {
    return LIMITS[this.#width]
  }
  #parts(...values: readonly Value[]): Parts {
    const width = this.#width
    const operands = values.map(operandOf)
    const like = operands.find((x): x is Lanes => x instanceof Lanes)
    if (!like) return { shape: scalarShape(width), operands: operands.map((x) => [this.#scalar(x)]), wrap: ([n]) => asValue(n!) }
    laneCounts.vector++
    const splat = (n: Node) => {
      const f = asFloat(n)
      const known = f.op === OP.f32Const || f.op === OP.f64Const
      const shape = laneShape(width, like)
      const one = known ? shape.constant(f.data as bigint) : unary(V128, floatPattern.splat[width === 32 ? 0 : 1], f)
      return like.parts.map(() => one)
    }
    return {
      shape: laneShape(width, like),
      operands: operands.map((x) => (x instanceof Lanes ? x.parts : splat(x as Node))),
      wrap: (parts) => asValue(new Lanes(width, like.count, parts, undefined))
    }
  }
  #scalar(x: Operand): Node {
    return x instanceof Node ? asFloat(x) : unlowered("a wide operand of floating-point arithmetic")
  }
  /** Computes each part and settles it, so that checks and users see the same value. */
  #each({ operands }: Parts, f: (...x: Node[]) => Node): Node[] {
    return operands[0]!.map((_, i) => this.cpu.settle(f(...operands.map((x) => x[i]!))))
  }
  #settled(parts: Parts): Parts {
    return { ...parts, operands: parts.operands.map((x) => x.map((n) => this.cpu.settle(n))) }
  }

  // checks
  #requireFinite(shape: Shape, results: readonly Node[]): void {
    const infinity = shape.constant(this.#limits.infinity)
    this.cpu.require(shape.all(results.map((r) => shape.test("less", shape.operation("absolute", r), infinity))))
  }
  #requireNumbers(shape: Shape, values: readonly Node[]): void {
    this.cpu.require(shape.all(values.map((x) => shape.test("equal", x, x))))
  }
  /** Finite and above the least normal; `exact` says which of the others are right as they are. */
  #requireNormal(shape: Shape, results: readonly Node[], exact: (part: number) => Node): void {
    this.#requireFinite(shape, results)
    const least = shape.constant(this.#limits.leastNormal)
    const normal = results.map((r) => this.cpu.settle(shape.test("greater", shape.operation("absolute", r), least)))
    this.cpu.seldom(integer(I32, i32.xor, shape.all(normal), const32(1)), () => {
      this.cpu.require(shape.all(normal.map((mask, i) => shape.or(mask, exact(i)))))
    })
  }
  #isZero(shape: Shape, x: Node): Node {
    return shape.test("equal", x, shape.constant(0n))
  }

  constant(n: number | bigint): Value {
    if (this.bits !== 32 && this.bits !== 64) return n === 0 ? this.#bitsType.constant(0) : unlowered(`constants of ${this.name}`)
    return asValue(constFloat(this.bits === 32 ? F32 : F64, patternOfNumber(this.bits, Number(n))))
  }
  #sum(name: "add" | "subtract", x: Value, y: Value): Value {
    this.#arithmeticWidth()
    const parts = this.#parts(x, y)
    const results = this.#each(parts, (a, b) => parts.shape.operation(name, a!, b))
    this.#requireFinite(parts.shape, results)
    return parts.wrap(results)
  }
  add(x: Value, y: Value): Value {
    return this.#sum("add", x, y)
  }
  subtract(x: Value, y: Value): Value {
    return this.#sum("subtract", x, y)
  }
  multiply(x: Value, y: Value): Value {
    this.#arithmeticWidth()
    const parts = this.#settled(this.#parts(x, y))
    const { shape, operands } = parts
    const results = this.#each(parts, (a, b) => shape.operation("multiply", a!, b))
    const zeroFactor = (i: number) => shape.or(this.#isZero(shape, operands[0]![i]!), this.#isZero(shape, operands[1]![i]!))
    this.#requireNormal(shape, results, (i) => shape.and(this.#isZero(shape, results[i]!), zeroFactor(i)))
    return parts.wrap(results)
  }
  divide(x: Value, y: Value): Value {
    this.#arithmeticWidth()
    const parts = this.#settled(this.#parts(x, y))
    const { shape, operands } = parts
    const results = this.#each(parts, (a, b) => shape.operation("divide", a!, b))
    this.#requireNormal(shape, results, (i) => shape.and(this.#isZero(shape, results[i]!), this.#isZero(shape, operands[0]![i]!)))
    return parts.wrap(results)
  }
  squareRoot(x: Value): Value {
    this.#arithmeticWidth()
    const parts = this.#parts(x)
    const results = this.#each(parts, (a) => parts.shape.operation("squareRoot", a!))
    this.#requireFinite(parts.shape, results)
    return parts.wrap(results)
  }
  multiplyAdd(addend: Value, x: Value, y: Value): Value {
    this.#arithmeticWidth()
    const parts = this.#settled(this.#parts(addend, x, y))
    const { shape, operands } = parts
    const results = this.#each(parts, (sum, a, b) => this.#fused(shape, sum!, a!, b!))
    const exact = (i: number): Node => {
      const [sum, a, b] = operands.map((part) => part[i]!)
      const zeroFactor = shape.or(this.#isZero(shape, a!), this.#isZero(shape, b!))
      const large = shape.test("greater", shape.operation("absolute", sum!), shape.constant(this.#limits.largeAddend))
      return shape.and(this.#isZero(shape, results[i]!), shape.or(zeroFactor, large))
    }
    this.#requireNormal(shape, results, exact)
    return parts.wrap(results)
  }
  #fused(shape: Shape, sum: Node, x: Node, y: Node): Node {
    const single = shape.bits === 32
    if (!this.cpu.fused) {
      const scalar = single ? IMPORT.fma32 : IMPORT.fma64
      return call(shape.type, shape.type === V128 ? (single ? IMPORT.fma32x4 : IMPORT.fma64x2) : scalar, x, y, sum)
    }
    const op = single ? v128.f32x4RelaxedMadd : v128.f64x2RelaxedMadd
    if (shape.type === V128) return new Node(V128, op, x, y, sum, 0, undefined)
    const k = single ? 0 : 1
    const splat = (n: Node) => unary(V128, floatPattern.splat[k], n)
    return lane(shape.type, floatPattern.extract[k], 0, new Node(V128, op, splat(x), splat(y), splat(sum), 0, undefined))
  }
  #extreme(name: "minimum" | "maximum", x: Value, y: Value): Value {
    this.#arithmeticWidth()
    const parts = this.#parts(x, y)
    const results = this.#each(parts, (a, b) => parts.shape.operation(name, a!, b))
    this.#requireNumbers(parts.shape, results)
    return parts.wrap(results)
  }
  minimum(x: Value, y: Value): Value {
    return this.#extreme("minimum", x, y)
  }
  maximum(x: Value, y: Value): Value {
    return this.#extreme("maximum", x, y)
  }
  /** With a NaN these differ from the others, but then the check fails. */
  minimumNumber(x: Value, y: Value): Value {
    return this.#extreme("minimum", x, y)
  }
  maximumNumber(x: Value, y: Value): Value {
    return this.#extreme("maximum", x, y)
  }
  /** Only the sign bit changes, of NaNs too: no check, in every FPCR class without AH. */
  negate(x: Value): Value {
    if (this.bits < 32) return this.#bitsType.xor(x, this.#bitsType.constant(1n << BigInt(this.bits - 1)))
    const parts = this.#parts(x)
    return parts.wrap(parts.operands[0]!.map((a) => parts.shape.operation("negate", a)))
  }
  absolute(x: Value): Value {
    if (this.bits < 32) return this.#bitsType.and(x, this.#bitsType.constant((1n << BigInt(this.bits - 1)) - 1n))
    const parts = this.#parts(x)
    return parts.wrap(parts.operands[0]!.map((a) => parts.shape.operation("absolute", a)))
  }
  select(condition: Condition, whenTrue: Value, whenFalse: Value): Value {
    return this.#bitsType.select(condition, whenTrue, whenFalse)
  }
  test(x: Value, comparison: Comparison, y: Value): Condition {
    this.#arithmeticWidth()
    if (comparison === "unordered") return unlowered("test for unordered")
    const parts = this.#settled(this.#parts(x, y))
    const { shape, operands } = parts
    this.#requireNumbers(shape, [...operands[0]!, ...operands[1]!])
    const masks = operands[0]!.map((a, i) => shape.test(comparison, a, operands[1]![i]!))
    const like = [operandOf(x), operandOf(y)].find((o): o is Lanes => o instanceof Lanes)
    return conditionOf(like ? new Lanes(this.bits, like.count, masks, undefined, true) : masks[0]!)
  }
  compare(x: Value, y: Value, _signalAllNaNs: boolean): Value {
    const width = this.#arithmeticWidth()
    const parts = this.#settled(this.#parts(x, y))
    const [a, b] = parts.operands.map((part) => part[0]!)
    if (parts.shape.type === V128) return unlowered("flags of a vector comparison")
    const isConstant = (n: Node) => n.op === OP.f32Const || n.op === OP.f64Const
    for (const n of [a!, b!]) if (!isConstant(n)) this.#requireNumbers(parts.shape, [n])
    return asValue(new FlagsOf("float", width, a!, b!))
  }

  convert(x: Value, source: Float, rounding: Rounding = "current"): Value {
    const width = this.#arithmeticWidth()
    if (source.bits === width) return x
    if (source.bits !== 32 && source.bits !== 64) return unlowered(`conversion from ${source.name}`)
    if (rounding !== "current" && rounding !== "nearestEven") return unlowered(`conversion rounding ${rounding}`)
    const a = operandOf(x)
    if (a instanceof Lanes) return this.#convertLanes(a, width)
    const n = this.cpu.settle(this.#scalar(a))
    const shape = scalarShape(width)
    const result = this.cpu.settle(unary(shape.type, width === 64 ? OP.f64Promote : OP.f32Demote, n))
    if (width === 64) this.#requireNumbers(shape, [result])
    else this.#requireNormal(shape, [result], () => plain(I32, i32.and, this.#isZero(shape, result), this.#isZero(scalarShape(64), n)))
    return asValue(result)
  }
  #convertLanes(x: Lanes, width: 32 | 64): Value {
    if (x.count !== 2) return unlowered("conversion of many lanes")
    laneCounts.vector++
    const part = this.cpu.settle(x.parts[0]!)
    const result = this.cpu.settle(unary(V128, width === 64 ? v128.promoteLow : v128.demote, part))
    const out = new Lanes(width, 2, [result], undefined)
    const shape = laneShape(width, out)
    if (width === 64) this.#requireNumbers(shape, [result])
    else {
      const zeroSource = laneShape(64, x).test("equal", part, laneShape(64, x).constant(0n))
      const evens = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11]
      const narrowed = new Node(V128, v128.shuffle, zeroSource, zeroSource, undefined, 0, evens)
      this.#requireNormal(shape, [result], () => shape.and(this.#isZero(shape, result), narrowed))
    }
    return asValue(out)
  }
  /** Scaling by a power of two is exact: what came from an integer is no smaller than 2^-64. */
  fromInteger(x: Value, source: Integer, fractionBits: number): Value {
    const width = this.#arithmeticWidth()
    const a = operandOf(x)
    const scale = patternOfNumber(width, 2 ** -fractionBits)
    const scaled = (shape: Shape, n: Node): Node => (fractionBits === 0 ? n : shape.operation("multiply", n, shape.constant(scale)))
    if (a instanceof Lanes) {
      if (width === 64 || source.bits !== 32) return this.#perLane(a, width, (item) => this.fromInteger(item, source, fractionBits))
      laneCounts.vector++
      const shape = laneShape(32, a)
      const op = source.signed ? v128.f32x4ConvertS : v128.f32x4ConvertU
      const parts = a.parts.map((part) => scaled(shape, unary(V128, op, part)))
      return asValue(new Lanes(32, a.count, parts, undefined))
    }
    const wide = source.bits === 64
    const base = width === 32 ? OP.f32ConvertI32S : OP.f64ConvertI32S
    const op = base + (wide ? 2 : 0) + (source.signed ? 0 : 1)
    const integerValue = asBits(source.bits < 32 ? (operandOf(new WasmInteger(32, true).from(x, source)) as Node) : (a as Node))
    return asValue(scaled(scalarShape(width), unary(width === 32 ? F32 : F64, op, wide ? extendU(integerValue) : wrap(integerValue))))
  }
  #perLane(x: Lanes, bits: number, f: (item: Value) => Value): Value {
    laneCounts.lanes++
    return asValue(
      new Lanes(
        bits,
        x.count,
        undefined,
        x.items.map((item) => operandOf(f(asValue(item))) as Node)
      )
    )
  }
  #rounded(shape: Shape, x: Node, rounding: Rounding): Node {
    if (rounding === "odd") return unlowered("rounding to odd")
    if (rounding !== "nearestAway") return shape.operation(ROUNDING[rounding], x)
    const whole = shape.operation("trunc", x)
    const rest = shape.operation("absolute", shape.operation("subtract", x, whole))
    const away = shape.test("greaterOrEqual", rest, shape.constant(this.#limits.half))
    const step = shape.choose(away, shape.constant(this.#limits.one), shape.constant(0n))
    return shape.operation("add", whole, shape.copySign(step, x))
  }
  toInteger(x: Value, target: Integer, rounding: Rounding, fractionBits: number): Value {
    const width = this.#arithmeticWidth()
    const a = operandOf(x)
    if (a instanceof Lanes && (width === 64 || target.bits !== 32)) {
      return this.#perLane(a, target.bits, (item) => this.toInteger(item, target, rounding, fractionBits))
    }
    if (target.bits < 32) return unlowered("conversion to a narrow integer")
    const { shape, operands } = this.#settled(this.#parts(x))
    const scale = shape.constant(patternOfNumber(width, 2 ** fractionBits))
    const scaled = (n: Node) => (fractionBits === 0 ? n : shape.operation("multiply", n, scale))
    const results = operands[0]!.map((n) => this.cpu.settle(this.#rounded(shape, scaled(n), rounding)))
    const limit = target.signed ? target.bits - 1 : target.bits
    const least = shape.constant(patternOfNumber(width, target.signed ? -(2 ** limit) : 0))
    const most = shape.constant(patternOfNumber(width, 2 ** limit))
    this.cpu.require(shape.all(results.map((r) => shape.and(shape.test("greaterOrEqual", r, least), shape.test("less", r, most)))))
    if (a instanceof Lanes) {
      const op = target.signed ? v128.i32x4TruncSatS : v128.i32x4TruncSatU
      return asValue(
        new Lanes(
          32,
          a.count,
          results.map((r) => unary(V128, op, r)),
          undefined
        )
      )
    }
    const wide = target.bits === 64
    const op = OP.truncSat + (wide ? 4 : 0) + (width === 64 ? 2 : 0) + (target.signed ? 0 : 1)
    return asValue(unary(wide ? I64 : I32, op, results[0]!))
  }
  roundToIntegral(x: Value, rounding: Rounding, _signalInexact: boolean): Value {
    this.#arithmeticWidth()
    const parts = this.#settled(this.#parts(x))
    const results = this.#each(parts, (a) => this.#rounded(parts.shape, a!, rounding))
    this.#requireNumbers(parts.shape, results)
    return parts.wrap(results)
  }
  /** The steps are fused; halving the second one's result is exact. Where they differ from plain arithmetic, a NaN makes the check fail. */
  special(operation: FloatOperation, ...operands: readonly Value[]): Value {
    const [x, y] = operands as readonly [Value, Value]
    const constant = (pattern: bigint) => asValue(constFloat(this.#width === 32 ? F32 : F64, pattern))
    switch (operation) {
      case "multiplyExtended":
        return this.multiply(x, y)
      case "reciprocalStep":
        return this.multiplyAdd(constant(this.#limits.two), this.negate(x), y)
      case "reciprocalSquareRootStep": {
        const parts = this.#parts(this.multiplyAdd(constant(this.#limits.three), this.negate(x), y))
        return parts.wrap(parts.operands[0]!.map((n) => parts.shape.operation("multiply", n, parts.shape.constant(this.#limits.half))))
      }
      default:
        return unlowered(`FP operation ${operation}`)
    }
  }
}
void compare
void const64
void i64
void lanePattern
