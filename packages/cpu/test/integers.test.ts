import { describe, expect, it } from "vitest"
import { type Bits, type IntegerType, integerType } from "../src/interp/integers.ts"

/** Formulas over mathematical integers: what every operation of every width must give. */
const unsigned = (bits: number, n: bigint): bigint => BigInt.asUintN(bits, n)
const meaning = (t: IntegerType, pattern: bigint): bigint => (t.signed ? BigInt.asIntN(t.bits, pattern) : pattern)
const truncatedQuotient = (x: bigint, y: bigint): bigint => (y === 0n ? 0n : x / y)
const clamp = (t: IntegerType, n: bigint): bigint => {
  const least = t.signed ? -(1n << BigInt(t.bits - 1)) : 0n
  const most = (1n << BigInt(t.signed ? t.bits - 1 : t.bits)) - 1n
  return n < least ? least : n > most ? most : n
}
const reversed = (bits: number, x: bigint, group: number): bigint => {
  if (group >= bits) return x
  let out = 0n
  for (let i = 0; i < bits; i += group) out |= ((x >> BigInt(i)) & ((1n << BigInt(group)) - 1n)) << BigInt(bits - group - i)
  return out
}
const binary: Readonly<Record<string, (t: IntegerType, x: bigint, y: bigint) => bigint>> = {
  add: (_t, x, y) => x + y,
  subtract: (_t, x, y) => x - y,
  multiply: (_t, x, y) => x * y,
  multiplyHigh: (t, x, y) => (meaning(t, x) * meaning(t, y)) >> BigInt(t.bits),
  divide: (t, x, y) => truncatedQuotient(meaning(t, x), meaning(t, y)),
  minimum: (t, x, y) => (meaning(t, x) < meaning(t, y) ? x : y),
  maximum: (t, x, y) => (meaning(t, x) > meaning(t, y) ? x : y),
  and: (_t, x, y) => x & y,
  or: (_t, x, y) => x | y,
  xor: (_t, x, y) => x ^ y
}
const unary: Readonly<Record<string, (t: IntegerType, x: bigint) => bigint>> = {
  negate: (_t, x) => -x,
  absolute: (t, x) => (meaning(t, x) < 0n ? -meaning(t, x) : meaning(t, x)),
  not: (_t, x) => ~x,
  countOnes: (_t, x) => BigInt(x.toString(2).replaceAll("0", "").length),
  countLeadingZeros: (t, x) => BigInt(x === 0n ? t.bits : t.bits - x.toString(2).length)
}
const shifts: Readonly<Record<string, (t: IntegerType, x: bigint, n: bigint) => bigint>> = {
  shiftLeft: (t, x, n) => (n >= t.bits ? 0n : x << n),
  shiftRight: (t, x, n) => meaning(t, x) >> n,
  rotateRight: (t, x, n) => (x >> (n % BigInt(t.bits))) | (x << (BigInt(t.bits) - (n % BigInt(t.bits))))
}
const WIDTHS = [8, 16, 32, 64, 128, 256]
const types = WIDTHS.flatMap((bits) => [integerType(bits, false), integerType(bits, true)])

/** A reproducible source of patterns with many special ones. */
const source =
  (seed: bigint) =>
  (bits: number): bigint => {
    seed = BigInt.asUintN(64, seed * 6364136223846793005n + 1442695040888963407n)
    const kind = Number(seed >> 60n)
    if (kind === 0) return 0n
    if (kind === 1) return (1n << BigInt(bits)) - 1n
    if (kind === 2) return 1n << BigInt(bits - 1)
    if (kind === 3) return (1n << BigInt(bits - 1)) - 1n
    if (kind === 4) return (seed >> 30n) & 3n
    let value = 0n
    for (let i = 0; i < bits; i += 32) {
      seed = BigInt.asUintN(64, seed * 6364136223846793005n + 1442695040888963407n)
      value = (value << 32n) | (seed >> 32n)
    }
    return unsigned(bits, value)
  }
const patternOf = (t: IntegerType, n: bigint): Bits => (t.bits <= 32 ? Number(n) : n)
const call = (t: IntegerType, name: string, ...operands: readonly unknown[]): unknown =>
  (t as unknown as Record<string, (...x: readonly unknown[]) => unknown>)[name]!(...operands)
const same = (t: IntegerType, given: unknown, expected: bigint, what: string) => {
  const pattern = patternOf(t, unsigned(t.bits, expected))
  if (given !== pattern) expect.fail(`${t.name} ${what}: ${given}, expected ${pattern}`)
}

describe.each(types.map((t) => [t.name, t] as const))("%s", (_name, t) => {
  const next = source(BigInt(t.bits * 2 + (t.signed ? 1 : 0)))
  const rounds = 400
  it.each(Object.keys(binary))("%s is the integer operation modulo 2^bits", (name) => {
    for (let i = 0; i < rounds; i++) {
      const [x, y] = [next(t.bits), next(t.bits)]
      same(t, call(t, name, patternOf(t, x), patternOf(t, y)), binary[name]!(t, x, y), `${name}(${x}, ${y})`)
    }
  })
  it.each(Object.keys(unary))("%s is the integer operation modulo 2^bits", (name) => {
    for (let i = 0; i < rounds; i++) {
      const x = next(t.bits)
      same(t, call(t, name, patternOf(t, x)), unary[name]!(t, x), `${name}(${x})`)
    }
  })
  it.each(Object.keys(shifts))("%s takes any amount, as number or as pattern", (name) => {
    for (let i = 0; i < rounds; i++) {
      const x = next(t.bits)
      const n = i < 300 ? i : Number(next(16))
      const expected = shifts[name]!(t, x, BigInt(n))
      same(t, call(t, name, patternOf(t, x), n), expected, `${name}(${x}, ${n})`)
      same(t, call(t, name, patternOf(t, x), BigInt(n)), expected, `${name}(${x}, ${n}n)`)
    }
    const huge = (1n << 64n) - (1n << 40n)
    if (name !== "rotateRight") same(t, call(t, name, patternOf(t, 1n), huge), 0n, `${name}(1, huge)`)
  })
  it("reverse exchanges bits, bytes, halfwords and words", () => {
    for (const [order, group] of [
      ["bits", 1],
      ["bytes", 8],
      ["halfwords", 16],
      ["words", 32]
    ] as const)
      for (let i = 0; i < 60; i++) {
        const x = next(t.bits)
        same(t, call(t, "reverse", patternOf(t, x), order), reversed(t.bits, x, group), `reverse(${x}, ${order})`)
      }
  })
  it("test compares what the patterns stand for", () => {
    for (let i = 0; i < rounds; i++) {
      const x = next(t.bits)
      const y = i % 3 === 0 ? x : next(t.bits)
      const [a, b] = [meaning(t, x), meaning(t, y)]
      const expected = { equal: a === b, less: a < b, lessOrEqual: a <= b, greater: a > b, greaterOrEqual: a >= b, unordered: false }
      for (const [comparison, holds] of Object.entries(expected))
        expect(call(t, "test", patternOf(t, x), comparison, patternOf(t, y)), `${x} ${comparison} ${y}`).toBe(holds)
    }
  })
  it("addWithCarry gives the sum and NZCV", () => {
    for (let i = 0; i < rounds; i++) {
      const [x, y, carry] = [next(t.bits), next(t.bits), i % 2 === 1]
      const total = x + y + (carry ? 1n : 0n)
      const result = unsigned(t.bits, total)
      const signed = BigInt.asIntN(t.bits, x) + BigInt.asIntN(t.bits, y) + (carry ? 1n : 0n)
      const flags =
        (result >> BigInt(t.bits - 1) ? 8 : 0) |
        (result === 0n ? 4 : 0) |
        (total !== result ? 2 : 0) |
        (BigInt.asIntN(t.bits, result) !== signed ? 1 : 0)
      const given = call(t, "addWithCarry", patternOf(t, x), patternOf(t, y), carry)
      expect(given, `${x} + ${y} + ${carry}`).toEqual({ result: patternOf(t, result), flags })
    }
  })
  it("from, saturate and part convert between all widths", () => {
    for (const other of types)
      for (let i = 0; i < 60; i++) {
        const x = next(other.bits)
        same(t, call(t, "from", patternOf(other, x), other), meaning(other, x), `from(${x} of ${other.name})`)
        same(t, call(t, "saturate", patternOf(other, x), other), clamp(t, meaning(other, x)), `saturate(${x} of ${other.name})`)
        if (other.bits > t.bits) continue
        const whole = next(t.bits)
        const index = i % (t.bits / other.bits)
        const piece = unsigned(other.bits, whole >> BigInt(index * other.bits))
        same(t, call(t, "part", patternOf(t, whole), index, other), meaning(other, piece), `part(${whole}, ${index}, ${other.name})`)
      }
  })
  it("constant takes negative and wide numbers", () => {
    for (const n of [0n, 1n, -1n, -128n, 255n, 1n << 63n, -(1n << 63n)]) same(t, call(t, "constant", n), n, `constant(${n})`)
    for (const n of [0, 1, -1, -128, 255, 2 ** 32, -(2 ** 31)]) same(t, call(t, "constant", n), BigInt(n), `constant(${n})`)
  })
})
