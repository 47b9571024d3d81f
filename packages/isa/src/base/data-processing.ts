/** Data processing with one, two and three registers: counts, reversals, divisions, shifts, extremes, CRC, multiplications. */
import { type Cpu, helper, type Integer, type Value } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { choice, signed, unsigned } from "../operands.ts"
import { signedField } from "./addressing.ts"
import { registerType } from "./integers.ts"

// ---------------------------------------------------------------- one source
/** Bits below the sign bit that equal it. */
const leadingSignBits = (cpu: Cpu, T: Integer, x: Value): Value => {
  const changes = T.xor(x, cpu.signed(T.bits).shiftRight(x, 1))
  return T.subtract(T.countLeadingZeros(changes), T.constant(1))
}
export const oneSource = instruction({
  name: "RBIT, REV16, REV32, REV, CLZ, CLS",
  encoding: "sf 1 0 11010110 00000 000 opcode:3 Rn:5 Rd:5",
  where: (f) => f.opcode < 6 && (f.sf === 1 || f.opcode !== 3),
  assembly: "<op> <Rd>, <Rn>",
  operands: { op: choice(["sf:1", "opcode:3"], "rbit rev16 rev - clz cls - - rbit rev16 rev32 rev clz cls - -") },
  aliases: [{ text: "rev64 <Xd>, <Xn>", fields: { sf: 1, opcode: 3 }, prefer: false }],
  execute(cpu, { sf, opcode, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const x = cpu.X(Rn, T)
    const bytes = () => T.reverse(x, "bytes")
    const operations = [
      () => T.reverse(x, "bits"),
      () => T.reverse(bytes(), "halfwords"),
      () => (sf ? T.reverse(bytes(), "words") : bytes()),
      bytes,
      () => T.countLeadingZeros(x),
      () => leadingSignBits(cpu, T, x)
    ]
    cpu.setX(Rd, operations[opcode]!(), T)
  }
})
export const countAndAbsolute = instruction({
  name: "CTZ, CNT, ABS",
  encoding: "sf 1 0 11010110 00000 00 opcode:4 Rn:5 Rd:5",
  where: (f) => f.opcode >= 6 && f.opcode <= 8,
  assembly: "<opcode> <Rd>, <Rn>",
  operands: { opcode: choice("opcode", "- - - - - - ctz cnt abs - - - - - - -") },
  feature: "CSSC",
  execute(cpu, { sf, opcode, Rn, Rd }) {
    const T = opcode === 8 ? cpu.signed(sf ? 64 : 32) : registerType(cpu, sf)
    const x = cpu.X(Rn, T)
    const operations = [() => T.countLeadingZeros(T.reverse(x, "bits")), () => T.countOnes(x), () => T.absolute(x)]
    cpu.setX(Rd, operations[opcode - 6]!(), T)
  }
})

// ---------------------------------------------------------------- two sources
export const divide = instruction({
  name: "UDIV, SDIV",
  encoding: "sf 0 0 11010110 Rm:5 00001 S Rn:5 Rd:5",
  assembly: "<S> <Rd>, <Rn>, <Rm>",
  operands: { S: choice("S", "udiv sdiv") },
  execute(cpu, { sf, Rm, S, Rn, Rd }) {
    const T = S ? cpu.signed(sf ? 64 : 32) : registerType(cpu, sf)
    cpu.setX(Rd, T.divide(cpu.X(Rn, T), cpu.X(Rm, T)), T)
  }
})
export const shiftVariable = instruction({
  name: "LSLV, LSRV, ASRV, RORV",
  encoding: "sf 0 0 11010110 Rm:5 0010 op2:2 Rn:5 Rd:5",
  assembly: "<op2> <Rd>, <Rn>, <Rm>",
  operands: { op2: choice("op2", "lsl lsr asr ror"), variable: choice("op2", "lslv lsrv asrv rorv") },
  aliases: [{ text: "<variable> <Rd>, <Rn>, <Rm>", prefer: false }],
  execute(cpu, { sf, Rm, op2, Rn, Rd }) {
    const T = op2 === 2 ? cpu.signed(sf ? 64 : 32) : registerType(cpu, sf)
    const x = cpu.X(Rn, T)
    const by = T.and(cpu.X(Rm, T), T.constant(T.bits - 1))
    cpu.setX(Rd, op2 === 0 ? T.shiftLeft(x, by) : op2 === 3 ? T.rotateRight(x, by) : T.shiftRight(x, by), T)
  }
})
/** The extremes of CSSC: bit 0 unsigned, bit 1 minimum. */
const extreme = (cpu: Cpu, sf: number, opc: number, Rn: number, y: (T: Integer) => Value): { readonly T: Integer; readonly result: Value } => {
  const T = opc & 1 ? registerType(cpu, sf) : cpu.signed(sf ? 64 : 32)
  const x = cpu.X(Rn, T)
  return { T, result: opc & 2 ? T.minimum(x, y(T)) : T.maximum(x, y(T)) }
}
const extremeName = choice("opc", "smax umax smin umin")
export const extremeRegister = instruction({
  name: "SMAX, UMAX, SMIN, UMIN (register)",
  encoding: "sf 0 0 11010110 Rm:5 0110 opc:2 Rn:5 Rd:5",
  assembly: "<opc> <Rd>, <Rn>, <Rm>",
  operands: { opc: extremeName },
  feature: "CSSC",
  execute(cpu, { sf, Rm, opc, Rn, Rd }) {
    const { T, result } = extreme(cpu, sf, opc, Rn, (type) => cpu.X(Rm, type))
    cpu.setX(Rd, result, T)
  }
})
export const extremeImmediate = instruction({
  name: "SMAX, UMAX, SMIN, UMIN (immediate)",
  encoding: "sf 0 0 100011 1 00 opc:2 imm8:8 Rn:5 Rd:5",
  assembly: "<opc> <Rd>, <Rn>, #<signed>",
  operands: { opc: extremeName, signed: signed("imm8:8"), unsigned: unsigned("imm8") },
  aliases: [
    { text: "umax <Rd>, <Rn>, #<unsigned>", fields: { opc: 1 } },
    { text: "umin <Rd>, <Rn>, #<unsigned>", fields: { opc: 3 } }
  ],
  feature: "CSSC",
  execute(cpu, { sf, opc, imm8, Rn, Rd }) {
    const { T, result } = extreme(cpu, sf, opc, Rn, (type) => type.constant(opc & 1 ? imm8 : signedField(imm8, 8)))
    cpu.setX(Rd, result, T)
  }
})

const POLYNOMIALS = { crc32: 0xedb88320, crc32c: 0x82f63b78 } as const
/** Remainders of single bytes, for bit-reversed polynomials. */
const remainders = (polynomial: number): Uint32Array =>
  Uint32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ polynomial : remainder >>> 1
    return remainder
  })
const crcTables = [remainders(POLYNOMIALS.crc32), remainders(POLYNOMIALS.crc32c)] as const
const takeByte = (table: Uint32Array, sum: number, byte: number): number => (sum >>> 8) ^ table[(sum ^ byte) & 0xff]!
/** CRC of up to four bytes, the lowest first. */
export const crc32Word = helper({
  name: "crc32Word",
  takes: ["word", "word", "number", "number"],
  gives: "word",
  pure: true,
  run(_host, sum, data, bytes, castagnoli) {
    const table = crcTables[castagnoli ? 1 : 0]
    for (let i = 0; i < bytes; i++) sum = takeByte(table, sum, data >>> (8 * i))
    return sum >>> 0
  }
})
export const checksum = instruction({
  name: "CRC32B, CRC32H, CRC32W, CRC32CB, CRC32CH, CRC32CW",
  encoding: "0 0 0 11010110 Rm:5 010 C sz:2 Rn:5 Rd:5",
  where: (f) => f.sz < 3,
  assembly: "<op> <Wd>, <Wn>, <Wm>",
  operands: { op: choice(["C:1", "sz:2"], "crc32b crc32h crc32w - crc32cb crc32ch crc32cw -") },
  feature: "CRC32",
  execute(cpu, { Rm, C, sz, Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setX(Rd, cpu.call(crc32Word, cpu.X(Rn, W), cpu.X(Rm, W), 1 << sz, C), W)
  }
})
export const checksumDoubleword = instruction({
  name: "CRC32X, CRC32CX",
  encoding: "1 0 0 11010110 Rm:5 010 C 11 Rn:5 Rd:5",
  assembly: "<C> <Wd>, <Wn>, <Xm>",
  operands: { C: choice("C", "crc32x crc32cx") },
  feature: "CRC32",
  execute(cpu, { Rm, C, Rn, Rd }) {
    const W = cpu.unsigned(32)
    const D = cpu.unsigned(64)
    const data = cpu.X(Rm)
    const low = cpu.call(crc32Word, cpu.X(Rn, W), W.from(data, D), 4, C)
    cpu.setX(Rd, cpu.call(crc32Word, low, W.from(D.shiftRight(data, 32), D), 4, C), W)
  }
})

// ---------------------------------------------------------------- three sources
export const multiplyAdd = instruction({
  name: "MADD, MSUB",
  encoding: "sf 00 11011 000 Rm:5 o0 Ra:5 Rn:5 Rd:5",
  assembly: "<op> <Rd>, <Rn>, <Rm>, <Ra>",
  operands: { op: choice("o0", "madd msub"), short: choice("o0", "mul mneg") },
  aliases: [{ text: "<short> <Rd>, <Rn>, <Rm>", fields: { Ra: 31 } }],
  execute(cpu, { sf, Rm, o0, Ra, Rn, Rd }) {
    const T = registerType(cpu, sf)
    const product = T.multiply(cpu.X(Rn, T), cpu.X(Rm, T))
    const sum = cpu.X(Ra, T)
    cpu.setX(Rd, o0 ? T.subtract(sum, product) : T.add(sum, product), T)
  }
})
export const multiplyAddLong = instruction({
  name: "SMADDL, SMSUBL, UMADDL, UMSUBL",
  encoding: "1 00 11011 U 01 Rm:5 o0 Ra:5 Rn:5 Rd:5",
  assembly: "<op> <Xd>, <Wn>, <Wm>, <Xa>",
  operands: { op: choice(["U:1", "o0:1"], "smaddl smsubl umaddl umsubl"), short: choice(["U:1", "o0:1"], "smull smnegl umull umnegl") },
  aliases: [{ text: "<short> <Xd>, <Wn>, <Wm>", fields: { Ra: 31 } }],
  execute(cpu, { U, Rm, o0, Ra, Rn, Rd }) {
    const N = U ? cpu.unsigned(32) : cpu.signed(32)
    const D = cpu.unsigned(64)
    const product = D.multiply(D.from(cpu.X(Rn, N), N), D.from(cpu.X(Rm, N), N))
    cpu.setX(Rd, o0 ? D.subtract(cpu.X(Ra), product) : D.add(cpu.X(Ra), product))
  }
})
export const multiplyHigh = instruction({
  name: "SMULH, UMULH",
  encoding: "1 00 11011 U 10 Rm:5 0 (11111) Rn:5 Rd:5",
  assembly: "<U> <Xd>, <Xn>, <Xm>",
  operands: { U: choice("U", "smulh umulh") },
  execute(cpu, { U, Rm, Rn, Rd }) {
    const T = U ? cpu.unsigned(64) : cpu.signed(64)
    cpu.setX(Rd, T.multiplyHigh(cpu.X(Rn, T), cpu.X(Rm, T)), T)
  }
})

export const dataProcessing: readonly Instruction[] = [
  oneSource,
  countAndAbsolute,
  divide,
  shiftVariable,
  extremeRegister,
  extremeImmediate,
  checksum,
  checksumDoubleword,
  multiplyAdd,
  multiplyAddLong,
  multiplyHigh
]
