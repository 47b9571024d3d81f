/** Pages between the host and hyp: shared, pinned while hyp uses them, donated and given back. */
import { checkHost, checkHyp, checkUnreferenced, forEachPage, giveToHost, setHostState, setHypState, takeFromHost } from "./checks.ts"
import { HypBug, type Outcome } from "./errno.ts"
import { REFCOUNT_MAX } from "./page-records.ts"
import { type ByteRange, HYP, PageState, pagesOf } from "./page-state.ts"
import type { Pkvm } from "./pkvm.ts"

/** The host lends a page to hyp. Hyp does not map it before it is pinned. EPERM: not the host's alone. */
export const hostShareHyp = (pkvm: Pkvm, pfn: number): Outcome => {
  const refusal = checkHost(pkvm, pfn, 1, PageState.OWNED) ?? checkHyp(pkvm, pfn, 1, PageState.NOPAGE)
  if (refusal) return refusal
  setHypState(pkvm, pfn, 1, PageState.SHARED_BORROWED)
  setHostState(pkvm, pfn, 1, PageState.SHARED_OWNED)
  return undefined
}
/** The host ends the loan. EPERM: there is none. EBUSY: hyp has the page pinned. */
export const hostUnshareHyp = (pkvm: Pkvm, pfn: number): Outcome => {
  const refusal = checkSharedWithHyp(pkvm, pfn, 1) ?? checkUnreferenced(pkvm, pfn, 1)
  if (refusal) return refusal
  setHypState(pkvm, pfn, 1, PageState.NOPAGE)
  setHostState(pkvm, pfn, 1, PageState.OWNED)
  return undefined
}
/** Keeps all pages of a range shared, and hyp's mapping of them. EPERM: a page is not shared with hyp. EINVAL: not one memory region. */
export const pinShared = (pkvm: Pkvm, range: ByteRange): Outcome => {
  const { pfn, pages } = pagesOf(range)
  const refusal = checkSharedWithHyp(pkvm, pfn, pages)
  if (refusal) return refusal
  const { records, hypStage1 } = pkvm
  forEachPage(pfn, pages, (page) => {
    if (records.refcount(page) === REFCOUNT_MAX) throw new HypBug(`page 0x${page.toString(16)} is pinned ${REFCOUNT_MAX} times`)
  })
  forEachPage(pfn, pages, (page) => {
    const before = records.refcount(page)
    records.setRefcount(page, before + 1)
    if (before === 0) hypStage1.map(page, 1)
  })
  return undefined
}
/** Ends one pin of each page of a range that is pinned. */
export const unpinShared = ({ records, hypStage1 }: Pkvm, range: ByteRange): void => {
  const { pfn, pages } = pagesOf(range)
  forEachPage(pfn, pages, (page) => {
    if (records.refcount(page) === 0) throw new HypBug(`page 0x${page.toString(16)} is not pinned`)
  })
  forEachPage(pfn, pages, (page) => {
    const after = records.refcount(page) - 1
    if (after === 0) hypStage1.unmap(page, 1)
    records.setRefcount(page, after)
  })
}
/** The host gives pages to hyp for good. EINVAL: beyond the address space, or not one memory region. EPERM: a page is not the host's alone. */
export const hostDonateHyp = (pkvm: Pkvm, pfn: number, pages: number): Outcome => {
  const refusal =
    pkvm.memoryMap.checkLimit(pfn, pages) ?? checkHost(pkvm, pfn, pages, PageState.OWNED) ?? checkHyp(pkvm, pfn, pages, PageState.NOPAGE)
  if (refusal) return refusal
  setHypState(pkvm, pfn, pages, PageState.OWNED)
  pkvm.hypStage1.map(pfn, pages)
  takeFromHost(pkvm, pfn, pages, HYP)
  return undefined
}
/**
 * Hyp gives pages back; it has cleared them before where that matters. EINVAL as for donating. EPERM: a page is not hyp's alone. EBUSY: a page is
 * in use.
 */
export const hypDonateHost = (pkvm: Pkvm, pfn: number, pages: number): Outcome => {
  const { memoryMap, hypStage1 } = pkvm
  const refusal =
    memoryMap.checkLimit(pfn, pages) ??
    memoryMap.checkAllowed(pfn, pages) ??
    checkHyp(pkvm, pfn, pages, PageState.OWNED) ??
    checkUnreferenced(pkvm, pfn, pages) ??
    checkHost(pkvm, pfn, pages, PageState.NOPAGE)
  if (refusal) return refusal
  setHypState(pkvm, pfn, pages, PageState.NOPAGE)
  hypStage1.unmap(pfn, pages)
  giveToHost(pkvm, pfn, pages)
  return undefined
}

const checkSharedWithHyp = (pkvm: Pkvm, pfn: number, pages: number): Outcome =>
  checkHost(pkvm, pfn, pages, PageState.SHARED_OWNED) ?? checkHyp(pkvm, pfn, pages, PageState.SHARED_BORROWED)
