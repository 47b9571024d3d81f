/** The process's memory: areas with permissions, pages that appear on first touch, and access to it from outside. */
import type { GuestMemory } from "./guest.ts"
import { PAGE, type PageAllocator, type PageTables, PROTECTION } from "./page-tables.ts"

export interface Area {
  /** Page-aligned; `end` is the first address behind. */
  readonly start: number
  readonly end: number
  /** Bits of PROTECTION. */
  readonly protection: number
}

/** Lowest address mmap gives or accepts (vm.mmap_min_addr), and the end of the process's addresses: the stub lives above. */
export const LOWEST = 0x10000
export const HIGHEST = 0x0000_ffff_ffff_0000
const MMAP_TOP = 0x0000_fff0_0000_0000
/** Pages brought in by one fault, at most: neighbours of the same area. */
const FAULT_AROUND = 16

const down = (address: number) => address - (address % PAGE)
const up = (address: number) => down(address + PAGE - 1)

export type FaultResult = "mapped" | "not-mapped" | "no-permission" | "no-memory"

export class AddressSpace {
  #areas: Area[] = []
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

  get areas(): readonly Area[] {
    return this.#areas
  }
  areaAt(address: number): Area | undefined {
    return this.#areas.find((a) => address >= a.start && address < a.end)
  }
  isFree(start: number, bytes: number): boolean {
    return !this.#areas.some((a) => a.start < start + bytes && a.end > start)
  }
  /** The highest free range of `bytes` bytes below the mmap top; undefined when there is none. */
  findFree(bytes: number): number | undefined {
    let top = MMAP_TOP
    for (let i = this.#areas.length - 1; i >= 0; i--) {
      const area = this.#areas[i]!
      if (area.start >= top) continue
      if (top - area.end >= bytes) return top - bytes
      top = Math.min(top, area.start)
    }
    return top - bytes >= LOWEST ? top - bytes : undefined
  }

  /** Makes a range (page aligned) part of the process, replacing what was there. */
  map(start: number, bytes: number, protection: number): void {
    this.unmap(start, bytes)
    this.#insert({ start, end: start + bytes, protection })
  }
  #insert(area: Area): void {
    const i = this.#areas.findIndex((a) => a.start > area.start)
    const at = i < 0 ? this.#areas.length : i
    const below = this.#areas[at - 1]
    if (below !== undefined && below.end === area.start && below.protection === area.protection)
      this.#areas[at - 1] = { start: below.start, end: area.end, protection: area.protection }
    else this.#areas.splice(at, 0, area)
  }
  /** Cuts the areas at both ends of the range, so that whole areas lie in it, and gives those. */
  #carve(start: number, end: number): Area[] {
    const inside: Area[] = []
    const result: Area[] = []
    for (const a of this.#areas) {
      if (a.end <= start || a.start >= end) {
        result.push(a)
        continue
      }
      if (a.start < start) result.push({ ...a, end: start })
      const middle = { start: Math.max(a.start, start), end: Math.min(a.end, end), protection: a.protection }
      result.push(middle)
      inside.push(middle)
      if (a.end > end) result.push({ ...a, start: end })
    }
    this.#areas = result
    return inside
  }
  unmap(start: number, bytes: number): void {
    for (const area of this.#carve(start, start + bytes)) {
      this.#areas.splice(this.#areas.indexOf(area), 1)
      for (const [page, physical] of [...this.tables.mapped(area.start, area.end)]) {
        this.tables.unmap(page)
        this.#pages.give(physical)
      }
    }
    for (const [page, physical] of this.#parked) {
      if (page < start || page >= start + bytes) continue
      this.#parked.delete(page)
      this.#pages.give(physical)
    }
  }
  /** Changes permissions. False when part of the range is not mapped: nothing is changed then. */
  protect(start: number, bytes: number, protection: number): boolean {
    const end = start + bytes
    let covered = start
    for (const a of this.#areas) if (a.start <= covered && a.end > covered) covered = a.end
    if (covered < end) return false
    for (const area of this.#carve(start, end)) {
      this.#areas.splice(this.#areas.indexOf(area), 1)
      this.#insert({ ...area, protection })
      for (const [page, physical] of [...this.tables.mapped(area.start, area.end)]) {
        if (protection === PROTECTION.none) this.#park(page, physical)
        else this.tables.map(page, physical, protection)
      }
      if (protection !== PROTECTION.none) this.#unpark(area)
    }
    return true
  }
  /** Pages whose contents must survive while no access is allowed (PROT_NONE): address to IPA. */
  readonly #parked = new Map<number, number>()
  #park(page: number, physical: number): void {
    this.tables.unmap(page)
    this.#parked.set(page, physical)
  }
  #unpark(area: Area): void {
    if (this.#parked.size === 0) return
    for (const [page, physical] of this.#parked) {
      if (page < area.start || page >= area.end) continue
      this.#parked.delete(page)
      this.tables.map(page, physical, this.areaAt(page)!.protection)
    }
  }
  /** Forgets the contents of a range: it reads as zero when touched again. */
  discard(start: number, bytes: number): void {
    for (const [page, physical] of [...this.tables.mapped(start, start + bytes)]) {
      if (this.areaAt(page) === undefined) continue
      this.tables.unmap(page)
      this.#pages.give(physical)
    }
  }
  /** Moves a mapping: the pages of the old range appear at the new one, which must be free. */
  move(from: number, bytes: number, to: number, protection: number): void {
    this.#insert({ start: to, end: to + bytes, protection })
    for (const [page, physical] of [...this.tables.mapped(from, from + bytes)]) {
      this.tables.unmap(page)
      this.tables.map(page - from + to, physical, protection)
    }
    this.unmap(from, bytes)
  }

  /** Answers a touch of `address`: brings its page (and neighbours) in when the area allows the access. */
  fault(address: number, access: "read" | "write" | "execute"): FaultResult {
    const area = this.areaAt(address)
    if (area === undefined) return "not-mapped"
    if ((area.protection & PROTECTION[access]) === 0) return "no-permission"
    const first = down(address)
    if (this.tables.physical(first) === undefined && !this.#bringIn(first, area.protection)) return "no-memory"
    for (let i = 1; i < FAULT_AROUND && first + i * PAGE < area.end; i++) {
      const page = first + i * PAGE
      if (this.tables.physical(page) !== undefined || !this.#bringIn(page, area.protection)) break
    }
    return "mapped"
  }
  #bringIn(page: number, protection: number): boolean {
    const physical = this.#pages.take()
    return physical !== undefined && this.tables.map(page, physical, protection)
  }

  /** Offset in guest memory of the byte at `address`, for an access of the kernel on the process's behalf; -1: EFAULT. */
  #locate(address: number, access: "read" | "write"): number {
    const page = down(address)
    const area = this.areaAt(page)
    if (area === undefined || (area.protection & PROTECTION[access]) === 0) return -1
    let physical = this.tables.physical(page)
    if (physical === undefined) {
      if (this.fault(page, access) !== "mapped") return -1
      physical = this.tables.physical(page)!
    }
    return physical - this.#memory.base + (address - page)
  }
  /** Copies out of the process; undefined when a byte cannot be read. `bytes` must be bounded by the caller. */
  read(address: number, bytes: number): Uint8Array | undefined {
    const out = new Uint8Array(bytes)
    for (let done = 0; done < bytes; ) {
      const at = this.#locate(address + done, "read")
      if (at < 0) return undefined
      const count = Math.min(bytes - done, PAGE - ((address + done) % PAGE))
      out.set(this.#memory.bytes.subarray(at, at + count), done)
      done += count
    }
    return out
  }
  /** Copies into the process, page by page; gives the number of bytes written before one that cannot be. `force` ignores permissions (loading). */
  write(address: number, bytes: Uint8Array, force = false): number {
    for (let done = 0; done < bytes.length; ) {
      const at = force ? this.#loadingPlace(address + done) : this.#locate(address + done, "write")
      if (at < 0) return done
      const count = Math.min(bytes.length - done, PAGE - ((address + done) % PAGE))
      this.#memory.bytes.set(bytes.subarray(done, done + count), at)
      this.#memory.written(at + this.#memory.base, count)
      done += count
    }
    return bytes.length
  }
  #loadingPlace(address: number): number {
    const page = down(address)
    const area = this.areaAt(page)
    if (area === undefined) return -1
    if (this.tables.physical(page) === undefined && !this.#bringIn(page, area.protection)) return -1
    return this.tables.physical(page)! - this.#memory.base + (address - page)
  }
  /** A zero-terminated string of at most `limit` bytes; undefined when it cannot be read, "too-long" when there is no end. */
  readString(address: number, limit: number): string | undefined | "too-long" {
    const out: number[] = []
    while (out.length <= limit) {
      const at = this.#locate(address + out.length, "read")
      if (at < 0) return undefined
      const end = at + PAGE - ((address + out.length) % PAGE)
      for (let i = at; i < end && out.length <= limit; i++) {
        const byte = this.#memory.bytes[i]!
        if (byte === 0) return new TextDecoder().decode(Uint8Array.from(out))
        out.push(byte)
      }
    }
    return "too-long"
  }

  /** brk(2): the new break, or the old one when it cannot move there. */
  moveBreak(to: number): number {
    if (to < this.brkStart || to >= MMAP_TOP) return this.brk
    const from = up(this.brk)
    const end = up(to)
    if (end > from) {
      if (!this.isFree(from, end - from)) return this.brk
      this.map(from, end - from, PROTECTION.read | PROTECTION.write)
    } else if (end < from) this.unmap(end, from - end)
    this.brk = to
    return to
  }
}
export { down as pageDown, up as pageUp }
