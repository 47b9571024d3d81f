/** FEAT_SM3 and FEAT_SM4: the Chinese hash and block cipher, on vectors of four 32-bit words. */
import { choice, helper, instruction, unsigned } from "@eltwo/isa"
import { affineByte, byteTable, fieldInverse } from "./crypto-bytes.ts"
import { choose, majority, parity, rotateLeft, wordAt, wordsOf } from "./crypto-words.ts"

/** The permutation of SM3's message expansion. */
const permuted = (x: number): number => x ^ rotateLeft(x, 15) ^ rotateLeft(x, 23)
/** SM3PARTW1: the old words, those 7 later, and those 13 later. */
export const sm3ExpandFirst = helper({
  name: "sm3ExpandFirst",
  takes: ["vector", "vector", "vector"],
  gives: "vector",
  pure: true,
  run(_host, d, n, m) {
    const mixed = (i: number, third: number): number => permuted(wordAt(d, i) ^ wordAt(n, i) ^ rotateLeft(third, 15))
    const first = mixed(0, wordAt(m, 1))
    return wordsOf(first, mixed(1, wordAt(m, 2)), mixed(2, wordAt(m, 3)), mixed(3, first))
  }
})
/** SM3PARTW2: adds the words 3 and 10 later, and corrects the last word by the first. */
export const sm3ExpandSecond = helper({
  name: "sm3ExpandSecond",
  takes: ["vector", "vector", "vector"],
  gives: "vector",
  pure: true,
  run(_host, d, n, m) {
    const added = (i: number): number => wordAt(n, i) ^ rotateLeft(wordAt(m, i), 7)
    const word = (i: number): number => wordAt(d, i) ^ added(i)
    return wordsOf(word(0), word(1), word(2), word(3) ^ permuted(rotateLeft(added(0), 15)))
  }
})
/** SM3SS1: the shared term of a round, in the highest word. */
export const sm3SharedTerm = helper({
  name: "sm3SharedTerm",
  takes: ["vector", "vector", "vector"],
  gives: "vector",
  pure: true,
  run: (_host, n, m, a) => wordsOf(0, 0, 0, rotateLeft((rotateLeft(wordAt(n, 3), 12) + wordAt(m, 3) + wordAt(a, 3)) | 0, 7))
})
/**
 * One round of SM3 for half of its state, d, whose newest word is the highest. Kinds: 0 TT1A and 1 TT1B for A to D (rounds below 16, and later),
 * 2 TT2A and 3 TT2B for E to H. `n` carries the shared term in its highest word, `index` chooses the message word in m.
 */
export const sm3Round = helper({
  name: "sm3Round",
  takes: ["vector", "vector", "vector", "number", "number"],
  gives: "vector",
  pure: true,
  run(_host, d, n, m, index, kind) {
    const [d0, d1, d2, d3] = [wordAt(d, 0), wordAt(d, 1), wordAt(d, 2), wordAt(d, 3)]
    const late = kind === 1 ? majority : choose
    const mixed = kind & 1 ? late(d3, d2, d1) : parity(d3, d2, d1)
    const term = kind < 2 ? wordAt(n, 3) ^ rotateLeft(d3, 12) : wordAt(n, 3)
    const total = (mixed + d0 + term + wordAt(m, index)) | 0
    return kind < 2
      ? wordsOf(d1, rotateLeft(d2, 9), d3, total)
      : wordsOf(d1, rotateLeft(d2, 19), d3, total ^ rotateLeft(total, 9) ^ rotateLeft(total, 17))
  }
})

/** x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1; the box is an inverse between two equal affine maps. */
const POLYNOMIAL = 0x1f5
const affine = (x: number): number => affineByte(x, [0, 1, 3, 6, 7], 0xd3)
const substitution = byteTable((x) => affine(fieldInverse(affine(x), POLYNOMIAL)))
const substituteWord = (x: number): number => {
  const box = substitution()
  return box[x & 255]! | (box[(x >>> 8) & 255]! << 8) | (box[(x >>> 16) & 255]! << 16) | (box[x >>> 24]! << 24)
}
const spreadRound = (x: number): number => x ^ rotateLeft(x, 2) ^ rotateLeft(x, 10) ^ rotateLeft(x, 18) ^ rotateLeft(x, 24)
const spreadKey = (x: number): number => x ^ rotateLeft(x, 13) ^ rotateLeft(x, 23)
/** Four rounds of SM4 (forKey = 0: SM4E) or of its key schedule (1: SM4EKEY). */
export const sm4Rounds = helper({
  name: "sm4Rounds",
  takes: ["vector", "vector", "number"],
  gives: "vector",
  pure: true,
  run(_host, state, keys, forKey) {
    const spread = forKey ? spreadKey : spreadRound
    let [a, b, c, d] = [wordAt(state, 0), wordAt(state, 1), wordAt(state, 2), wordAt(state, 3)]
    for (let round = 0; round < 4; round++) {
      const next = a ^ spread(substituteWord(b ^ c ^ d ^ wordAt(keys, round)))
      a = b
      b = c
      c = d
      d = next
    }
    return wordsOf(a, b, c, d)
  }
})

export const sm3Expand = instruction({
  name: "SM3PARTW1, SM3PARTW2",
  encoding: "11001110011 Rm:5 1100 0 second Rn:5 Rd:5",
  assembly: "<op> <Vd>.4s, <Vn>.4s, <Vm>.4s",
  operands: { op: choice("second", "sm3partw1 sm3partw2") },
  feature: "SM3",
  access: "SIMD",
  execute(cpu, { Rm, second, Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setV(Rd, cpu.call(second ? sm3ExpandSecond : sm3ExpandFirst, cpu.V(Rd, W), cpu.V(Rn, W), cpu.V(Rm, W)))
  }
})
export const sm3Shared = instruction({
  name: "SM3SS1",
  encoding: "110011100 10 Rm:5 0 Ra:5 Rn:5 Rd:5",
  assembly: "sm3ss1 <Vd>.4s, <Vn>.4s, <Vm>.4s, <Va>.4s",
  feature: "SM3",
  access: "SIMD",
  execute(cpu, { Rm, Ra, Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setV(Rd, cpu.call(sm3SharedTerm, cpu.V(Rn, W), cpu.V(Rm, W), cpu.V(Ra, W)))
  }
})
export const sm3Rounds = instruction({
  name: "SM3TT1A, SM3TT1B, SM3TT2A, SM3TT2B",
  encoding: "11001110010 Rm:5 10 imm2:2 kind:2 Rn:5 Rd:5",
  assembly: "<op> <Vd>.4s, <Vn>.4s, <Vm>.s[<imm2>]",
  operands: { op: choice("kind", "sm3tt1a sm3tt1b sm3tt2a sm3tt2b"), imm2: unsigned("imm2") },
  feature: "SM3",
  access: "SIMD",
  execute(cpu, { Rm, imm2, kind, Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setV(Rd, cpu.call(sm3Round, cpu.V(Rd, W), cpu.V(Rn, W), cpu.V(Rm, W), imm2, kind))
  }
})
export const sm4Encrypt = instruction({
  name: "SM4E",
  encoding: "11001110110 00000 1000 01 Rn:5 Rd:5",
  assembly: "sm4e <Vd>.4s, <Vn>.4s",
  feature: "SM4",
  access: "SIMD",
  execute(cpu, { Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setV(Rd, cpu.call(sm4Rounds, cpu.V(Rd, W), cpu.V(Rn, W), 0))
  }
})
export const sm4Key = instruction({
  name: "SM4EKEY",
  encoding: "11001110011 Rm:5 1100 10 Rn:5 Rd:5",
  assembly: "sm4ekey <Vd>.4s, <Vn>.4s, <Vm>.4s",
  feature: "SM4",
  access: "SIMD",
  execute(cpu, { Rm, Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setV(Rd, cpu.call(sm4Rounds, cpu.V(Rn, W), cpu.V(Rm, W), 1))
  }
})

export const cryptoSm = [sm3Expand, sm3Shared, sm3Rounds, sm4Encrypt, sm4Key]
