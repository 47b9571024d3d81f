/** FEAT_SHA512 and FEAT_SHA3, on vectors of two 64-bit words. */
import { type Cpu, type Integer, instruction, unsigned, type Value, type Vector } from "@eltwo/isa"

const rotations = (D: Integer, x: Value, by: readonly [number, number, number]): Value =>
  D.xor(D.xor(D.rotateRight(x, by[0]), D.rotateRight(x, by[1])), D.rotateRight(x, by[2]))
const choose = (D: Integer, x: Value, y: Value, z: Value): Value => D.xor(z, D.and(x, D.xor(y, z)))
const majority = (D: Integer, x: Value, y: Value, z: Value): Value => D.or(D.and(x, y), D.and(D.or(x, y), z))
const sum = (D: Integer, ...terms: readonly Value[]): Value => terms.reduce((total, term) => D.add(total, term))
const pair = (cpu: Cpu, d: Vector, low: Value, high: Value): Vector => cpu.withLane(cpu.withLane(d, 0, low), 1, high)

/** Two rounds, half each: H makes the terms of the new e and a, H2 adds what only a has. W, X, Y are Vd, Vn, Vm. */
const hash = (
  mnemonic: "sha512h" | "sha512h2",
  round: (D: Integer, w: readonly Value[], x: readonly Value[], y: readonly Value[]) => [low: Value, high: Value]
) =>
  instruction({
    name: mnemonic.toUpperCase(),
    encoding: `11001110011 Rm:5 1000 0${mnemonic === "sha512h" ? 0 : 1} Rn:5 Rd:5` as "11001110011 Rm:5 1000 00 Rn:5 Rd:5",
    assembly: `${mnemonic} <Qd>, <Qn>, <Vm>.2d`,
    feature: "SHA512",
    access: "SIMD",
    execute(cpu, { Rm, Rn, Rd }) {
      const D = cpu.unsigned(64)
      const d = cpu.V(Rd, D)
      const both = (v: Vector): readonly Value[] => [cpu.lane(v, 0), cpu.lane(v, 1)]
      cpu.setV(Rd, pair(cpu, d, ...round(D, both(d), both(cpu.V(Rn, D)), both(cpu.V(Rm, D)))))
    }
  })
export const sha512Hash = hash("sha512h", (D, [w0, w1], [x0, x1], [y0, y1]) => {
  const high = sum(D, choose(D, y1!, x0!, x1!), rotations(D, y1!, [14, 18, 41]), w1!)
  const e = D.add(high, y0!)
  return [sum(D, choose(D, e, y1!, x0!), rotations(D, e, [14, 18, 41]), w0!), high]
})
export const sha512Hash2 = hash("sha512h2", (D, [w0, w1], [x0], [y0, y1]) => {
  const high = sum(D, majority(D, x0!, y1!, y0!), rotations(D, y0!, [28, 34, 39]), w1!)
  return [sum(D, majority(D, high, y0!, y1!), rotations(D, high, [28, 34, 39]), w0!), high]
})
export const sha512First = instruction({
  name: "SHA512SU0",
  encoding: "11001110110 00000 1000 00 Rn:5 Rd:5",
  assembly: "sha512su0 <Vd>.2d, <Vn>.2d",
  feature: "SHA512",
  access: "SIMD",
  execute(cpu, { Rn, Rd }) {
    const D = cpu.unsigned(64)
    const d = cpu.V(Rd, D)
    const next = cpu.permute(D, [d, cpu.V(Rn, D)], (i) => i + 1)
    const sigma0 = (x: Value): Value => D.xor(D.xor(D.rotateRight(x, 1), D.rotateRight(x, 8)), D.shiftRight(x, 7))
    cpu.setV(
      Rd,
      cpu.map(D, [d, next], (w, x) => D.add(w!, sigma0(x!)))
    )
  }
})
export const sha512Second = instruction({
  name: "SHA512SU1",
  encoding: "11001110011 Rm:5 1000 10 Rn:5 Rd:5",
  assembly: "sha512su1 <Vd>.2d, <Vn>.2d, <Vm>.2d",
  feature: "SHA512",
  access: "SIMD",
  execute(cpu, { Rm, Rn, Rd }) {
    const D = cpu.unsigned(64)
    const sigma1 = (x: Value): Value => D.xor(D.xor(D.rotateRight(x, 19), D.rotateRight(x, 61)), D.shiftRight(x, 6))
    cpu.setV(
      Rd,
      cpu.map(D, [cpu.V(Rd, D), cpu.V(Rn, D), cpu.V(Rm, D)], (w, x, y) => sum(D, w!, sigma1(x!), y!))
    )
  }
})

const threeSources = (mnemonic: "eor3" | "bcax", opcode: "00" | "01", lane: (D: Integer, n: Value, m: Value, a: Value) => Value) =>
  instruction({
    name: mnemonic.toUpperCase(),
    encoding: `110011100 ${opcode} Rm:5 0 Ra:5 Rn:5 Rd:5` as "110011100 00 Rm:5 0 Ra:5 Rn:5 Rd:5",
    assembly: `${mnemonic} <Vd>.16b, <Vn>.16b, <Vm>.16b, <Va>.16b`,
    feature: "AdvSIMD and SHA3",
    access: "SIMD",
    execute(cpu, { Rm, Ra, Rn, Rd }) {
      const D = cpu.unsigned(64)
      cpu.setV(
        Rd,
        cpu.map(D, [cpu.V(Rn, D), cpu.V(Rm, D), cpu.V(Ra, D)], (n, m, a) => lane(D, n!, m!, a!))
      )
    }
  })
export const exclusiveOr3 = threeSources("eor3", "00", (D, n, m, a) => D.xor(n, D.xor(m, a)))
export const bitClearXor = threeSources("bcax", "01", (D, n, m, a) => D.xor(n, D.and(m, D.not(a))))
export const rotateXor1 = instruction({
  name: "RAX1",
  encoding: "11001110011 Rm:5 1000 11 Rn:5 Rd:5",
  assembly: "rax1 <Vd>.2d, <Vn>.2d, <Vm>.2d",
  feature: "AdvSIMD and SHA3",
  access: "SIMD",
  execute(cpu, { Rm, Rn, Rd }) {
    const D = cpu.unsigned(64)
    cpu.setV(
      Rd,
      cpu.map(D, [cpu.V(Rn, D), cpu.V(Rm, D)], (n, m) => D.xor(n!, D.rotateRight(m!, 63)))
    )
  }
})
export const xorRotate = instruction({
  name: "XAR",
  encoding: "11001110100 Rm:5 imm6:6 Rn:5 Rd:5",
  assembly: "xar <Vd>.2d, <Vn>.2d, <Vm>.2d, #<imm6>",
  operands: { imm6: unsigned("imm6") },
  feature: "AdvSIMD and SHA3",
  access: "SIMD",
  execute(cpu, { Rm, imm6, Rn, Rd }) {
    const D = cpu.unsigned(64)
    cpu.setV(
      Rd,
      cpu.map(D, [cpu.V(Rn, D), cpu.V(Rm, D)], (n, m) => D.rotateRight(D.xor(n!, m!), imm6))
    )
  }
})

export const cryptoSha512 = [sha512Hash, sha512Hash2, sha512First, sha512Second, exclusiveOr3, bitClearXor, rotateXor1, xorRotate]
