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

/** RAM and devices by guest-physical address. */
export class PhysicalMemory {
  readonly ram: RamWindow
  readonly devices: Device[] = []
  readonly bytes: Uint8Array
  readonly view: DataView

  constructor(memory: WebAssembly.Memory, ram: RamWindow) {
    this.ram = ram
    this.bytes = new Uint8Array(memory.buffer)
    this.view = new DataView(memory.buffer)
  }

  /** Byte address in the machine's memory of `bytes` bytes of RAM at `physical`, or -1 when they do not all lie in RAM. */
  at(physical: number, bytes: number): number {
    const from = physical - this.ram.base
    return from >= 0 && from + bytes <= this.ram.bytes ? from + this.ram.offset : -1
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
