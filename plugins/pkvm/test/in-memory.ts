/** Page tables and memory for tests of ownership: plain maps, with the tables of a guest taken from its pool page by page as real ones are. */

import type { HypPool } from "../src/ownership/hyp-pool.ts"
import type { GuestEntry, GuestLeaf, GuestStage2, HostStage2, HypStage1, PhysicalMemory } from "../src/ownership/mappings.ts"
import type { PageList } from "../src/ownership/memcache.ts"
import { MemoryMap, type MemoryRegion } from "../src/ownership/memory-map.ts"
import { Vmemmap } from "../src/ownership/page-records.ts"
import { type Owner, PAGE_BYTES, type PageState } from "../src/ownership/page-state.ts"
import type { Pkvm } from "../src/ownership/pkvm.ts"
import { newVmTable } from "../src/ownership/vm-table.ts"

export class MapHostStage2 implements HostStage2 {
  /** Absent: never touched, which is the host's as well. */
  readonly entries = new Map<number, "mapped" | Owner>()
  map(pfn: number, pages: number): void {
    for (let i = 0; i < pages; i++) this.entries.set(pfn + i, "mapped")
  }
  annotate(pfn: number, pages: number, owner: Owner): void {
    for (let i = 0; i < pages; i++) this.entries.set(pfn + i, owner)
  }
  owner(pfn: number): Owner | undefined {
    const entry = this.entries.get(pfn)
    return entry === "mapped" ? undefined : entry
  }
}
export class SetHypStage1 implements HypStage1 {
  readonly mapped = new Set<number>()
  map(pfn: number, pages: number): void {
    for (let i = 0; i < pages; i++) {
      if (this.mapped.has(pfn + i)) throw new Error(`hyp maps page ${pfn + i} twice`)
      this.mapped.add(pfn + i)
    }
  }
  unmap(pfn: number, pages: number): void {
    for (let i = 0; i < pages; i++) if (!this.mapped.delete(pfn + i)) throw new Error(`hyp does not map page ${pfn + i}`)
  }
}
/** Remembers which pages were cleared, until asked. */
export class ClearedPages implements PhysicalMemory {
  readonly #cleared = new Set<number>()
  zero(address: number, bytes: number): void {
    for (let at = address; at < address + bytes; at += PAGE_BYTES) this.#cleared.add(Math.floor(at / PAGE_BYTES))
  }
  /** Pages cleared since the last question. */
  takeCleared(): readonly number[] {
    const pages = [...this.#cleared].sort((a, b) => a - b)
    this.#cleared.clear()
    return pages
  }
}

type Slot = "poison" | Omit<GuestLeaf, "kind" | "pages"> | Table
class Table {
  readonly slots = new Map<number, Slot>()
  constructor(
    readonly pfn: number,
    /** Pages that one slot spans. */
    readonly span: number
  ) {}
}
/** Two or three levels of tables with `fanout` slots, each one page of the pool. Blocks are one level above pages. */
export class TableGuestStage2 implements GuestStage2 {
  readonly pages: number
  readonly tablesPerPage: number
  readonly #pool: HypPool
  readonly #fanout: number
  readonly #root: Table

  private constructor(pool: HypPool, root: number, fanout: number, levels: number) {
    this.#pool = pool
    this.#fanout = fanout
    this.pages = fanout ** levels
    this.tablesPerPage = levels - 1
    this.#root = new Table(root, fanout ** (levels - 1))
  }
  static make(pool: HypPool, fanout: number, levels: number): TableGuestStage2 | undefined {
    const root = pool.allocate()
    return root === undefined ? undefined : new TableGuestStage2(pool, root, fanout, levels)
  }
  walk(gfn: number): GuestEntry {
    const { slot, span } = this.#find(gfn)
    if (slot === undefined) return { kind: "empty", pages: span }
    if (slot === "poison") return { kind: "poison", pages: 1 }
    return { kind: "leaf", pages: span, ...slot }
  }
  map(gfn: number, pfn: number, pages: number, prot: number, state: PageState, memcache: PageList): void {
    let table = this.#root
    while (table.span > pages) {
      const index = this.#index(table, gfn)
      let next = table.slots.get(index)
      if (!(next instanceof Table)) {
        if (next !== undefined) throw new Error(`guest page ${gfn} is mapped by a block`)
        next = new Table(this.#tablePage(memcache), table.span / this.#fanout)
        table.slots.set(index, next)
      }
      table = next
    }
    const before = table.slots.get(this.#index(table, gfn))
    if (before !== undefined && !(before instanceof Table && before.slots.size === 0)) throw new Error(`guest page ${gfn} is mapped`)
    if (before instanceof Table) this.#pool.put(before.pfn)
    table.slots.set(this.#index(table, gfn), { pfn, prot, state, young: true })
  }
  update(gfn: number, change: { prot?: number; state?: PageState; young?: boolean }): void {
    const { table, slot } = this.#find(gfn)
    if (slot === undefined || slot === "poison") throw new Error(`guest page ${gfn} is not mapped`)
    table.slots.set(this.#index(table, gfn), { ...slot, ...change })
  }
  unmap(gfn: number): void {
    const { path } = this.#find(gfn)
    for (let i = path.length - 1; i >= 0; i--) {
      const table = path[i]!
      table.slots.delete(this.#index(table, gfn))
      if (table.slots.size > 0 || i === 0) return
      this.#pool.put(table.pfn)
    }
  }
  poison(gfn: number): void {
    const { table, span } = this.#find(gfn)
    if (span !== 1) throw new Error(`guest page ${gfn} has no entry of its own`)
    table.slots.set(this.#index(table, gfn), "poison")
  }
  destroy(): void {
    const free = (table: Table): void => {
      for (const slot of table.slots.values()) if (slot instanceof Table) free(slot)
      table.slots.clear()
      this.#pool.put(table.pfn)
    }
    free(this.#root)
  }
  /** All that is mapped or poisoned, in order: guest page and entry. */
  *leaves(): Generator<readonly [number, GuestEntry]> {
    for (let gfn = 0; gfn < this.pages; ) {
      const entry = this.walk(gfn)
      if (entry.kind !== "empty") yield [gfn, entry]
      gfn += entry.pages
    }
  }

  #index(table: Table, gfn: number): number {
    return Math.floor(gfn / table.span) % this.#fanout
  }
  #find(gfn: number): {
    readonly table: Table
    readonly path: readonly Table[]
    readonly slot: Exclude<Slot, Table> | undefined
    readonly span: number
  } {
    const path = [this.#root]
    for (let table = this.#root; ; ) {
      const slot = table.slots.get(this.#index(table, gfn))
      if (!(slot instanceof Table)) return { table, path, slot, span: table.span }
      table = slot
      path.push(table)
    }
  }
  #tablePage(memcache: PageList): number {
    const pooled = this.#pool.allocate()
    if (pooled !== undefined) return pooled
    const pfn = memcache.pop()
    if (pfn === undefined) throw new Error("no page for a table")
    // with one reference it enters the pool when the table goes
    this.#pool.get(pfn)
    return pfn
  }
}

/** A machine of plain maps. */
export interface InMemoryPkvm extends Pkvm {
  readonly memory: ClearedPages
  readonly hostStage2: MapHostStage2
  readonly hypStage1: SetHypStage1
}
export interface InMemoryOptions {
  readonly regions: readonly MemoryRegion[]
  readonly physicalBits?: number
  /** Slots of a table, which is also the pages of a block. */
  readonly fanout?: number
  readonly levels?: number
}
export const inMemoryPkvm = ({ regions, physicalBits = 40, fanout = 512, levels = 3 }: InMemoryOptions): InMemoryPkvm => {
  const memoryMap = new MemoryMap(regions, physicalBits)
  const first = memoryMap.regions[0]!.pfn
  const last = memoryMap.regions.at(-1)!
  const memory = new ClearedPages()
  const records = new Vmemmap(first, new DataView(new ArrayBuffer(Vmemmap.bytes(last.pfn + last.pages - first))))
  return {
    memoryMap,
    memory,
    records,
    hostStage2: new MapHostStage2(),
    hypStage1: new SetHypStage1(),
    vms: newVmTable(),
    loaded: new Map(),
    blockPages: fanout,
    newGuestStage2: (pool) => TableGuestStage2.make(pool, fanout, levels)
  }
}
