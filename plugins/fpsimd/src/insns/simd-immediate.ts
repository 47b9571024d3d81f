/** AdvSIMD modified immediate: constants made of eight bits. The floating-point ones (cmode 1111) are declared with FMOV. */
import { type Cpu, choice, instruction, unsigned, type Value } from "@eltwo/isa"
import { byteArrangement, spelled } from "../operands.ts"

const imm8 = unsigned(["a:3", "d:5"], { hex: true })
const repeated = (value: bigint, bits: number): bigint => {
  let out = 0n
  for (let at = 0; at < 64; at += bits) out |= value << BigInt(at)
  return out
}
/** MOVI and MVNI replace the register by a 64-bit pattern (inverted when `op` is 1); ORR sets and BIC clears its bits. */
const applyPattern = (cpu: Cpu, f: { Q: number; op: number; keeps: number; Rd: number }, pattern: bigint): void => {
  const D = cpu.unsigned(64)
  const bits = f.Q ? 128 : 64
  const value = D.constant(BigInt.asUintN(64, f.op ? ~pattern : pattern))
  const combine = (x: Value): Value => (f.op ? D.and(x, value) : D.or(x, value))
  cpu.setV(f.Rd, f.keeps ? cpu.map(D, [cpu.V(f.Rd, D, bits)], (x) => combine(x!)) : cpu.splat(D, value, bits))
}
const op = choice(["op:1", "keeps:1"], "movi orr mvni bic")

export const immediateWords = instruction({
  name: "MOVI, MVNI, ORR, BIC (vector, immediate, 32-bit)",
  encoding: "0 Q op 0111100000 a:3 0 shift:2 keeps 0 1 d:5 Rd:5",
  assembly: "<op> <Vd>.<T>, #<imm8>(, lsl #<shift>)?",
  operands: { op, T: choice("Q", "2s 4s"), imm8, shift: choice("shift", "0 8 16 24", 0) },
  feature: "AdvSIMD",
  access: "SIMD",
  execute: (cpu, { Q, op, a, shift, keeps, d, Rd }) =>
    applyPattern(cpu, { Q, op, keeps, Rd }, repeated(BigInt((a << 5) | d) << BigInt(8 * shift), 32))
})
export const immediateHalves = instruction({
  name: "MOVI, MVNI, ORR, BIC (vector, immediate, 16-bit)",
  encoding: "0 Q op 0111100000 a:3 10 shift keeps 0 1 d:5 Rd:5",
  assembly: "<op> <Vd>.<T>, #<imm8>(, lsl #<shift>)?",
  operands: { op, T: choice("Q", "4h 8h"), imm8, shift: choice("shift", "0 8", 0) },
  feature: "AdvSIMD",
  access: "SIMD",
  execute: (cpu, { Q, op, a, shift, keeps, d, Rd }) =>
    applyPattern(cpu, { Q, op, keeps, Rd }, repeated(BigInt((a << 5) | d) << BigInt(8 * shift), 16))
})
export const immediateOnes = instruction({
  name: "MOVI, MVNI (vector, shifting ones)",
  encoding: "0 Q op 0111100000 a:3 110 shift 0 1 d:5 Rd:5",
  assembly: "<op> <Vd>.<T>, #<imm8>, msl #<shift>",
  operands: { op: choice("op", "movi mvni"), T: choice("Q", "2s 4s"), imm8, shift: choice("shift", "8 16") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute: (cpu, { Q, op, a, shift, d, Rd }) =>
    applyPattern(cpu, { Q, op, keeps: 0, Rd }, repeated(((BigInt((a << 5) | d) + 1n) << BigInt(8 << shift)) - 1n, 32))
})
export const immediateBytes = instruction({
  name: "MOVI (vector, 8-bit)",
  encoding: "0 Q 0 0111100000 a:3 1110 0 1 d:5 Rd:5",
  assembly: "movi <Vd>.<T>, #<imm8>",
  operands: { T: byteArrangement, imm8 },
  feature: "AdvSIMD",
  access: "SIMD",
  execute: (cpu, { Q, a, d, Rd }) => applyPattern(cpu, { Q, op: 0, keeps: 0, Rd }, repeated(BigInt((a << 5) | d), 8))
})

/** Eight bits, each spread over a byte. */
const spread = (bits: number): bigint => {
  let out = 0n
  for (let i = 0; i < 8; i++) if ((bits >> i) & 1) out |= 0xffn << BigInt(8 * i)
  return out
}
const gathered = (value: bigint): number | undefined => {
  let bits = 0
  for (let i = 0; i < 8; i++) if ((value >> BigInt(8 * i)) & 1n) bits |= 1 << i
  return spread(bits) === value ? bits : undefined
}
export const immediateMask = instruction({
  name: "MOVI (byte mask)",
  encoding: "0 Q 1 0111100000 a:3 1110 0 1 d:5 Rd:5",
  assembly: "movi <Vd>.2d, #<mask>",
  operands: {
    mask: spelled<{ readonly a: number; readonly d: number }>(
      (f) => `0x${spread((f.a << 5) | f.d).toString(16)}`,
      /#?(0x[0-9a-f]+|\d+)(?!\w)/,
      (m) => {
        const bits = gathered(BigInt(m[1]!))
        return bits === undefined ? undefined : { a: bits >> 5, d: bits & 31 }
      }
    )
  },
  aliases: [
    { text: "movi <Dd>, #<mask>", fields: { Q: 0 } },
    { text: "movi <Vd>.2d, #<mask>", fields: { Q: 1 } }
  ],
  feature: "AdvSIMD",
  access: "SIMD",
  execute: (cpu, { Q, a, d, Rd }) => applyPattern(cpu, { Q, op: 0, keeps: 0, Rd }, spread((a << 5) | d))
})

export const simdImmediate = [immediateWords, immediateHalves, immediateOnes, immediateBytes, immediateMask]
