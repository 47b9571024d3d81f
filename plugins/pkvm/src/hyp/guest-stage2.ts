/** Stage 2 of a guest in tables that hyp code owns: pages that the host donated. */
import { type Host, PageTables } from "@eltwo/kvm"
import type { HypState } from "../hyp-vcpu.ts"
import { GUEST_STATE_MASK, guestStateBits, guestStateIn, POISONED_DESCRIPTOR } from "../ownership/descriptors.ts"
import { HypBug } from "../ownership/errno.ts"
import type { HypPool } from "../ownership/hyp-pool.ts"
import type { GuestEntry, GuestStage2 } from "../ownership/mappings.ts"
import type { PageList } from "../ownership/memcache.ts"
import { PAGE_BYTES, type PageState } from "../ownership/page-state.ts"
import { ACCESS_MASK, ADDRESS, accessBits, isYoung, normalMemory, protIn, VALID } from "./leaves.ts"
import { pooledTables } from "./memory.ts"

const START_LEVEL = 0
const LEVELS = 4
const VMID_SHIFT = 48n

export class RealGuestStage2 implements GuestStage2 {
  readonly pages: number
  readonly tablesPerPage = LEVELS - 1 - START_LEVEL
  /** Physical address of the first table. */
  readonly root: number
  readonly tables: PageTables
  /** The VM's, once it has one. */
  vmid = 0
  readonly #pool: HypPool
  readonly #normal: bigint
  readonly #flush: (stage2: RealGuestStage2) => void
  /** Where tables come from when the pool has none. */
  #memcache: PageList | undefined

  private constructor(running: Pick<HypState, "cpu">, host: Host, pool: HypPool, root: number, flush: (stage2: RealGuestStage2) => void) {
    const { physicalBits } = host.features
    const pooled = pooledTables(running, pool)
    const allocate = (): number | undefined => pooled.allocate() ?? this.#fromMemcache()
    this.pages = 2 ** physicalBits / PAGE_BYTES
    this.root = root
    this.tables = new PageTables({ ...pooled, allocate }, root, START_LEVEL, physicalBits)
    this.#pool = pool
    this.#normal = normalMemory(host)
    this.#flush = flush
  }
  /** The first table from the pool; `flush` forgets the guest's translations everywhere. Undefined: no page for the table. */
  static make(running: Pick<HypState, "cpu">, host: Host, pool: HypPool, flush: (stage2: RealGuestStage2) => void): RealGuestStage2 | undefined {
    const root = pool.allocate()
    return root === undefined ? undefined : new RealGuestStage2(running, host, pool, root * PAGE_BYTES, flush)
  }
  /** Tables that are in memory already. */
  static restored(
    running: Pick<HypState, "cpu">,
    host: Host,
    pool: HypPool,
    root: number,
    flush: (stage2: RealGuestStage2) => void
  ): RealGuestStage2 {
    return new RealGuestStage2(running, host, pool, root, flush)
  }
  get vttbr(): bigint {
    return (BigInt(this.vmid) << VMID_SHIFT) | BigInt(this.root)
  }
  walk(gfn: number): GuestEntry {
    const { descriptor, bytes } = this.tables.entry(gfn * PAGE_BYTES)
    const pages = bytes / PAGE_BYTES
    if (descriptor & VALID)
      return {
        kind: "leaf",
        pages,
        pfn: Number(descriptor & ADDRESS) / PAGE_BYTES,
        state: guestStateIn(descriptor),
        prot: protIn(descriptor),
        young: isYoung(descriptor)
      }
    return descriptor === POISONED_DESCRIPTOR ? { kind: "poison", pages: 1 } : { kind: "empty", pages }
  }
  /** Pages that are mapped, once for each place. */
  pagesInUse(): readonly number[] {
    return [...this.tables.entries()].flatMap(({ descriptor, bytes }) => {
      const first = Number(descriptor & ADDRESS) / PAGE_BYTES
      return descriptor & VALID ? Array.from({ length: bytes / PAGE_BYTES }, (_, i) => first + i) : []
    })
  }
  map(gfn: number, pfn: number, pages: number, prot: number, state: PageState, memcache: PageList): void {
    this.#memcache = memcache
    const leaf = this.#normal | accessBits(prot, true) | guestStateBits(state) | BigInt(pfn * PAGE_BYTES)
    const mapped = this.tables.set(gfn * PAGE_BYTES, pages * PAGE_BYTES, leaf)
    this.#memcache = undefined
    if (!mapped) throw new HypBug("no page for a table of a guest")
  }
  update(gfn: number, change: { readonly prot?: number; readonly state?: PageState; readonly young?: boolean }): void {
    const { descriptor, bytes } = this.tables.entry(gfn * PAGE_BYTES)
    if (!(descriptor & VALID)) throw new HypBug(`guest page 0x${gfn.toString(16)} is not mapped`)
    const { prot = protIn(descriptor), state = guestStateIn(descriptor), young = isYoung(descriptor) } = change
    const changed = (descriptor & ~(ACCESS_MASK | GUEST_STATE_MASK)) | accessBits(prot, young) | guestStateBits(state)
    this.tables.set(gfn * PAGE_BYTES - ((gfn * PAGE_BYTES) % bytes), bytes, changed)
    if ((protIn(descriptor) & ~prot) !== 0 || (isYoung(descriptor) && !young)) this.#flush(this)
  }
  unmap(gfn: number): void {
    const { bytes } = this.tables.entry(gfn * PAGE_BYTES)
    const input = gfn * PAGE_BYTES - ((gfn * PAGE_BYTES) % bytes)
    this.tables.set(input, bytes, 0n)
    this.#flush(this)
    this.tables.prune(input)
  }
  poison(gfn: number): void {
    const { bytes } = this.tables.entry(gfn * PAGE_BYTES)
    if (bytes !== PAGE_BYTES) throw new HypBug(`guest page 0x${gfn.toString(16)} has no entry of its own`)
    this.tables.set(gfn * PAGE_BYTES, PAGE_BYTES, POISONED_DESCRIPTOR)
    this.#flush(this)
  }
  destroy(): void {
    this.tables.destroy()
    this.#flush(this)
    this.#pool.put(this.root / PAGE_BYTES)
  }

  /** With one reference a page of the list enters the pool when its table goes. */
  #fromMemcache(): number | undefined {
    const pfn = this.#memcache?.pop()
    if (pfn === undefined) return undefined
    this.#pool.get(pfn)
    return pfn * PAGE_BYTES
  }
}
