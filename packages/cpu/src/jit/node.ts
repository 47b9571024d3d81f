/**
 * Expressions of generated code. A node is pure: its value may be computed at any place of its instruction before the instruction's
 * register writes, and again if need be. A node with several uses is kept in a local once it was computed.
 */
import { F32, F64, f32 as f32Op, f64 as f64Op, I32, I64, i32, i64, OP, V128, v128 } from "./opcodes.ts"

export class Node {
  /** How many nodes and statements take it. */
  uses = 0
  /** The local that holds it since it was computed in `scope`; -1: none yet. */
  local = -1
  scope = 0

  constructor(
    /** Type of the value, one of opcodes.ts. */
    readonly type: number,
    readonly op: number,
    readonly a: Node | undefined,
    readonly b: Node | undefined,
    readonly c: Node | undefined,
    /** Immediate: local index, constant, memory offset, lane, function index. */
    readonly immediate: number,
    /** Constants of more than 32 bits, and the lane choice of a shuffle. */
    readonly data: bigint | readonly number[] | undefined
  ) {
    if (a) a.uses++
    if (b) b.uses++
    if (c) c.uses++
  }
}

const make = (type: number, op: number, a?: Node, b?: Node, c?: Node, immediate = 0, data?: bigint | readonly number[]): Node =>
  new Node(type, op, a, b, c, immediate, data)

export const local = (index: number, type: number): Node => make(type, OP.localGet, undefined, undefined, undefined, index)
export const const32 = (value: number): Node => make(I32, OP.i32Const, undefined, undefined, undefined, value | 0)
export const const64 = (value: bigint | number): Node =>
  make(I64, OP.i64Const, undefined, undefined, undefined, 0, BigInt.asIntN(64, typeof value === "number" ? BigInt(value) : value))
export const constantOf = (type: number, value: number): Node => (type === I32 ? const32(value) : const64(value))
/** A constant of a floating-point type, by its bits. */
export const constFloat = (type: number, pattern: bigint): Node =>
  make(type, type === F32 ? OP.f32Const : OP.f64Const, undefined, undefined, undefined, 0, pattern)
export const const128 = (bytes: readonly number[]): Node => make(V128, v128.const, undefined, undefined, undefined, 0, bytes)
const ZERO_BYTES: readonly number[] = new Array<number>(16).fill(0)
export const zero128 = (): Node => const128(ZERO_BYTES)

/** The value of an i32 constant, sign-extended, or of an i64 constant that fits 32 bits; undefined for other nodes. */
export const smallConstant = (n: Node): number | undefined => {
  if (n.op === OP.i32Const) return n.immediate
  if (n.op !== OP.i64Const) return undefined
  const value = n.data as bigint
  return value >= -0x80000000n && value <= 0x7fffffffn ? Number(value) : undefined
}
export const isConstant = (n: Node): boolean => n.op === OP.i32Const || n.op === OP.i64Const
/** The pattern of an integer constant as an unsigned bigint. */
export const patternOf = (n: Node): bigint => (n.op === OP.i32Const ? BigInt(n.immediate >>> 0) : BigInt.asUintN(64, n.data as bigint))

export const unary = (type: number, op: number, a: Node): Node => make(type, op, a)
export const plain = (type: number, op: number, a: Node, b: Node): Node => make(type, op, a, b)
export const lane = (type: number, op: number, index: number, a: Node, b?: Node): Node => make(type, op, a, b, undefined, index)
export const shuffle = (a: Node, b: Node, bytes: readonly number[]): Node => make(V128, v128.shuffle, a, b, undefined, 0, bytes)
export const load = (type: number, op: number, address: Node, offset = 0): Node => make(type, op, address, undefined, undefined, offset)
/** One lane of `vector` replaced by the element in memory. */
export const loadLane = (log2: number, address: Node, vector: Node, offset: number, index: number): Node =>
  make(V128, v128.load8Lane + log2, address, vector, undefined, offset, BigInt(index))
export const call = (type: number, index: number, a: Node, b?: Node, c?: Node): Node => make(type, OP.call, a, b, c, index)
export const bitselect = (whenSet: Node, whenClear: Node, mask: Node): Node => make(V128, v128.bitselect, whenSet, whenClear, mask)
export const select = (condition: Node, whenTrue: Node, whenFalse: Node): Node => {
  const known = smallConstant(condition)
  if (known !== undefined) return known ? whenTrue : whenFalse
  return make(whenTrue.type, OP.select, whenTrue, whenFalse, condition)
}

const fold = (op: number, base: { readonly [name: string]: number }, x: bigint, y: bigint): bigint | undefined => {
  switch (op) {
    case base["add"]:
      return x + y
    case base["sub"]:
      return x - y
    case base["mul"]:
      return x * y
    case base["and"]:
      return x & y
    case base["or"]:
      return x | y
    case base["xor"]:
      return x ^ y
  }
  return undefined
}
const isZero = (n: Node): boolean => smallConstant(n) === 0
const isOnes = (n: Node): boolean => smallConstant(n) === -1

/** A binary integer operation on operands of `type`, simplified where a constant decides. Comparisons have type i32. */
export const integer = (type: number, op: number, a: Node, b: Node): Node => {
  const names = type === I32 ? i32 : i64
  if (isConstant(a) && isConstant(b)) {
    const value = fold(op, names, patternOf(a), patternOf(b))
    if (value !== undefined) return type === I32 ? const32(Number(BigInt.asIntN(32, value))) : const64(value)
  }
  switch (op) {
    case names.add:
    case names.or:
    case names.xor:
      if (isZero(b)) return a
      if (isZero(a)) return b
      if (op === names.add && isConstant(b) && a.op === names.add && isConstant(a.b!)) return integer(type, op, a.a!, integer(type, op, a.b!, b))
      break
    case names.sub:
      if (isZero(b)) return a
      if (isConstant(b)) return integer(type, names.add, a, type === I32 ? const32(-b.immediate) : const64(-(b.data as bigint)))
      break
    case names.shl:
    case names.shr_s:
    case names.shr_u:
    case names.rotr:
      if (isZero(b)) return a
      if (isZero(a)) return a
      break
    case names.and:
      if (isOnes(b)) return a
      if (isOnes(a)) return b
      if (isZero(b)) return b
      if (isZero(a)) return a
      break
  }
  return make(type, op, a, b)
}
/** A comparison of integers of `type`: 0 or 1. */
export const compare = (type: number, op: number, a: Node, b: Node): Node => {
  const names = type === I32 ? i32 : i64
  if ((op === names.eq || op === names.ne) && isConstant(a) && isConstant(b))
    return const32((patternOf(a) === patternOf(b)) === (op === names.eq) ? 1 : 0)
  if (isZero(b) && op === names.eq) return make(I32, names.eqz, a)
  return make(I32, op, a, b)
}
export const isComparison = (n: Node): boolean => n.type === I32 && n.op >= i32.eqz && n.op <= f64Op.ge

const OPPOSITE: ReadonlyMap<number, number> = new Map(
  [i32, i64].flatMap((t) =>
    (
      [
        [t.eq, t.ne],
        [t.lt_s, t.ge_s],
        [t.lt_u, t.ge_u],
        [t.gt_s, t.le_s],
        [t.gt_u, t.le_u]
      ] as const
    ).flatMap(([x, y]) => [[x, y] as const, [y, x] as const])
  )
)
/** The negation of a condition. */
export const not = (condition: Node): Node => {
  const known = smallConstant(condition)
  if (known !== undefined) return const32(known ? 0 : 1)
  const opposite = OPPOSITE.get(condition.op)
  if (opposite !== undefined) return make(I32, opposite, condition.a, condition.b)
  if (condition.op === i32.eqz && isComparison(condition.a!)) return condition.a!
  return make(I32, i32.eqz, condition)
}
export const both = (x: Node, y: Node): Node => {
  const [a, b] = [smallConstant(x), smallConstant(y)]
  if (a !== undefined) return a ? y : x
  if (b !== undefined) return b ? x : y
  return make(I32, i32.and, x, y)
}
export const either = (x: Node, y: Node): Node => {
  const [a, b] = [smallConstant(x), smallConstant(y)]
  if (a !== undefined) return a ? x : y
  if (b !== undefined) return b ? y : x
  return make(I32, i32.or, x, y)
}

export const wrap = (n: Node): Node => {
  if (n.type === I32) return n
  if (n.op === OP.i64ExtendI32U || n.op === OP.i64ExtendI32S) return n.a!
  if (n.op === OP.i64Const) return const32(Number(BigInt.asIntN(32, n.data as bigint)))
  return make(I32, OP.i32Wrap, n)
}
export const extendU = (n: Node): Node => {
  if (n.type === I64) return n
  return n.op === OP.i32Const ? const64(n.immediate >>> 0) : make(I64, OP.i64ExtendI32U, n)
}
export const extendS = (n: Node): Node => (n.op === OP.i32Const ? const64(n.immediate) : make(I64, OP.i64ExtendI32S, n))

/** The bits of a floating-point node as an integer, and back; other nodes as they are. */
export const asBits = (n: Node): Node => {
  if (n.type === F64) {
    if (n.op === OP.f64ReinterpretI64) return n.a!
    return n.op === OP.f64Const
      ? const64(n.data as bigint)
      : n.op === OP.f64Load
        ? make(I64, OP.i64Load, n.a, undefined, undefined, n.immediate)
        : make(I64, OP.i64ReinterpretF64, n)
  }
  if (n.type === F32) {
    if (n.op === OP.f32ReinterpretI32) return n.a!
    return n.op === OP.f32Const ? const32(Number(n.data)) : make(I32, OP.i32ReinterpretF32, n)
  }
  return n
}
/** Integer bits as a floating-point value. A load that nobody computed yet becomes a load of that type. */
export const asFloat = (n: Node): Node => {
  if (n.type === I64) {
    if (n.op === OP.i64ReinterpretF64) return n.a!
    if (n.op === OP.i64Const) return constFloat(F64, BigInt.asUintN(64, n.data as bigint))
    if (n.op === OP.i64Load && n.local < 0) return make(F64, OP.f64Load, n.a, undefined, undefined, n.immediate)
    return make(F64, OP.f64ReinterpretI64, n)
  }
  if (n.type === I32) {
    if (n.op === OP.i32ReinterpretF32) return n.a!
    if (n.op === OP.i32Const) return constFloat(F32, BigInt.asUintN(32, BigInt(n.immediate)))
    if (n.op === OP.i32Load && n.local < 0) return make(F32, OP.f32Load, n.a, undefined, undefined, n.immediate)
    return make(F32, OP.f32ReinterpretI32, n)
  }
  return n
}
export const floatOps = (type: number) => (type === F32 ? f32Op : f64Op)
