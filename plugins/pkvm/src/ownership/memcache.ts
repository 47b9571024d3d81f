/** Lists of pages on their way from the host to hyp (for a VM's tables) and back. */
import type { Outcome } from "./errno.ts"
import { hostDonateHyp } from "./host-hyp.ts"
import type { Pkvm } from "./pkvm.ts"

/** A stack of pages. The host's are linked through the pages themselves, whose owner can be anyone: only donated pages may be read. */
export interface PageList {
  readonly length: number
  /** The page that pop gives next. */
  readonly head: number | undefined
  /** All of them; pop gives the last. */
  readonly pages: readonly number[]
  pop(): number | undefined
  push(pfn: number): void
}
export class PageStack implements PageList {
  readonly #pages: number[] = []
  get length(): number {
    return this.#pages.length
  }
  get pages(): readonly number[] {
    return this.#pages
  }
  get head(): number | undefined {
    return this.#pages.at(-1)
  }
  pop(): number | undefined {
    return this.#pages.pop()
  }
  push(pfn: number): void {
    this.#pages.push(pfn)
  }
}
/**
 * Takes pages from the host's list until hyp's list of the vCPU has `least`. Each page is donated before its link is read. ENOMEM: the host's list is
 * empty or its next page is not the host's to give; pages accepted before that stay accepted, and are off the host's list.
 */
export const refillMemcache = (pkvm: Pkvm, memcache: PageList, fromHost: PageList, least: number): Outcome => {
  while (memcache.length < least) {
    const pfn = fromHost.head
    if (pfn === undefined || hostDonateHyp(pkvm, pfn, 1) !== undefined) return "ENOMEM"
    fromHost.pop()
    memcache.push(pfn)
  }
  return undefined
}
