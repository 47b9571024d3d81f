/** What the integer instructions of the base share. */
import type { Condition, Cpu, Integer, Value } from "../builder.ts"
import { choice, unsigned } from "../operands.ts"

/** The unsigned type of a general register of the size `sf` names. */
export const registerType = (cpu: Cpu, sf: number): Integer => cpu.unsigned(sf ? 64 : 32)

/** Shift kinds of the shifted-register forms: the text of `(, <shift> #<imm6>)?`. */
export const shift = choice("shift", "lsl lsr asr ror", 0)
export const shiftAmount = unsigned("imm6", { default: 0 })
/** The second operand of the shifted-register forms. */
export const shifted = (cpu: Cpu, T: Integer, x: Value, kind: number, amount: number): Value => {
  if (amount === 0) return x
  switch (kind) {
    case 0:
      return T.shiftLeft(x, amount)
    case 1:
      return T.shiftRight(x, amount)
    case 2:
      return cpu.signed(T.bits).shiftRight(x, amount)
    default:
      return T.rotateRight(x, amount)
  }
}

/** x + y or x - y, setting NZCV. */
export const addSettingFlags = (cpu: Cpu, T: Integer, subtract: number, x: Value, y: Value): Value => {
  const { result, flags } = sumWithFlags(cpu, T, subtract, x, y)
  cpu.setFlags(flags)
  return result
}
/** x + y or x - y, and its NZCV. */
export const sumWithFlags = (cpu: Cpu, T: Integer, subtract: number, x: Value, y: Value): { readonly result: Value; readonly flags: Value } =>
  subtract ? T.addWithCarry(x, T.not(y), cpu.always) : T.addWithCarry(x, y, cpu.negated(cpu.always))
/** NZCV of a logical result: C and V are 0. */
export const flagsOf = (cpu: Cpu, T: Integer, result: Value): Value => T.addWithCarry(result, T.constant(0), cpu.negated(cpu.always)).flags

/** Condition codes that test one flag each. */
export const NEGATIVE = 4
export const ZERO = 0
export const CARRY = 2
export const OVERFLOW = 6
/** NZCV as a 32-bit value, of one condition per flag. */
export const joinFlags = (cpu: Cpu, negative: Condition, zero: Condition, carry: Condition, overflow: Condition): Value => {
  const W = cpu.unsigned(32)
  const bit = (condition: Condition, weight: number) => W.select(condition, W.constant(weight), W.constant(0))
  return W.or(W.or(bit(negative, 8), bit(zero, 4)), W.or(bit(carry, 2), bit(overflow, 1)))
}
