/** Hyp code's own map of memory: pages, each at the address that follows from its physical one. */
import { HYP_INPUT_BITS, HYP_LEAF, PageTables, type TableMemory } from "@eltwo/kvm"
import { HypBug } from "../ownership/errno.ts"
import type { HypStage1 } from "../ownership/mappings.ts"
import { PAGE_BYTES } from "../ownership/page-state.ts"
import { ADDRESS, VALID } from "./leaves.ts"
import { hypAddress } from "./memory.ts"

const START_LEVEL = 0

export class RealHypStage1 implements HypStage1 {
  readonly tables: PageTables
  readonly root: number
  readonly #leaves: { readonly data: bigint; readonly text: bigint }
  readonly #flush: () => void

  /** `flush` forgets EL2's translations everywhere. */
  constructor(memory: TableMemory, root: number, e2h: boolean, flush: () => void) {
    this.tables = new PageTables(memory, root, START_LEVEL, HYP_INPUT_BITS)
    this.root = root
    this.#leaves = e2h ? HYP_LEAF.e2h : HYP_LEAF.alone
    this.#flush = flush
  }
  map(pfn: number, pages: number): void {
    this.#mapAs(pfn, pages, this.#leaves.data)
  }
  /** Executed and read, not written. */
  mapText(pfn: number, pages: number): void {
    this.#mapAs(pfn, pages, this.#leaves.text)
  }
  unmap(pfn: number, pages: number): void {
    for (let page = pfn; page < pfn + pages; page++) this.tables.set(inputOf(page), PAGE_BYTES, 0n)
    this.#flush()
  }
  /** Whether hyp code maps a page. */
  maps(pfn: number): boolean {
    return (this.tables.entry(inputOf(pfn)).descriptor & VALID) !== 0n
  }
  /** All pages that are mapped, in order. */
  *pages(): Generator<number> {
    for (const { descriptor } of this.tables.entries()) if (descriptor & VALID) yield Number(descriptor & ADDRESS) / PAGE_BYTES
  }

  #mapAs(pfn: number, pages: number, leaf: bigint): void {
    for (let page = pfn; page < pfn + pages; page++)
      if (!this.tables.set(inputOf(page), PAGE_BYTES, leaf | VALID | BigInt(page * PAGE_BYTES))) throw new HypBug("no memory for tables of hyp code")
  }
}
const inputOf = (pfn: number): number => Number(hypAddress(pfn * PAGE_BYTES))
