/** The host kernel's side of sharing with hyp: structures share pages, so each page is counted and hyp is asked only about the first and the last. */
import type { Outcome, PkvmErrno } from "./errno.ts"
import { PAGE_BYTES } from "./page-state.ts"

/** The hypercalls behind it. */
export interface ShareCalls {
  share(pfn: number): Outcome
  unshare(pfn: number): Outcome
}
/** A page that could not be unshared: the kernel warns, and it stays shared for good. */
export interface Leak {
  readonly pfn: number
  readonly errno: PkvmErrno
}

export class HostShares {
  readonly #counts = new Map<number, number>()
  readonly #calls: ShareCalls

  constructor(calls: ShareCalls) {
    this.#calls = calls
  }
  /** kvm_share_hyp: shares all pages of [from, to), byte addresses. After an error none of them is shared more than before. */
  share(from: number, to: number): Outcome {
    const pages = pagesBetween(from, to)
    for (const [done, pfn] of pages.entries()) {
      const errno = this.#sharePage(pfn)
      if (errno === undefined) continue
      for (const before of pages.slice(0, done)) this.#unsharePage(before)
      return errno
    }
    return undefined
  }
  /** kvm_unshare_hyp: takes back one share of each page of [from, to); goes on after errors. Nothing for the null address. */
  unshare(from: number, to: number): readonly Leak[] {
    if (from === 0) return []
    return pagesBetween(from, to).flatMap((pfn) => {
      const errno = this.#unsharePage(pfn)
      return errno === undefined ? [] : [{ pfn, errno }]
    })
  }
  /** Structures that share a page. */
  count(pfn: number): number {
    return this.#counts.get(pfn) ?? 0
  }
  /** Shared pages and their counts. */
  entries(): IterableIterator<[number, number]> {
    return this.#counts.entries()
  }

  /** These pages are shared so many times, and no others. */
  restore(counts: Iterable<readonly [number, number]>): void {
    this.#counts.clear()
    for (const [pfn, count] of counts) this.#counts.set(pfn, count)
  }

  #sharePage(pfn: number): Outcome {
    const count = this.count(pfn)
    const errno = count === 0 ? this.#calls.share(pfn) : undefined
    if (errno === undefined) this.#counts.set(pfn, count + 1)
    return errno
  }
  /** ENOENT: not shared. Else what hyp answers for the last share. */
  #unsharePage(pfn: number): Outcome {
    const count = this.count(pfn)
    if (count === 0) return "ENOENT"
    if (count > 1) {
      this.#counts.set(pfn, count - 1)
      return undefined
    }
    const errno = this.#calls.unshare(pfn)
    if (errno === undefined) this.#counts.delete(pfn)
    return errno
  }
}
const pagesBetween = (from: number, to: number): readonly number[] => {
  const first = Math.floor(from / PAGE_BYTES)
  return Array.from({ length: Math.max(0, Math.ceil(to / PAGE_BYTES) - first) }, (_, page) => first + page)
}
