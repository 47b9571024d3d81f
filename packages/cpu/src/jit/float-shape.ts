/** Floating-point instructions of one width on a scalar or on a whole vector: what float.ts says once holds for both. */
import { const128, constFloat, integer, Node, plain, unary } from "./node.ts"
import { F32, F64, type FloatPattern, f32, f64, floatPattern, I32, i32, lanePattern, V128, v128 } from "./opcodes.ts"
import { type Lanes, splatConstant } from "./values.ts"

/** The scalar instruction of each row of the vector table. */
const SCALAR: Readonly<Record<Exclude<FloatPattern, "splat" | "extract" | "replace">, keyof typeof f64>> = {
  equal: "eq",
  notEqual: "ne",
  less: "lt",
  greater: "gt",
  lessOrEqual: "le",
  greaterOrEqual: "ge",
  ceil: "ceil",
  floor: "floor",
  trunc: "trunc",
  nearest: "nearest",
  absolute: "abs",
  negate: "neg",
  squareRoot: "sqrt",
  add: "add",
  subtract: "sub",
  multiply: "mul",
  divide: "div",
  minimum: "min",
  maximum: "max"
}
type Operation = keyof typeof SCALAR
type Test = "equal" | "notEqual" | "less" | "greater" | "lessOrEqual" | "greaterOrEqual"

export interface Shape {
  readonly bits: 32 | 64
  /** Type of a value: a float, or v128. */
  readonly type: number
  operation(name: Operation, x: Node, y?: Node): Node
  constant(pattern: bigint): Node
  /** A mask: a condition, or lanes of ones and zeros. */
  test(name: Test, x: Node, y: Node): Node
  and(x: Node, y: Node): Node
  or(x: Node, y: Node): Node
  choose(mask: Node, whenSet: Node, whenClear: Node): Node
  /** Sign of y, magnitude of x. */
  copySign(x: Node, y: Node): Node
  /** Whether a mask of each part holds in all lanes, as a condition. */
  all(masks: readonly Node[]): Node
}

export const scalarShape = (bits: 32 | 64): Shape => {
  const type = bits === 32 ? F32 : F64
  const names = bits === 32 ? f32 : f64
  return {
    bits,
    type,
    operation: (name, x, y) => new Node(type, names[SCALAR[name]], x, y, undefined, 0, undefined),
    constant: (pattern) => constFloat(type, pattern),
    test: (name, x, y) => plain(I32, names[SCALAR[name]], x, y),
    and: (x, y) => integer(I32, i32.and, x, y),
    or: (x, y) => integer(I32, i32.or, x, y),
    choose: (mask, whenSet, whenClear) => new Node(type, 0x1b, whenSet, whenClear, mask, 0, undefined),
    copySign: (x, y) => plain(type, names.copysign, x, y),
    all: (masks) => masks.reduce((x, y) => integer(I32, i32.and, x, y))
  }
}

/** The upper half of a vector set: lanes there are none of the group's. */
const UPPER_ONES: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]
const vectorShape = (bits: 32 | 64, full: boolean): Shape => {
  const k = bits === 32 ? 0 : 1
  const sign = splatConstant(bits, 1n << BigInt(bits - 1))
  const operation = (name: Operation, x: Node, y?: Node) => new Node(V128, floatPattern[name][k], x, y, undefined, 0, undefined)
  return {
    bits,
    type: V128,
    operation,
    constant: (pattern) => splatConstant(bits, pattern),
    test: operation,
    and: (x, y) => plain(V128, v128.and, x, y),
    or: (x, y) => plain(V128, v128.or, x, y),
    choose: (mask, whenSet, whenClear) => new Node(V128, v128.bitselect, whenSet, whenClear, mask, 0, undefined),
    copySign: (x, y) => new Node(V128, v128.bitselect, y, x, sign, 0, undefined),
    all(masks) {
      const every = masks.reduce((x, y) => plain(V128, v128.and, x, y))
      return unary(I32, lanePattern.allTrue[k + 2]!, full ? every : plain(V128, v128.or, every, const128(UPPER_ONES)))
    }
  }
}
export const laneShape = (bits: 32 | 64, lanes: Lanes): Shape => vectorShape(bits, lanes.count * bits >= 128)
