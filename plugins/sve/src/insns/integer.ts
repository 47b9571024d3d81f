/** Integer arithmetic and logic on vectors: under a predicate, unpredicated, with immediates. */
import { choice, type Instruction, type Integer, instruction, type Operand, signed, unsigned, type Value } from "@eltwo/isa"
import { isMask, isRedundantMask, maskElement, maskPattern, maskValue } from "../mask-operand.ts"
import { SVE, sameRegister, shiftedImmediate, shiftedValue, shiftFits, signExtend, T } from "../operands.ts"

type Lane = (type: Integer, x: Value, y: Value) => Value
const reversed =
  (lane: Lane): Lane =>
  (I, x, y) =>
    lane(I, y, x)
const add: Lane = (I, x, y) => I.add(x, y)
const subtract: Lane = (I, x, y) => I.subtract(x, y)
const maximum: Lane = (I, x, y) => I.maximum(x, y)
const minimum: Lane = (I, x, y) => I.minimum(x, y)
const difference: Lane = (I, x, y) => I.subtract(I.maximum(x, y), I.minimum(x, y))
const multiply: Lane = (I, x, y) => I.multiply(x, y)
const multiplyHigh: Lane = (I, x, y) => I.multiplyHigh(x, y)
const divide: Lane = (I, x, y) => I.divide(x, y)

// ---------------------------------------------------------------- under a predicate
const BINARY: Readonly<Record<number, readonly [mnemonic: string, lane: Lane]>> = {
  0: ["add", add],
  1: ["sub", subtract],
  3: ["subr", reversed(subtract)],
  8: ["smax", maximum],
  9: ["umax", maximum],
  10: ["smin", minimum],
  11: ["umin", minimum],
  12: ["sabd", difference],
  13: ["uabd", difference],
  16: ["mul", multiply],
  18: ["smulh", multiplyHigh],
  19: ["umulh", multiplyHigh],
  20: ["sdiv", divide],
  21: ["udiv", divide],
  22: ["sdivr", reversed(divide)],
  23: ["udivr", reversed(divide)],
  24: ["orr", (I, x, y) => I.or(x, y)],
  25: ["eor", (I, x, y) => I.xor(x, y)],
  26: ["and", (I, x, y) => I.and(x, y)],
  27: ["bic", (I, x, y) => I.and(x, I.not(y))]
}
const isDivide = (opcode: number): boolean => opcode >> 2 === 0b101
const typed = (cpu: { unsigned(bits: number): Integer; signed(bits: number): Integer }, isUnsigned: boolean, bits: number): Integer =>
  isUnsigned ? cpu.unsigned(bits) : cpu.signed(bits)
export const binaryPredicated = instruction({
  name: "ADD, SUB, SUBR, MUL, SDIV, AND, ... (predicated)",
  encoding: "00000100 size:2 0 opcode:5 000 Pg:3 Zm:5 Zdn:5",
  where: (f) => BINARY[f.opcode] !== undefined && !(isDivide(f.opcode) && f.size < 2),
  assembly: "<opcode> <Zdn>.<T>, <Pg>/m, <Zdn>.<T>, <Zm>.<T>",
  operands: {
    T,
    opcode: choice(
      "opcode",
      Array.from({ length: 32 }, (_, i) => BINARY[i]?.[0] ?? "-")
    )
  },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, opcode, Pg, Zm, Zdn }) {
    const [mnemonic, lane] = BINARY[opcode]!
    const I = typed(cpu, mnemonic.startsWith("u"), 8 << size)
    const old = cpu.Z(Zdn, I)
    cpu.setZ(
      Zdn,
      cpu.map(I, [old, cpu.Z(Zm, I)], (x, y) => lane(I, x, y), { where: cpu.P(Pg, I), otherwise: old })
    )
  }
})
export const multiplyAdd = instruction({
  name: "MLA, MLS",
  encoding: "00000100 size:2 0 Zm:5 01 S Pg:3 Zn:5 Zda:5",
  assembly: "<S> <Zda>.<T>, <Pg>/m, <Zn>.<T>, <Zm>.<T>",
  operands: { T, S: choice("S", "mla mls") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Zm, S, Pg, Zn, Zda }) {
    const I = cpu.unsigned(8 << size)
    const old = cpu.Z(Zda, I)
    const lane = (sum: Value, x: Value, y: Value) => (S ? subtract : add)(I, sum, I.multiply(x, y))
    cpu.setZ(
      Zda,
      cpu.map(I, [old, cpu.Z(Zn, I), cpu.Z(Zm, I)], (...x) => lane(x[0]!, x[1]!, x[2]!), { where: cpu.P(Pg, I), otherwise: old })
    )
  }
})
/** Here the register that is overwritten is a factor, and the addend is Za. */
export const multiplyAddFactor = instruction({
  name: "MAD, MSB",
  encoding: "00000100 size:2 0 Zm:5 11 S Pg:3 Za:5 Zdn:5",
  assembly: "<S> <Zdn>.<T>, <Pg>/m, <Zm>.<T>, <Za>.<T>",
  operands: { T, S: choice("S", "mad msb") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Zm, S, Pg, Za, Zdn }) {
    const I = cpu.unsigned(8 << size)
    const old = cpu.Z(Zdn, I)
    const lane = (sum: Value, x: Value, y: Value) => (S ? subtract : add)(I, sum, I.multiply(x, y))
    cpu.setZ(
      Zdn,
      cpu.map(I, [cpu.Z(Za, I), old, cpu.Z(Zm, I)], (...x) => lane(x[0]!, x[1]!, x[2]!), { where: cpu.P(Pg, I), otherwise: old })
    )
  }
})

// ---------------------------------------------------------------- unpredicated
/** The type with twice the bits, signed: sums and differences of either kind fit. */
const saturatingLane = (I: Integer, Wide: Integer, x: Value, y: Value, isSubtraction: boolean): Value => {
  const [a, b] = [Wide.from(x, I), Wide.from(y, I)]
  return I.saturate(isSubtraction ? Wide.subtract(a, b) : Wide.add(a, b), Wide)
}
export const binaryUnpredicated = instruction({
  name: "ADD, SUB, SQADD, UQADD, SQSUB, UQSUB (unpredicated)",
  encoding: "00000100 size:2 1 Zm:5 000 opc:3 Zn:5 Zd:5",
  where: (f) => f.opc !== 2 && f.opc !== 3,
  assembly: "<opc> <Zd>.<T>, <Zn>.<T>, <Zm>.<T>",
  operands: { T, opc: choice("opc", "add sub - - sqadd uqadd sqsub uqsub") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Zm, opc, Zn, Zd }) {
    const I = typed(cpu, opc > 3 && (opc & 1) === 1, 8 << size)
    const Wide = cpu.signed(2 * I.bits)
    const lane = (x: Value, y: Value) => (opc === 0 ? I.add(x, y) : opc === 1 ? I.subtract(x, y) : saturatingLane(I, Wide, x, y, opc > 5))
    cpu.setZ(Zd, cpu.map(I, [cpu.Z(Zn, I), cpu.Z(Zm, I)], lane))
  }
})
const LOGIC: readonly Lane[] = [(I, x, y) => I.and(x, y), (I, x, y) => I.or(x, y), (I, x, y) => I.xor(x, y), (I, x, y) => I.and(x, I.not(y))]
export const logicUnpredicated = instruction({
  name: "AND, ORR, EOR, BIC (unpredicated)",
  encoding: "00000100 opc:2 1 Zm:5 001100 Zn:5 Zd:5",
  assembly: "<opc> <Zd>.d, <Zn>.d, <Zm>.d",
  operands: { opc: choice("opc", "and orr eor bic"), source: sameRegister("z", "Zn", "Zm") },
  aliases: [{ text: "mov <Zd>.d, <source>.d", fields: { opc: 1 } }],
  feature: SVE,
  access: "SVE",
  execute(cpu, { opc, Zm, Zn, Zd }) {
    const D = cpu.unsigned(64)
    cpu.setZ(
      Zd,
      cpu.map(D, [cpu.Z(Zn, D), cpu.Z(Zm, D)], (x, y) => LOGIC[opc]!(D, x, y))
    )
  }
})

// ---------------------------------------------------------------- immediates
export const logicImmediate = instruction({
  name: "ORR, EOR, AND (immediate)",
  encoding: "00000101 opc:2 0000 imm13:13 Zdn:5",
  where: (f) => f.opc !== 3 && isMask(f),
  assembly: "<opc> <Zdn>.<E>, <Zdn>.<E>, #<mask>",
  operands: { opc: choice("opc", "orr eor and -"), E: maskElement, mask: maskValue },
  redundant: isRedundantMask,
  feature: SVE,
  access: "SVE",
  execute(cpu, { opc, imm13, Zdn }) {
    const D = cpu.unsigned(64)
    const mask = D.constant(maskPattern(imm13))
    cpu.setZ(
      Zdn,
      cpu.map(D, [cpu.Z(Zdn, D)], (x) => [D.or(x, mask), D.xor(x, mask), D.and(x, mask)][opc]!)
    )
  }
})
export const addImmediate = instruction({
  name: "ADD, SUB, SUBR, SQADD, UQADD, SQSUB, UQSUB (immediate)",
  encoding: "00100101 size:2 100 opc:3 11 sh imm8:8 Zdn:5",
  where: (f) => f.opc !== 2 && shiftFits(f),
  assembly: "<opc> <Zdn>.<T>, <Zdn>.<T>, #<value>",
  operands: { T, opc: choice("opc", "add sub - subr sqadd uqadd sqsub uqsub"), value: shiftedImmediate(false) },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, opc, sh, imm8, Zdn }) {
    const I = typed(cpu, opc > 3 && (opc & 1) === 1, 8 << size)
    const Wide = cpu.signed(2 * I.bits)
    const value = shiftedValue({ sh, imm8 }, false)
    const y = I.constant(value)
    const saturating = (x: Value) => {
      const wide = Wide.from(x, I)
      return I.saturate(opc > 5 ? Wide.subtract(wide, Wide.constant(value)) : Wide.add(wide, Wide.constant(value)), Wide)
    }
    const lane = (x: Value) => (opc === 0 ? I.add(x, y) : opc === 1 ? I.subtract(x, y) : opc === 3 ? I.subtract(y, x) : saturating(x))
    cpu.setZ(
      Zdn,
      cpu.map(I, [cpu.Z(Zdn, I)], (x) => lane(x!))
    )
  }
})
interface Extreme {
  readonly U: number
  readonly imm8: number
}
/** Signed or unsigned as the operation is. */
const extremeImmediate: Operand<Extreme> = {
  print: (f) => `${f.U ? f.imm8 : signExtend(f.imm8, 8)}`,
  read: (text, at, known, place) => (known["U"] ? unsigned("imm8") : signed("imm8:8")).read(text, at, known, place)
}
export const extremeOfImmediate = instruction({
  name: "SMAX, UMAX, SMIN, UMIN (vector, immediate)",
  encoding: "00100101 size:2 1010 min U 110 imm8:8 Zdn:5",
  assembly: "<name> <Zdn>.<T>, <Zdn>.<T>, #<value>",
  operands: { T, name: choice(["min:1", "U:1"], "smax umax smin umin"), value: extremeImmediate },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, min, U, imm8, Zdn }) {
    const I = typed(cpu, U === 1, 8 << size)
    const y = I.constant(U ? imm8 : signExtend(imm8, 8))
    cpu.setZ(
      Zdn,
      cpu.map(I, [cpu.Z(Zdn, I)], (x) => (min ? I.minimum(x, y) : I.maximum(x, y)))
    )
  }
})
export const multiplyImmediate = instruction({
  name: "MUL (immediate)",
  encoding: "00100101 size:2 110000110 imm8:8 Zdn:5",
  assembly: "mul <Zdn>.<T>, <Zdn>.<T>, #<imm8>",
  operands: { T, imm8: signed("imm8:8") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, imm8, Zdn }) {
    const I = cpu.unsigned(8 << size)
    cpu.setZ(
      Zdn,
      cpu.map(I, [cpu.Z(Zdn, I)], (x) => I.multiply(x, I.constant(signExtend(imm8, 8))))
    )
  }
})

// ---------------------------------------------------------------- clamp, dot product
export const clamp = instruction({
  name: "SCLAMP, UCLAMP",
  encoding: "01000100 size:2 0 Zm:5 11000 U Zn:5 Zd:5",
  assembly: "<U> <Zd>.<T>, <Zn>.<T>, <Zm>.<T>",
  operands: { T, U: choice("U", "sclamp uclamp") },
  feature: "SVE2p1 or SME",
  access: "SVE",
  execute(cpu, { size, Zm, U, Zn, Zd }) {
    const I = typed(cpu, U === 1, 8 << size)
    const clampLane = (x: Value, low: Value, high: Value) => I.minimum(I.maximum(low, x), high)
    cpu.setZ(
      Zd,
      cpu.map(I, [cpu.Z(Zd, I), cpu.Z(Zn, I), cpu.Z(Zm, I)], (...x) => clampLane(x[0]!, x[1]!, x[2]!))
    )
  }
})
export const dotProduct = instruction({
  name: "SDOT, UDOT (4-way, vectors)",
  encoding: "010001001 size 0 Zm:5 00000 U Zn:5 Zda:5",
  assembly: "<U> <Zda>.<T>, <Zn>.<Tb>, <Zm>.<Tb>",
  operands: { U: choice("U", "sdot udot"), T: choice("size", "s d"), Tb: choice("size", "b h") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Zm, U, Zn, Zda }) {
    const I = cpu.signed(32 << size)
    const N = typed(cpu, U === 1, I.bits / 4)
    const products = (sum: Value, n: Value, m: Value) =>
      [0, 1, 2, 3].reduce((total, k) => I.add(total, I.multiply(I.part(n, k, N), I.part(m, k, N))), sum)
    cpu.setZ(
      Zda,
      cpu.map(I, [cpu.Z(Zda, I), cpu.Z(Zn, I), cpu.Z(Zm, I)], (...x) => products(x[0]!, x[1]!, x[2]!))
    )
  }
})

export const integerInstructions: readonly Instruction[] = [
  binaryPredicated,
  multiplyAdd,
  multiplyAddFactor,
  binaryUnpredicated,
  logicUnpredicated,
  logicImmediate,
  addImmediate,
  extremeOfImmediate,
  multiplyImmediate,
  clamp,
  dotProduct
]
