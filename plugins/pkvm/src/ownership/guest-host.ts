/** What a protected guest decides about its own pages: to share one with the host, and to end that. */
import { checkHost, guestPage, setHostState, takeFromHost } from "./checks.ts"
import { isPkvmErrno, type Outcome } from "./errno.ts"
import type { HypVm } from "./hyp-vm.ts"
import { PAGE_BYTES, PageState, Prot } from "./page-state.ts"
import type { Pkvm } from "./pkvm.ts"

/** ENOENT: nothing there. E2BIG: a block. EHWPOISON: the host took the page by force. EPERM: not the guest's alone. ERANGE: beyond its address space. */
export const guestShareHost = (pkvm: Pkvm, vm: HypVm, gfn: number): Outcome => {
  const leaf = guestPage(vm, gfn)
  if (isPkvmErrno(leaf)) return leaf
  if (leaf.state !== PageState.OWNED || checkHost(pkvm, leaf.pfn, 1, PageState.NOPAGE)) return "EPERM"
  vm.stage2.update(gfn, { prot: Prot.RWX, state: PageState.SHARED_OWNED, young: true })
  pkvm.hostStage2.map(leaf.pfn, 1)
  setHostState(pkvm, leaf.pfn, 1, PageState.SHARED_BORROWED)
  return undefined
}
/** Errors as for sharing; EPERM: not shared with the host. */
export const guestUnshareHost = (pkvm: Pkvm, vm: HypVm, gfn: number): Outcome => {
  const leaf = guestPage(vm, gfn)
  if (isPkvmErrno(leaf)) return leaf
  if (leaf.state !== PageState.SHARED_OWNED || checkHost(pkvm, leaf.pfn, 1, PageState.SHARED_BORROWED)) return "EPERM"
  takeFromHost(pkvm, leaf.pfn, 1, { kind: "guest", handle: vm.handle, gfn })
  vm.stage2.update(gfn, { prot: Prot.RWX, state: PageState.OWNED, young: true })
  return undefined
}

/** The guest goes on with x0, and zeroes in x1 to x3. */
interface Answer {
  readonly kind: "answer"
  readonly x0: bigint
}
/** The exit to the host looks like a write to that address which found nothing, and the guest makes the call again when it comes back. */
interface FaultIn {
  readonly kind: "fault-in"
  readonly ipa: bigint
}
export type GuestCallResult = Answer | FaultIn

const SUCCESS: Answer = { kind: "answer", x0: 0n }
const INVALID_PARAMETER: Answer = { kind: "answer", x0: -3n }

/** HYP_MEMINFO: x1 to x3 are 0. Answers the size, in bytes, of what is shared at a time. */
export const hypMemInfo = (x1: bigint, x2: bigint, x3: bigint): Answer =>
  (x1 | x2 | x3) === 0n ? { kind: "answer", x0: BigInt(PAGE_BYTES) } : INVALID_PARAMETER

/** MEM_SHARE of the page at guest-physical address x1. */
export const memShare = (pkvm: Pkvm, vm: HypVm, x1: bigint, x2: bigint, x3: bigint): GuestCallResult => {
  const gfn = pageIn(x1, x2, x3)
  const outcome = gfn === undefined ? "EINVAL" : guestShareHost(pkvm, vm, gfn)
  if (outcome === "ENOENT") return { kind: "fault-in", ipa: x1 }
  return outcome === undefined ? SUCCESS : INVALID_PARAMETER
}
/** MEM_UNSHARE of the page at guest-physical address x1. */
export const memUnshare = (pkvm: Pkvm, vm: HypVm, x1: bigint, x2: bigint, x3: bigint): Answer => {
  const gfn = pageIn(x1, x2, x3)
  return gfn !== undefined && guestUnshareHost(pkvm, vm, gfn) === undefined ? SUCCESS : INVALID_PARAMETER
}
const pageIn = (x1: bigint, x2: bigint, x3: bigint): number | undefined =>
  (x2 | x3) === 0n && x1 % BigInt(PAGE_BYTES) === 0n ? Number(x1 / BigInt(PAGE_BYTES)) : undefined
