/** Operations on whole vectors: what the builder's lane lambdas and rearrangements become. */
import { lanesConvert, upperHalf } from "./lanes.ts"
import { asBits, const128, integer, lane, Node, not, plain, shuffle, unary } from "./node.ts"
import { F32, F64, floatPattern, I32, i32, lanePattern, V128, v128 } from "./opcodes.ts"
import { Chunks, column, Lanes, type Operand, Pair, splat, splatConstant, type Truth, unlowered } from "./values.ts"

/** Lanes `from` to `from` + `count` of a vector: they lie in whole chunks, or in half a chunk. */
const group = (x: Chunks, from: number, count: number): Lanes => {
  const start = from * x.bits
  const total = count * x.bits
  if (total > 128 || (total === 128 && start % 128 === 0)) {
    return new Lanes(x.bits, count, x.chunks.slice(start / 128, (start + total) / 128), undefined)
  }
  const chunk = x.chunks[Math.floor(start / 128)]!
  if (start % 128 === 0) return new Lanes(x.bits, count, [chunk], undefined)
  if (start % 128 === 64) return new Lanes(x.bits, count, [upperHalf(chunk)], undefined)
  const shift = (start % 128) / 8
  const bytes = Array.from({ length: 16 }, (_, i) => (i + shift) & 15)
  return new Lanes(x.bits, count, [shuffle(chunk, chunk, bytes)], undefined)
}

/** The results of lane groups, joined into one vector. */
const joined = (bits: number, count: number, groups: readonly Lanes[]): Chunks => {
  const perGroup = groups[0]!.count * bits
  if (perGroup >= 128)
    return new Chunks(
      bits,
      count,
      groups.flatMap((g) => g.parts)
    )
  const chunks: Node[] = []
  const per = 128 / perGroup
  for (let i = 0; i < groups.length; i += per)
    chunks.push(
      groups
        .slice(i, i + per)
        .map((g) => g.parts[0]!)
        .reduce((low, part, k) => insert(low, part, (k * perGroup) / 8, perGroup / 8))
    )
  return new Chunks(bits, count, chunks)
}
/** `size` low bytes of `part` over byte `at` of `low`. */
const insert = (low: Node, part: Node, at: number, size: number): Node =>
  shuffle(
    low,
    part,
    Array.from({ length: 16 }, (_, i) => (i >= at && i < at + size ? 16 + i - at : i))
  )

/** One result of `bits` bits per lane of the shortest source. The lambda sees groups of lanes that fill a vector at the widest type. */
export const mapVector = (bits: number, sources: readonly Chunks[], lambda: (...x: readonly Operand[]) => Operand): Chunks => {
  const count = Math.min(...sources.map((s) => s.count))
  const widest = Math.max(bits, ...sources.map((s) => s.bits))
  const perGroup = Math.min(count, 128 / widest)
  if (count % perGroup !== 0) return unlowered("a vector of a broken number of groups")
  const groups: Lanes[] = []
  for (let from = 0; from < count; from += perGroup) groups.push(asLanes(bits, perGroup, lambda(...sources.map((s) => group(s, from, perGroup)))))
  return joined(bits, count, groups)
}
const asLanes = (bits: number, count: number, x: Operand): Lanes => {
  if (x instanceof Lanes) return x
  if (x instanceof Node) return new Lanes(bits, count, [splat(x, bits)], undefined)
  return unlowered("a wide constant as a lane")
}

/** The value of one lane, in the type's integer form. */
export const laneOf = (x: Chunks, index: number): Node | Pair => {
  const chunk = x.chunks[Math.floor((index * x.bits) / 128)]
  if (!chunk) return unlowered("a lane beyond the vector")
  if (x.bits > 64) return Pair.of(chunk)
  const at = index % (128 / x.bits)
  if (x.bits === 64) return lane(F64, floatPattern.extract[1], at, chunk)
  if (x.bits === 32) return lane(F32, floatPattern.extract[0], at, chunk)
  return lane(I32, lanePattern.extractU[column(x.bits)]!, at, chunk)
}
export const withLane = (x: Chunks, index: number, value: Node): Chunks => {
  const q = Math.floor((index * x.bits) / 128)
  const chunks = [...x.chunks]
  if (q >= chunks.length || x.bits > 64) return unlowered("a lane beyond the vector")
  const at = index % (128 / x.bits)
  const isFloat = value.type === F32 || value.type === F64
  chunks[q] = isFloat
    ? lane(V128, floatPattern.replace[value.type === F32 ? 0 : 1], at, chunks[q]!, value)
    : lane(V128, lanePattern.replace[column(x.bits)]!, at, chunks[q]!, asBits(value))
  return new Chunks(x.bits, x.count, chunks)
}
/** The same value in each lane of a vector of `total` bits. */
export const splatVector = (bits: number, value: Operand, total: number): Chunks => {
  const count = total / bits
  if (value instanceof Pair)
    return new Chunks(
      bits,
      count,
      Array.from({ length: count }, () => value.vector)
    )
  if (!(value instanceof Node)) return unlowered("a vector to splat")
  const float = value.type === F32 || value.type === F64 ? value : undefined
  const one = float ? unary(V128, floatPattern.splat[float.type === F32 ? 0 : 1], float) : splat(value, bits)
  return new Chunks(
    bits,
    count,
    Array.from({ length: Math.max(1, total / 128) }, () => one)
  )
}

/** Where a byte of a rearranged vector comes from. */
interface Origin {
  readonly chunk: number
  readonly byte: number
}
/** Lanes picked from all sources, counting on through them. */
export const permuteVector = (bits: number, sources: readonly Chunks[], from: (index: number) => number | "zero"): Chunks => {
  const size = bits / 8
  const first = sources[0]!
  const sourceBytes = (first.count * first.bits) / 8
  const lanes = sourceBytes / size
  const all = sources.flatMap((s) => s.chunks)
  const perSource = Math.max(1, sourceBytes / 16)
  const origin = (byte: number): Origin | undefined => {
    const index = Math.floor(byte / size)
    const picked = index < lanes ? from(index) : "zero"
    if (picked === "zero") return undefined
    const at = picked * size + (byte % size)
    const source = Math.floor(at / sourceBytes)
    const within = at % sourceBytes
    return { chunk: source * perSource + (within >> 4), byte: within & 15 }
  }
  const chunks = Array.from({ length: perSource }, (_, q) =>
    gather(
      all,
      Array.from({ length: 16 }, (_, i) => (q * 16 + i < sourceBytes ? origin(q * 16 + i) : undefined))
    )
  )
  return new Chunks(bits, lanes, chunks)
}
const gather = (all: readonly Node[], origins: readonly (Origin | undefined)[]): Node => {
  const used = [...new Set(origins.flatMap((o) => (o ? [o.chunk] : [])))]
  if (used.length === 0) return splatConstant(8, 0n)
  const [first, second] = used
  if (used.length === 1 && origins.every((o, i) => o === undefined || o.byte === i) && origins.every(Boolean)) return all[first!]!
  if (used.length === 1) {
    if (origins.every(Boolean))
      return shuffle(
        all[first!]!,
        all[first!]!,
        origins.map((o) => o!.byte)
      )
    return shuffle(
      all[first!]!,
      splatConstant(8, 0n),
      origins.map((o) => o?.byte ?? 16)
    )
  }
  if (used.length === 2 && origins.every(Boolean))
    return shuffle(
      all[first!]!,
      all[second!]!,
      origins.map((o) => o!.byte + (o!.chunk === first ? 0 : 16))
    )
  const picks = used.map((chunk) => plain(V128, v128.swizzle, all[chunk]!, const128(origins.map((o) => (o?.chunk === chunk ? o.byte : 255)))))
  return picks.reduce((x, y) => plain(V128, v128.or, x, y))
}

/** Bytes of a table picked by byte indices; out of range: the byte of `otherwise`, or zero. */
export const lookupVector = (table: readonly Chunks[], indices: Chunks, otherwise: Chunks | undefined): Chunks => {
  const all = table.flatMap((t) => t.chunks)
  if (indices.bits !== 8 || table.some((t) => t.bits !== 8 || t.count % 16 !== 0)) return unlowered("a table of wide lanes")
  const chunks = indices.chunks.map((index, q) => {
    const found = all
      .map((chunk, k) =>
        plain(V128, v128.swizzle, chunk, k === 0 ? index : plain(V128, lanePattern.subtract[0], index, splatConstant(8, BigInt(16 * k))))
      )
      .reduce((x, y) => plain(V128, v128.or, x, y))
    if (!otherwise) return found
    const inside = plain(V128, lanePattern.lessU[0], index, splatConstant(8, BigInt(16 * all.length)))
    return new Node(V128, v128.bitselect, found, otherwise.chunks[q]!, inside, 0, undefined)
  })
  return new Chunks(8, indices.count, chunks)
}

/** Combines neighbours until one is left. */
export const reduceTree = (x: Chunks, combine: (a: Operand, b: Operand) => Operand): Operand => {
  let lanes = new Lanes(x.bits, x.count, x.chunks, undefined)
  while (lanes.count > 1) lanes = combine(neighbours(lanes, 0), neighbours(lanes, 1)) as Lanes
  return lanes.exploded ? lanes.items[0]! : laneOf(new Chunks(lanes.bits, 1, lanes.parts), 0)
}
/** Every second lane, from the first or from the second one. */
const neighbours = (x: Lanes, odd: 0 | 1): Lanes => {
  if (x.exploded || x.bits > 64)
    return new Lanes(
      x.bits,
      x.count / 2,
      undefined,
      x.items.filter((_, i) => i % 2 === odd)
    )
  const size = x.bits / 8
  const bytes = Array.from({ length: 16 }, (_, i) => (2 * Math.floor(i / size) + odd) * size + (i % size))
  const parts: Node[] = []
  for (let i = 0; i < x.parts.length; i += 2) {
    const [low, high] = [x.parts[i]!, x.parts[i + 1]]
    parts.push(
      high
        ? shuffle(low, high, bytes)
        : shuffle(
            low,
            low,
            bytes.map((b) => b & 15)
          )
    )
  }
  return new Lanes(x.bits, x.count / 2, parts, undefined)
}

/** Whether any lane of a mask is set, among those the group has. */
export const anySet = (mask: Lanes): Node => {
  if (mask.exploded) return mask.items.map((item) => item as Node).reduce((x, y) => integer(I32, i32.or, x, y))
  const any = mask.parts.reduce((x, y) => plain(V128, v128.or, x, y))
  const bytes = (mask.count * mask.bits) / 8
  const valid = bytes >= 16 ? any : plain(V128, v128.and, any, const128(Array.from({ length: 16 }, (_, i) => (i < bytes ? 255 : 0))))
  return unary(I32, v128.anyTrue, valid)
}
/** A condition for all lanes, or one for each, in one form. */
export const combineMasks = (x: Truth, y: Truth, op: number, scalar: (a: Node, b: Node) => Node): Lanes => {
  const like = x instanceof Lanes ? x : (y as Lanes)
  const itemsOf = (m: Truth) => (m instanceof Lanes ? (m.items as readonly Node[]) : like.items.map(() => m))
  if (!(x instanceof Lanes) || !(y instanceof Lanes) || x.exploded || y.exploded) {
    const right = itemsOf(y)
    const items = itemsOf(x).map((a, i) => scalar(a, right[i]!))
    return new Lanes(like.bits, like.count, undefined, items, true)
  }
  const other = y.bits === x.bits ? y : lanesConvert(y, x.bits, true)
  const parts = x.parts.map((a, i) => plain(V128, op, a, other.parts[i]!))
  return new Lanes(x.bits, x.count, parts, undefined, true)
}
export const negateMask = (x: Lanes): Lanes => {
  if (x.exploded)
    return new Lanes(
      x.bits,
      x.count,
      undefined,
      x.items.map((item) => not(item as Node)),
      true
    )
  return new Lanes(
    x.bits,
    x.count,
    x.parts.map((part) => unary(V128, v128.not, part)),
    undefined,
    true
  )
}

// registers
export { upperHalf as upper } from "./lanes.ts"
/** A vector of less than 128 bits as a whole register: zero above. */
export const lowerOnly = (x: Chunks): Node => {
  const bytes = (x.count * x.bits) / 8
  const chunk = x.chunks[0]!
  if (chunk.op === v128.load64Zero && bytes === 8) return chunk
  return plain(V128, v128.and, chunk, const128(Array.from({ length: 16 }, (_, i) => (i < bytes ? 255 : 0))))
}
/** A register with one 64-bit half replaced by the lower half of `half`. */
export const insertHalf = (register: Node, part: number, half: Node): Node => {
  const own = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => i + (part === 0 ? 8 : 0))
  const other = [16, 17, 18, 19, 20, 21, 22, 23]
  return shuffle(register, half, part === 0 ? [...other, ...own] : [...own, ...other])
}
/** A register with one narrow element, zero above. */
export const lowest = (bits: number, value: Node): Node => lane(V128, lanePattern.replace[column(bits)]!, 0, splatConstant(8, 0n), value)
