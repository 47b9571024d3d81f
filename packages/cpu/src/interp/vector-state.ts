import type { Direction } from "@eltwo/isa"
import { fullA64 } from "../gates.ts"
import { PE } from "../layout.ts"
import type { ExactFloat } from "./floats.ts"
import { GeneralState } from "./general.ts"
import type { Bits, IntegerType } from "./integers.ts"
import { readElements } from "./vector-writes.ts"
import {
  asIndex,
  compareLanes,
  type LaneFunction,
  type LaneMasking,
  Lanes,
  lookupLanes,
  Mask,
  mapLanes,
  maskOf,
  permuteLanes,
  predicateBytes,
  predicateFlags,
  reduceLanes,
  reinterpreted,
  withLane
} from "./vectors.ts"

export type LaneType = IntegerType | ExactFloat
/** One operand of an outer product, and what a cell sees of it. */
export interface OuterSide {
  readonly source: Lanes
  readonly where: Mask
}
export interface OuterCell {
  readonly part: (index: number) => Bits
  readonly active: (index: number) => boolean
}
const NEP = 1 << 2
const SM = 1 << 0
const zOffset = (n: number): number => PE.Z + 256 * n
const pOffset = (n: number): number => PE.P + 32 * n

/** Vector, predicate and matrix registers, and the operations on lanes. */
export class VectorState extends GeneralState {
  /** Current vector length in bits. */
  get vectorBits(): number {
    return this.pe.vectorBits
  }
  get streamingVectorBits(): number {
    return this.pe.streamingVectorBits
  }
  #read(offset: number, bits: number, totalBits: number, stride = bits >> 3): Lanes {
    return new Lanes(bits, readElements(this.pe, offset, bits, stride, Math.floor(totalBits / bits)))
  }
  /** Queues whole lanes from byte `offset` of the block, then zeros up to `clearTo`. */
  #write(offset: number, { bits, lanes }: Lanes, clearTo = 0): void {
    this.vectorWrites.add(offset, bits, bits >> 3, lanes, offset + ((lanes.length * bits) >> 3), clearTo)
  }

  // AdvSIMD
  scalar(n: number, type: LaneType): Bits {
    return readElements(this.pe, zOffset(n), type.bits, type.bits >> 3, 1)[0]!
  }
  setScalar(n: number, value: Bits, type: LaneType, merging?: number): void {
    const result = new Lanes(type.bits, [value])
    if (merging === undefined || !this.#merges()) this.setV(n, result)
    else {
      this.setV(n, this.#read(zOffset(merging), 64, 128))
      this.#write(zOffset(n), result)
    }
  }
  /** FPCR.NEP counts; in streaming mode only where all of A64 is legal. */
  #merges(): boolean {
    return (this.pe.fpcr & NEP) !== 0 && (!(this.pe.svcr & SM) || fullA64(this.pe))
  }
  V(n: number, type: LaneType, bits = 128, part = 0): Lanes {
    return this.#read(zOffset(n) + 8 * part, type.bits, bits)
  }
  setV(n: number, value: Lanes): void {
    this.#write(zOffset(n), value, zOffset(n) + 256)
  }
  insertV(n: number, part: number, value: Lanes): void {
    const offset = zOffset(n)
    this.vectorWrites.add(offset + 8 * part, value.bits, value.bits >> 3, value.lanes, offset + 16, offset + 256)
  }

  // SVE
  Z(n: number, type: LaneType): Lanes {
    return this.#read(zOffset(n), type.bits, this.pe.vectorBits)
  }
  setZ(n: number, value: Lanes): void {
    this.#write(zOffset(n), value)
  }
  P(n: number, type: LaneType): Mask {
    const offset = pOffset(n)
    return maskOf(this.pe.bytes.subarray(offset, offset + 32), type.bits, this.pe.vectorBits / type.bits)
  }
  setP(n: number, value: Mask): void {
    this.#write(pOffset(n), new Lanes(8, [...predicateBytes(value)]), pOffset(n) + 32)
  }
  /** Predicate-as-counter: element size in the lowest set bit, above it a count of elements, in bit 15 whether they are the inactive ones. */
  counter(n: number, type: LaneType, vectors: number): readonly Mask[] {
    const encoded = this.pe.halfwords[pOffset(n) >> 1]!
    const low = encoded & 15 ? 31 - Math.clz32(encoded & -encoded & 15) : -1
    const size = low < 0 ? 0 : 1 << low
    const count = low < 0 ? 0 : (encoded & (this.pe.vectorBits - 1)) >> (low + 1)
    const inverted = encoded >> 15 === 1
    const lanes = this.pe.vectorBits / type.bits
    const active = (element: number): boolean => {
      const byte = (element * type.bits) >> 3
      return size > 0 && byte % size === 0 && byte / size < count !== inverted
    }
    return Array.from(
      { length: vectors },
      (_, v) =>
        new Mask(
          type.bits,
          Array.from({ length: lanes }, (_, i) => active(v * lanes + i))
        )
    )
  }

  // SME
  #rowBytes(): number {
    return this.pe.streamingVectorBits >> 3
  }
  #rowOffset(index: Bits): number {
    const row = this.#rowBytes()
    return PE.ZA + (Number(index) % row) * row
  }
  /** Block offset of a tile's element. */
  #cellOffset(bits: number, tile: number, row: number, column: number): number {
    const size = bits >> 3
    return PE.ZA + (row * size + tile) * this.#rowBytes() + column * size
  }
  /** Block offset of a slice's first element and the distance to the next, in bytes. */
  #sliceAt(bits: number, tile: number, direction: Direction, index: Bits): { offset: number; stride: number } {
    const size = bits >> 3
    const at = Number(index) % (this.pe.streamingVectorBits / bits)
    return direction === "horizontal"
      ? { offset: this.#cellOffset(bits, tile, at, 0), stride: size }
      : { offset: this.#cellOffset(bits, tile, 0, at), stride: size * this.#rowBytes() }
  }
  ZA(index: Bits): Lanes {
    return this.#read(this.#rowOffset(index), 8, this.pe.streamingVectorBits)
  }
  setZA(index: Bits, value: Lanes): void {
    this.#write(this.#rowOffset(index), value)
  }
  slice(type: LaneType, tile: number, direction: Direction, index: Bits): Lanes {
    const { offset, stride } = this.#sliceAt(type.bits, tile, direction, index)
    return this.#read(offset, type.bits, this.pe.streamingVectorBits, stride)
  }
  setSlice(type: LaneType, tile: number, direction: Direction, index: Bits, value: Lanes): void {
    const { offset, stride } = this.#sliceAt(type.bits, tile, direction, index)
    this.vectorWrites.add(offset, type.bits, stride, reinterpreted(value, type.bits).lanes)
  }
  ZT0(): Lanes {
    return this.#read(PE.ZT0, 8, 512)
  }
  setZT0(value: Lanes): void {
    this.#write(PE.ZT0, value)
  }
  /** Cells none of whose parts take part on both sides keep their value. */
  outerProduct(
    type: LaneType,
    tile: number,
    rows: OuterSide,
    columns: OuterSide,
    parts: number,
    cell: (sum: Bits, row: OuterCell, column: OuterCell) => Bits
  ): void {
    const size = this.pe.streamingVectorBits / type.bits
    const cells = (side: OuterSide): readonly OuterCell[] =>
      Array.from({ length: size }, (_, i) => ({
        part: (k) => side.source.lanes[i * parts + k]!,
        active: (k) => side.where.lanes[i * parts + k]!
      }))
    const [rowCells, columnCells] = [cells(rows), cells(columns)]
    const indices = Array.from({ length: parts }, (_, k) => k)
    for (let row = 0; row < size; row++) {
      const R = rowCells[row]!
      if (!indices.some((k) => R.active(k))) continue
      const offset = this.#cellOffset(type.bits, tile, row, 0)
      const lanes = this.#read(offset, type.bits, this.pe.streamingVectorBits).lanes
      const result = lanes.map((sum, column) => {
        const C = columnCells[column]!
        return indices.some((k) => R.active(k) && C.active(k)) ? cell(sum, R, C) : sum
      })
      this.#write(offset, new Lanes(type.bits, result))
    }
  }

  // lanes
  map(type: LaneType, sources: readonly Lanes[], lane: LaneFunction, masking?: LaneMasking): Lanes {
    return mapLanes(type.bits, sources, lane, masking)
  }
  compare(type: LaneType, sources: readonly Lanes[], lane: (...x: readonly Bits[]) => boolean, where?: Mask): Mask {
    return compareLanes(type.bits, sources, lane, where)
  }
  reduce(_type: LaneType, source: Lanes, start: Bits, combine: (x: Bits, y: Bits) => Bits, order: "tree" | "sequential", where?: Mask): Bits {
    return reduceLanes(source, start, combine, order, where)
  }
  splat(type: LaneType, value: Bits, bits = this.pe.vectorBits): Lanes {
    return new Lanes(type.bits, new Array<Bits>(bits / type.bits).fill(value))
  }
  generate(type: LaneType, lane: (index: number) => Bits): Lanes {
    return new Lanes(
      type.bits,
      Array.from({ length: this.pe.vectorBits / type.bits }, (_, i) => lane(i))
    )
  }
  permute(type: LaneType, sources: readonly Lanes[], from: (index: number) => number | "zero"): Lanes {
    return permuteLanes(type.bits, sources, from)
  }
  lookup(type: LaneType, table: readonly Lanes[], indices: Lanes, outOfRange: Lanes | "zero"): Lanes {
    return lookupLanes(type.bits, table, indices, outOfRange)
  }
  reinterpret(source: Lanes, type: LaneType): Lanes {
    return reinterpreted(source, type.bits)
  }
  lane(source: Lanes, index: Bits): Bits {
    return source.lanes[asIndex(index)]!
  }
  withLane(source: Lanes, index: Bits, value: Bits): Lanes {
    return withLane(source, asIndex(index), value)
  }
  predicate(type: LaneType, lane: (index: number) => boolean): Mask {
    return new Mask(
      type.bits,
      Array.from({ length: this.pe.vectorBits / type.bits }, (_, i) => lane(i))
    )
  }
  active(predicate: Mask, index: number): boolean {
    return predicate.lanes[index]!
  }
  countActive(predicate: Mask): Bits {
    return BigInt(predicate.lanes.filter(Boolean).length)
  }
  predicateFlags(governing: Mask, result: Mask): Bits {
    return predicateFlags(governing, result)
  }
}
