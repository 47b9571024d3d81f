/** FEAT_AES: the rounds of AES, on a state of sixteen bytes in column order. */
import { choice, helper, instruction } from "@eltwo/isa"
import { affineByte, byteTable, fieldInverse, fieldProduct } from "./crypto-bytes.ts"

/** x^8 + x^4 + x^3 + x + 1 */
const POLYNOMIAL = 0x11b
const substitution = byteTable((x) => affineByte(fieldInverse(x, POLYNOMIAL), [0, 1, 2, 3, 4], 0x63))
const inverseSubstitution = byteTable((x) => substitution().indexOf(x))
const multiples = (factor: number): (() => Uint8Array) => byteTable((x) => fieldProduct(x, factor, POLYNOMIAL))

/** Where byte i of a state comes from when row r (byte i & 3 of each column) moves r columns. */
const shiftedRow = (i: number, direction: 1 | -1): number => (i & 3) | ((i + 4 * direction * (i & 3)) & 12)
const rowsLeft = Array.from({ length: 16 }, (_, i) => shiftedRow(i, 1))
const rowsRight = Array.from({ length: 16 }, (_, i) => shiftedRow(i, -1))

/** AESE (decrypt = 0) and AESD: add the round key, move the rows, substitute the bytes. */
export const aesRound = helper({
  name: "aesRound",
  takes: ["vector", "vector", "number"],
  gives: "vector",
  pure: true,
  run(_host, state, key, decrypt) {
    const rows = decrypt ? rowsRight : rowsLeft
    const box = decrypt ? inverseSubstitution() : substitution()
    const out = new Uint8Array(16)
    for (let i = 0; i < 16; i++) {
      const from = rows[i]!
      out[i] = box[state[from]! ^ key[from]!]!
    }
    return out
  }
})

/** The first row of the circulant matrix of MixColumns, and of its inverse, as multiplication tables. */
const mix = [multiples(2), multiples(3), multiples(1), multiples(1)]
const unmix = [multiples(14), multiples(11), multiples(13), multiples(9)]
/** AESMC (inverse = 0) and AESIMC. */
export const aesMixColumns = helper({
  name: "aesMixColumns",
  takes: ["vector", "number"],
  gives: "vector",
  pure: true,
  run(_host, state, inverse) {
    const [m0, m1, m2, m3] = (inverse ? unmix : mix).map((table) => table())
    const out = new Uint8Array(16)
    for (let i = 0; i < 16; i++) {
      const column = i & 12
      const at = (k: number) => state[column | ((i + k) & 3)]!
      out[i] = m0![at(0)]! ^ m1![at(1)]! ^ m2![at(2)]! ^ m3![at(3)]!
    }
    return out
  }
})

export const aesSingleRound = instruction({
  name: "AESE, AESD",
  encoding: "01001110 00 10100 0010 decrypt 10 Rn:5 Rd:5",
  assembly: "<op> <Vd>.16b, <Vn>.16b",
  operands: { op: choice("decrypt", "aese aesd") },
  feature: "AES",
  access: "SIMD",
  execute(cpu, { decrypt, Rn, Rd }) {
    const B = cpu.unsigned(8)
    cpu.setV(Rd, cpu.call(aesRound, cpu.V(Rd, B), cpu.V(Rn, B), decrypt))
  }
})
export const aesMix = instruction({
  name: "AESMC, AESIMC",
  encoding: "01001110 00 10100 0011 inverse 10 Rn:5 Rd:5",
  assembly: "<op> <Vd>.16b, <Vn>.16b",
  operands: { op: choice("inverse", "aesmc aesimc") },
  feature: "AES",
  access: "SIMD",
  execute: (cpu, { inverse, Rn, Rd }) => cpu.setV(Rd, cpu.call(aesMixColumns, cpu.V(Rn, cpu.unsigned(8)), inverse))
})

export const cryptoAes = [aesSingleRound, aesMix]
