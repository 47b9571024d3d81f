import { createCipheriv, createHash, getCiphers, getHashes } from "node:crypto"
import { type Helper, type Host, type Kind, randomFrom } from "@eltwo/isa"
import { describe, expect, test } from "vitest"
import { aesMixColumns, aesRound } from "../src/insns/crypto-aes.ts"
import { polynomialProduct } from "../src/insns/crypto-polynomial.ts"
import { sha1Hash, sha1Schedule, sha256Hash, sha256ScheduleFirst, sha256ScheduleSecond } from "../src/insns/crypto-sha.ts"
import { sm3ExpandFirst, sm3ExpandSecond, sm3Round, sm3SharedTerm, sm4Rounds } from "../src/insns/crypto-sm.ts"
import { rotateLeft, wordAt, wordsOf } from "../src/insns/crypto-words.ts"

/** Pure helpers do not look at the host. */
const host = {} as Host
const call = <Takes extends readonly Kind[], Gives extends Kind>(helper: Helper<Takes, Gives>) => {
  expect(helper.pure).toBe(true)
  return (...operands: Parameters<typeof helper.run> extends [Host, ...infer Rest] ? Rest : never) => helper.run(host, ...(operands as never))
}
const random = randomFrom(7)
const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => random() & 255)
const xor = (x: Uint8Array, y: Uint8Array): Uint8Array => x.map((byte, i) => byte ^ y[i]!)
const zero = new Uint8Array(16)
const ROUNDS = 50

/** Words as a big-endian message holds them. */
const bigEndian = (message: Uint8Array, at: number): readonly number[] =>
  [0, 4, 8, 12].map((i) => new DataView(message.buffer, message.byteOffset).getUint32(at + i) | 0)
const vector = (words: readonly number[]): Uint8Array => wordsOf(words[0]!, words[1]!, words[2]!, words[3]!)
const words = (v: Uint8Array): number[] => [0, 1, 2, 3].map((i) => wordAt(v, i))
const add = (x: Uint8Array, y: readonly number[]): Uint8Array => vector(words(x).map((word, i) => (word + y[i]!) | 0))
const hex = (parts: readonly number[]): string => parts.map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("")
/** A message of one block: up to 55 bytes, padded. */
const oneBlock = (message: Uint8Array): Uint8Array => {
  const block = new Uint8Array(64)
  block.set(message)
  block[message.length] = 0x80
  new DataView(block.buffer).setUint32(60, message.length * 8)
  return block
}
const vectorsOf = (block: Uint8Array): Uint8Array[] => [0, 16, 32, 48].map((at) => vector(bigEndian(block, at)))

describe("AES", () => {
  const round = call(aesRound)
  const mix = call(aesMixColumns)
  const substituted = (word: number): number => wordAt(round(wordsOf(word, word, word, word), zero, 0), 0)
  const roundKeys = (key: Uint8Array): Uint8Array[] => {
    const schedule = words(key)
    for (let i = 4, constant = 1; i < 44; i++) {
      let next = schedule[i - 1]!
      if (i % 4 === 0) {
        next = substituted((next >>> 8) | (next << 24)) ^ constant
        constant = (constant << 1) ^ (constant & 0x80 ? 0x11b : 0)
      }
      schedule.push(schedule[i - 4]! ^ next)
    }
    return Array.from({ length: 11 }, (_, i) => vector(schedule.slice(4 * i, 4 * i + 4)))
  }
  test("encrypts and decrypts as the standard says", () => {
    for (let i = 0; i < ROUNDS; i++) {
      const [key, plain] = [bytes(16), bytes(16)]
      const keys = roundKeys(key)
      let state = plain
      for (let k = 0; k < 9; k++) state = mix(round(state, keys[k]!, 0), 0)
      const encrypted = xor(round(state, keys[9]!, 0), keys[10]!)
      const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false)
      expect(Buffer.from(encrypted)).toEqual(cipher.update(plain))
      state = encrypted
      for (let k = 10; k > 1; k--) state = mix(round(state, k === 10 ? keys[10]! : mix(keys[k]!, 1), 1), 1)
      expect(xor(round(state, mix(keys[1]!, 1), 1), keys[0]!)).toEqual(plain)
    }
  })
  test("decryption rounds undo encryption rounds", () => {
    for (let i = 0; i < ROUNDS; i++) {
      const state = bytes(16)
      expect(round(round(state, zero, 0), zero, 1)).toEqual(state)
      expect(mix(mix(state, 0), 1)).toEqual(state)
    }
  })
})

describe("SHA-1 and SHA-256", () => {
  test("SHA-1 of one block", () => {
    const constants = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6]
    for (let i = 0; i < ROUNDS; i++) {
      const message = bytes(i)
      const w = vectorsOf(oneBlock(message))
      for (let t = 4; t < 20; t++) {
        const [w0, w1, w2, w3] = w.slice(t - 4) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
        const between = Uint8Array.of(...w0.subarray(8), ...w1.subarray(0, 8))
        w.push(call(sha1Schedule)(xor(xor(w0, between), w2), w3))
      }
      const start = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]
      let [abcd, e] = [vector(start), start[4]!]
      w.forEach((schedule, t) => {
        const phase = Math.floor(t / 5)
        const next = call(sha1Hash)(abcd, e, add(schedule, Array(4).fill(constants[phase]!)), [0, 1, 2, 1][phase]!)
        e = rotateLeft(wordAt(abcd, 0), 30) >>> 0
        abcd = next
      })
      expect(hex([...words(abcd), e].map((word, k) => word + start[k]!))).toBe(createHash("sha1").update(message).digest("hex"))
    }
  })
  test("SHA-256 of one block", () => {
    const primes = Array.from({ length: 400 }, (_, n) => n).filter(
      (n) => n > 1 && !Array.from({ length: n }, (_, k) => k).some((k) => k > 1 && n % k === 0)
    )
    /** The first 32 bits of a root's fraction, exactly. */
    const fraction = (n: number, degree: 2 | 3): number => {
      let root = 0n
      const target = BigInt(n) << BigInt(32 * degree)
      for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) if ((root | bit) ** BigInt(degree) <= target) root |= bit
      return Number(BigInt.asUintN(32, root))
    }
    const constants = primes.slice(0, 64).map((n) => fraction(n, 3))
    const start = primes.slice(0, 8).map((n) => fraction(n, 2))
    for (let i = 0; i < ROUNDS; i++) {
      const message = bytes(i)
      const w = vectorsOf(oneBlock(message))
      for (let t = 4; t < 16; t++) w.push(call(sha256ScheduleSecond)(call(sha256ScheduleFirst)(w[t - 4]!, w[t - 3]!), w[t - 2]!, w[t - 1]!))
      let [abcd, efgh] = [vector(start.slice(0, 4)), vector(start.slice(4))]
      w.forEach((schedule, t) => {
        const sum = add(schedule, constants.slice(4 * t, 4 * t + 4))
        ;[abcd, efgh] = [call(sha256Hash)(abcd, efgh, sum, 0), call(sha256Hash)(abcd, efgh, sum, 1)]
      })
      const digest = [...words(abcd), ...words(efgh)].map((word, k) => word + start[k]!)
      expect(hex(digest)).toBe(createHash("sha256").update(message).digest("hex"))
    }
  })
})

describe("SM3 and SM4", () => {
  test.skipIf(!getHashes().includes("sm3"))("SM3 of one block", () => {
    const start = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e]
    for (let i = 0; i < ROUNDS; i++) {
      const message = bytes(i)
      const block = oneBlock(message)
      const w = vectorsOf(block)
      const joined = (low: Uint8Array, high: Uint8Array, from: number): Uint8Array => Uint8Array.of(...low, ...high).slice(4 * from, 4 * from + 16)
      for (let t = 4; t < 17; t++) {
        const [w0, w4, w8, w12] = w.slice(t - 4) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
        const partial = call(sm3ExpandFirst)(w0, joined(w4, w8, 3), w12)
        w.push(call(sm3ExpandSecond)(partial, joined(w8, w12, 2), joined(w0, w4, 3)))
      }
      const all = w.flatMap(words)
      // The state's halves are kept newest word highest.
      let [abcd, efgh] = [vector(start.slice(0, 4).reverse()), vector(start.slice(4).reverse())]
      for (let t = 0; t < 64; t++) {
        const constant = rotateLeft(t < 16 ? 0x79cc4519 : 0x7a879d8a, t % 32)
        const shared = call(sm3SharedTerm)(abcd, efgh, wordsOf(0, 0, 0, constant))
        const difference = wordsOf(all[t]! ^ all[t + 4]!, 0, 0, 0)
        const late = t < 16 ? 0 : 1
        const next = call(sm3Round)(abcd, shared, difference, 0, late)
        efgh = call(sm3Round)(efgh, shared, wordsOf(0, all[t]!, 0, 0), 1, 2 + late)
        abcd = next
      }
      const digest = [...words(abcd).reverse(), ...words(efgh).reverse()].map((word, k) => word ^ start[k]!)
      expect(hex(digest)).toBe(createHash("sm3").update(message).digest("hex"))
    }
  })
  test.skipIf(!getCiphers().includes("sm4-ecb"))("SM4 encrypts as the standard says", () => {
    const system = [0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc]
    const constants = Array.from({ length: 8 }, (_, t) =>
      [0, 1, 2, 3].map((k) => [0, 1, 2, 3].reduce((word, i) => (word << 8) | (((4 * (4 * t + k) + i) * 7) & 255), 0))
    )
    for (let i = 0; i < ROUNDS; i++) {
      const [key, plain] = [bytes(16), bytes(16)]
      let keys = vector(bigEndian(key, 0).map((word, k) => word ^ system[k]!))
      let state = vector(bigEndian(plain, 0))
      for (const four of constants) {
        keys = call(sm4Rounds)(keys, vector(four), 1)
        state = call(sm4Rounds)(state, keys, 0)
      }
      const cipher = createCipheriv("sm4-ecb", key, null).setAutoPadding(false)
      expect(hex(words(state).reverse())).toBe(cipher.update(plain).toString("hex"))
    }
  })
})

test("the product of polynomials, term by term", () => {
  const doubleword = (v: Uint8Array, at: number): bigint => new DataView(v.buffer).getBigUint64(at, true)
  for (let i = 0; i < ROUNDS; i++) {
    const [x, y] = [bytes(8), bytes(8)]
    let product = 0n
    for (let k = 0n; k < 64n; k++) if ((doubleword(y, 0) >> k) & 1n) product ^= doubleword(x, 0) << k
    const result = call(polynomialProduct)(x, y)
    expect(doubleword(result, 0) | (doubleword(result, 8) << 64n)).toBe(product)
  }
})
