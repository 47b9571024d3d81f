/** NZCV that is not computed: conditions straight from the operands of the operation that set the flags. */
import { FLAGS } from "../layout.ts"
import { IMPORT } from "./imports.ts"
import { asFloat, both, call, compare, const32, constantOf, either, floatOps, integer, Node, not, select, wrap } from "./node.ts"
import { I32, I64, i32, i64 } from "./opcodes.ts"
import { type Flags, FlagsChoice, FlagsOf } from "./values.ts"

const always = (): Node => const32(1)
const float = (name: "eq" | "lt" | "le" | "ge" | "gt", a: Node, b: Node): Node => new Node(I32, floatOps(a.type)[name], a, b, undefined, 0, undefined)

/** Each pair of condition codes as the condition of its even member. */
type Conditions = readonly [EQ: () => Node, CS: () => Node, MI: () => Node, VS: () => Node, HI: () => Node, GE: () => Node, GT: () => Node]

/** Of integers: the width picks the instructions. */
const integerConditions = (kind: "subtract" | "add" | "logic", type: number, a: Node, b: Node): Conditions => {
  const names = type === I32 ? i32 : i64
  const zero = constantOf(type, 0)
  const op = (name: keyof typeof i32, x: Node, y: Node): Node => integer(type, names[name], x, y)
  const test = (name: keyof typeof i32, x: Node, y: Node): Node => compare(type, names[name], x, y)
  if (kind === "subtract") {
    const negative = () => test("lt_s", op("sub", a, b), zero)
    const overflow = () => test("lt_s", op("and", op("xor", a, b), op("xor", a, op("sub", a, b))), zero)
    return [
      () => test("eq", a, b),
      () => test("ge_u", a, b),
      negative,
      overflow,
      () => test("gt_u", a, b),
      () => test("ge_s", a, b),
      () => test("gt_s", a, b)
    ]
  }
  if (kind === "logic") {
    const none = () => const32(0)
    return [() => test("eq", a, zero), none, () => test("lt_s", a, zero), none, none, () => test("ge_s", a, zero), () => test("gt_s", a, zero)]
  }
  const sum = op("add", a, b)
  const equal = () => test("eq", sum, zero)
  const carry = () => test("lt_u", sum, a)
  const negative = () => test("lt_s", sum, zero)
  const overflow = () => test("lt_s", op("and", op("xor", a, sum), op("xor", b, sum)), zero)
  const greaterOrEqual = () => not(integer(I32, i32.xor, negative(), overflow()))
  return [equal, carry, negative, overflow, () => both(carry(), not(equal())), greaterOrEqual, () => both(greaterOrEqual(), not(equal()))]
}
const nibbleConditions = (nibble: Node): Conditions => {
  const bit = (n: number): Node => integer(I32, i32.and, integer(I32, i32.shr_u, nibble, const32(n)), const32(1))
  const same = () => not(integer(I32, i32.xor, bit(3), bit(0)))
  return [() => bit(2), () => bit(1), () => bit(3), () => bit(0), () => both(bit(1), not(bit(2))), same, () => both(same(), not(bit(2)))]
}
/** Of ordered operands: whoever compares has left before this when one is a NaN. */
const floatConditions = (a: Node, b: Node): Conditions => {
  const less = () => float("lt", a, b)
  return [
    () => float("eq", a, b),
    () => float("ge", a, b),
    less,
    () => const32(0),
    () => float("gt", a, b),
    () => float("ge", a, b),
    () => float("gt", a, b)
  ]
}
const conditionsOf = (f: FlagsOf): Conditions => {
  switch (f.kind) {
    case "nibble":
      return nibbleConditions(wrap(f.a))
    case "float":
      return floatConditions(asFloat(f.a), asFloat(f.b))
    default:
      return f.bits === 32 ? integerConditions(f.kind, I32, wrap(f.a), wrap(f.b)) : integerConditions(f.kind, I64, f.a, f.b)
  }
}

/** Whether a condition code holds under a known nibble. */
export const nibbleHolds = (nzcv: number, code: number): boolean => {
  const [n, z, c, v] = [(nzcv & 8) !== 0, (nzcv & 4) !== 0, (nzcv & 2) !== 0, (nzcv & 1) !== 0]
  const even = [z, c, n, v, c && !z, n === v, n === v && !z, true][code >> 1]!
  return (code & 1) === 1 && code !== 15 ? !even : even
}
/** The condition as a node of type i32. */
export const holds = (flags: Flags, code: number): Node => {
  if (code >= 14) return always()
  if (flags instanceof FlagsChoice) {
    const then = holds(flags.then, code)
    return nibbleHolds(flags.otherwise, code) ? either(not(flags.condition), then) : both(flags.condition, then)
  }
  const even = conditionsOf(flags)[code >> 1]!()
  return code & 1 ? not(even) : even
}
/** The condition from flags of a kind known only at run time: a, b and kind as they lie in the block. */
export const holdsUnknown = (a: Node, b: Node, kind: Node, code: number): Node =>
  holds(new FlagsOf("nibble", 32, call(I32, IMPORT.flags, a, b, kind), kind), code)

/** NZCV as a nibble. */
export const nibbleOf = (flags: Flags): Node => {
  if (flags instanceof FlagsChoice) return select(flags.condition, nibbleOf(flags.then), const32(flags.otherwise))
  if (flags.kind === "nibble") return wrap(flags.a)
  const [zero, carry, negative, overflow] = conditionsOf(flags)
  const bit = (condition: Node, by: number): Node => integer(I32, i32.shl, condition, const32(by))
  if (flags.kind === "float") return select(zero(), const32(6), select(negative(), const32(8), const32(2)))
  return [bit(negative(), 3), bit(zero(), 2), bit(carry(), 1), overflow()].reduce((x, y) => integer(I32, i32.or, x, y))
}
/** The kind under which the operands lie in the block; -1: they have no such form. */
export const kindOf = (f: FlagsOf): FLAGS | -1 => {
  switch (f.kind) {
    case "subtract":
      return f.bits === 64 ? FLAGS.subtract64 : FLAGS.subtract32
    case "add":
      return f.bits === 64 ? FLAGS.add64 : FLAGS.add32
    case "logic":
      return f.bits === 64 ? FLAGS.logic64 : FLAGS.logic32
    case "nibble":
      return FLAGS.nzcv
    case "float":
      return -1
  }
}
