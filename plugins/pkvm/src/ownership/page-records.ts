/** What hyp knows about every page of RAM: host state, hyp state, references, shares with guests, order in a pool. */
import { HypBug } from "./errno.ts"
import { PageState } from "./page-state.ts"

/** The page-state store. Pages without a record (no RAM) read as all zero; writing to one is a bug. */
export interface PageRecords {
  hostState(pfn: number): PageState
  setHostState(pfn: number, state: PageState): void
  hypState(pfn: number): PageState
  setHypState(pfn: number, state: PageState): void
  /** Pins of a page shared with hyp, loaded vCPUs of a VM on its first page, uses of a table page: 16 bits. */
  refcount(pfn: number): number
  setRefcount(pfn: number, count: number): void
  /** Guest pages, of all ordinary VMs, that a host page is shared at: 32 bits. */
  shareCount(pfn: number): number
  setShareCount(pfn: number, count: number): void
  /** log2 of the pages of the pool block that starts here; NO_ORDER inside a block. 8 bits. */
  order(pfn: number): number
  setOrder(pfn: number, order: number): void
}
export const NO_ORDER = 0xff
export const REFCOUNT_MAX = 0xffff
export const SHARE_COUNT_MAX = 0xffff_ffff

const RECORD_BYTES = 8
const REFCOUNT = 0
const ORDER = 2
const STATES = 3
const SHARE_COUNT = 4
/** Stored hyp states are complemented, so that a page of zeroes means: all pages are the host's. */
const STATE_MASK = 3

/** Records of a run of pages, eight bytes each: refcount, order, one nibble per state (host low), share count; little-endian. */
export class Vmemmap implements PageRecords {
  readonly #first: number
  readonly #pages: number
  readonly #view: DataView

  /** `view` has 8 bytes for every page from `first`. */
  constructor(first: number, view: DataView) {
    this.#first = first
    this.#pages = Math.floor(view.byteLength / RECORD_BYTES)
    this.#view = view
  }
  static bytes(pages: number): number {
    return pages * RECORD_BYTES
  }
  hostState(pfn: number): PageState {
    return this.#has(pfn) ? ((this.#states(pfn) & STATE_MASK) as PageState) : PageState.OWNED
  }
  setHostState(pfn: number, state: PageState): void {
    this.#view.setUint8(this.#at(pfn) + STATES, (this.#states(pfn) & 0xf0) | state)
  }
  hypState(pfn: number): PageState {
    return this.#has(pfn) ? (((this.#states(pfn) >> 4) ^ STATE_MASK) as PageState) : PageState.NOPAGE
  }
  setHypState(pfn: number, state: PageState): void {
    this.#view.setUint8(this.#at(pfn) + STATES, (this.#states(pfn) & 0x0f) | ((state ^ STATE_MASK) << 4))
  }
  refcount(pfn: number): number {
    return this.#has(pfn) ? this.#view.getUint16(this.#at(pfn) + REFCOUNT, true) : 0
  }
  setRefcount(pfn: number, count: number): void {
    if (count < 0 || count > REFCOUNT_MAX) throw new HypBug(`${count} references to page 0x${pfn.toString(16)}`)
    this.#view.setUint16(this.#at(pfn) + REFCOUNT, count, true)
  }
  shareCount(pfn: number): number {
    return this.#has(pfn) ? this.#view.getUint32(this.#at(pfn) + SHARE_COUNT, true) : 0
  }
  setShareCount(pfn: number, count: number): void {
    if (count < 0 || count > SHARE_COUNT_MAX) throw new HypBug(`${count} shares of page 0x${pfn.toString(16)}`)
    this.#view.setUint32(this.#at(pfn) + SHARE_COUNT, count, true)
  }
  order(pfn: number): number {
    return this.#has(pfn) ? this.#view.getUint8(this.#at(pfn) + ORDER) : 0
  }
  setOrder(pfn: number, order: number): void {
    this.#view.setUint8(this.#at(pfn) + ORDER, order)
  }

  #has(pfn: number): boolean {
    return pfn >= this.#first && pfn < this.#first + this.#pages
  }
  #at(pfn: number): number {
    if (!this.#has(pfn)) throw new HypBug(`no record of page 0x${pfn.toString(16)}`)
    return (pfn - this.#first) * RECORD_BYTES
  }
  #states(pfn: number): number {
    return this.#view.getUint8(this.#at(pfn) + STATES)
  }
}
