import type { MemoryAttributes } from "@eltwo/isa"
import { Abort } from "../exception.ts"
import { PE, TLB_ENTRIES, TLB_ENTRY, TLB_ENTRY_BYTES } from "../layout.ts"
import { type Device, PAGE_BYTES } from "../memory.ts"
import { alignmentFault, externalAbort, fillTlb, translate } from "../mmu.ts"
import type { Pe } from "../pe.ts"
import type { Bits } from "./integers.ts"

const TLB = PE.TLB >> 2
const READ = TLB_ENTRY.READ >> 2
const WRITE = TLB_ENTRY.WRITE >> 2
const OFFSET = TLB_ENTRY.OFFSET >> 2
const INDEX_MASK = TLB_ENTRIES - 1
const MONITOR_SIZE = PE.MONITOR_SIZE >> 2
const MONITOR_ADDRESS = PE.MONITOR_ADDRESS >> 3
const MONITOR_VALUE = PE.MONITOR_VALUE >> 3
const QUADWORD = 16
const LOW_64 = (1n << 64n) - 1n

/** The address in use, and a value on its way, as halves. */
const cell = new BigUint64Array(3)
const half = new Uint32Array(cell.buffer)
const cellBytes = new Uint8Array(cell.buffer)
const VALUE = 8

type Access = "read" | "write"
/** `ramOnly`: devices are as good as a fault. */
type Attributes = MemoryAttributes & { readonly ramOnly?: boolean }
/** Where a range within one page is: at a byte address of the machine's memory, or `offset` bytes into a device. */
type Place = number | { readonly device: Device; readonly offset: number }

/**
 * Data accesses of one processing element, by virtual address. A value is a number for 1, 2 and 4 bytes and a bigint for 8 and 16, as in integers.ts.
 * A fault is thrown before anything is written.
 */
export class DataMemory {
  readonly #pe: Pe
  readonly #bytes: Uint8Array
  readonly #words: Uint32Array
  readonly #doublewords: BigUint64Array
  readonly #view: DataView

  constructor(pe: Pe) {
    const { buffer } = pe.board.memory
    this.#pe = pe
    this.#bytes = new Uint8Array(buffer)
    this.#words = new Uint32Array(buffer)
    this.#doublewords = new BigUint64Array(buffer)
    this.#view = new DataView(buffer)
  }

  load(size: number, address: bigint, attributes?: MemoryAttributes): Bits {
    this.#checkAlignment(size, address, "read", attributes)
    const at = attributes?.unprivileged ? -1 : this.#lookup(size, address, READ)
    const value = at >= 0 ? this.#get(at, size) : this.#loadSlowly(size, address, attributes)
    if (attributes?.exclusive) this.#arm(size, address, value)
    return value
  }
  /** A load that gives undefined instead of faulting, and does not touch devices. */
  loadQuietly(size: number, address: bigint): Bits | undefined {
    try {
      this.#checkAlignment(size, address, "read", undefined)
      const at = this.#lookup(size, address, READ)
      return at >= 0 ? this.#get(at, size) : this.#loadSlowly(size, address, { ramOnly: true })
    } catch (error) {
      if (error instanceof Abort) return undefined
      throw error
    }
  }
  store(size: number, address: bigint, value: Bits, attributes?: MemoryAttributes): void {
    this.#checkAlignment(size, address, "write", attributes)
    const at = attributes?.unprivileged ? -1 : this.#lookup(size, address, WRITE)
    if (at >= 0) this.#put(at, size, value)
    else this.#storeSlowly(size, address, value, attributes)
  }
  /** Reads, updates and writes; gives the old value. Both permissions are needed even if the value stays. */
  atomic(size: number, address: bigint, update: (old: Bits) => Bits, attributes?: MemoryAttributes): Bits {
    this.#checkAlignment(size, address, "write", attributes)
    const old = this.load(size, address)
    const at = this.#lookup(size, address, WRITE)
    if (at >= 0) this.#put(at, size, update(old))
    else this.#storeSlowly(size, address, update(old), attributes)
    return old
  }
  /**
   * Whether the store was done: the monitor was armed for this address and size, and memory still holds what was loaded. Opens the monitor. Faults
   * are looked for after the monitor, which the architecture leaves open.
   */
  storeExclusive(size: number, address: bigint, value: Bits, attributes?: MemoryAttributes): boolean {
    const { words, doublewords } = this.#pe
    const armed = words[MONITOR_SIZE] === size && doublewords[MONITOR_ADDRESS] === address
    words[MONITOR_SIZE] = 0
    if (!armed) return false
    this.#checkAlignment(size, address, "write", attributes)
    const current = BigInt(this.load(size, address))
    if ((current & LOW_64) !== doublewords[MONITOR_VALUE] || current >> 64n !== doublewords[MONITOR_VALUE + 1]) return false
    this.store(size, address, value)
    return true
  }
  #arm(size: number, address: bigint, value: Bits): void {
    const { words, doublewords } = this.#pe
    const loaded = BigInt(value)
    words[MONITOR_SIZE] = size
    doublewords[MONITOR_ADDRESS] = address
    doublewords[MONITOR_VALUE] = loaded
    doublewords[MONITOR_VALUE + 1] = loaded >> 64n
  }

  /** Bytes that stay in one page, moved as memmove does. */
  copy(to: bigint, from: bigint, bytes: number, writing?: MemoryAttributes, reading?: MemoryAttributes): void {
    const source = this.#place(from, bytes, "read", reading, 1)
    const target = this.#place(to, bytes, "write", writing, 1)
    if (typeof source === "number" && typeof target === "number") {
      this.#bytes.copyWithin(target, source, source + bytes)
      return
    }
    const moved = Array.from({ length: bytes }, (_, i) => this.#byteAt(source, i))
    for (const [i, byte] of moved.entries()) this.#putByteAt(target, i, byte)
  }
  /** Bytes that stay in one page, all set to the low 8 bits of `value`. */
  fill(address: bigint, value: bigint, bytes: number, attributes?: MemoryAttributes): void {
    const target = this.#place(address, bytes, "write", attributes, 1)
    const byte = Number(value & 0xffn)
    if (typeof target === "number") this.#bytes.fill(byte, target, target + bytes)
    else for (let i = 0; i < bytes; i++) this.#putByteAt(target, i, byte)
  }
  /**
   * Byte address in the machine's memory of `bytes` readable bytes, or -1 when they are not in one page of the TLB. For runs of accesses whose
   * alignment does not matter.
   */
  readable(address: bigint, bytes: number): number {
    return bytes <= PAGE_BYTES && !this.#pe.alignmentCheck ? this.#lookup(bytes, address, READ) : -1
  }
  writable(address: bigint, bytes: number): number {
    return bytes <= PAGE_BYTES && !this.#pe.alignmentCheck ? this.#lookup(bytes, address, WRITE) : -1
  }

  /** Element `index` of those that start at byte `from` of the machine's memory. */
  at(from: number, size: number, index: number): Bits {
    return this.#get(from + index * size, size)
  }
  putAt(from: number, size: number, index: number, value: Bits): void {
    this.#put(from + index * size, size, value)
  }

  /** The rules for accesses that must be aligned; others may still fault for the sake of the memory's type. */
  #checkAlignment(size: number, address: bigint, access: Access, attributes: Attributes | undefined): void {
    const rule = attributes?.aligned ?? false
    if (rule === false && !this.#pe.alignmentCheck) return
    cell[0] = address
    const low = half[0]!
    if ((low & (size - 1)) === 0) return
    if (rule === "quadword" && !this.#pe.alignmentCheck) {
      if ((low & (QUADWORD - 1)) + size <= QUADWORD || this.#pe.nonAligned) return
    }
    throw alignmentFault(this.#pe, address, access)
  }
  /** One compare against the tag: also false when the access leaves the page. -1 is a miss. */
  #lookup(size: number, address: bigint, tag: number): number {
    cell[0] = address
    const low = half[0]!
    const words = this.#words
    const entry = (words[this.#tlbWord()]! + ((low >>> 12) & INDEX_MASK) * TLB_ENTRY_BYTES) >> 2
    const inPage = (low ^ words[entry + tag]!) >>> 0
    return inPage <= PAGE_BYTES - size && words[entry + tag + 1] === half[1] ? words[entry + OFFSET]! + inPage : -1
  }
  #tlbWord(): number {
    return (this.#pe.base >> 2) + TLB
  }

  #get(at: number, size: number): Bits {
    switch (size) {
      case 1:
        return this.#bytes[at]!
      case 2:
        return this.#view.getUint16(at, true)
      case 4:
        return this.#view.getUint32(at, true)
      case 8:
        return this.#doubleword(at)
      default:
        return this.#doubleword(at) | (this.#doubleword(at + 8) << 64n)
    }
  }
  #doubleword(at: number): bigint {
    return (at & 7) === 0 ? this.#doublewords[at >>> 3]! : this.#view.getBigUint64(at, true)
  }
  #put(at: number, size: number, value: Bits): void {
    switch (size) {
      case 1:
        this.#bytes[at] = value as number
        return
      case 2:
        this.#view.setUint16(at, value as number, true)
        return
      case 4:
        this.#view.setUint32(at, value as number, true)
        return
      case 8:
        this.#putDoubleword(at, value as bigint)
        return
      default:
        this.#putDoubleword(at, value as bigint)
        this.#putDoubleword(at + 8, (value as bigint) >> 64n)
    }
  }
  #putDoubleword(at: number, value: bigint): void {
    if ((at & 7) === 0) this.#doublewords[at >>> 3] = value
    else this.#view.setBigUint64(at, value, true)
  }

  #loadSlowly(size: number, address: bigint, attributes: Attributes | undefined): Bits {
    const inFirst = PAGE_BYTES - (Number(address & 0xfffn) | 0)
    if (size <= inFirst) {
      const place = this.#place(address, size, "read", attributes, size)
      return typeof place === "number" ? this.#get(place, size) : this.#readDevice(place.device, place.offset, size)
    }
    const first = this.#place(address, inFirst, "read", attributes, size)
    const second = this.#place(BigInt.asUintN(64, address + BigInt(inFirst)), size - inFirst, "read", attributes, size)
    for (let i = 0; i < size; i++) cellBytes[VALUE + i] = i < inFirst ? this.#byteAt(first, i) : this.#byteAt(second, i - inFirst)
    return size === 16 ? cell[1]! | (cell[2]! << 64n) : size === 8 ? cell[1]! : size === 4 ? half[2]! : half[2]! & 0xffff
  }
  #storeSlowly(size: number, address: bigint, value: Bits, attributes: Attributes | undefined): void {
    const inFirst = PAGE_BYTES - (Number(address & 0xfffn) | 0)
    if (size <= inFirst) {
      const place = this.#place(address, size, "write", attributes, size)
      if (typeof place === "number") this.#put(place, size, value)
      else this.#writeDevice(place.device, place.offset, size, value)
      return
    }
    const first = this.#place(address, inFirst, "write", attributes, size)
    const second = this.#place(BigInt.asUintN(64, address + BigInt(inFirst)), size - inFirst, "write", attributes, size)
    const bytes = BigInt(value)
    for (let i = 0; i < size; i++) {
      const byte = Number((bytes >> BigInt(8 * i)) & 0xffn)
      if (i < inFirst) this.#putByteAt(first, i, byte)
      else this.#putByteAt(second, i - inFirst, byte)
    }
  }
  /** Translates a range within one page for accesses of `size` bytes, and says where it is. A page of code that will be written is forgotten as code. */
  #place(address: bigint, bytes: number, access: Access, attributes: Attributes | undefined, size: number): Place {
    const pe = this.#pe
    const unprivileged = attributes?.unprivileged ?? false
    if (!unprivileged && fillTlb(pe, address, access === "write")) {
      const at = this.#lookup(bytes, address, access === "write" ? WRITE : READ)
      if (at >= 0) return at
    }
    const { physical } = translate(pe, address, access, { unprivileged, bytes: size })
    const { physical: memory, code } = pe.board
    const at = memory.at(physical, bytes)
    if (at >= 0) {
      if (access === "write") code.stored(physical, bytes)
      return at
    }
    const device = memory.deviceAt(physical, bytes)
    if (!device || attributes?.ramOnly) throw externalAbort(pe, address, access)
    return { device, offset: physical - device.base }
  }
  #byteAt(place: Place, index: number): number {
    return typeof place === "number" ? this.#bytes[place + index]! : Number(this.#readDevice(place.device, place.offset + index, 1))
  }
  #putByteAt(place: Place, index: number, byte: number): void {
    if (typeof place === "number") this.#bytes[place + index] = byte
    else this.#writeDevice(place.device, place.offset + index, 1, byte)
  }
  /** Devices may raise interrupts: the run loop looks again after each access. */
  #readDevice(device: Device, offset: number, size: number): Bits {
    this.#pe.attention = true
    if (size === 16) return BigInt.asUintN(64, device.read(offset, 8)) | (BigInt.asUintN(64, device.read(offset + 8, 8)) << 64n)
    const value = BigInt.asUintN(8 * size, device.read(offset, size))
    return size === 8 ? value : Number(value)
  }
  #writeDevice(device: Device, offset: number, size: number, value: Bits): void {
    this.#pe.attention = true
    if (size === 16) {
      device.write(offset, 8, (value as bigint) & LOW_64)
      device.write(offset + 8, 8, (value as bigint) >> 64n)
    } else device.write(offset, size, BigInt(value))
  }
}
