/** How pages of a protected VM come back: by force while it lives, which costs the guest that page for good, and when it dies. */
import { checkGuestRange, checkHost, giveToHost, guestPage } from "./checks.ts"
import { isPkvmErrno, mustHold, type Outcome, type PkvmErrno } from "./errno.ts"
import type { HypVm } from "./hyp-vm.ts"
import type { GuestLeaf } from "./mappings.ts"
import { PAGE_BYTES, PageState } from "./page-state.ts"
import type { Pkvm } from "./pkvm.ts"
import { vmByHandle } from "./vm-table.ts"

/**
 * The host takes a page from a guest that owns it alone: the page is cleared, and the guest page is poisoned for the VM's life. EFAULT: not memory.
 * EAGAIN: the host can use the page as it is, or its VM is gone. EINVAL: the page was not donated. EPERM: hyp's, or shared with the host meanwhile.
 * ENOENT, EHWPOISON, ERANGE, E2BIG: the VM has nothing, or not this, at the guest page noted.
 */
export const forceReclaim = (pkvm: Pkvm, pfn: number): Outcome => {
  const found = guestWith(pkvm, pfn)
  if (isPkvmErrno(found)) return found
  const { vm, gfn } = found
  const leaf = guestPage(vm, gfn)
  if (isPkvmErrno(leaf)) return leaf
  // the VM of the note is gone, and another has its handle
  if (leaf.pfn !== pfn) return "EAGAIN"
  if (leaf.state !== PageState.OWNED) return "EPERM"
  vm.stage2.poison(gfn)
  pkvm.memory.zero(pfn * PAGE_BYTES, PAGE_BYTES)
  giveToHost(pkvm, pfn, 1)
  return undefined
}
/**
 * Takes a page from a VM whose teardown has started: cleared, unless the guest had shared it with the host. A page that was taken by force before is a
 * success. ENOENT: nothing there. EPERM: a loan of the host's. ERANGE, E2BIG.
 */
export const reclaimFromDying = (pkvm: Pkvm, vm: HypVm, gfn: number): Outcome => {
  const leaf = guestPage(vm, gfn)
  if (leaf === "EHWPOISON") return undefined
  if (isPkvmErrno(leaf)) return leaf
  if (leaf.state !== PageState.OWNED && leaf.state !== PageState.SHARED_OWNED) return "EPERM"
  takeFromGuest(pkvm, vm, gfn, leaf)
  return undefined
}
/** Whether a guest page was taken by force. ERANGE. */
export const isPoisoned = (vm: HypVm, gfn: number): PkvmErrno | boolean => checkGuestRange(vm, gfn, 1) ?? vm.stage2.walk(gfn).kind === "poison"

const takeFromGuest = (pkvm: Pkvm, vm: HypVm, gfn: number, { pfn, state }: GuestLeaf): void => {
  const alone = state === PageState.OWNED
  mustHold(checkHost(pkvm, pfn, 1, alone ? PageState.NOPAGE : PageState.SHARED_BORROWED), "host's state of a guest's page")
  if (alone) pkvm.memory.zero(pfn * PAGE_BYTES, PAGE_BYTES)
  vm.stage2.unmap(gfn)
  giveToHost(pkvm, pfn, 1)
}
/** Who has a page that the host has not. */
const guestWith = ({ memoryMap, records, hostStage2, vms }: Pkvm, pfn: number): PkvmErrno | { readonly vm: HypVm; readonly gfn: number } => {
  if (!memoryMap.isMemory(pfn)) return "EFAULT"
  if (records.hostState(pfn) !== PageState.NOPAGE) return "EAGAIN"
  const owner = hostStage2.owner(pfn)
  if (owner === undefined) return "EINVAL"
  if (owner.kind !== "guest") return "EPERM"
  const vm = vmByHandle(vms, owner.handle)
  return vm ? { vm, gfn: owner.gfn } : "EAGAIN"
}
