/** All active elements of a vector into one scalar. */
import { choice, type Float, type Instruction, type Integer, instruction, type Value } from "@eltwo/isa"
import { FLOAT_T, FORMATS, SVE, sizedScalar, T } from "../operands.ts"

export const addReduction = instruction({
  name: "SADDV, UADDV",
  encoding: "00000100 size:2 00000 U 001 Pg:3 Zn:5 Rd:5",
  where: (f) => f.U === 1 || f.size !== 3,
  assembly: "<U> <Dd>, <Pg>, <Zn>.<T>",
  operands: { T, U: choice("U", "saddv uaddv") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, U, Pg, Zn, Rd }) {
    const I = U ? cpu.unsigned(8 << size) : cpu.signed(8 << size)
    const D = cpu.unsigned(64)
    const wide = cpu.map(D, [cpu.Z(Zn, I)], (x) => D.from(x, I), { where: cpu.P(Pg, I), otherwise: "zero" })
    const sum = cpu.reduce(D, wide, D.constant(0), (x, y) => D.add(x, y), "tree")
    cpu.setScalar(Rd, sum, D)
  }
})

type Combine<Type> = (type: Type, x: Value, y: Value) => Value
/** By the opcode: the value of inactive elements, and the operation. */
const INTEGER: Readonly<Record<number, readonly [mnemonic: string, identity: (I: Integer) => Value, combine: Combine<Integer>]>> = {
  8: ["smaxv", (I) => I.constant(-(2n ** BigInt(I.bits - 1))), (I, x, y) => I.maximum(x, y)],
  9: ["umaxv", (I) => I.constant(0), (I, x, y) => I.maximum(x, y)],
  10: ["sminv", (I) => I.constant(2n ** BigInt(I.bits - 1) - 1n), (I, x, y) => I.minimum(x, y)],
  11: ["uminv", (I) => I.constant(-1), (I, x, y) => I.minimum(x, y)],
  24: ["orv", (I) => I.constant(0), (I, x, y) => I.or(x, y)],
  25: ["eorv", (I) => I.constant(0), (I, x, y) => I.xor(x, y)],
  26: ["andv", (I) => I.constant(-1), (I, x, y) => I.and(x, y)]
}
export const integerReduction = instruction({
  name: "SMAXV, UMAXV, SMINV, UMINV, ORV, EORV, ANDV",
  encoding: "00000100 size:2 0 opcode:5 001 Pg:3 Zn:5 Vd:5",
  where: (f) => INTEGER[f.opcode] !== undefined,
  assembly: "<opcode> <d>, <Pg>, <Zn>.<T>",
  operands: {
    T,
    d: sizedScalar("Vd"),
    opcode: choice(
      "opcode",
      Array.from({ length: 32 }, (_, i) => INTEGER[i]?.[0] ?? "-")
    )
  },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, opcode, Pg, Zn, Vd }) {
    const [mnemonic, identity, combine] = INTEGER[opcode]!
    const I = mnemonic.startsWith("s") ? cpu.signed(8 << size) : cpu.unsigned(8 << size)
    const result = cpu.reduce(I, cpu.Z(Zn, I), identity(I), (x, y) => combine(I, x, y), "tree", cpu.P(Pg, I))
    cpu.setScalar(Vd, result, I)
  }
})

const EXPONENT_BITS = [5, 5, 8, 11] as const
/** Patterns by the size field: infinity, and the default NaN. */
const infinityOf = (size: number, bits: number): bigint => ((1n << BigInt(EXPONENT_BITS[size]!)) - 1n) << BigInt(bits - 1 - EXPONENT_BITS[size]!)
const quietOf = (size: number, bits: number): bigint => infinityOf(size, bits) | (1n << BigInt(bits - 2 - EXPONENT_BITS[size]!))
const signOf = (bits: number): bigint => 1n << BigInt(bits - 1)
const FLOAT: Readonly<Record<number, readonly [mnemonic: string, identity: (size: number, bits: number) => bigint, combine: Combine<Float>]>> = {
  0: ["faddv", () => 0n, (F, x, y) => F.add(x, y)],
  4: ["fmaxnmv", quietOf, (F, x, y) => F.maximumNumber(x, y)],
  5: ["fminnmv", quietOf, (F, x, y) => F.minimumNumber(x, y)],
  6: ["fmaxv", (size, bits) => infinityOf(size, bits) | signOf(bits), (F, x, y) => F.maximum(x, y)],
  7: ["fminv", infinityOf, (F, x, y) => F.minimum(x, y)]
}
export const floatReduction = instruction({
  name: "FADDV, FMAXNMV, FMINNMV, FMAXV, FMINV",
  encoding: "01100101 size:2 000 opcode:3 001 Pg:3 Zn:5 Vd:5",
  where: (f) => f.size !== 0 && FLOAT[f.opcode] !== undefined,
  assembly: "<opcode> <d>, <Pg>, <Zn>.<T>",
  operands: { T: FLOAT_T, d: sizedScalar("Vd", "-hsd"), opcode: choice("opcode", "faddv - - - fmaxnmv fminnmv fmaxv fminv") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, opcode, Pg, Zn, Vd }) {
    const F = cpu.float(FORMATS[size]!)
    const [, identity, combine] = FLOAT[opcode]!
    const start = cpu.unsigned(F.bits).constant(identity(size, F.bits))
    cpu.setScalar(
      Vd,
      cpu.reduce(F, cpu.Z(Zn, F), start, (x, y) => combine(F, x, y), "tree", cpu.P(Pg, F)),
      F
    )
  }
})
export const orderedSum = instruction({
  name: "FADDA",
  encoding: "01100101 size:2 011000001 Pg:3 Zm:5 Vdn:5",
  where: (f) => f.size !== 0,
  assembly: "fadda <dn>, <Pg>, <dn>, <Zm>.<T>",
  operands: { T: FLOAT_T, dn: sizedScalar("Vdn", "-hsd") },
  feature: "SVE",
  access: "SVE",
  execute(cpu, { size, Pg, Zm, Vdn }) {
    const F = cpu.float(FORMATS[size]!)
    const start = cpu.scalar(Vdn, F)
    cpu.setScalar(
      Vdn,
      cpu.reduce(F, cpu.Z(Zm, F), start, (sum, x) => F.add(sum, x), "sequential", cpu.P(Pg, F)),
      F
    )
  }
})

export const reduceInstructions: readonly Instruction[] = [addReduction, integerReduction, floatReduction, orderedSum]
