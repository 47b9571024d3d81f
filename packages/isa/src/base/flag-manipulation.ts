/** Instructions that compute NZCV from a register or from NZCV. */
import { type Instruction, instruction } from "../instruction.ts"
import { choice, unsigned } from "../operands.ts"
import { CARRY, joinFlags, NEGATIVE, OVERFLOW, ZERO } from "./integers.ts"

export const invertCarry = instruction({
  name: "CFINV",
  encoding: "1101010100 0 00 000 0100 (0000) 000 11111",
  assembly: "cfinv",
  feature: "FlagM",
  execute: (cpu) => cpu.setFlags(joinFlags(cpu, cpu.holds(NEGATIVE), cpu.holds(ZERO), cpu.negated(cpu.holds(CARRY)), cpu.holds(OVERFLOW)))
})
export const externalFlags = instruction({
  name: "XAFLAG",
  encoding: "1101010100 0 00 000 0100 (0000) 001 11111",
  assembly: "xaflag",
  feature: "FlagM2",
  execute(cpu) {
    const C = cpu.holds(CARRY)
    const Z = cpu.holds(ZERO)
    const notC = cpu.negated(C)
    cpu.setFlags(joinFlags(cpu, cpu.both(notC, cpu.negated(Z)), cpu.both(Z, C), cpu.either(C, Z), cpu.both(notC, Z)))
  }
})
export const armFlags = instruction({
  name: "AXFLAG",
  encoding: "1101010100 0 00 000 0100 (0000) 010 11111",
  assembly: "axflag",
  feature: "FlagM2",
  execute(cpu) {
    const V = cpu.holds(OVERFLOW)
    const never = cpu.negated(cpu.always)
    cpu.setFlags(joinFlags(cpu, never, cpu.either(cpu.holds(ZERO), V), cpu.both(cpu.holds(CARRY), cpu.negated(V)), never))
  }
})
export const rotateIntoFlags = instruction({
  name: "RMIF",
  encoding: "1 0 1 11010000 imm6:6 00001 Rn:5 0 mask:4",
  assembly: "rmif <Xn>, #<imm6>, #<mask>",
  operands: { imm6: unsigned("imm6"), mask: unsigned("mask") },
  feature: "FlagM",
  execute(cpu, { imm6, Rn, mask }) {
    const D = cpu.unsigned(64)
    const W = cpu.unsigned(32)
    const rotated = W.from(D.rotateRight(cpu.X(Rn), imm6), D)
    const old = joinFlags(cpu, cpu.holds(NEGATIVE), cpu.holds(ZERO), cpu.holds(CARRY), cpu.holds(OVERFLOW))
    cpu.setFlags(W.or(W.and(rotated, W.constant(mask)), W.and(old, W.constant(~mask & 15))))
  }
})
export const setFlagsNarrow = instruction({
  name: "SETF8, SETF16",
  encoding: "0 0 1 11010000 000000 sz 0010 Rn:5 0 1101",
  assembly: "setf<sz> <Wn>",
  operands: { sz: choice("sz", "8 16") },
  feature: "FlagM",
  execute(cpu, { sz, Rn }) {
    const W = cpu.unsigned(32)
    const bits = sz ? 16 : 8
    const x = cpu.X(Rn, W)
    const bit = (index: number) => W.and(W.shiftRight(x, index), W.constant(1))
    const one = W.constant(1)
    const negative = W.test(bit(bits - 1), "equal", one)
    const zero = W.test(W.and(x, W.constant(2 ** bits - 1)), "equal", W.constant(0))
    const overflow = W.test(W.xor(bit(bits), bit(bits - 1)), "equal", one)
    cpu.setFlags(joinFlags(cpu, negative, zero, cpu.holds(CARRY), overflow))
  }
})

export const flagManipulation: readonly Instruction[] = [invertCarry, externalFlags, armFlags, rotateIntoFlags, setFlagsNarrow]
