/** Access and age of an ordinary VM's mappings: no owner changes. Each acts on whole leaves, so a page inside a block means the block. */
import { checkGuestRange, checkSize } from "./checks.ts"
import type { Outcome, PkvmErrno } from "./errno.ts"
import { checkProt } from "./host-guest.ts"
import type { HypVm } from "./hyp-vm.ts"
import type { GuestLeaf } from "./mappings.ts"
import { Prot } from "./page-state.ts"
import type { Pkvm } from "./pkvm.ts"

/** Adds access. EINVAL: other access than RWX. ERANGE: beyond the guest's address space. EAGAIN: nothing is mapped there. */
export const relaxPermissions = (vm: HypVm, gfn: number, prot: number): Outcome => {
  const refusal = checkProt(prot) ?? checkGuestRange(vm, gfn, 1)
  if (refusal) return refusal
  const entry = vm.stage2.walk(gfn)
  if (entry.kind !== "leaf") return "EAGAIN"
  vm.stage2.update(gfn, { prot: entry.prot | prot })
  return undefined
}
/** Takes write access away; empty parts of the range do not matter. EINVAL: bad size or alignment. ERANGE. */
export const writeProtect = (pkvm: Pkvm, vm: HypVm, gfn: number, pages: number): Outcome => {
  const refusal = checkSize(pkvm, 0, gfn, pages) ?? checkGuestRange(vm, gfn, pages)
  if (refusal) return refusal
  forEachLeaf(vm, gfn, pages, (at, { prot }) => vm.stage2.update(at, { prot: prot & ~Prot.W }))
  return undefined
}
/** Whether a page of the range was used since it was last made old; makes all old if `makeOld`. EINVAL: bad size or alignment. ERANGE. */
export const testClearYoung = (pkvm: Pkvm, vm: HypVm, gfn: number, pages: number, makeOld: boolean): PkvmErrno | boolean => {
  const refusal = checkSize(pkvm, 0, gfn, pages) ?? checkGuestRange(vm, gfn, pages)
  if (refusal) return refusal
  let anyYoung = false
  forEachLeaf(vm, gfn, pages, (at, { young }) => {
    anyYoung ||= young
    if (young && makeOld) vm.stage2.update(at, { young: false })
  })
  return anyYoung
}
/** Marks a mapping as used. Nothing happens where nothing is mapped. */
export const makeYoung = (vm: HypVm, gfn: number): void => {
  if (checkGuestRange(vm, gfn, 1) === undefined) forEachLeaf(vm, gfn, 1, (at) => vm.stage2.update(at, { young: true }))
}

const forEachLeaf = (vm: HypVm, gfn: number, pages: number, act: (gfn: number, leaf: GuestLeaf) => void): void => {
  for (let at = gfn; at < gfn + pages; ) {
    const entry = vm.stage2.walk(at)
    if (entry.kind === "leaf") act(at, entry)
    at += entry.pages - (at % entry.pages)
  }
}
