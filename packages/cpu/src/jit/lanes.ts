/** Changes of a lane group's shape: width, order of bytes. */
import type { BitOrder } from "@eltwo/isa"
import { const32, const128, type Node, plain, shuffle, unary } from "./node.ts"
import { lanePattern, SIMD, V128, v128 } from "./opcodes.ts"
import { column, Lanes, splatConstant } from "./values.ts"

const UPPER_TO_LOWER: readonly number[] = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]
/** The upper half of a chunk, as a lower half. */
export const upperHalf = (chunk: Node): Node => shuffle(chunk, chunk, UPPER_TO_LOWER)
const isUpperHalf = (n: Node): boolean => n.op === v128.shuffle && n.data === UPPER_TO_LOWER && n.local < 0

const widen = (part: Node, half: 0 | 1, bits: number, signed: boolean): Node => {
  const k = column(bits)
  const low = signed ? lanePattern.extendLowS : lanePattern.extendLowU
  const high = signed ? lanePattern.extendHighS : lanePattern.extendHighU
  if (half === 0 && isUpperHalf(part)) return unary(V128, high[k]!, part.a!)
  return unary(V128, (half === 0 ? low : high)[k]!, part)
}
/** Bytes of a truncation from lanes of 2 * `bits` to lanes of `bits`. */
const evens = (bits: number): readonly number[] => {
  const size = bits / 8
  return Array.from({ length: 16 }, (_, i) => Math.floor(i / size) * 2 * size + (i % size))
}
const EVENS = new Map([8, 16, 32].map((bits) => [bits, evens(bits)]))

/** The lanes zero- or sign-extended to a greater width, or truncated to a smaller one. */
export const lanesConvert = (x: Lanes, bits: number, signed: boolean): Lanes => {
  let now = x
  while (now.bits < bits) now = doubled(now, signed)
  while (now.bits > bits) now = halved(now)
  return now
}
const doubled = (x: Lanes, signed: boolean): Lanes => {
  const bits = 2 * x.bits
  const parts: Node[] = []
  for (const part of x.parts) {
    parts.push(widen(part, 0, bits, signed))
    if (x.count * x.bits >= 128) parts.push(widen(part, 1, bits, signed))
  }
  return new Lanes(bits, x.count, parts, undefined)
}
const halved = (x: Lanes): Lanes => {
  const bits = x.bits / 2
  const choice = EVENS.get(bits)!
  const parts: Node[] = []
  for (let i = 0; i < x.parts.length; i += 2) parts.push(shuffle(x.parts[i]!, x.parts[i + 1] ?? x.parts[i]!, choice))
  return new Lanes(bits, x.count, parts, undefined)
}

/** Products of bytes, truncated to bytes. */
export const lanesMultiplyNarrow = (count: number, x: readonly Node[], y: readonly Node[]): Lanes => {
  const parts = x.map((a, i) => {
    const product = (high: 0 | 1) => plain(V128, SIMD + 158 + high, a, y[i]!)
    return shuffle(product(0), product(1), EVENS.get(8)!)
  })
  return new Lanes(8, count, parts, undefined)
}

const UNIT: Readonly<Record<Exclude<BitOrder, "bits">, number>> = { bytes: 8, halfwords: 16, words: 32 }
/** Reverses the units of an order within each lane; bits by looking up both nibbles of each byte. */
export const lanesReverse = (x: Lanes, order: BitOrder): Lanes => {
  const parts = x.parts.map((part) => {
    const swapped = x.bits > 8 || order !== "bits" ? reverseUnits(part, x.bits, order === "bits" ? 8 : UNIT[order]) : part
    return order === "bits" ? reverseByteBits(swapped) : swapped
  })
  return new Lanes(x.bits, x.count, parts, undefined)
}
const reverseUnits = (part: Node, bits: number, unit: number): Node => {
  if (unit >= bits) return part
  const [lane, size] = [bits / 8, unit / 8]
  const bytes = Array.from({ length: 16 }, (_, i) => i - (i % lane) + lane - size - ((i % lane) - (i % size)) + (i % size))
  return shuffle(part, part, bytes)
}
const reversedNibbles = Array.from({ length: 16 }, (_, n) => ((n & 1) << 3) | ((n & 2) << 1) | ((n & 4) >> 1) | (n >> 3))
const reverseByteBits = (part: Node): Node => {
  const lowNibbles = splatConstant(8, 15n)
  const low = plain(V128, v128.swizzle, const128(reversedNibbles.map((n) => n << 4)), plain(V128, v128.and, part, lowNibbles))
  const high = plain(V128, v128.swizzle, const128(reversedNibbles), plain(V128, lanePattern.shiftRightU[0], part, const32(4)))
  return plain(V128, v128.or, low, high)
}
