/** Hyp's page allocator: blocks of 2^order pages, halved on demand and joined when they come back. Free pages are zero. */
import { HypBug } from "./errno.ts"
import type { PhysicalMemory } from "./mappings.ts"
import { NO_ORDER, type PageRecords } from "./page-records.ts"
import { PAGE_BYTES } from "./page-state.ts"

/** The largest block: 2^10 pages. */
const MAX_ORDER = 10

export class HypPool {
  readonly #records: PageRecords
  readonly #memory: PhysicalMemory
  /** Blocks are joined only inside the pool's own range; single pages from elsewhere may come in as well. */
  readonly #start: number
  readonly #end: number
  readonly #maxOrder: number
  readonly #free: readonly number[][]

  /** Pages must be hyp's. The first `reserved` of them are in use already, with one reference each; "recorded": all are as their records say, none free yet. */
  constructor(records: PageRecords, memory: PhysicalMemory, pfn: number, pages: number, reserved: number | "recorded" = 0) {
    this.#records = records
    this.#memory = memory
    this.#start = pfn
    this.#end = pfn + pages
    this.#maxOrder = Math.min(MAX_ORDER, Math.ceil(Math.log2(Math.max(pages, 1))))
    this.#free = Array.from({ length: this.#maxOrder + 1 }, () => [])
    if (reserved === "recorded") return
    for (let page = pfn; page < this.#end; page++) {
      records.setOrder(page, 0)
      records.setRefcount(page, 1)
    }
    for (let page = pfn + reserved; page < this.#end; page++) this.put(page)
  }
  /** The first page of a block of 2^order pages, with one reference; undefined when there is none. */
  allocate(order = 0): number | undefined {
    let from = order
    while (from <= this.#maxOrder && this.#free[from]!.length === 0) from++
    const pfn = this.#free[from]?.shift()
    if (pfn === undefined) return undefined
    for (let half = from - 1; half >= order; half--) {
      this.#records.setOrder(pfn + 2 ** half, half)
      this.#free[half]!.unshift(pfn + 2 ** half)
    }
    this.#records.setOrder(pfn, order)
    this.#records.setRefcount(pfn, 1)
    return pfn
  }
  /** Makes single pages, with one reference each, of a block that was just allocated. */
  split(pfn: number): void {
    const pages = 2 ** this.#records.order(pfn)
    for (let page = pfn; page < pfn + pages; page++) {
      this.#records.setOrder(page, 0)
      this.#records.setRefcount(page, 1)
    }
  }
  /** One more reference. */
  get(pfn: number): void {
    this.#records.setRefcount(pfn, this.#records.refcount(pfn) + 1)
  }
  /** One reference less. After the last, the block is cleared and free; a single page from outside the range becomes the pool's. */
  put(pfn: number): void {
    const count = this.#records.refcount(pfn)
    if (count === 0) throw new HypBug(`page 0x${pfn.toString(16)} has no reference to drop`)
    this.#records.setRefcount(pfn, count - 1)
    if (count === 1) this.#attach(pfn)
  }
  /** First pages of free blocks by order, in the order in which they are given out. */
  get free(): readonly (readonly number[])[] {
    return this.#free
  }
  /** These blocks are free, as their records say, and nothing else is. `claim` refuses a page that is in other use. A string: they cannot be. */
  restore(free: readonly (readonly number[])[], claim: (pfn: number) => boolean): string | undefined {
    if (free.length !== this.#free.length) return `a pool of ${free.length} orders instead of ${this.#free.length}`
    for (const [order, blocks] of free.entries())
      for (const pfn of blocks)
        if (!this.#isBlock(pfn, order) || !this.#claimBlock(pfn, 2 ** order, claim)) return `${2 ** order} free pages from page ${pfn}`
    for (const [order, blocks] of free.entries()) this.#free[order]!.splice(0, this.#free[order]!.length, ...blocks)
    return undefined
  }
  /** Pages that are free. */
  get available(): number {
    return this.#free.reduce((sum, blocks, order) => sum + blocks.length * 2 ** order, 0)
  }

  #isBlock(pfn: number, order: number): boolean {
    const inside = pfn >= this.#start && pfn + 2 ** order <= this.#end && pfn % 2 ** order === 0
    const outside = order === 0 && (pfn < this.#start || pfn >= this.#end)
    return (inside || outside) && this.#records.order(pfn) === order
  }
  #claimBlock(first: number, pages: number, claim: (pfn: number) => boolean): boolean {
    for (let pfn = first; pfn < first + pages; pfn++) if (this.#records.refcount(pfn) !== 0 || !claim(pfn)) return false
    return true
  }
  #attach(page: number): void {
    const inside = page >= this.#start && page < this.#end
    let order = inside ? this.#records.order(page) : 0
    if (order > this.#maxOrder) throw new HypBug(`page 0x${page.toString(16)} is the start of no block`)
    let pfn = page
    this.#memory.zero(pfn * PAGE_BYTES, 2 ** order * PAGE_BYTES)
    this.#records.setOrder(pfn, NO_ORDER)
    for (; inside && order < this.#maxOrder; order++) {
      const buddy = this.#freeBuddy(pfn, order)
      if (buddy === undefined) break
      this.#free[order]!.splice(this.#free[order]!.indexOf(buddy), 1)
      this.#records.setOrder(buddy, NO_ORDER)
      pfn = Math.min(pfn, buddy)
    }
    this.#records.setOrder(pfn, order)
    this.#free[order]!.push(pfn)
  }
  /** The other half of the next larger block, if all of it is free and in the pool's range. */
  #freeBuddy(pfn: number, order: number): number | undefined {
    const size = 2 ** order
    const buddy = pfn % (2 * size) === 0 ? pfn + size : pfn - size
    if (buddy < this.#start || buddy + size > this.#end) return undefined
    return this.#free[order]!.includes(buddy) ? buddy : undefined
  }
}
