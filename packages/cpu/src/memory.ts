/** Guest-physical memory: one linear window of RAM in the machine's memory, and devices. */

/** A range of physical addresses answered by host code. Accesses are 1, 2, 4 or 8 bytes and lie within the range. */
export interface Device {
  /** First guest-physical address, and length in bytes. */
  readonly base: number
  readonly bytes: number
  /** `offset` is relative to `base`, `size` in bytes; the result is taken modulo 2^(8 * size). */
  read(offset: number, size: number): bigint
  write(offset: number, size: number, value: bigint): void
}

/** Where RAM is: in guest-physical addresses, and in the memory of the machine. */
export interface RamWindow {
  /** Guest-physical address of the first byte; below 2^48 and page aligned. */
  readonly base: number
  readonly bytes: number
  /** Byte address of the first byte in the machine's memory. */
  readonly offset: number
}

/** Bytes of a page: the granule of translation, of dirty logs and of snapshots. */
export const PAGE_BYTES = 4096

/** What pages of RAM hold that nobody has used yet. */
export interface PageSource {
  /** Their contents, in a form of the source's own, by number from the start of RAM. They never change. */
  readonly pieces: ReadonlyMap<number, Uint8Array>
  /** Puts the page that a piece stands for into RAM, which is zero there. */
  readonly unpack: (piece: Uint8Array, page: Uint8Array) => void
}

/**
 * RAM and devices by guest-physical address. A page gets its contents when it is first used: that is what `at` notes, through which whoever reads or writes RAM
 * comes. So machines that begin from the same contents cost what they use, and a page that was never used is known to be zero without a look.
 */
export class PhysicalMemory {
  readonly ram: RamWindow
  readonly devices: Device[] = []
  /** The machine's memory. RAM is in it only where `at` said so. */
  readonly bytes: Uint8Array
  readonly view: DataView
  /** 1: the page is in `bytes`. The others are as the source has them, or zero. */
  readonly #used: Uint8Array
  #source: PageSource | undefined
  /** Bytes of RAM there are. */
  #bytes: number

  constructor(memory: WebAssembly.Memory, ram: RamWindow) {
    this.ram = ram
    this.bytes = new Uint8Array(memory.buffer)
    this.view = new DataView(memory.buffer)
    this.#used = new Uint8Array(ram.bytes / PAGE_BYTES)
    this.#bytes = ram.bytes
  }

  /** Byte address in the machine's memory of `bytes` bytes of RAM at `physical`, or -1 when they do not all lie in RAM. */
  at(physical: number, bytes: number): number {
    if (!this.contains(physical, bytes)) return -1
    const from = physical - this.ram.base
    const to = from + bytes
    for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < to; page++) if (this.#used[page] === 0) this.#use(page)
    return from + this.ram.offset
  }
  /** Whether `bytes` bytes from `physical` on all lie in RAM. */
  contains(physical: number, bytes: number): boolean {
    const from = physical - this.ram.base
    return from >= 0 && from + bytes <= this.#bytes
  }
  /** There is no RAM any more: `at` finds none. */
  close(): void {
    this.#bytes = -1
  }
  #use(page: number): void {
    this.#used[page] = 1
    const piece = this.#source?.pieces.get(page)
    if (piece !== undefined) this.#source!.unpack(piece, this.#page(page))
  }
  #page(page: number): Uint8Array {
    const at = this.ram.offset + page * PAGE_BYTES
    return this.bytes.subarray(at, at + PAGE_BYTES)
  }
  /** Whether a page, counted from the start of RAM, is in `bytes`. */
  isUsed(page: number): boolean {
    return this.#used[page] === 1
  }
  /** Bytes of all pages that are used. */
  get usedBytes(): number {
    return this.#used.reduce((sum, used) => sum + used, 0) * PAGE_BYTES
  }
  /** Where pages that are not used have their contents from. */
  get source(): PageSource | undefined {
    return this.#source
  }
  /** What a page that is not used holds, in the form of its source; undefined: nothing but zeroes. */
  unusedPiece(page: number): Uint8Array | undefined {
    return this.#source?.pieces.get(page)
  }
  /** Gives pages their contents: RAM is zero. */
  supply(source: PageSource): void {
    this.#used.forEach((used, page) => used === 0 && this.unusedPiece(page) !== undefined && this.#use(page))
    this.#source = source
    for (const [page, piece] of source.pieces) if (this.isUsed(page)) source.unpack(piece, this.#page(page))
  }
  /** A copy of all of RAM, to supply another machine with. Pages of zeroes that were never used are left out. */
  contents(): PageSource {
    const pieces = new Map<number, Uint8Array>()
    for (let page = 0; page < this.#used.length; page++) {
      const piece = this.unusedPiece(page)
      if (this.#used[page] === 0 && piece === undefined) continue
      const copy = new Uint8Array(PAGE_BYTES)
      if (this.#used[page] === 1) copy.set(this.#page(page))
      else this.#source!.unpack(piece!, copy)
      pieces.set(page, copy)
    }
    return { pieces, unpack: (piece, page) => page.set(piece) }
  }
  /** Makes whole pages zero; they must lie in RAM. Whoever watches writes is told by the caller. */
  clear(physical: number, bytes: number): void {
    const first = this.pageOf(physical)
    for (let page = first; page < first + bytes / PAGE_BYTES; page++) {
      if (this.#used[page] === 1) this.#page(page).fill(0)
      // what it would have held is not wanted any more
      else if (this.unusedPiece(page) !== undefined) this.#used[page] = 1
    }
  }
  /** Number of the RAM page at `physical`, counted from the start of RAM. The address must lie in RAM. */
  pageOf(physical: number): number {
    return Math.floor((physical - this.ram.base) / PAGE_BYTES)
  }
  deviceAt(physical: number, bytes: number): Device | undefined {
    return this.devices.find((device) => physical >= device.base && physical + bytes <= device.base + device.bytes)
  }
  /** Refuses a range that overlaps RAM or another device. */
  attach(device: Device): void {
    const overlaps = (other: { base: number; bytes: number }) => device.base < other.base + other.bytes && other.base < device.base + device.bytes
    if (overlaps(this.ram)) throw new RangeError(`Device at 0x${device.base.toString(16)} overlaps RAM`)
    if (this.devices.some(overlaps)) throw new RangeError(`Device at 0x${device.base.toString(16)} overlaps another device`)
    this.devices.push(device)
  }

  /** Little-endian doubleword of RAM for table walks; undefined outside RAM. `physical` is a multiple of 8. */
  doubleword(physical: number): bigint | undefined {
    const at = this.at(physical, 8)
    return at < 0 ? undefined : this.view.getBigUint64(at, true)
  }
  /** A copy of `bytes` bytes of RAM; undefined when they do not all lie in RAM. */
  read(physical: number, bytes: number): Uint8Array | undefined {
    const at = this.at(physical, bytes)
    return at < 0 ? undefined : this.bytes.slice(at, at + bytes)
  }
}
