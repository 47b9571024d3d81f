/** What the host gives to guests: pages of its own to ordinary VMs, on loan and to several at a time; pages for good to protected ones. */
import { checkGuestEmpty, checkGuestRange, checkHost, checkMemcache, checkSize, forEachPage, takeFromHost } from "./checks.ts"
import { HypBug, type Outcome } from "./errno.ts"
import type { HypVcpu, HypVm } from "./hyp-vm.ts"
import { SHARE_COUNT_MAX } from "./page-records.ts"
import { PageState, Prot } from "./page-state.ts"
import type { Pkvm } from "./pkvm.ts"

/**
 * Moves a page from the host into the vCPU's VM, which is protected. EPERM: not the host's alone, or something is or was at that guest page.
 * ERANGE: beyond the guest's address space. ENOMEM: the vCPU has too few pages for tables.
 */
export const hostDonateGuest = (pkvm: Pkvm, { vm, memcache }: HypVcpu, pfn: number, gfn: number): Outcome => {
  const refusal = checkHost(pkvm, pfn, 1, PageState.OWNED) ?? checkGuestEmpty(vm, gfn, 1) ?? checkMemcache(vm, memcache)
  if (refusal) return refusal
  takeFromHost(pkvm, pfn, 1, { kind: "guest", handle: vm.handle, gfn })
  vm.stage2.map(gfn, pfn, 1, Prot.RWX, PageState.OWNED, memcache)
  return undefined
}
/**
 * Lends pages, one or a block, to the vCPU's VM, which is an ordinary one. A page may be lent to several at once, but not to hyp or the secure world
 * at the same time. EINVAL: other access than RWX, bad size or alignment, beyond the address space, not one memory region. ERANGE: beyond the guest's
 * address space. EPERM: something is at that guest page, or a page is not the host's to lend. EBUSY: the count of loans is full. ENOMEM: the vCPU
 * has too few pages for tables.
 */
export const hostShareGuest = (pkvm: Pkvm, { vm, memcache }: HypVcpu, pfn: number, gfn: number, pages: number, prot: number): Outcome => {
  const { memoryMap, records } = pkvm
  const refusal =
    checkProt(prot) ??
    memoryMap.checkLimit(pfn, pages) ??
    checkSize(pkvm, pfn, gfn, pages) ??
    memoryMap.checkAllowed(pfn, pages) ??
    checkGuestEmpty(vm, gfn, pages) ??
    checkLendable(pkvm, pfn, pages) ??
    checkMemcache(vm, memcache)
  if (refusal) return refusal
  forEachPage(pfn, pages, (page) => {
    records.setHostState(page, PageState.SHARED_OWNED)
    records.setShareCount(page, records.shareCount(page) + 1)
  })
  vm.stage2.map(gfn, pfn, pages, prot, PageState.SHARED_BORROWED, memcache)
  return undefined
}
/**
 * Ends one loan to an ordinary VM; with the last, the pages are the host's alone. EINVAL: bad size or alignment. ERANGE: beyond the guest's address
 * space. ENOENT: nothing there. E2BIG: mapped by an entry of another size. EPERM: what is there is not a loan.
 */
export const hostUnshareGuest = (pkvm: Pkvm, vm: HypVm, gfn: number, pages: number): Outcome => {
  const refusal = checkSize(pkvm, 0, gfn, pages) ?? checkGuestRange(vm, gfn, 1)
  if (refusal) return refusal
  const entry = vm.stage2.walk(gfn)
  if (entry.kind !== "leaf") return "ENOENT"
  if (entry.pages !== pages) return "E2BIG"
  if (entry.state !== PageState.SHARED_BORROWED) return "EPERM"
  const wrong = checkLent(pkvm, entry.pfn, pages)
  if (wrong) return wrong
  vm.stage2.unmap(gfn)
  const { records } = pkvm
  forEachPage(entry.pfn, pages, (page) => {
    const left = records.shareCount(page) - 1
    records.setShareCount(page, left)
    if (left === 0) records.setHostState(page, PageState.OWNED)
  })
  return undefined
}
/** EINVAL: access bits other than RWX. */
export const checkProt = (prot: number): Outcome => (prot >= 0 && prot <= Prot.RWX ? undefined : "EINVAL")

/** EPERM: a page is neither the host's alone nor lent to guests already. EBUSY: lent to as many as can be counted. */
const checkLendable = ({ records }: Pkvm, pfn: number, pages: number): Outcome => {
  for (let page = pfn; page < pfn + pages; page++) {
    const state = records.hostState(page)
    if (state === PageState.OWNED) continue
    if (state !== PageState.SHARED_OWNED) return "EPERM"
    const count = records.shareCount(page)
    if (count === SHARE_COUNT_MAX) return "EBUSY"
    if (count === 0) return "EPERM"
  }
  return undefined
}
const checkLent = ({ records }: Pkvm, pfn: number, pages: number): Outcome => {
  for (let page = pfn; page < pfn + pages; page++) {
    if (records.hostState(page) !== PageState.SHARED_OWNED) return "EPERM"
    if (records.shareCount(page) === 0) throw new HypBug(`page 0x${page.toString(16)} is lent to a guest and not counted`)
  }
  return undefined
}
