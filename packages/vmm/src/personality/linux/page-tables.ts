/**
 * The process's stage-1 tables: 4 KiB granule, 48-bit addresses, four levels, in guest memory (VMSAv8-64, TTBR0_EL1).
 * Everything here is in guest-physical addresses (IPA) and numbers: 48 bits fit.
 */
import type { GuestMemory } from "./guest.ts"

export const PAGE = 4096
export const PROTECTION = { none: 0, read: 1, write: 2, execute: 4 } as const

/** Bytes that one entry covers, by level. */
const SPAN = [2 ** 39, 2 ** 30, 2 ** 21, PAGE] as const

const VALID = 1
const TABLE_OR_PAGE = 2
const ATTRIBUTES = { normal: 0 << 2, user: 1 << 6, readOnly: 1 << 7, innerShareable: 3 << 8, accessed: 1 << 10, notGlobal: 1 << 11 } as const
/** Bits 53 (PXN) and 54 (UXN), in the upper word. */
const PXN = 1 << 21
const UXN = 1 << 22
/** MAIR_EL1 with attribute 0 = Normal, write-back. */
export const MAIR = 0xffn
/** TCR_EL1: T0SZ 16, write-back inner shareable walks, 4 KiB, TTBR1 walks off (EPD1), IPS 48 bits, top byte ignored (TBI0) as Linux has it. */
export const TCR = 16n | (1n << 8n) | (1n << 10n) | (3n << 12n) | (1n << 23n) | (5n << 32n) | (1n << 37n)

/** Hands out zeroed pages of guest RAM. */
export class PageAllocator {
  #free: number[] = []
  #next: number
  readonly #end: number
  readonly #memory: GuestMemory
  /** Pages from `from` up to the end of RAM are given out. */
  constructor(memory: GuestMemory, from: number) {
    this.#memory = memory
    this.#next = from
    this.#end = memory.base + memory.bytes.length
  }
  /** IPA of a zeroed page; undefined when RAM is used up. */
  take(): number | undefined {
    const page = this.#free.pop()
    if (page !== undefined) {
      this.#memory.written(page, PAGE)
      this.#memory.bytes.fill(0, page - this.#memory.base, page - this.#memory.base + PAGE)
      return page
    }
    if (this.#next >= this.#end) return undefined
    this.#next += PAGE
    return this.#next - PAGE
  }
  give(page: number): void {
    this.#free.push(page)
  }
  get available(): number {
    return this.#free.length * PAGE + this.#end - this.#next
  }
  /** IPAs of pages given back, the next one to be used last, and the first page that was never given out. */
  get state(): { readonly free: readonly number[]; readonly next: number } {
    return { free: this.#free, next: this.#next }
  }
  /** A state that was checked: pages of RAM, each once. */
  restore({ free, next }: { readonly free: readonly number[]; readonly next: number }): void {
    this.#free = [...free]
    this.#next = next
  }
}

export class PageTables {
  readonly #view: DataView
  readonly #memory: GuestMemory
  readonly #pages: PageAllocator
  /** Entries in use by table, so that an empty table goes back; and the tables on the way to the last address. */
  readonly #used = new Map<number, number>()
  readonly #path = [0, 0, 0, 0]
  /** IPA of the level-0 table: TTBR0_EL1. */
  readonly root: number
  /** Set when a valid entry was changed or removed: the guest must invalidate its TLB before it goes on. */
  stale = false

  /** `root` is the first of tables that are in memory already, `used` the entries in use of each; a new table unless they are given. */
  constructor(memory: GuestMemory, pages: PageAllocator, saved?: { readonly root: number; readonly used: ReadonlyMap<number, number> }) {
    this.#memory = memory
    this.#pages = pages
    this.#view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset, memory.bytes.length)
    const root = saved?.root ?? pages.take()
    if (root === undefined) throw new RangeError("No memory for the first table")
    this.root = root
    for (const [table, used] of saved?.used ?? []) this.#used.set(table, used)
  }

  #at(table: number, address: number, level: number): number {
    return table - this.#memory.base + 8 * (Math.floor(address / SPAN[level]!) % 512)
  }
  #low(at: number): number {
    this.#memory.touch(at, 8)
    return this.#view.getUint32(at, true)
  }
  /** The output address of an entry whose low word is known. */
  #output(at: number, low: number): number {
    return (this.#view.getUint32(at + 4, true) & 0xffff) * 2 ** 32 + (low - (low % PAGE))
  }
  #put(table: number, at: number, physical: number, low: number, high: number): void {
    if (this.#low(at) === 0) this.#used.set(table, (this.#used.get(table) ?? 0) + 1)
    this.#memory.written(this.#memory.base + at, 8)
    this.#view.setUint32(at, ((physical % 2 ** 32) | low) >>> 0, true)
    this.#view.setUint32(at + 4, (Math.floor(physical / 2 ** 32) | high) >>> 0, true)
  }
  /** Offset in memory of the level-3 entry for `address`, making tables when asked to; -1 when there is none (or no memory for one). */
  #entry(address: number, make: boolean): number {
    let table = this.root
    for (let level = 0; level < 3; level++) {
      this.#path[level] = table
      const at = this.#at(table, address, level)
      const low = this.#low(at)
      if (low !== 0) table = this.#output(at, low)
      else {
        const page = make ? this.#pages.take() : undefined
        if (page === undefined) return -1
        this.#put(table, at, page, TABLE_OR_PAGE | VALID, 0)
        table = page
      }
    }
    this.#path[3] = table
    return this.#at(table, address, 3)
  }

  /** IPA of the page at `address` (page aligned), whatever its permissions; undefined when there is none. */
  physical(address: number): number | undefined {
    const at = this.#entry(address, false)
    if (at < 0) return undefined
    const low = this.#low(at)
    return low === 0 ? undefined : this.#output(at, low)
  }
  /**
   * Puts one page in place for EL0 with these permissions, or for EL1 alone (`kernel`: readable and executable). With PROTECTION.none the page stays where
   * it is behind an invalid entry. False: no memory for a table.
   */
  map(address: number, physical: number, protection: number, kernel = false): boolean {
    const at = this.#entry(address, true)
    if (at < 0) return false
    if ((this.#low(at) & VALID) !== 0) this.stale = true
    const readable = (protection & PROTECTION.read) !== 0
    const user = kernel ? 0 : ATTRIBUTES.notGlobal | (readable ? ATTRIBUTES.user : 0)
    const access =
      ATTRIBUTES.normal | ATTRIBUTES.innerShareable | ATTRIBUTES.accessed | ((protection & PROTECTION.write) === 0 ? ATTRIBUTES.readOnly : 0)
    const low = TABLE_OR_PAGE | access | user | (protection === PROTECTION.none ? 0 : VALID)
    this.#put(this.#path[3]!, at, physical, low, kernel ? UXN : PXN | ((protection & PROTECTION.execute) === 0 ? UXN : 0))
    return true
  }
  /** The pages in [start, end), by ascending address: absent tables are skipped whole, so a huge empty range costs nothing. */
  pages(start: number, end: number): readonly (readonly [address: number, physical: number])[] {
    const found: [number, number][] = []
    this.#collect(this.root, 0, 0, start, end, found)
    return found
  }
  #collect(table: number, level: number, base: number, start: number, end: number, found: [number, number][]): void {
    const span = SPAN[level]!
    const first = Math.max(0, Math.floor((start - base) / span))
    for (let i = first; i < 512 && base + i * span < end; i++) {
      const at = table - this.#memory.base + 8 * i
      const low = this.#low(at)
      if (low === 0) continue
      const physical = this.#output(at, low)
      if (level === 3) found.push([base + i * span, physical])
      else this.#collect(physical, level + 1, base + i * span, start, end, found)
    }
  }
  /** Removes the page at `address` and gives its IPA; undefined when there was none. Tables that become empty are given back. */
  unmap(address: number): number | undefined {
    let at = this.#entry(address, false)
    const low = at < 0 ? 0 : this.#low(at)
    if (low === 0) return undefined
    const physical = this.#output(at, low)
    if ((low & VALID) !== 0) this.stale = true
    for (let level = 3; ; level--) {
      const table = this.#path[level]!
      this.#memory.written(this.#memory.base + at, 8)
      this.#view.setBigUint64(at, 0n, true)
      const left = this.#used.get(table)! - 1
      this.#used.set(table, left)
      if (left > 0 || level === 0) return physical
      this.#used.delete(table)
      this.#pages.give(table)
      this.stale = true
      at = this.#at(this.#path[level - 1]!, address, level - 1)
    }
  }
}
