/** The vector length as a number: RDVL, ADDVL, element counts, and incrementing by them. */
import { type Cpu, choice, type Instruction, type Integer, instruction, signed, unsigned, type Value } from "@eltwo/isa"
import { pattern, patternCount, SVE, signExtend } from "../operands.ts"

const BYTES_PER_VL = 8
const BYTES_PER_PL = 64

export const readVectorLength = instruction({
  name: "RDVL",
  encoding: "000001001011111101010 imm6:6 Rd:5",
  assembly: "rdvl <Xd>, #<imm6>",
  operands: { imm6: signed("imm6:6") },
  feature: SVE,
  access: "SVE",
  execute: (cpu, { imm6, Rd }) => cpu.setX(Rd, cpu.unsigned(64).constant(signExtend(imm6, 6) * (cpu.vectorBits / BYTES_PER_VL)))
})
export const addVectorLength = instruction({
  name: "ADDVL, ADDPL",
  encoding: "000001000 op 1 Rn:5 01010 imm6:6 Rd:5",
  assembly: "<op> <Xd|SP>, <Xn|SP>, #<imm6>",
  operands: { op: choice("op", "addvl addpl"), imm6: signed("imm6:6") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { op, Rn, imm6, Rd }) {
    const A = cpu.unsigned(64)
    const bytes = cpu.vectorBits / (op ? BYTES_PER_PL : BYTES_PER_VL)
    cpu.setXSP(Rd, A.add(cpu.XSP(Rn), A.constant(signExtend(imm6, 6) * bytes)))
  }
})

/** "all" is left out when nothing is multiplied. */
const counted = (head: string) => ({
  assembly: `${head}, <pattern>, mul #<imm4>`,
  aliases: [{ text: `${head}(, <pattern>)?`, fields: { imm4: 0 } }]
})
const operands = { pattern, imm4: unsigned("imm4", { offset: 1 }), size: choice("size", "b h w d"), T: choice("size", "- h s d") }
const increment = choice("D", "inc dec")
/** Elements of that size that the pattern takes, times the multiplier. */
const countOf = (cpu: Cpu, size: number, field: number, imm4: number): number => patternCount(field, cpu.vectorBits / (8 << size)) * (imm4 + 1)

export const countElements = instruction({
  name: "CNTB, CNTH, CNTW, CNTD",
  encoding: "00000100 size:2 10 imm4:4 111000 pattern:5 Rd:5",
  ...counted("cnt<size> <Xd>"),
  operands,
  feature: SVE,
  access: "SVE",
  execute: (cpu, { size, imm4, pattern, Rd }) => cpu.setX(Rd, cpu.unsigned(64).constant(countOf(cpu, size, pattern, imm4)))
})
export const incrementByCount = instruction({
  name: "INCB, DECB, INCH, ... (scalar)",
  encoding: "00000100 size:2 11 imm4:4 11100 D pattern:5 Rdn:5",
  ...counted("<D><size> <Xdn>"),
  operands: { ...operands, D: increment },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, imm4, D, pattern, Rdn }) {
    const I = cpu.unsigned(64)
    const count = I.constant(countOf(cpu, size, pattern, imm4))
    cpu.setX(Rdn, D ? I.subtract(cpu.X(Rdn), count) : I.add(cpu.X(Rdn), count))
  }
})
export const incrementVectorByCount = instruction({
  name: "INCH, DECH, INCW, ... (vector)",
  encoding: "00000100 size:2 11 imm4:4 11000 D pattern:5 Zdn:5",
  where: (f) => f.size !== 0,
  ...counted("<D><size> <Zdn>.<T>"),
  operands: { ...operands, D: increment },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, imm4, D, pattern, Zdn }) {
    const I = cpu.unsigned(8 << size)
    const count = I.constant(countOf(cpu, size, pattern, imm4))
    cpu.setZ(
      Zdn,
      cpu.map(I, [cpu.Z(Zdn, I)], (x) => (D ? I.subtract(x, count) : I.add(x, count)))
    )
  }
})

/** A signed type in which neither sum nor difference overflows. */
const saturatingMove = (I: Integer, Wide: Integer, x: Value, by: number, down: number): Value => {
  const wide = Wide.from(x, I)
  return I.saturate(down ? Wide.subtract(wide, Wide.constant(by)) : Wide.add(wide, Wide.constant(by)), Wide)
}
const saturating = choice(["D:1", "U:1"], "sqinc uqinc sqdec uqdec")
export const saturatingIncrement = instruction({
  name: "SQINCB, UQINCB, SQDECB, ... (scalar)",
  encoding: "00000100 size:2 1 sf imm4:4 1111 D U pattern:5 Rdn:5",
  assembly: "<name><size> <Xdn>, <pattern>, mul #<imm4>",
  aliases: [
    { text: "<name><size> <Xdn>, <Wdn>(, <pattern>)?", fields: { sf: 0, U: 0, imm4: 0 } },
    { text: "<name><size> <Xdn>, <Wdn>, <pattern>, mul #<imm4>", fields: { sf: 0, U: 0 } },
    { text: "<name><size> <Wdn>(, <pattern>)?", fields: { sf: 0, U: 1, imm4: 0 } },
    { text: "<name><size> <Wdn>, <pattern>, mul #<imm4>", fields: { sf: 0, U: 1 } },
    { text: "<name><size> <Xdn>(, <pattern>)?", fields: { sf: 1, imm4: 0 } },
    { text: "<name><size> <Xdn>, <pattern>, mul #<imm4>", fields: { sf: 1 } }
  ],
  operands: { ...operands, name: saturating },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, sf, imm4, D, U, pattern, Rdn }) {
    const I = U ? cpu.unsigned(sf ? 64 : 32) : cpu.signed(sf ? 64 : 32)
    const X = cpu.unsigned(64)
    // A 32-bit result extends by its own sign.
    cpu.setX(Rdn, X.from(saturatingMove(I, cpu.signed(128), cpu.X(Rdn, I), countOf(cpu, size, pattern, imm4), D), I))
  }
})
export const saturatingIncrementVector = instruction({
  name: "SQINCH, UQINCH, SQDECH, ... (vector)",
  encoding: "00000100 size:2 10 imm4:4 1100 D U pattern:5 Zdn:5",
  where: (f) => f.size !== 0,
  ...counted("<name><size> <Zdn>.<T>"),
  operands: { ...operands, name: saturating },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, imm4, D, U, pattern, Zdn }) {
    const I = U ? cpu.unsigned(8 << size) : cpu.signed(8 << size)
    const Wide = cpu.signed(2 * I.bits)
    const count = countOf(cpu, size, pattern, imm4)
    cpu.setZ(
      Zdn,
      cpu.map(I, [cpu.Z(Zdn, I)], (x) => saturatingMove(I, Wide, x, count, D))
    )
  }
})

export const vectorLengthInstructions: readonly Instruction[] = [
  readVectorLength,
  addVectorLength,
  countElements,
  incrementByCount,
  incrementVectorByCount,
  saturatingIncrement,
  saturatingIncrementVector
]
