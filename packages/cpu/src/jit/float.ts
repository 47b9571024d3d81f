/**
 * Floating-point element types of the builder, on hardware arithmetic.
 *
 * They are used only while FPCR selects round to nearest without flushing. With FPSR.IXC set already a result is right, and leaves no trace in
 * FPSR, unless something other than Inexact happened. Each operation checks for that, and the instruction is left to the interpreter when the
 * check fails:
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
 * While IXC is clear, results must also be exact: the first that is not leaves, the interpreter sets IXC, and what follows is translated anew
 * without that check. Its error terms are exact themselves, because operands or results too near zero leave as well.
 *
 * Infinite operands of exact operations leave needlessly; that costs time, not truth. A NaN never stays, since WebAssembly does not define its bits.
 */
import type { Comparison, Condition, Float, FloatOperation, Integer, Rounding, Value } from "@eltwo/isa"
import { laneShape, type Shape, scalarShape } from "./float-shape.ts"
import { IMPORT } from "./imports.ts"
import { laneCounts, WasmInteger } from "./integer.ts"
import { asBits, asFloat, call, compare, const32, constFloat, extendU, integer, lane, Node, plain, unary, wrap } from "./node.ts"
import { F32, F64, floatPattern, I32, I64, i32, i64, lanePattern, OP, V128, v128 } from "./opcodes.ts"
import { asValue, conditionOf, FlagsOf, Lanes, type Operand, operandOf, unlowered } from "./values.ts"

/** What arithmetic needs of the instruction under translation. */
export interface FloatContext {
  /** "inexact": hardware arithmetic is right and FPSR.IXC is set; "exact": it is clear, so only exact results are right; "none": neither. */
  readonly floats: "inexact" | "exact" | "none"
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
  /** Products, quotients and sums of products of this size have an error that is a number; next to an addend this large, sums near zero are zero. */
  readonly large: bigint
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
    large: 0x0d800000n,
    half: 0x3f000000n,
    one: 0x3f800000n,
    two: 0x40000000n,
    three: 0x40400000n
  },
  64: {
    infinity: 0x7ff0000000000000n,
    leastNormal: 0x0010000000000000n,
    large: 0x03f0000000000000n,
    half: 0x3fe0000000000000n,
    one: 0x3ff0000000000000n,
    two: 0x4000000000000000n,
    three: 0x4008000000000000n
  }
}
const patternOfNumber = (bits: 32 | 64, n: number): bigint =>
  bits === 32 ? BigInt(new Uint32Array(new Float32Array([n]).buffer)[0]!) : new BigUint64Array(new Float64Array([n]).buffer)[0]!
const ROUNDING = { nearestEven: "nearest", current: "nearest", up: "ceil", down: "floor", zero: "trunc" } as const

/** The saturating conversion to an integer of 32 or 64 bits. */
const truncation = (width: 32 | 64, target: Integer): number =>
  OP.truncSat + (target.bits === 64 ? 4 : 0) + (width === 64 ? 2 : 0) + (target.signed ? 0 : 1)

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
    if (this.cpu.floats === "none") unlowered("arithmetic outside the default FPCR class")
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
  /** While IXC is clear: errors that must all be zero. `large` says where an error is a number, if that is a question. */
  #requireExact(shape: Shape, results: readonly Node[], error: (result: Node, part: number) => Node, large?: (part: number) => Node): void {
    if (this.cpu.floats !== "exact") return
    const checks = results.map((r, i) => {
      const none = this.#isZero(shape, error(r, i))
      return large ? shape.and(large(i), none) : none
    })
    this.cpu.require(shape.all(checks))
  }
  #isLarge(shape: Shape, x: Node): Node {
    return shape.test("greater", shape.operation("absolute", x), shape.constant(this.#limits.large))
  }
  #isLargeOrZero(shape: Shape, x: Node): Node {
    return shape.or(this.#isLarge(shape, x), this.#isZero(shape, x))
  }
  /** While IXC is clear: values that must equal what they were made of. */
  #requireSame(shape: Shape, results: readonly Node[], source: (part: number) => Node): void {
    if (this.cpu.floats !== "exact") return
    this.cpu.require(shape.all(results.map((r, i) => shape.test("equal", r, source(i)))))
  }
  /** The error of a rounded sum: zero if it is exact. */
  #sumError(shape: Shape, x: Node, y: Node, sum: Node): Node {
    const virtual = this.cpu.settle(shape.operation("subtract", sum, x))
    const left = shape.operation("subtract", x, shape.operation("subtract", sum, virtual))
    return shape.operation("add", left, shape.operation("subtract", y, virtual))
  }
  /** x * y - z, rounded once. */
  #residue(shape: Shape, x: Node, y: Node, z: Node): Node {
    return this.#fused(shape, shape.operation("negate", z), x, y)
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
    const parts = this.#settled(this.#parts(x, y))
    const { shape, operands } = parts
    const results = this.#each(parts, (a, b) => shape.operation(name, a!, b))
    this.#requireFinite(shape, results)
    const second = (i: number) => (name === "add" ? operands[1]![i]! : shape.operation("negate", operands[1]![i]!))
    const error = (r: Node, i: number) => this.#sumError(shape, operands[0]![i]!, this.cpu.settle(second(i)), r)
    this.#requireExact(shape, results, error)
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
    const error = (r: Node, i: number) => this.#residue(shape, operands[0]![i]!, operands[1]![i]!, r)
    this.#requireExact(shape, results, error, (i) => this.#isLargeOrZero(shape, results[i]!))
    return parts.wrap(results)
  }
  divide(x: Value, y: Value): Value {
    this.#arithmeticWidth()
    const parts = this.#settled(this.#parts(x, y))
    const { shape, operands } = parts
    const results = this.#each(parts, (a, b) => shape.operation("divide", a!, b))
    this.#requireNormal(shape, results, (i) => shape.and(this.#isZero(shape, results[i]!), this.#isZero(shape, operands[0]![i]!)))
    const error = (r: Node, i: number) => this.#residue(shape, r, operands[1]![i]!, operands[0]![i]!)
    this.#requireExact(shape, results, error, (i) => this.#isLargeOrZero(shape, operands[0]![i]!))
    return parts.wrap(results)
  }
  squareRoot(x: Value): Value {
    this.#arithmeticWidth()
    const parts = this.#settled(this.#parts(x))
    const { shape, operands } = parts
    const results = this.#each(parts, (a) => shape.operation("squareRoot", a!))
    this.#requireFinite(shape, results)
    const error = (r: Node, i: number) => this.#residue(shape, r, r, operands[0]![i]!)
    this.#requireExact(shape, results, error, (i) => this.#isLargeOrZero(shape, operands[0]![i]!))
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
      return shape.and(this.#isZero(shape, results[i]!), shape.or(zeroFactor, this.#isLarge(shape, sum!)))
    }
    this.#requireNormal(shape, results, exact)
    if (this.cpu.floats === "exact") this.#requireExactSum(shape, operands)
    return parts.wrap(results)
  }
  /** Product and sum must both be exact: an inexact product whose sum is exact leaves needlessly. */
  #requireExactSum(shape: Shape, [addends, x, y]: readonly (readonly Node[])[]): void {
    const products = x!.map((a, i) => this.cpu.settle(shape.operation("multiply", a, y![i]!)))
    const residue = (p: Node, i: number) => this.#residue(shape, x![i]!, y![i]!, p)
    const zeroFactor = (i: number) => shape.or(this.#isZero(shape, x![i]!), this.#isZero(shape, y![i]!))
    this.#requireExact(shape, products, residue, (i) => shape.or(this.#isLarge(shape, products[i]!), zeroFactor(i)))
    const sums = products.map((p, i) => this.cpu.settle(shape.operation("add", p, addends![i]!)))
    this.#requireExact(shape, sums, (s, i) => this.#sumError(shape, products[i]!, addends![i]!, s))
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
  /** Sign operations leave NaNs alone under FPCR.AH, which is outside the default class. */
  #requireDefaultSigns(): void {
    if (this.cpu.floats === "none") unlowered("a sign operation outside the default FPCR class")
  }
  negate(x: Value): Value {
    this.#requireDefaultSigns()
    if (this.bits < 32) return this.#bitsType.xor(x, this.#bitsType.constant(1n << BigInt(this.bits - 1)))
    const parts = this.#parts(x)
    return parts.wrap(parts.operands[0]!.map((a) => parts.shape.operation("negate", a)))
  }
  absolute(x: Value): Value {
    this.#requireDefaultSigns()
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
    else {
      this.#requireNormal(shape, [result], () => plain(I32, i32.and, this.#isZero(shape, result), this.#isZero(scalarShape(64), n)))
      this.#requireSame(scalarShape(64), [unary(F64, OP.f64Promote, result)], () => n)
    }
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
      this.#requireSame(laneShape(64, x), [unary(V128, v128.promoteLow, result)], () => part)
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
      const sources = a.parts.map((part) => this.cpu.settle(part))
      const results = sources.map((part) => this.cpu.settle(unary(V128, op, part)))
      const truncate = source.signed ? v128.i32x4TruncSatS : v128.i32x4TruncSatU
      const same = (r: Node, i: number) => plain(V128, lanePattern.equal[2], unary(V128, truncate, r), sources[i]!)
      this.#requireBack(shape, results, source, same)
      return asValue(
        new Lanes(
          32,
          a.count,
          results.map((r) => scaled(shape, r)),
          undefined
        )
      )
    }
    const wide = source.bits === 64
    const base = width === 32 ? OP.f32ConvertI32S : OP.f64ConvertI32S
    const op = base + (wide ? 2 : 0) + (source.signed ? 0 : 1)
    const integerValue = asBits(source.bits < 32 ? (operandOf(new WasmInteger(32, true).from(x, source)) as Node) : (a as Node))
    const from = this.cpu.settle(wide ? extendU(integerValue) : wrap(integerValue))
    const shape = scalarShape(width)
    const result = this.cpu.settle(unary(shape.type, op, from))
    const truncate = truncation(width, source)
    const same = (r: Node) => compare(from.type, wide ? i64.eq : i32.eq, unary(from.type, truncate, r), from)
    if (wide || width === 32) this.#requireBack(shape, [result], source, same)
    return asValue(scaled(shape, result))
  }
  /** While IXC is clear: a conversion from an integer must give it back, and not by saturating. */
  #requireBack(shape: Shape, results: readonly Node[], source: Integer, same: (result: Node, part: number) => Node): void {
    if (this.cpu.floats !== "exact") return
    const limit = shape.constant(patternOfNumber(shape.bits, 2 ** (Math.max(source.bits, 32) - (source.signed ? 1 : 0))))
    this.cpu.require(shape.all(results.map((r, i) => shape.and(shape.test("less", r, limit), same(r, i)))))
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
    const { shape, operands } = this.#parts(x)
    const scale = shape.constant(patternOfNumber(width, 2 ** fractionBits))
    const scaled = operands[0]!.map((n) => this.cpu.settle(fractionBits === 0 ? n : shape.operation("multiply", n, scale)))
    const results = scaled.map((n) => this.cpu.settle(this.#rounded(shape, n, rounding)))
    this.#requireSame(shape, results, (i) => scaled[i]!)
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
    return asValue(unary(target.bits === 64 ? I64 : I32, truncation(width, target), results[0]!))
  }
  roundToIntegral(x: Value, rounding: Rounding, signalInexact: boolean): Value {
    this.#arithmeticWidth()
    const parts = this.#settled(this.#parts(x))
    const results = this.#each(parts, (a) => this.#rounded(parts.shape, a!, rounding))
    this.#requireNumbers(parts.shape, results)
    if (signalInexact) this.#requireSame(parts.shape, results, (i) => parts.operands[0]![i]!)
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
