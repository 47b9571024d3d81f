/** Vectors and predicates as values: what the builder's lane operations do, apart from any register. */
import type { Bits } from "./integers.ts"

/** A vector: patterns of `bits` bits each, lowest element first. Never changed once made. */
export class Lanes {
  constructor(
    readonly bits: number,
    readonly lanes: readonly Bits[]
  ) {}
}
/** A predicate for elements of `bits` bits. Never changed once made. */
export class Mask {
  constructor(
    readonly bits: number,
    readonly lanes: readonly boolean[]
  ) {}
}
export interface LaneMasking {
  readonly where?: Mask
  readonly otherwise?: Lanes | "zero"
}
export type LaneFunction = (...x: readonly Bits[]) => Bits

/** Zero as a pattern of a type of that width. */
export const zeroOf = (bits: number): Bits => (bits <= 32 ? 0 : 0n)
/** An index or count held in a pattern; beyond any vector when it is too large for a number. */
export const asIndex = (x: Bits): number => Number(x)

const countOf = (sources: readonly Lanes[]): number => {
  let count = sources[0]!.lanes.length
  for (const { lanes } of sources) if (lanes.length < count) count = lanes.length
  return count
}
const applyTo = (lane: LaneFunction, sources: readonly Lanes[], index: number): Bits => {
  const [a, b, c, ...rest] = sources
  if (b === undefined) return lane(a!.lanes[index]!)
  if (c === undefined) return lane(a!.lanes[index]!, b.lanes[index]!)
  if (rest.length === 0) return lane(a!.lanes[index]!, b.lanes[index]!, c.lanes[index]!)
  return lane(...sources.map((s) => s.lanes[index]!))
}

/** One result per element of the shortest source; inactive elements are not computed. */
export const mapLanes = (bits: number, sources: readonly Lanes[], lane: LaneFunction, masking?: LaneMasking): Lanes => {
  const count = countOf(sources)
  const out = new Array<Bits>(count)
  const where = masking?.where?.lanes
  if (where === undefined) {
    if (sources.length === 1) for (let i = 0; i < count; i++) out[i] = lane(sources[0]!.lanes[i]!)
    else if (sources.length === 2) for (let i = 0; i < count; i++) out[i] = lane(sources[0]!.lanes[i]!, sources[1]!.lanes[i]!)
    else for (let i = 0; i < count; i++) out[i] = applyTo(lane, sources, i)
    return new Lanes(bits, out)
  }
  const otherwise = masking!.otherwise
  const kept = otherwise === undefined || otherwise === "zero" ? undefined : reinterpreted(otherwise, bits).lanes
  const zero = zeroOf(bits)
  for (let i = 0; i < count; i++) out[i] = where[i] ? applyTo(lane, sources, i) : kept ? kept[i]! : zero
  return new Lanes(bits, out)
}
/** Inactive elements compare false. */
export const compareLanes = (bits: number, sources: readonly Lanes[], lane: (...x: readonly Bits[]) => boolean, where?: Mask): Mask => {
  const count = countOf(sources)
  const out = new Array<boolean>(count)
  for (let i = 0; i < count; i++) out[i] = (where === undefined || where.lanes[i]!) && lane(...sources.map((s) => s.lanes[i]!))
  return new Mask(bits, out)
}
/**
 * "sequential" goes from element 0 up and skips inactive elements; "tree" pairs neighbours, with `start` for inactive ones and for those that a vector is
 * short of a power of two.
 */
export const reduceLanes = (source: Lanes, start: Bits, combine: (x: Bits, y: Bits) => Bits, order: "tree" | "sequential", where?: Mask): Bits => {
  const { lanes } = source
  if (order === "sequential") return lanes.reduce((total, x, i) => (where === undefined || where.lanes[i] ? combine(total, x) : total), start)
  const padded = 2 ** Math.ceil(Math.log2(lanes.length))
  let level: readonly Bits[] = Array.from({ length: padded }, (_, i) =>
    i < lanes.length && (where === undefined || where.lanes[i]) ? lanes[i]! : start
  )
  while (level.length > 1) level = Array.from({ length: level.length >> 1 }, (_, i) => combine(level[2 * i]!, level[2 * i + 1]!))
  return level[0]!
}
/** As many elements as the first source has; numbers from `from` count through all sources. */
export const permuteLanes = (bits: number, sources: readonly Lanes[], from: (index: number) => number | "zero"): Lanes => {
  const all = sources.length === 1 ? sources[0]!.lanes : sources.flatMap((s) => s.lanes)
  const zero = zeroOf(bits)
  return new Lanes(
    bits,
    sources[0]!.lanes.map((_, i) => {
      const index = from(i)
      return index === "zero" ? zero : all[index]!
    })
  )
}
export const lookupLanes = (bits: number, table: readonly Lanes[], indices: Lanes, outOfRange: Lanes | "zero"): Lanes => {
  const all = table.length === 1 ? table[0]!.lanes : table.flatMap((s) => s.lanes)
  const zero = zeroOf(bits)
  return new Lanes(
    bits,
    indices.lanes.map((index, i) => {
      const found = all[asIndex(index)]
      return found !== undefined ? found : outOfRange === "zero" ? zero : outOfRange.lanes[i]!
    })
  )
}
export const withLane = (source: Lanes, index: number, value: Bits): Lanes => {
  const lanes = [...source.lanes]
  if (index >= 0 && index < lanes.length) lanes[index] = value
  return new Lanes(source.bits, lanes)
}

/** The same bytes as elements of another width. A rest too short for an element is dropped. */
export const reinterpreted = (source: Lanes, bits: number): Lanes => {
  if (source.bits === bits) return source
  const bytes = bytesOf(source)
  return lanesOf(bytes, bits)
}
/** The bytes of a vector, least significant first. */
export const bytesOf = (source: Lanes): Uint8Array => {
  const size = source.bits >> 3
  const out = new Uint8Array(source.lanes.length * size)
  source.lanes.forEach((lane, i) => {
    if (typeof lane === "number") for (let k = 0; k < size; k++) out[i * size + k] = lane >>> (8 * k)
    else for (let k = 0; k < size; k++) out[i * size + k] = Number((lane >> BigInt(8 * k)) & 0xffn)
  })
  return out
}
/** Bytes as elements of `bits` bits. */
export const lanesOf = (bytes: Uint8Array, bits: number): Lanes => {
  const size = bits >> 3
  const lanes: Bits[] = []
  for (let at = 0; at + size <= bytes.length; at += size) {
    if (bits <= 32) {
      let lane = 0
      for (let k = size - 1; k >= 0; k--) lane = lane * 256 + bytes[at + k]!
      lanes.push(lane)
    } else {
      let lane = 0n
      for (let k = size - 1; k >= 0; k--) lane = (lane << 8n) | BigInt(bytes[at + k]!)
      lanes.push(lane)
    }
  }
  return new Lanes(bits, lanes)
}

/** NZCV of PredTest: N first active true, Z none true, C last active not true. */
export const predicateFlags = (governing: Mask, result: Mask): number => {
  const first = governing.lanes.indexOf(true)
  if (first < 0) return 0b0110
  const last = governing.lanes.lastIndexOf(true)
  const some = governing.lanes.some((active, i) => active && result.lanes[i])
  return (result.lanes[first] ? 8 : 0) | (some ? 0 : 4) | (result.lanes[last] ? 0 : 2)
}
/** A predicate as the bits of a predicate register: one per byte of the vector, the lowest bit of each element's group used. */
export const predicateBytes = (mask: Mask): Uint8Array => {
  const stride = mask.bits >> 3
  const out = new Uint8Array(Math.ceil((mask.lanes.length * stride) / 8))
  mask.lanes.forEach((active, i) => {
    const bit = i * stride
    if (active) out[bit >> 3]! |= 1 << (bit & 7)
  })
  return out
}
export const maskOf = (bytes: Uint8Array, bits: number, count: number): Mask => {
  const stride = bits >> 3
  return new Mask(
    bits,
    Array.from({ length: count }, (_, i) => ((bytes[(i * stride) >> 3]! >> ((i * stride) & 7)) & 1) === 1)
  )
}
