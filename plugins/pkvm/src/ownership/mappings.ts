/** The page tables that ownership is made real by. What is behind them (and when TLBs are flushed) is the implementation's. */
import type { PageList } from "./memcache.ts"
import type { Owner, PageState } from "./page-state.ts"

/**
 * Identity map of the host, filled lazily: an untouched entry is the host's. Tables come from a pool of hyp's that is large enough for all of RAM,
 * so nothing here fails.
 */
export interface HostStage2 {
  /** Maps pages with full access, in place of any note. */
  map(pfn: number, pages: number): void
  /** Takes pages away and notes who has them. */
  annotate(pfn: number, pages: number, owner: Owner): void
  /** The owner noted for a page, if there is a note. */
  owner(pfn: number): Owner | undefined
}
/** Hyp's own map of memory: read, write. Its pool is large enough, too. */
export interface HypStage1 {
  map(pfn: number, pages: number): void
  unmap(pfn: number, pages: number): void
}
/** What a guest's tables say about one guest page. `pages` is the size of the entry that says it: a page, a block, or what one empty entry spans. */
export type GuestEntry = { readonly kind: "empty"; readonly pages: number } | { readonly kind: "poison"; readonly pages: 1 } | GuestLeaf
export interface GuestLeaf {
  readonly kind: "leaf"
  readonly pages: number
  /** First page that the whole entry maps. */
  readonly pfn: number
  readonly state: PageState
  /** Prot bits. */
  readonly prot: number
  /** Access flag. */
  readonly young: boolean
}
/** Stage 2 of one VM. Page numbers must be below `pages`; the caller checks. */
export interface GuestStage2 {
  /** Guest pages of the input range. */
  readonly pages: number
  /** Most table pages that mapping one page can need. */
  readonly tablesPerPage: number
  walk(gfn: number): GuestEntry
  /** Maps one page or one block, young; takes the tables from the VM's pool, then from `memcache`, which holds `tablesPerPage` pages at least. */
  map(gfn: number, pfn: number, pages: number, prot: number, state: PageState, memcache: PageList): void
  /** Changes the leaf that maps a guest page, all of it. */
  update(gfn: number, change: { readonly prot?: number; readonly state?: PageState; readonly young?: boolean }): void
  /** Removes the leaf that maps a guest page, all of it; tables that become empty go back to the VM's pool. */
  unmap(gfn: number): void
  /** Puts the poison note in place of the page's leaf. */
  poison(gfn: number): void
  /** Gives all tables back to the VM's pool, the first ones too. */
  destroy(): void
}
/** Physical memory, as far as hyp clears it. */
export interface PhysicalMemory {
  zero(address: number, bytes: number): void
}
