import type { Pe } from "../pe.ts"
import type { Bits } from "./integers.ts"

/** One queued write: elements of `bits` bits, `stride` bytes apart from `offset` in the block; then zeros from `clearFrom` up to `clearTo`. */
interface VectorWrite {
  offset: number
  bits: number
  stride: number
  lanes: readonly Bits[]
  clearFrom: number
  clearTo: number
}

/** Writes of one instruction to vector, predicate and matrix registers, in slots that are used again. */
export class VectorWrites {
  readonly #pe: Pe
  readonly #slots: VectorWrite[] = []
  count = 0

  constructor(pe: Pe) {
    this.#pe = pe
  }

  /** Offsets are bytes within the block. */
  add(offset: number, bits: number, stride: number, lanes: readonly Bits[], clearFrom = 0, clearTo = 0): void {
    const slot = this.#slots[this.count++]
    if (slot === undefined) {
      this.#slots.push({ offset, bits, stride, lanes, clearFrom, clearTo })
      return
    }
    slot.offset = offset
    slot.bits = bits
    slot.stride = stride
    slot.lanes = lanes
    slot.clearFrom = clearFrom
    slot.clearTo = clearTo
  }
  commit(): void {
    for (let i = 0; i < this.count; i++) {
      const { offset, bits, stride, lanes, clearFrom, clearTo } = this.#slots[i]!
      writeElements(this.#pe, offset, bits, stride, lanes)
      if (clearTo > clearFrom) this.#pe.bytes.fill(0, clearFrom, clearTo)
    }
    this.count = 0
  }
}

const writeElements = (pe: Pe, offset: number, bits: number, stride: number, lanes: readonly Bits[]): void => {
  const count = lanes.length
  switch (bits) {
    case 8:
      for (let i = 0; i < count; i++) pe.bytes[offset + i * stride] = lanes[i] as number
      return
    case 16:
      for (let i = 0; i < count; i++) pe.halfwords[(offset + i * stride) >> 1] = lanes[i] as number
      return
    case 32:
      for (let i = 0; i < count; i++) pe.words[(offset + i * stride) >> 2] = lanes[i] as number
      return
    case 64:
      for (let i = 0; i < count; i++) pe.doublewords[(offset + i * stride) >> 3] = lanes[i] as bigint
      return
    case 128:
      for (let i = 0; i < count; i++) {
        const lane = lanes[i] as bigint
        pe.doublewords[(offset + i * stride) >> 3] = lane
        pe.doublewords[(offset + i * stride + 8) >> 3] = lane >> 64n
      }
      return
    default:
      throw new RangeError(`No register has elements of ${bits} bits`)
  }
}
/** `count` elements of `bits` bits, `stride` bytes apart from byte `offset` of the block. */
export const readElements = (pe: Pe, offset: number, bits: number, stride: number, count: number): Bits[] => {
  const lanes = new Array<Bits>(count)
  switch (bits) {
    case 8:
      for (let i = 0; i < count; i++) lanes[i] = pe.bytes[offset + i * stride]!
      return lanes
    case 16:
      for (let i = 0; i < count; i++) lanes[i] = pe.halfwords[(offset + i * stride) >> 1]!
      return lanes
    case 32:
      for (let i = 0; i < count; i++) lanes[i] = pe.words[(offset + i * stride) >> 2]!
      return lanes
    case 64:
      for (let i = 0; i < count; i++) lanes[i] = pe.doublewords[(offset + i * stride) >> 3]!
      return lanes
    case 128:
      for (let i = 0; i < count; i++) {
        const at = (offset + i * stride) >> 3
        lanes[i] = pe.doublewords[at]! | (pe.doublewords[at + 1]! << 64n)
      }
      return lanes
    default:
      throw new RangeError(`No register has elements of ${bits} bits`)
  }
}
