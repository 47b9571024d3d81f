/** Translated regions by address and trap key. */
import type { CodePage } from "../decode-cache.ts"
import { Abort } from "../exception.ts"
import { translate } from "../mmu.ts"
import type { Pe } from "../pe.ts"

/** A page the region has code in: where it is mapped, and what lay there. */
export interface RegionPage {
  readonly address: bigint
  readonly code: CodePage
}
/** A target of an indirect branch: the low half of its address. */
export interface SeenTarget {
  readonly low: number
  count: number
}
export interface TranslatedRegion {
  /** Address of its first instruction, as halves; no instruction of it has another upper half. */
  readonly low: number
  readonly high: number
  readonly key: number
  readonly run: (base: number, firstFloor: number, otherFloor: number) => number
  /** Instructions the budget must cover. */
  readonly least: number
  readonly instructions: number
  /** It does not end where others begin. */
  readonly whole: boolean
  /** Low halves of the addresses of its instructions. */
  readonly addresses: readonly number[]
  readonly pages: readonly RegionPage[]
  /** By exit: offset of the next instruction and of the last one, why it leaves, instructions paid for and not done, how often it was taken. */
  readonly offsets: Int32Array
  readonly from: Int32Array
  readonly leaves: Uint8Array
  readonly refunds: Int32Array
  readonly counts: Uint32Array
  /** By indirect exit: where it led, and how often. */
  readonly seen: Map<number, SeenTarget[]>
  /** Instructions done in it since someone looked. */
  done: number
  /** `Pe.fetchEpoch` under which its pages were last seen where it expects them. */
  epoch: number
}

const FRONT_SLOTS = 1 << 12
/** Beyond this many regions everything is dropped: what is still hot comes back. */
const MAXIMUM_REGIONS = 8192

export class RegionCache {
  readonly #pe: Pe
  readonly #front: (TranslatedRegion | undefined)[] = new Array<TranslatedRegion | undefined>(FRONT_SLOTS).fill(undefined)
  readonly #byAddress = new Map<number, TranslatedRegion[]>()
  readonly #byPage = new Map<number, Set<TranslatedRegion>>()
  /** Instructions of any region there ever was since `clear`. */
  readonly #covered = new Set<number>()
  /** Low halves of the addresses where a region shall have more code than it had. */
  readonly #larger = new Set<number>()
  #count = 0

  constructor(pe: Pe) {
    this.#pe = pe
  }
  get size(): number {
    return this.#count
  }

  /** The region at an address that may be entered now. */
  find(low: number, high: number, key: number): TranslatedRegion | undefined {
    const front = this.#front[slotOf(low, key)]
    if (front !== undefined && front.low === low && front.high === high && front.key === key && front.epoch === this.#pe.fetchEpoch) return front
    return this.#search(low, high, key)
  }
  #search(low: number, high: number, key: number): TranslatedRegion | undefined {
    const found = this.#byAddress.get(low)?.find((r) => r.high === high && r.key === key && this.#isThere(r))
    if (found) this.#front[slotOf(low, key)] = found
    return found
  }
  /** Whether the instruction at an address may be in some region. */
  isCovered(low: number): boolean {
    return this.#covered.has(low)
  }
  /** Whether some region begins at an address. */
  isEntry(low: number): boolean {
    return this.#byAddress.has(low)
  }
  /** Whether its pages are still mapped where it expects them. */
  #isThere(region: TranslatedRegion): boolean {
    const pe = this.#pe
    if (region.epoch === pe.fetchEpoch) return true
    for (const { address, code } of region.pages) {
      try {
        const { physical } = translate(pe, address, "execute")
        if (pe.board.physical.at(physical, 1) < 0 || pe.board.physical.pageOf(physical) !== code.page) return false
      } catch (error) {
        if (error instanceof Abort) return false
        throw error
      }
    }
    region.epoch = pe.fetchEpoch
    return true
  }

  add(region: TranslatedRegion): void {
    if (this.#count >= MAXIMUM_REGIONS) this.clear()
    const list = this.#byAddress.get(region.low)
    if (list) list.push(region)
    else this.#byAddress.set(region.low, [region])
    for (const { code } of region.pages) {
      const set = this.#byPage.get(code.page)
      if (set) set.add(region)
      else this.#byPage.set(code.page, new Set([region]))
    }
    for (const low of region.addresses) this.#covered.add(low)
    this.#front[slotOf(region.low, region.key)] = region
    this.#count++
  }
  drop(region: TranslatedRegion): void {
    const list = this.#byAddress.get(region.low)
    const at = list?.indexOf(region) ?? -1
    if (at < 0) return
    list!.splice(at, 1)
    if (list!.length === 0) this.#byAddress.delete(region.low)
    for (const { code } of region.pages) this.#byPage.get(code.page)?.delete(region)
    const slot = slotOf(region.low, region.key)
    if (this.#front[slot] === region) this.#front[slot] = undefined
    this.#count--
  }
  /** Drops a region, to be translated again with more code. */
  wantMore(region: TranslatedRegion): void {
    this.#larger.add(region.low)
    this.drop(region)
  }
  wantsMore(low: number): boolean {
    return this.#larger.has(low)
  }
  /** Drops every region with code in a page of RAM. */
  dropPage(page: number): void {
    const set = this.#byPage.get(page)
    if (!set) return
    for (const region of [...set]) this.drop(region)
    this.#byPage.delete(page)
  }
  all(): readonly TranslatedRegion[] {
    return [...this.#byAddress.values()].flat()
  }
  clear(): void {
    this.#front.fill(undefined)
    this.#byAddress.clear()
    this.#byPage.clear()
    this.#covered.clear()
    this.#larger.clear()
    this.#count = 0
  }
}
const slotOf = (low: number, key: number): number => ((low >>> 2) ^ Math.imul(key, 0x9e3779b1)) & (FRONT_SLOTS - 1)
