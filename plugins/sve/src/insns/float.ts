/** Floating-point arithmetic on vectors. */
import { choice, type Float, type Instruction, instruction, type Value } from "@eltwo/isa"
import { FLOAT_T, FORMATS, SVE } from "../operands.ts"

type Lane = (type: Float, x: Value, y: Value) => Value
const reversed =
  (lane: Lane): Lane =>
  (F, x, y) =>
    lane(F, y, x)
const subtract: Lane = (F, x, y) => F.subtract(x, y)
const divide: Lane = (F, x, y) => F.divide(x, y)
const BINARY: Readonly<Record<number, readonly [mnemonic: string, lane: Lane]>> = {
  0: ["fadd", (F, x, y) => F.add(x, y)],
  1: ["fsub", subtract],
  2: ["fmul", (F, x, y) => F.multiply(x, y)],
  3: ["fsubr", reversed(subtract)],
  4: ["fmaxnm", (F, x, y) => F.maximumNumber(x, y)],
  5: ["fminnm", (F, x, y) => F.minimumNumber(x, y)],
  6: ["fmax", (F, x, y) => F.maximum(x, y)],
  7: ["fmin", (F, x, y) => F.minimum(x, y)],
  8: ["fabd", (F, x, y) => F.absolute(F.subtract(x, y))],
  10: ["fmulx", (F, x, y) => F.special("multiplyExtended", x, y)],
  12: ["fdivr", reversed(divide)],
  13: ["fdiv", divide]
}
export const floatPredicated = instruction({
  name: "FADD, FSUB, FMUL, FMAX, FDIV, ... (predicated)",
  encoding: "01100101 size:2 00 opcode:4 100 Pg:3 Zm:5 Zdn:5",
  where: (f) => f.size !== 0 && BINARY[f.opcode] !== undefined,
  assembly: "<opcode> <Zdn>.<T>, <Pg>/m, <Zdn>.<T>, <Zm>.<T>",
  operands: {
    T: FLOAT_T,
    opcode: choice(
      "opcode",
      Array.from({ length: 16 }, (_, i) => BINARY[i]?.[0] ?? "-")
    )
  },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, opcode, Pg, Zm, Zdn }) {
    const F = cpu.float(FORMATS[size]!)
    const old = cpu.Z(Zdn, F)
    cpu.setZ(
      Zdn,
      cpu.map(F, [old, cpu.Z(Zm, F)], (x, y) => BINARY[opcode]![1](F, x, y), { where: cpu.P(Pg, F), otherwise: old })
    )
  }
})
const UNPREDICATED: readonly Lane[] = [(F, x, y) => F.add(x, y), subtract, (F, x, y) => F.multiply(x, y)]
export const floatUnpredicated = instruction({
  name: "FADD, FSUB, FMUL (unpredicated)",
  encoding: "01100101 size:2 0 Zm:5 0000 opc:2 Zn:5 Zd:5",
  where: (f) => f.size !== 0 && f.opc !== 3,
  assembly: "<opc> <Zd>.<T>, <Zn>.<T>, <Zm>.<T>",
  operands: { T: FLOAT_T, opc: choice("opc", "fadd fsub fmul -") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Zm, opc, Zn, Zd }) {
    const F = cpu.float(FORMATS[size]!)
    cpu.setZ(
      Zd,
      cpu.map(F, [cpu.Z(Zn, F), cpu.Z(Zm, F)], (x, y) => UNPREDICATED[opc]!(F, x, y))
    )
  }
})
/** FMLA adds Zda + Zn x Zm, FMAD adds Za + Zdn x Zm: they differ in which register is overwritten. */
const fused = (F: Float, N: number, S: number, addend: Value, x: Value, y: Value): Value =>
  F.multiplyAdd(N ? F.negate(addend) : addend, N !== S ? F.negate(x) : x, y)
export const floatMultiplyAdd = instruction({
  name: "FMLA, FMLS, FNMLA, FNMLS (vectors)",
  encoding: "01100101 size:2 1 Zm:5 0 N S Pg:3 Zn:5 Zda:5",
  where: (f) => f.size !== 0,
  assembly: "<name> <Zda>.<T>, <Pg>/m, <Zn>.<T>, <Zm>.<T>",
  operands: { T: FLOAT_T, name: choice(["N:1", "S:1"], "fmla fmls fnmla fnmls") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Zm, N, S, Pg, Zn, Zda }) {
    const F = cpu.float(FORMATS[size]!)
    const old = cpu.Z(Zda, F)
    cpu.setZ(
      Zda,
      cpu.map(F, [old, cpu.Z(Zn, F), cpu.Z(Zm, F)], (...x) => fused(F, N, S, x[0]!, x[1]!, x[2]!), { where: cpu.P(Pg, F), otherwise: old })
    )
  }
})
export const floatMultiplyAddFactor = instruction({
  name: "FMAD, FMSB, FNMAD, FNMSB",
  encoding: "01100101 size:2 1 Za:5 1 N S Pg:3 Zm:5 Zdn:5",
  where: (f) => f.size !== 0,
  assembly: "<name> <Zdn>.<T>, <Pg>/m, <Zm>.<T>, <Za>.<T>",
  operands: { T: FLOAT_T, name: choice(["N:1", "S:1"], "fmad fmsb fnmad fnmsb") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Za, N, S, Pg, Zm, Zdn }) {
    const F = cpu.float(FORMATS[size]!)
    const old = cpu.Z(Zdn, F)
    cpu.setZ(
      Zdn,
      cpu.map(F, [cpu.Z(Za, F), old, cpu.Z(Zm, F)], (...x) => fused(F, N, S, x[0]!, x[1]!, x[2]!), { where: cpu.P(Pg, F), otherwise: old })
    )
  }
})

export const floatInstructions: readonly Instruction[] = [floatPredicated, floatUnpredicated, floatMultiplyAdd, floatMultiplyAddFactor]
