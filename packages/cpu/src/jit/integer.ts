/** Integer element types of the builder: operations as nodes, on scalars and on groups of lanes. */
import type { BitOrder, Comparison, Condition, Integer, Value } from "@eltwo/isa"
import { nibbleOf } from "./flags.ts"
import { IMPORT } from "./imports.ts"
import { lanesConvert, lanesMultiplyNarrow, lanesReverse } from "./lanes.ts"
import {
  asBits,
  bitselect,
  call,
  compare,
  const32,
  const64,
  constantOf,
  extendS,
  extendU,
  integer,
  isConstant,
  Node,
  not,
  patternOf,
  select,
  smallConstant,
  unary,
  wrap
} from "./node.ts"
import { I32, I64, i32, i64, type LanePattern, lanePattern, OP, V128, v128 } from "./opcodes.ts"
import {
  asValue,
  column,
  conditionOf,
  FlagsChoice,
  FlagsOf,
  Lanes,
  type Operand,
  operandOf,
  Pair,
  pairs,
  splat,
  splatConstant,
  truthOf,
  unlowered
} from "./values.ts"

type Scalar = Node | Pair
type ScalarOp = "add" | "sub" | "mul" | "and" | "or" | "xor" | "shl" | "shr_s" | "shr_u" | "rotr"

const COMPARISON: Readonly<
  Record<
    Exclude<Comparison, "unordered">,
    readonly [signed: "eq" | "lt_s" | "le_s" | "gt_s" | "ge_s", unsigned: "eq" | "lt_u" | "le_u" | "gt_u" | "ge_u"]
  >
> = {
  equal: ["eq", "eq"],
  less: ["lt_s", "lt_u"],
  lessOrEqual: ["le_s", "le_u"],
  greater: ["gt_s", "gt_u"],
  greaterOrEqual: ["ge_s", "ge_u"]
}
/** How often operations on lanes had a vector instruction, and how often they went lane by lane. */
export const laneCounts = { vector: 0, lanes: 0 }

export class WasmInteger implements Integer {
  readonly name: string
  /** Type of a scalar's node; meaningless beyond 64 bits. */
  readonly type: number

  constructor(
    readonly bits: number,
    readonly signed: boolean
  ) {
    this.name = `${signed ? "int" : "uint"}${bits}`
    this.type = bits <= 32 ? I32 : I64
    if (bits > 128) unlowered(`integers of ${bits} bits`)
  }

  // scalars: kept zero-extended to the node's type
  #narrow(n: Node): Node {
    return this.bits < 32 ? integer(I32, i32.and, n, const32((1 << this.bits) - 1)) : n
  }
  /** Of a type of less than 32 bits, the value with its sign where the type has one. */
  #extended(n: Node, signed = this.signed): Node {
    if (!signed || this.bits >= 32) return n
    const known = smallConstant(n)
    const spare = 32 - this.bits
    return known !== undefined ? const32((known << spare) >> spare) : unary(I32, this.bits === 8 ? OP.i32Extend8S : OP.i32Extend16S, n)
  }
  #op(name: ScalarOp, x: Node, y: Node): Node {
    return integer(this.type, (this.type === I32 ? i32 : i64)[name], x, y)
  }
  /** An operand as a scalar of this type. */
  #scalar(x: Operand): Node {
    if (x instanceof FlagsOf || x instanceof FlagsChoice) return nibbleOf(x)
    if (!(x instanceof Node)) return unlowered("a wide or vector operand where a scalar is wanted")
    return asBits(x)
  }
  /** An operand as a 128-bit scalar. */
  #pair(x: Operand): Pair {
    return x instanceof Pair ? x : unlowered("a narrow operand where 128 bits are wanted")
  }

  // lanes
  /** Runs a scalar operation on each lane. */
  #perLane(args: readonly Operand[], bits: number, f: (...scalars: Value[]) => Value): Value {
    laneCounts.lanes++
    const { count } = args.find((x) => x instanceof Lanes)!
    const item = (x: Operand, i: number): Value => asValue(x instanceof Lanes ? x.items[i]! : x)
    const items = Array.from({ length: count }, (_, i) => operandOf(f(...args.map((x) => item(x, i)))) as Scalar)
    return asValue(new Lanes(bits, count, undefined, items))
  }
  /** Parts of an operand as this type's lanes. */
  #parts(x: Operand, like: Lanes): readonly Node[] {
    if (x instanceof Lanes) return x.parts
    const one = splat(this.#scalar(x), this.bits)
    return like.parts.map(() => one)
  }
  #vector(x: Operand, y: Operand, op: number, mask = false): Value {
    laneCounts.vector++
    const like = x instanceof Lanes ? x : (y as Lanes)
    const right = this.#parts(y, like)
    const parts = this.#parts(x, like).map((a, i) => new Node(V128, op, a, right[i], undefined, 0, undefined))
    return asValue(new Lanes(this.bits, like.count, parts, undefined, mask))
  }
  #vectorUnary(x: Lanes, op: number): Value {
    laneCounts.vector++
    return asValue(
      new Lanes(
        this.bits,
        x.count,
        x.parts.map((a) => unary(V128, op, a)),
        undefined
      )
    )
  }
  #patternOp(name: LanePattern): number {
    return this.bits <= 64 ? lanePattern[name][column(this.bits)]! : 0
  }
  /** A binary operation: on lanes by the pattern table if it can, else scalar by scalar. */
  #binary(x: Value, y: Value, name: ScalarOp, pattern: LanePattern): Value {
    const a = operandOf(x)
    const b = operandOf(y)
    if (a instanceof Lanes || b instanceof Lanes) {
      const op = this.#patternOp(pattern)
      return op ? this.#vector(a, b, op) : this.#perLane([a, b], this.bits, (p, q) => this.#binary(p, q, name, pattern))
    }
    return asValue(this.#narrow(this.#op(name, this.#scalar(a), this.#scalar(b))))
  }
  /** A bitwise operation: lane width does not matter. */
  #bitwise(x: Value, y: Value, name: "and" | "or" | "xor"): Value {
    const a = operandOf(x)
    const b = operandOf(y)
    if (a instanceof Lanes || b instanceof Lanes) {
      if (this.bits > 64) return this.#perLane([a, b], this.bits, (p, q) => this.#bitwise(p, q, name))
      return this.#vector(a, b, v128[name])
    }
    if (this.bits > 64) {
      const [p, q] = [this.#pair(a), this.#pair(b)]
      return asValue(pairs.each(p, q, i64[name]))
    }
    return asValue(this.#op(name, this.#scalar(a), this.#scalar(b)))
  }

  constant(n: number | bigint): Value {
    const pattern = BigInt.asUintN(this.bits, BigInt(n))
    if (this.bits > 64) return asValue(pairs.constant(pattern))
    return asValue(this.bits === 64 ? const64(pattern) : const32(Number(pattern)))
  }
  add(x: Value, y: Value): Value {
    if (this.bits > 64) return this.#wide(x, y, pairs.add)
    return this.#binary(x, y, "add", "add")
  }
  subtract(x: Value, y: Value): Value {
    if (this.bits > 64) return this.#wide(x, y, pairs.subtract)
    return this.#binary(x, y, "sub", "subtract")
  }
  multiply(x: Value, y: Value): Value {
    if (this.bits > 64) return unlowered("128-bit multiply")
    const [a, b] = [operandOf(x), operandOf(y)]
    if (this.bits === 8 && (a instanceof Lanes || b instanceof Lanes)) {
      laneCounts.vector++
      const like = a instanceof Lanes ? a : (b as Lanes)
      return asValue(lanesMultiplyNarrow(like.count, this.#parts(a, like), this.#parts(b, like)))
    }
    return this.#binary(x, y, "mul", "multiply")
  }
  #wide(x: Value, y: Value, f: (a: Pair, b: Pair) => Pair): Value {
    const [a, b] = [operandOf(x), operandOf(y)]
    if (a instanceof Lanes || b instanceof Lanes) return this.#perLane([a, b], this.bits, (p, q) => this.#wide(p, q, f))
    return asValue(f(this.#pair(a), this.#pair(b)))
  }
  divide(x: Value, y: Value): Value {
    const [a, b] = [operandOf(x), operandOf(y)]
    if (a instanceof Lanes || b instanceof Lanes) return this.#perLane([a, b], this.bits, (p, q) => this.divide(p, q))
    if (this.bits > 64) return unlowered("128-bit divide")
    return asValue(this.#divideScalar(this.#scalar(a), this.#scalar(b)))
  }
  /** By zero: 0. The least number by -1: itself. WebAssembly traps on both, so the divisor is exchanged for 1. */
  #divideScalar(x: Node, y: Node): Node {
    const names = this.type === I32 ? i32 : i64
    const dividend = this.#extended(x)
    const divisor = this.#extended(y)
    const one = constantOf(this.type, 1)
    const zero = constantOf(this.type, 0)
    const isZero = compare(this.type, names.eq, divisor, zero)
    if (!this.signed) return select(isZero, zero, new Node(this.type, names.div_u, dividend, select(isZero, one, divisor), undefined, 0, undefined))
    const isMinusOne = compare(this.type, names.eq, divisor, constantOf(this.type, -1))
    const safe = select(integer(I32, i32.or, isZero, isMinusOne), one, divisor)
    const quotient = new Node(this.type, names.div_s, dividend, safe, undefined, 0, undefined)
    return this.#narrow(select(isZero, zero, select(isMinusOne, integer(this.type, names.sub, zero, dividend), quotient)))
  }
  minimum(x: Value, y: Value): Value {
    return this.#extreme(x, y, this.signed ? "minimumS" : "minimumU", "less")
  }
  maximum(x: Value, y: Value): Value {
    return this.#extreme(x, y, this.signed ? "maximumS" : "maximumU", "greater")
  }
  #extreme(x: Value, y: Value, pattern: LanePattern, keepsLeft: Comparison): Value {
    const [a, b] = [operandOf(x), operandOf(y)]
    const op = a instanceof Lanes || b instanceof Lanes ? this.#patternOp(pattern) : 0
    return op ? this.#vector(a, b, op) : this.select(this.test(x, keepsLeft, y), x, y)
  }
  negate(x: Value): Value {
    const a = operandOf(x)
    if (a instanceof Lanes && this.bits <= 64) return this.#vectorUnary(a, this.#patternOp("negate"))
    return this.subtract(this.constant(0), x)
  }
  absolute(x: Value): Value {
    const a = operandOf(x)
    if (a instanceof Lanes && this.bits <= 64) return this.#vectorUnary(a, this.#patternOp("absolute"))
    return this.select(this.test(x, "less", this.constant(0)), this.negate(x), x)
  }
  select(condition: Condition, whenTrue: Value, whenFalse: Value): Value {
    const c = truthOf(condition)
    const [a, b] = [operandOf(whenTrue), operandOf(whenFalse)]
    if (c instanceof Lanes) return this.#selectLanes(c, a, b)
    if (a instanceof Lanes || b instanceof Lanes) return this.#perLane([a, b], this.bits, (p, q) => this.select(condition, p, q))
    if (a instanceof FlagsOf && b instanceof Node && isConstant(b)) return asValue(new FlagsChoice(c, a, b.immediate & 15))
    if (this.bits > 64) return asValue(pairs.select(c, this.#pair(a), this.#pair(b)))
    return asValue(select(c, this.#scalar(a), this.#scalar(b)))
  }
  #selectLanes(c: Lanes, a: Operand, b: Operand): Value {
    if (this.bits > 64 || (c.exploded && this.#patternOp("lessU") === 0)) {
      const items = c.items as readonly Node[]
      const item = (x: Operand, i: number): Value => asValue(x instanceof Lanes ? x.items[i]! : x)
      const chosen = items.map((condition, i) => operandOf(this.select(conditionOf(condition), item(a, i), item(b, i))) as Scalar)
      return asValue(new Lanes(this.bits, c.count, undefined, chosen))
    }
    const known = (x: Operand): number | undefined => (x instanceof Node ? smallConstant(this.#extended(x, true)) : undefined)
    const [yes, no] = [known(a), known(b)]
    if (yes === -1 && no === 0) return asValue(new Lanes(this.bits, c.count, c.parts, undefined))
    if (yes === 0 && no === -1) {
      return asValue(
        new Lanes(
          this.bits,
          c.count,
          c.parts.map((mask) => unary(V128, v128.not, mask)),
          undefined
        )
      )
    }
    const [whenTrue, whenFalse] = [this.#parts(a, c), this.#parts(b, c)]
    const parts = c.parts.map((mask, i) => bitselect(whenTrue[i]!, whenFalse[i]!, mask))
    return asValue(new Lanes(this.bits, c.count, parts, undefined))
  }
  test(x: Value, comparison: Comparison, y: Value): Condition {
    const [a, b] = [operandOf(x), operandOf(y)]
    if (comparison === "unordered") return conditionOf(const32(0))
    if (a instanceof Lanes || b instanceof Lanes) return this.#testLanes(a, comparison, b)
    if (this.bits > 64) return conditionOf(this.#testWide(this.#pair(a), comparison, this.#pair(b)))
    const names = this.type === I32 ? i32 : i64
    const op = names[COMPARISON[comparison][this.signed ? 0 : 1]]
    return conditionOf(compare(this.type, op, this.#extended(this.#scalar(a)), this.#extended(this.#scalar(b))))
  }
  #testWide(x: Pair, comparison: Comparison, y: Pair): Node {
    const less = (p: Pair, q: Pair): Node => {
      const low = compare(I64, i64.lt_u, p.low, q.low)
      const high = compare(I64, this.signed ? i64.lt_s : i64.lt_u, p.high, q.high)
      return select(compare(I64, i64.eq, p.high, q.high), low, high)
    }
    switch (comparison) {
      case "less":
        return less(x, y)
      case "greater":
        return less(y, x)
      case "lessOrEqual":
        return not(less(y, x))
      case "greaterOrEqual":
        return not(less(x, y))
      default:
        return pairs.equal(x, y)
    }
  }
  #testLanes(a: Operand, comparison: Exclude<Comparison, "unordered">, b: Operand): Condition {
    if (this.bits > 64) return this.#itemsTest(a, comparison, b)
    const name = comparison === "equal" ? "equal" : (`${comparison}${this.signed ? "S" : "U"}` as const)
    const op = this.#patternOp(name)
    if (op) return this.#vector(a, b, op, true) as unknown as Condition
    // unsigned 64-bit order: the signed one with the top bits turned
    const like = a instanceof Lanes ? a : (b as Lanes)
    const turn = (x: Operand): Operand =>
      new Lanes(
        64,
        like.count,
        this.#parts(x, like).map((n) => new Node(V128, v128.xor, n, splatConstant(64, 1n << 63n), undefined, 0, undefined)),
        undefined
      )
    return this.#vector(turn(a), turn(b), this.#patternOp(`${comparison as "less"}S`), true) as unknown as Condition
  }
  #itemsTest(a: Operand, comparison: Comparison, b: Operand): Condition {
    const lanes = operandOf(this.#perLane([a, b], this.bits, (p, q) => this.test(p, comparison, q) as unknown as Value)) as Lanes
    return conditionOf(new Lanes(this.bits, lanes.count, undefined, lanes.items, true))
  }

  from(x: Value, source: Integer): Value {
    const a = operandOf(x)
    if (source.bits === this.bits) return x
    if (a instanceof Lanes) {
      if (this.bits > 64 || source.bits > 64 || a.exploded) return this.#perLane([a], this.bits, (p) => this.from(p, source))
      laneCounts.vector++
      return asValue(lanesConvert(a, this.bits, source.signed))
    }
    if (source.bits > 64) return asValue(this.#truncated(this.#pair(a).low))
    const n = this.#scalar(a)
    if (this.bits > 64) {
      const low = asBits(operandOf(new WasmInteger(64, false).from(x, source)) as Node)
      return asValue(new Pair(low, source.signed ? integer(I64, i64.shr_s, low, const64(63)) : const64(0)))
    }
    if (source.bits > this.bits) return asValue(this.#truncated(n))
    const signed = source.signed && source.bits < 32 ? (source as WasmInteger).#extended(n) : n
    if (this.bits === 64) return asValue(source.signed ? extendS(signed) : extendU(signed))
    return asValue(source.signed ? this.#narrow(signed) : signed)
  }
  #truncated(n: Node): Node {
    return this.bits === 64 ? n : this.#narrow(wrap(n))
  }
  part(x: Value, index: number, source: Integer): Value {
    const a = operandOf(x)
    const low = index * source.bits
    if (a instanceof Pair) {
      const half = low >= 64 ? a.high : a.low
      return this.part(asValue(half), (low % 64) / source.bits, source)
    }
    if (a instanceof Node && a.type === I64 && this.bits < 64) {
      const D = new WasmInteger(64, source.signed)
      return this.from(D.part(x, index, source), D)
    }
    if (source.bits === this.bits) return x
    if (a instanceof Lanes && a.bits > 64) return this.#perLane([a], this.bits, (p) => this.part(p, index, source))
    if (source.bits < this.bits && (a instanceof Lanes || source.signed)) {
      const raised = new WasmInteger(this.bits, source.signed)
      return raised.shiftRight(this.shiftLeft(x, this.bits - low - source.bits), this.bits - source.bits)
    }
    const n = integer(this.type, (this.type === I32 ? i32 : i64).shr_u, this.#scalar(a), constantOf(this.type, low))
    const mask = this.type === I32 ? const32((1 << source.bits) - 1) : const64((1n << BigInt(source.bits)) - 1n)
    return asValue(this.#op("and", n, mask))
  }
  saturate(x: Value, source: Integer): Value {
    const signed = this.signed
    const least = signed ? -(1n << BigInt(this.bits - 1)) : 0n
    const most = (1n << BigInt(signed ? this.bits - 1 : this.bits)) - 1n
    const clamped = source.minimum(x, source.constant(most))
    return this.from(source.signed ? source.maximum(clamped, source.constant(least)) : clamped, source)
  }
  multiplyHigh(x: Value, y: Value): Value {
    const [a, b] = [operandOf(x), operandOf(y)]
    if (a instanceof Lanes || b instanceof Lanes) return this.#perLane([a, b], this.bits, (p, q) => this.multiplyHigh(p, q))
    if (this.bits > 64) return unlowered("128-bit multiply")
    if (this.bits === 64)
      return asValue(call(I64, this.signed ? IMPORT.multiplyHighSigned : IMPORT.multiplyHighUnsigned, this.#scalar(a), this.#scalar(b)))
    const Wide = new WasmInteger(2 * this.bits, this.signed)
    return this.from(Wide.shiftRight(Wide.multiply(Wide.from(x, this), Wide.from(y, this)), this.bits), Wide)
  }
  and(x: Value, y: Value): Value {
    return this.#bitwise(x, y, "and")
  }
  or(x: Value, y: Value): Value {
    return this.#bitwise(x, y, "or")
  }
  xor(x: Value, y: Value): Value {
    return this.#bitwise(x, y, "xor")
  }
  not(x: Value): Value {
    const a = operandOf(x)
    if (a instanceof Lanes && this.bits <= 64) return this.#vectorUnary(a, v128.not)
    return this.xor(x, this.constant(-1))
  }

  // shifts
  shiftLeft(x: Value, amount: number | Value): Value {
    return this.#shift(x, amount, "shl", "shiftLeft")
  }
  shiftRight(x: Value, amount: number | Value): Value {
    return this.signed ? this.#shift(x, amount, "shr_s", "shiftRightS") : this.#shift(x, amount, "shr_u", "shiftRightU")
  }
  #shift(x: Value, amount: number | Value, name: "shl" | "shr_s" | "shr_u", pattern: LanePattern): Value {
    const a = operandOf(x)
    if (typeof amount !== "number") return this.#shiftBy(x, amount, name, pattern)
    if (amount === 0) return x
    const beyond = amount >= this.bits
    if (beyond && name !== "shr_s") return this.#zeroLike(a)
    const by = beyond ? this.bits - 1 : amount
    if (a instanceof Lanes) {
      if (this.bits > 64) return this.#perLane([a], this.bits, (p) => this.#shift(p, by, name, pattern))
      laneCounts.vector++
      const op = this.#patternOp(pattern)
      const parts = a.parts.map((n) => new Node(V128, op, n, const32(by), undefined, 0, undefined))
      return asValue(new Lanes(this.bits, a.count, parts, undefined))
    }
    if (this.bits > 64) return asValue(name === "shl" ? pairs.shiftLeft(this.#pair(a), by) : pairs.shiftRight(this.#pair(a), by, name === "shr_s"))
    const n = this.#scalar(a)
    return asValue(this.#narrow(this.#op(name, name === "shr_s" ? this.#extended(n, true) : n, constantOf(this.type, by))))
  }
  #zeroLike(a: Operand): Value {
    if (!(a instanceof Lanes)) return this.constant(0)
    if (this.bits > 64) return this.#perLane([a], this.bits, () => this.constant(0))
    const zero = splatConstant(8, 0n)
    return asValue(
      new Lanes(
        this.bits,
        a.count,
        a.parts.map(() => zero),
        undefined
      )
    )
  }
  /** By an amount known only at run time: amounts beyond the width give 0 or the sign. */
  #shiftBy(x: Value, amount: Value, name: "shl" | "shr_s" | "shr_u", pattern: LanePattern): Value {
    const [a, b] = [operandOf(x), operandOf(amount)]
    if (a instanceof Lanes || b instanceof Lanes) return this.#perLane([a, b], this.bits, (p, q) => this.#shiftBy(p, q, name, pattern))
    if (this.bits > 64) return unlowered("128-bit shift by a register")
    const n = this.#scalar(a)
    const value = name === "shr_s" ? this.#extended(n, true) : n
    const by = asBits(b as Node)
    const mask = by.op === i32.and || by.op === i64.and ? smallConstant(by.b!) : smallConstant(by)
    const inRange = mask !== undefined && mask >= 0 && mask < this.bits
    const typed = this.type === I32 ? wrap(by) : extendU(by)
    // WebAssembly takes amounts modulo its own width
    const plain = inRange && mask === (this.type === I32 ? 31 : 63) && typed.op === (this.type === I32 ? i32.and : i64.and) ? typed.a! : typed
    if (inRange) return asValue(this.#narrow(this.#op(name, value, plain)))
    const within = compare(by.type, by.type === I32 ? i32.lt_u : i64.lt_u, by, constantOf(by.type, this.bits))
    if (name === "shr_s") return asValue(this.#narrow(this.#op(name, value, select(within, typed, constantOf(this.type, this.bits - 1)))))
    return asValue(select(within, this.#narrow(this.#op(name, value, typed)), constantOf(this.type, 0)))
  }
  rotateRight(x: Value, amount: number | Value): Value {
    const a = operandOf(x)
    if (a instanceof Lanes || this.bits < 32 || this.bits > 64) {
      if (typeof amount !== "number")
        return a instanceof Lanes
          ? this.#perLane([a, operandOf(amount)], this.bits, (p, q) => this.rotateRight(p, q))
          : unlowered("rotation of a narrow value by a register")
      const by = amount % this.bits
      const U = new WasmInteger(this.bits, false)
      return by === 0 ? x : U.or(U.shiftRight(x, by), U.shiftLeft(x, this.bits - by))
    }
    const by = typeof amount === "number" ? constantOf(this.type, amount) : this.#scalar(operandOf(amount))
    return asValue(this.#op("rotr", this.#scalar(a), this.type === I32 ? wrap(by) : extendU(by)))
  }

  // bits
  countLeadingZeros(x: Value): Value {
    const a = operandOf(x)
    if (a instanceof Lanes) return this.#perLane([a], this.bits, (p) => this.countLeadingZeros(p))
    if (this.bits > 64) return unlowered("128-bit count")
    const zeros = unary(this.type, this.type === I32 ? i32.clz : i64.clz, this.#scalar(a))
    return asValue(integer(this.type, this.type === I32 ? i32.sub : i64.sub, zeros, constantOf(this.type, this.type === I32 ? 32 - this.bits : 0)))
  }
  countOnes(x: Value): Value {
    const a = operandOf(x)
    if (a instanceof Lanes) return this.bits === 8 ? this.#vectorUnary(a, v128.popcnt8) : this.#perLane([a], this.bits, (p) => this.countOnes(p))
    if (this.bits > 64) return unlowered("128-bit count")
    return asValue(unary(this.type, this.type === I32 ? i32.popcnt : i64.popcnt, this.#scalar(a)))
  }
  reverse(x: Value, order: BitOrder): Value {
    const a = operandOf(x)
    if (a instanceof Lanes && this.bits <= 64) {
      laneCounts.vector++
      return asValue(lanesReverse(a, order))
    }
    if (this.bits > 64) return unlowered("128-bit reverse")
    return asValue(this.#reversed(this.#scalar(operandOf(x)), order))
  }
  /** Exchanges ever smaller neighbours, from halves of the width down to the order's units. */
  #reversed(n: Node, order: BitOrder): Node {
    const unit = { bits: 1, bytes: 8, halfwords: 16, words: 32 }[order]
    let value = n
    for (let group = this.bits / 2; group >= unit; group /= 2) {
      if (group === this.bits / 2 && this.bits >= 32) {
        value = this.#op("rotr", value, constantOf(this.type, group))
        continue
      }
      let low = 0n
      for (let at = 0; at < this.bits; at += 2 * group) low |= ((1n << BigInt(group)) - 1n) << BigInt(at)
      const mask = this.type === I32 ? const32(Number(BigInt.asIntN(32, low))) : const64(low)
      const by = constantOf(this.type, group)
      const down = this.#op("and", this.#op("shr_u", value, by), mask)
      value = this.#op("or", this.#op("shl", this.#op("and", value, mask), by), down)
    }
    return value
  }

  addWithCarry(x: Value, y: Value, carry: Condition): { readonly result: Value; readonly flags: Value } {
    const [a, b] = [this.#scalar(operandOf(x)), this.#scalar(operandOf(y))]
    const c = truthOf(carry) as Node
    const known = smallConstant(c)
    if (this.bits < 32 || this.bits > 64 || c instanceof Lanes) return unlowered("flags of a narrow sum")
    if (known === 0) {
      const kind = smallConstant(b) === 0 ? "logic" : "add"
      return { result: asValue(this.#op("add", a, b)), flags: asValue(new FlagsOf(kind, this.bits, a, b)) }
    }
    if (known !== undefined) {
      const subtrahend = this.#complement(b)
      return { result: asValue(this.#op("sub", a, subtrahend)), flags: asValue(new FlagsOf("subtract", this.bits, a, subtrahend)) }
    }
    return this.#addCarryIn(a, b, c)
  }
  /** ~n, simplified. */
  #complement(n: Node): Node {
    if (n.op === (this.type === I32 ? i32.xor : i64.xor) && smallConstant(n.b!) === -1) return n.a!
    if (isConstant(n)) return this.type === I32 ? const32(~n.immediate) : const64(~patternOf(n))
    return this.#op("xor", n, constantOf(this.type, -1))
  }
  #addCarryIn(a: Node, b: Node, carry: Node): { readonly result: Value; readonly flags: Value } {
    const names = this.type === I32 ? i32 : i64
    const sum = this.#op("add", a, b)
    const result = this.#op("add", sum, this.type === I32 ? carry : extendU(carry))
    const carried = integer(I32, i32.or, compare(this.type, names.lt_u, sum, a), compare(this.type, names.lt_u, result, sum))
    const sign = (n: Node): Node => compare(this.type, names.lt_s, n, constantOf(this.type, 0))
    const overflow = sign(this.#op("and", this.#op("xor", a, result), this.#op("xor", b, result)))
    const bit = (condition: Node, by: number): Node => integer(I32, i32.shl, condition, const32(by))
    const zero = compare(this.type, names.eq, result, constantOf(this.type, 0))
    const nibble = [bit(sign(result), 3), bit(zero, 2), bit(carried, 1), overflow].reduce((x, y) => integer(I32, i32.or, x, y))
    return { result: asValue(result), flags: asValue(nibble) }
  }
}
