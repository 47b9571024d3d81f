/** What one lane of an integer vector instruction computes. The same functions serve vector, scalar and by-element forms. */
import type { Cpu, Integer, Value } from "@eltwo/isa"

/** A lane of two sources of type T; T's sign is the instruction's. */
export type Lane = (cpu: Cpu, T: Integer, x: Value, y: Value) => Value
/** A lane of one source. */
export type UnaryLane = (cpu: Cpu, T: Integer, x: Value) => Value
/** A lane that adds to the destination's old value `sum`. */
export type AccumulatingLane = (cpu: Cpu, T: Integer, sum: Value, x: Value, y: Value) => Value

/** The element type of `size` (log2 of its bytes), unsigned when `U` is 1. */
export const elementType = (cpu: Cpu, size: number, U: number): Integer => (U ? cpu.unsigned(8 << size) : cpu.signed(8 << size))

const greatest = (T: Integer): Value => T.constant(T.signed ? (1n << BigInt(T.bits - 1)) - 1n : -1)
/** The end of T's range on the side of x's sign. */
const limitBySign = (T: Integer, x: Value): Value => T.xor(T.shiftRight(x, T.bits - 1), greatest(T))
const isNegative = (cpu: Cpu, T: Integer, x: Value) => cpu.signed(T.bits).test(x, "less", T.constant(0))

/** All ones when the comparison holds, else zero. */
export const compareLane =
  (comparison: "equal" | "greater" | "greaterOrEqual" | "less" | "lessOrEqual"): Lane =>
  (_cpu, T, x, y) =>
    T.select(T.test(x, comparison, y), T.constant(-1), T.constant(0))
export const testBitsLane: Lane = (_cpu, T, x, y) => T.select(T.test(T.and(x, y), "equal", T.constant(0)), T.constant(0), T.constant(-1))

export const add: Lane = (_cpu, T, x, y) => T.add(x, y)
export const subtract: Lane = (_cpu, T, x, y) => T.subtract(x, y)
export const multiply: Lane = (_cpu, T, x, y) => T.multiply(x, y)
export const maximum: Lane = (_cpu, T, x, y) => T.maximum(x, y)
export const minimum: Lane = (_cpu, T, x, y) => T.minimum(x, y)
export const absoluteDifference: Lane = (_cpu, T, x, y) => T.subtract(T.maximum(x, y), T.minimum(x, y))
/** Sum in W of the two elements of type T that lie in a lane twice as wide. */
export const addPair =
  (W: Integer, T: Integer) =>
  (x: Value): Value =>
    W.add(W.part(x, 0, T), W.part(x, 1, T))

/** (x + y) / 2, rounding down, without the carry ever leaving the lane. */
export const halvingAdd: Lane = (_cpu, T, x, y) => T.add(T.and(x, y), T.shiftRight(T.xor(x, y), 1))
/** (x + y + 1) / 2 */
export const roundingHalvingAdd: Lane = (_cpu, T, x, y) => T.subtract(T.or(x, y), T.shiftRight(T.xor(x, y), 1))
/** (x - y) / 2, rounding down */
export const halvingSubtract: Lane = (_cpu, T, x, y) =>
  T.subtract(T.subtract(T.shiftRight(x, 1), T.shiftRight(y, 1)), T.and(T.and(T.not(x), y), T.constant(1)))

/** Clamps a value of a wider type to T and records the loss in FPSR.QC. */
export const saturating = (cpu: Cpu, T: Integer, Wide: Integer, x: Value): Value => {
  const result = T.saturate(x, Wide)
  cpu.recordSaturation(cpu.negated(Wide.test(Wide.from(result, T), "equal", x)))
  return result
}
/** x + y, clamped. The sum wraps exactly when it leaves the range, so no wider type is needed. */
export const saturatingAdd: Lane = (cpu, T, x, y) => {
  const sum = T.add(x, y)
  const lost = T.signed ? isNegative(cpu, T, T.and(T.xor(x, sum), T.xor(y, sum))) : T.test(sum, "less", x)
  cpu.recordSaturation(lost)
  return T.select(lost, T.signed ? limitBySign(T, x) : greatest(T), sum)
}
/** x - y, clamped. */
export const saturatingSubtract: Lane = (cpu, T, x, y) => {
  const difference = T.subtract(x, y)
  const lost = T.signed ? isNegative(cpu, T, T.and(T.xor(x, y), T.xor(x, difference))) : T.test(x, "less", y)
  cpu.recordSaturation(lost)
  return T.select(lost, T.signed ? limitBySign(T, x) : T.constant(0), difference)
}
/** T's own x plus y of the other sign, clamped to T. */
export const saturatingAddMixed: Lane = (cpu, T, x, y) => {
  const sum = T.add(x, y)
  if (T.signed) {
    const lost = T.test(sum, "less", x)
    cpu.recordSaturation(lost)
    return T.select(lost, greatest(T), sum)
  }
  const down = isNegative(cpu, T, y)
  const lost = cpu.either(cpu.both(down, T.test(sum, "greater", x)), cpu.both(cpu.negated(down), T.test(sum, "less", x)))
  cpu.recordSaturation(lost)
  return T.select(lost, T.not(cpu.signed(T.bits).shiftRight(y, T.bits - 1)), sum)
}
export const saturatingNegate: UnaryLane = (cpu, T, x) => {
  const lost = T.test(x, "equal", T.constant(1n << BigInt(T.bits - 1)))
  cpu.recordSaturation(lost)
  return T.select(lost, greatest(T), T.negate(x))
}
export const saturatingAbsolute: UnaryLane = (cpu, T, x) => {
  const lost = T.test(x, "equal", T.constant(1n << BigInt(T.bits - 1)))
  cpu.recordSaturation(lost)
  return T.select(lost, greatest(T), T.absolute(x))
}

/** x / 2^by, rounding half up; `by` is 1 or more and may exceed the lane. */
export const roundingShiftRight = (T: Integer, x: Value, by: number): Value =>
  T.add(T.shiftRight(x, by), T.and(T.shiftRight(x, by - 1), T.constant(1)))
/** x * 2^by, clamped. */
export const saturatingShiftLeft = (cpu: Cpu, T: Integer, x: Value, by: number | Value): Value => {
  const moved = T.shiftLeft(x, by)
  const lost = cpu.negated(T.test(T.shiftRight(moved, by), "equal", x))
  cpu.recordSaturation(lost)
  return T.select(lost, T.signed ? limitBySign(T, x) : greatest(T), moved)
}
/** x * 2^by of a signed x, clamped to the unsigned range. */
export const saturatingShiftLeftUnsigned = (cpu: Cpu, T: Integer, x: Value, by: number): Value => {
  const U = cpu.unsigned(T.bits)
  const moved = U.shiftLeft(x, by)
  const negative = T.test(x, "less", T.constant(0))
  const lost = cpu.either(negative, cpu.negated(U.test(U.shiftRight(moved, by), "equal", x)))
  cpu.recordSaturation(lost)
  return U.select(lost, U.select(negative, U.constant(0), U.constant(-1)), moved)
}
/** Shifts by the signed low byte of a register's lane: left when positive, right when negative. */
const shiftByRegister =
  (rounding: boolean, saturates: boolean): Lane =>
  (cpu, T, x, y) => {
    const by = T.part(y, 0, cpu.signed(8))
    const right = T.negate(by)
    const down = isNegative(cpu, T, by)
    const one = T.constant(1)
    const moved = rounding ? T.add(T.shiftRight(x, right), T.and(T.shiftRight(x, T.subtract(right, one)), one)) : T.shiftRight(x, right)
    if (!saturates) return T.select(down, moved, T.shiftLeft(x, by))
    const up = T.shiftLeft(x, by)
    const lost = cpu.both(cpu.negated(down), cpu.negated(T.test(T.shiftRight(up, by), "equal", x)))
    cpu.recordSaturation(lost)
    return T.select(down, moved, T.select(lost, T.signed ? limitBySign(T, x) : greatest(T), up))
  }
export const shiftLane = shiftByRegister(false, false)
export const roundingShiftLane = shiftByRegister(true, false)
export const saturatingShiftLane = shiftByRegister(false, true)
export const saturatingRoundingShiftLane = shiftByRegister(true, true)

/** Upper half of 2 * x * y, clamped; the doubling is left out and one bit less shifted. Signed whatever T says. */
const doublingHigh =
  (rounding: boolean): Lane =>
  (cpu, T, x, y) => {
    const S = cpu.signed(T.bits)
    const W = cpu.signed(2 * T.bits)
    const product = W.multiply(W.from(x, S), W.from(y, S))
    return saturating(cpu, S, W, rounding ? roundingShiftRight(W, product, T.bits - 1) : W.shiftRight(product, T.bits - 1))
  }
export const doublingMultiplyHigh = doublingHigh(false)
export const roundingDoublingMultiplyHigh = doublingHigh(true)
/** Upper half of sum * 2^bits ± 2 * x * y, rounded and clamped. Half of it just fits twice the width. */
const doublingHighAccumulate =
  (combine: "add" | "subtract"): AccumulatingLane =>
  (cpu, T, sum, x, y) => {
    const S = cpu.signed(T.bits)
    const W = cpu.signed(2 * T.bits)
    const total = W[combine](W.shiftLeft(W.from(sum, S), T.bits - 1), W.multiply(W.from(x, S), W.from(y, S)))
    return saturating(cpu, S, W, roundingShiftRight(W, total, T.bits - 1))
  }
export const roundingDoublingMultiplyHighAdd = doublingHighAccumulate("add")
export const roundingDoublingMultiplyHighSubtract = doublingHighAccumulate("subtract")
/** 2 * x * y of operands already widened, clamped. */
export const saturatingDoublingMultiply: Lane = (cpu, T, x, y) => {
  const product = T.multiply(x, y)
  return saturatingAdd(cpu, T, product, product)
}
export const multiplyAdd: AccumulatingLane = (_cpu, T, sum, x, y) => T.add(sum, T.multiply(x, y))
export const multiplySubtract: AccumulatingLane = (_cpu, T, sum, x, y) => T.subtract(sum, T.multiply(x, y))
export const saturatingDoublingMultiplyAdd: AccumulatingLane = (cpu, T, sum, x, y) =>
  saturatingAdd(cpu, T, sum, saturatingDoublingMultiply(cpu, T, x, y))
export const saturatingDoublingMultiplySubtract: AccumulatingLane = (cpu, T, sum, x, y) =>
  saturatingSubtract(cpu, T, sum, saturatingDoublingMultiply(cpu, T, x, y))

/** Product of polynomials over {0, 1}; `terms` is the number of coefficients of y. */
export const polynomialMultiply =
  (terms: number): Lane =>
  (_cpu, T, x, y) => {
    let sum = T.constant(0)
    for (let k = 0; k < terms; k++) {
      const coefficient = T.negate(T.and(T.shiftRight(y, k), T.constant(1)))
      sum = T.xor(sum, T.and(T.shiftLeft(x, k), coefficient))
    }
    return sum
  }
