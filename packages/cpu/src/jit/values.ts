/** What the builder's opaque values are in this engine: expressions, pairs of them, groups of lanes, flags not yet computed. */
import type { Condition, Predicate, Value, Vector } from "@eltwo/isa"
import { asBits, compare, const32, const64, const128, extendU, integer, isConstant, lane, type Node, patternOf, select, unary, wrap } from "./node.ts"
import { I32, I64, i32, i64, lanePattern, OP, V128 } from "./opcodes.ts"

/** The engine has no lowering for this: the instruction is left to the interpreter. */
export class Unlowered extends Error {}
export const unlowered = (what: string): never => {
  throw new Unlowered(what)
}

/** A 128-bit scalar; `whole` is the same as one vector, when it came from one. */
export class Pair {
  constructor(
    readonly low: Node,
    readonly high: Node,
    readonly whole?: Node
  ) {}
  static of(whole: Node): Pair {
    const extract = (index: number) => lane(I64, lanePattern.extractU[3], index, whole)
    return new Pair(extract(0), extract(1), whole)
  }
  get vector(): Node {
    return this.whole ?? lane(V128, lanePattern.replace[3], 1, unary(V128, lanePattern.splat[3], this.low), this.high)
  }
}

/** log2 of a lane's bytes: the column of the pattern table. */
export const column = (bits: number): number => (bits === 8 ? 0 : bits === 16 ? 1 : bits === 32 ? 2 : 3)
/** A vector constant with the same pattern in each lane. */
export const splatConstant = (bits: number, pattern: bigint): Node => {
  const bytes: number[] = []
  for (let i = 0; i < 16; i++) bytes.push(Number((pattern >> BigInt((8 * i) % bits)) & 255n))
  return const128(bytes)
}

/**
 * Some lanes of a vector, all treated alike: as 128-bit parts (the last may be filled only from below: what lies above is anything),
 * or exploded into scalars. A mask has all bits of a lane set or clear; exploded, its items are conditions.
 */
export class Lanes {
  #parts: readonly Node[] | undefined
  #items: readonly (Node | Pair)[] | undefined

  constructor(
    readonly bits: number,
    readonly count: number,
    parts: readonly Node[] | undefined,
    items: readonly (Node | Pair)[] | undefined,
    readonly mask = false
  ) {
    this.#parts = parts
    this.#items = items
  }
  get partCount(): number {
    return Math.max(1, (this.count * this.bits) / 128)
  }
  /** Lanes that lie in one part. */
  get perPart(): number {
    return Math.min(this.count, 128 / this.bits)
  }
  get exploded(): boolean {
    return this.#parts === undefined
  }
  get parts(): readonly Node[] {
    this.#parts ??= Array.from({ length: this.partCount }, (_, part) => this.#pack(part))
    return this.#parts
  }
  #pack(part: number): Node {
    if (this.bits > 64) return (this.#items![part] as Pair).vector
    const k = column(this.bits)
    const item = (index: number): Node => {
      const n = asBits(this.#items![part * this.perPart + index] as Node)
      if (!this.mask) return n
      const ones = integer(I32, i32.sub, const32(0), n)
      return this.bits === 64 ? unary(I64, OP.i64ExtendI32S, ones) : ones
    }
    let vector = unary(V128, lanePattern.splat[k]!, item(0))
    for (let index = 1; index < this.perPart; index++) vector = lane(V128, lanePattern.replace[k]!, index, vector, item(index))
    return vector
  }
  get items(): readonly (Node | Pair)[] {
    this.#items ??= Array.from({ length: this.count }, (_, i) => this.#extract(i))
    return this.#items
  }
  #extract(i: number): Node | Pair {
    const index = i % (128 / this.bits)
    const part = this.#parts![Math.floor((i * this.bits) / 128)]!
    if (this.bits > 64) return Pair.of(part)
    const value = lane(this.bits === 64 ? I64 : I32, lanePattern.extractU[column(this.bits)]!, index, part)
    return this.mask ? integer(I32, i32.and, wrap(value), const32(1)) : value
  }
}

/** NZCV as the operands it comes from: see FLAGS in layout.ts. `choice`: `then` when the condition holds, else a known nibble. */
export type Flags = FlagsOf | FlagsChoice
export class FlagsOf {
  constructor(
    readonly kind: "subtract" | "add" | "logic" | "float" | "nibble",
    readonly bits: number,
    readonly a: Node,
    readonly b: Node
  ) {}
}
export class FlagsChoice {
  constructor(
    readonly condition: Node,
    readonly then: FlagsOf,
    readonly otherwise: number
  ) {}
}

/** What a Value of the builder is; conditions are nodes of type i32 (0 or 1) or masks. */
export type Operand = Node | Pair | Lanes | Flags
export const operandOf = (x: Value): Operand => x as unknown as Operand
export const asValue = (x: Operand): Value => x as unknown as Value
export type Truth = Node | Lanes
export const truthOf = (x: Condition): Truth => x as unknown as Truth
export const conditionOf = (x: Truth): Condition => x as unknown as Condition

/** A vector: its lanes in 128-bit chunks. One of 64 bits has one chunk, whose upper half is anything. */
export class Chunks {
  constructor(
    readonly bits: number,
    readonly count: number,
    readonly chunks: readonly Node[]
  ) {}
}
export const chunksOf = (x: Vector): Chunks => x as unknown as Chunks
export const vectorOf = (x: Chunks): Vector => x as unknown as Vector
/** A predicate: lane masks in 128-bit chunks. */
export class Masks {
  constructor(
    readonly bits: number,
    readonly count: number,
    readonly masks: readonly Node[]
  ) {}
}
export const masksOf = (x: Predicate): Masks => x as unknown as Masks
export const predicateOf = (x: Masks): Predicate => x as unknown as Predicate

/** 128-bit arithmetic on halves. */
export const pairs = {
  constant: (pattern: bigint): Pair => new Pair(const64(BigInt.asUintN(64, pattern)), const64(BigInt.asUintN(64, pattern >> 64n))),
  each: (x: Pair, y: Pair, op: number): Pair => new Pair(integer(I64, op, x.low, y.low), integer(I64, op, x.high, y.high)),
  add: (x: Pair, y: Pair): Pair => {
    const low = integer(I64, i64.add, x.low, y.low)
    const carry = extendU(compare(I64, i64.lt_u, low, x.low))
    return new Pair(low, integer(I64, i64.add, integer(I64, i64.add, x.high, y.high), carry))
  },
  subtract: (x: Pair, y: Pair): Pair => {
    const borrow = extendU(compare(I64, i64.lt_u, x.low, y.low))
    return new Pair(integer(I64, i64.sub, x.low, y.low), integer(I64, i64.sub, integer(I64, i64.sub, x.high, y.high), borrow))
  },
  select: (condition: Node, x: Pair, y: Pair): Pair => new Pair(select(condition, x.low, y.low), select(condition, x.high, y.high)),
  equal: (x: Pair, y: Pair): Node => {
    const difference = integer(I64, i64.or, integer(I64, i64.xor, x.low, y.low), integer(I64, i64.xor, x.high, y.high))
    return compare(I64, i64.eq, difference, const64(0))
  },
  shiftLeft: (x: Pair, by: number): Pair => {
    if (by === 0) return x
    if (by >= 128) return pairs.constant(0n)
    if (by >= 64) return new Pair(const64(0), integer(I64, i64.shl, x.low, const64(by - 64)))
    const carried = integer(I64, i64.shr_u, x.low, const64(64 - by))
    return new Pair(integer(I64, i64.shl, x.low, const64(by)), integer(I64, i64.or, integer(I64, i64.shl, x.high, const64(by)), carried))
  },
  shiftRight: (x: Pair, by: number, signed: boolean): Pair => {
    if (by === 0) return x
    const shift = signed ? i64.shr_s : i64.shr_u
    const fill = signed ? integer(I64, i64.shr_s, x.high, const64(63)) : const64(0)
    if (by >= 128) return new Pair(fill, fill)
    if (by >= 64) return new Pair(integer(I64, shift, x.high, const64(by - 64)), fill)
    const carried = integer(I64, i64.shl, x.high, const64(64 - by))
    return new Pair(integer(I64, i64.or, integer(I64, i64.shr_u, x.low, const64(by)), carried), integer(I64, shift, x.high, const64(by)))
  }
}

/** An integer node as lanes of `bits`: the same value in each. */
export const splat = (n: Node, bits: number): Node => {
  const bitsOf = asBits(n)
  if (isConstant(bitsOf)) return splatConstant(bits, patternOf(bitsOf))
  return unary(V128, lanePattern.splat[column(bits)]!, bits === 64 ? extendU(bitsOf) : wrap(bitsOf))
}
