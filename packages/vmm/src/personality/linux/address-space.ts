/** The process's memory: areas with permissions, pages that appear on first touch, and access to it from outside. */
import { type Area, type AreaKind, Areas } from "./areas.ts"
import type { GuestMemory } from "./guest.ts"
import { PAGE, type PageAllocator, type PageTables, PROTECTION } from "./page-tables.ts"

/** Lowest address mmap gives or accepts (vm.mmap_min_addr), and the end of the process's addresses: the stub lives above. */
export const LOWEST = 0x10000
export const HIGHEST = 0x0000_ffff_ffff_0000
const MMAP_TOP = 0x0000_fff0_0000_0000
/** Most areas of a process (vm.max_map_count). */
const MAX_AREAS = 65530
/** A fault brings in the aligned block of this many bytes around its page, as far as it is in the area. */
const FAULT_AROUND = 16 * PAGE

const down = (address: number) => address - (address % PAGE)
const up = (address: number) => down(address + PAGE - 1)

export type FaultResult = "mapped" | "not-mapped" | "no-permission" | "no-memory"
type Access = "read" | "write" | "execute"

export class AddressSpace {
  readonly areas = new Areas()
  readonly tables: PageTables
  readonly #pages: PageAllocator
  readonly #memory: GuestMemory
  /** The program break: where brk starts and where it is. */
  brkStart = 0
  brk = 0

  constructor(memory: GuestMemory, tables: PageTables, pages: PageAllocator) {
    this.#memory = memory
    this.tables = tables
    this.#pages = pages
  }

  areaAt(address: number): Area | undefined {
    return this.areas.at(address)
  }
  isFree(start: number, bytes: number): boolean {
    return this.areas.isFree(start, start + bytes)
  }
  /** The highest free range of `bytes` bytes below the mmap top; undefined when there is none. */
  findFree(bytes: number): number | undefined {
    return this.areas.highestGap(bytes, LOWEST, MMAP_TOP)
  }
  /** Room for one more change of the areas. */
  get hasRoom(): boolean {
    return this.areas.count < MAX_AREAS
  }
  /** One request may not promise more writable memory than the machine has (vm.overcommit_memory = 0). */
  isPlausible(bytes: number, protection: number): boolean {
    return (protection & PROTECTION.write) === 0 || bytes <= this.#memory.bytes.length
  }

  /** Bytes of the machine's memory that are free. */
  get available(): number {
    return this.#pages.available
  }
  /** Where pages come from. */
  get pages(): PageAllocator {
    return this.#pages
  }

  /** Makes a range (page aligned) part of the process, replacing what was there. */
  map(start: number, bytes: number, protection: number, anonymous = true): void {
    this.#release(start, start + bytes)
    this.areas.set(start, start + bytes, { protection, anonymous })
  }
  unmap(start: number, bytes: number): void {
    this.#release(start, start + bytes)
    this.areas.set(start, start + bytes, undefined)
  }
  /** Gives the pages of a range back. */
  #release(start: number, end: number): void {
    for (const [page, physical] of this.tables.pages(start, end)) {
      this.tables.unmap(page)
      this.#pages.give(physical)
    }
  }
  /** Changes permissions. False when part of the range is not mapped: nothing is changed then. */
  protect(start: number, bytes: number, protection: number): boolean {
    const end = start + bytes
    if (!this.areas.covers(start, end)) return false
    for (const area of this.areas.within(start, end)) {
      if (area.protection === protection) continue
      this.areas.set(area.start, area.end, { protection, anonymous: area.anonymous })
      for (const [page, physical] of this.tables.pages(area.start, area.end)) this.tables.map(page, physical, protection)
    }
    return true
  }
  /** Forgets the contents of a range: it reads as zero when touched again. False when part of it is not mapped. */
  discard(start: number, bytes: number): boolean {
    for (const area of this.areas.within(start, start + bytes)) if (area.anonymous) this.#release(area.start, area.end)
    return this.areas.covers(start, start + bytes)
  }
  /** Moves a mapping to a free range of `toBytes` bytes: its pages appear there, the old range is free. */
  move(from: number, bytes: number, to: number, toBytes: number, kind: AreaKind): void {
    this.areas.set(to, to + toBytes, kind)
    for (const [page, physical] of this.tables.pages(from, from + bytes)) {
      this.tables.unmap(page)
      // No memory for a table: the page is lost, as if it had never been touched.
      if (!this.tables.map(page - from + to, physical, kind.protection)) this.#pages.give(physical)
    }
    this.areas.set(from, from + bytes, undefined)
  }

  /** Answers a touch of `address`: brings its page (and neighbours) in when the area allows the access. */
  fault(address: number, access: Access): FaultResult {
    const area = this.areas.at(address)
    if (area === undefined) return "not-mapped"
    if ((area.protection & PROTECTION[access]) === 0) return "no-permission"
    const page = down(address)
    if (this.tables.physical(page) !== undefined) return "mapped"
    if (!this.#bringIn(page, area.protection)) return "no-memory"
    // Neighbours are a guess: not with the last half of memory.
    if (this.#pages.available * 2 < this.#memory.bytes.length) return "mapped"
    const block = page - (page % FAULT_AROUND)
    const end = Math.min(area.end, block + FAULT_AROUND)
    for (let near = Math.max(area.start, block); near < end; near += PAGE)
      if (this.tables.physical(near) === undefined && !this.#bringIn(near, area.protection)) break
    return "mapped"
  }
  #bringIn(page: number, protection: number): boolean {
    const physical = this.#pages.take()
    if (physical === undefined) return false
    if (this.tables.map(page, physical, protection)) return true
    this.#pages.give(physical)
    return false
  }

  /** Offset in guest memory of the byte at `address`, for an access of the kernel on the process's behalf; -1: EFAULT. */
  #locate(address: number, access: Access): number {
    const page = down(address)
    const area = this.areas.at(page)
    if (area === undefined || (area.protection & PROTECTION[access]) === 0) return -1
    if (this.tables.physical(page) === undefined && this.fault(page, access) !== "mapped") return -1
    return this.tables.physical(page)! - this.#memory.base + (address - page)
  }
  /** Copies out of the process; undefined when a byte cannot be read. `bytes` must be bounded by the caller. */
  read(address: number, bytes: number): Uint8Array | undefined {
    const out = new Uint8Array(bytes)
    return this.#copyOut(address, out, "read") === bytes ? out : undefined
  }
  /** How many of `bytes` bytes can be written, up to the first that cannot. Brings their pages in. */
  writable(address: number, bytes: number): number {
    let room = 0
    while (room < bytes && this.#locate(address + room, "write") >= 0) room += PAGE - ((address + room) % PAGE)
    return Math.min(room, bytes)
  }
  /** As `read`, up to the first byte that cannot be read. */
  readSome(address: number, bytes: number): Uint8Array {
    const out = new Uint8Array(bytes)
    return out.subarray(0, this.#copyOut(address, out, "read"))
  }
  /** The instruction at `address`; undefined when it cannot be fetched. */
  fetch(address: number): number | undefined {
    const out = new Uint8Array(4)
    return this.#copyOut(address, out, "execute") === 4 ? new DataView(out.buffer).getUint32(0, true) : undefined
  }
  #copyOut(address: number, out: Uint8Array, access: Access): number {
    let done = 0
    while (done < out.length) {
      const at = this.#locate(address + done, access)
      if (at < 0) break
      const count = Math.min(out.length - done, PAGE - ((address + done) % PAGE))
      this.#memory.touch(at, count)
      out.set(this.#memory.bytes.subarray(at, at + count), done)
      done += count
    }
    return done
  }
  /** Copies into the process, page by page; gives the number of bytes written before one that cannot be. */
  write(address: number, bytes: Uint8Array): number {
    return this.#copyIn(address, bytes, (at) => this.#locate(at, "write"))
  }
  /** As `write`, but permissions do not count: the contents of a program. */
  load(address: number, bytes: Uint8Array): number {
    return this.#copyIn(address, bytes, (at) => this.#loadingPlace(at))
  }
  #copyIn(address: number, bytes: Uint8Array, place: (address: number) => number): number {
    let done = 0
    while (done < bytes.length) {
      const at = place(address + done)
      if (at < 0) break
      const count = Math.min(bytes.length - done, PAGE - ((address + done) % PAGE))
      this.#memory.written(at + this.#memory.base, count)
      this.#memory.bytes.set(bytes.subarray(done, done + count), at)
      done += count
    }
    return done
  }
  #loadingPlace(address: number): number {
    const page = down(address)
    const area = this.areas.at(page)
    if (area === undefined || (this.tables.physical(page) === undefined && !this.#bringIn(page, area.protection))) return -1
    return this.tables.physical(page)! - this.#memory.base + (address - page)
  }
  /** The bytes of a zero-terminated string without its end; undefined when it cannot be read, "too-long" when it has more than `limit` bytes. */
  readString(address: number, limit: number): Uint8Array | undefined | "too-long" {
    const out = new Uint8Array(limit + 1)
    for (let done = 0; done <= limit; ) {
      const at = this.#locate(address + done, "read")
      if (at < 0) return undefined
      const count = Math.min(limit + 1 - done, PAGE - ((address + done) % PAGE))
      this.#memory.touch(at, count)
      const bytes = this.#memory.bytes.subarray(at, at + count)
      const end = bytes.indexOf(0)
      out.set(end < 0 ? bytes : bytes.subarray(0, end), done)
      if (end >= 0) return out.subarray(0, done + end)
      done += count
    }
    return "too-long"
  }

  /** brk(2): the new break, or the old one when it cannot move there. */
  moveBreak(to: number): number {
    const protection = PROTECTION.read | PROTECTION.write
    if (to < this.brkStart || to >= MMAP_TOP) return this.brk
    const from = up(this.brk)
    const end = up(to)
    if (end > from) {
      if (!this.isFree(from, end - from) || !this.hasRoom || !this.isPlausible(end - from, protection)) return this.brk
      this.map(from, end - from, protection)
    } else if (end < from) this.unmap(end, from - end)
    this.brk = to
    return to
  }
}
export { down as pageDown, up as pageUp }
