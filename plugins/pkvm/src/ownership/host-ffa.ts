/** Pages that the host lends to the secure world, by way of hyp's FF-A proxy. The secure world has no state of its own here. */
import { checkHost, checkHyp, setHostState } from "./checks.ts"
import type { Outcome } from "./errno.ts"
import { PageState } from "./page-state.ts"
import type { Pkvm } from "./pkvm.ts"

/** EINVAL: beyond the address space, or not one memory region. EPERM: a page is not the host's alone; only the host's state is looked at. */
export const hostShareFfa = (pkvm: Pkvm, pfn: number, pages: number): Outcome => {
  const refusal = pkvm.memoryMap.checkLimit(pfn, pages) ?? checkHost(pkvm, pfn, pages, PageState.OWNED)
  if (refusal) return refusal
  setHostState(pkvm, pfn, pages, PageState.SHARED_OWNED)
  return undefined
}
/**
 * The secure world has given the pages up. EINVAL as above. EPERM: a page is not lent to it. Linux looks at nothing but "shared by the host" here and
 * relies on the proxy to name no other page; this looks at hyp and the guests too, so that no proxy can end their loans.
 */
export const hostUnshareFfa = (pkvm: Pkvm, pfn: number, pages: number): Outcome => {
  const refusal =
    pkvm.memoryMap.checkLimit(pfn, pages) ??
    checkHost(pkvm, pfn, pages, PageState.SHARED_OWNED) ??
    checkHyp(pkvm, pfn, pages, PageState.NOPAGE) ??
    checkNoGuest(pkvm, pfn, pages)
  if (refusal) return refusal
  setHostState(pkvm, pfn, pages, PageState.OWNED)
  return undefined
}

const checkNoGuest = ({ records }: Pkvm, pfn: number, pages: number): Outcome => {
  for (let page = pfn; page < pfn + pages; page++) if (records.shareCount(page) > 0) return "EPERM"
  return undefined
}
