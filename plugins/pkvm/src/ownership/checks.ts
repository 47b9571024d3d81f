/** The questions that transitions ask before they change anything, and the changes they have in common. */
import type { Outcome, PkvmErrno } from "./errno.ts"
import type { HypVm } from "./hyp-vm.ts"
import type { GuestEntry, GuestLeaf } from "./mappings.ts"
import { type GuestState, type Owner, PageState, POISON } from "./page-state.ts"
import type { Pkvm } from "./pkvm.ts"

const everyPage = (pfn: number, pages: number, test: (pfn: number) => boolean): boolean => {
  for (let page = pfn; page < pfn + pages; page++) if (!test(page)) return false
  return true
}
export const forEachPage = (pfn: number, pages: number, act: (pfn: number) => void): void => {
  for (let page = pfn; page < pfn + pages; page++) act(page)
}

/** EINVAL: not one memory region. EPERM: not memory the host may give, or a page in another state. */
export const checkHost = ({ memoryMap, records }: Pkvm, pfn: number, pages: number, state: PageState): Outcome =>
  memoryMap.checkAllowed(pfn, pages) ?? (everyPage(pfn, pages, (page) => records.hostState(page) === state) ? undefined : "EPERM")

/** EPERM: a page in another state. The range must be memory. */
export const checkHyp = ({ records }: Pkvm, pfn: number, pages: number, state: PageState): Outcome =>
  everyPage(pfn, pages, (page) => records.hypState(page) === state) ? undefined : "EPERM"

/** EBUSY: a page has references. */
export const checkUnreferenced = ({ records }: Pkvm, pfn: number, pages: number): Outcome =>
  everyPage(pfn, pages, (page) => records.refcount(page) === 0) ? undefined : "EBUSY"

/** ERANGE: beyond the VM's input range. */
export const checkGuestRange = (vm: HypVm, gfn: number, pages: number): Outcome => (gfn + pages <= vm.stage2.pages ? undefined : "ERANGE")

export const guestState = (entry: GuestEntry): GuestState =>
  entry.kind === "leaf" ? entry.state : entry.kind === "poison" ? POISON : PageState.NOPAGE

/** ERANGE, or EPERM: something is mapped in the range, or was taken out of it by force. */
export const checkGuestEmpty = (vm: HypVm, gfn: number, pages: number): Outcome => {
  const outside = checkGuestRange(vm, gfn, pages)
  if (outside) return outside
  for (let at = gfn; at < gfn + pages; ) {
    const entry = vm.stage2.walk(at)
    if (guestState(entry) !== PageState.NOPAGE) return "EPERM"
    at += entry.pages - (at % entry.pages)
  }
  return undefined
}
/** ENOMEM: the vCPU's list has fewer pages than one mapping can need, whether this one needs any or not. */
export const checkMemcache = (vm: HypVm, memcache: { readonly length: number }): Outcome =>
  memcache.length < vm.stage2.tablesPerPage ? "ENOMEM" : undefined

/** EINVAL: neither one page nor one block with both numbers aligned to it. */
export const checkSize = ({ blockPages }: Pkvm, pfn: number, gfn: number, pages: number): Outcome =>
  pages === 1 || (pages === blockPages && pfn % blockPages === 0 && gfn % blockPages === 0) ? undefined : "EINVAL"

/** The leaf of exactly one page that maps a guest page. ERANGE; EHWPOISON: taken back by force; ENOENT: nothing there; E2BIG: a block. */
export const guestPage = (vm: HypVm, gfn: number): PkvmErrno | GuestLeaf => {
  const outside = checkGuestRange(vm, gfn, 1)
  if (outside) return outside
  const entry = vm.stage2.walk(gfn)
  if (entry.kind === "poison") return "EHWPOISON"
  if (entry.kind === "empty") return "ENOENT"
  return entry.pages === 1 ? entry : "E2BIG"
}

/** The host has the page again, alone. */
export const giveToHost = ({ hostStage2, records }: Pkvm, pfn: number, pages: number): void => {
  hostStage2.map(pfn, pages)
  forEachPage(pfn, pages, (page) => records.setHostState(page, PageState.OWNED))
}
/** The host has the page no more. */
export const takeFromHost = ({ hostStage2, records }: Pkvm, pfn: number, pages: number, owner: Owner): void => {
  hostStage2.annotate(pfn, pages, owner)
  forEachPage(pfn, pages, (page) => records.setHostState(page, PageState.NOPAGE))
}
export const setHostState = ({ records }: Pkvm, pfn: number, pages: number, state: PageState): void =>
  forEachPage(pfn, pages, (page) => records.setHostState(page, state))
export const setHypState = ({ records }: Pkvm, pfn: number, pages: number, state: PageState): void =>
  forEachPage(pfn, pages, (page) => records.setHypState(page, state))
