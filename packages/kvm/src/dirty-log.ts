/** Which pages of a memory slot were written: KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG, by write protection in stage 2. */
import { PAGE_BYTES } from "@eltwo/cpu"
import type { Errno } from "./errno.ts"
import type { MemorySlot } from "./memory-slots.ts"
import type { Vm } from "./vm.ts"

const WORD_PAGES = 64
/** A bitmap of pages, in whole 64-bit words: bit n of byte m is page 8m + n of the slot. */
export type DirtyBitmap = Uint8Array
export const newDirtyBitmap = ({ length }: MemorySlot, allDirty: boolean): DirtyBitmap => {
  const pages = length / PAGE_BYTES
  const bitmap = new Uint8Array((Math.ceil(pages / WORD_PAGES) * WORD_PAGES) / 8)
  if (allDirty) for (let page = 0; page < pages; page++) bitmap[page >> 3]! |= 1 << (page & 7)
  return bitmap
}
/** mark_page_dirty: does nothing where no log is kept. */
export const markDirty = ({ dirty, guestPhysical }: MemorySlot, ipa: number): void => {
  const page = Math.floor((ipa - guestPhysical) / PAGE_BYTES)
  if (dirty) dirty[page >> 3]! |= 1 << (page & 7)
}

/** Takes write permission away from the pages whose bits are set, so that the next write is seen. */
const protect = (vm: Vm, slot: MemorySlot, pages: (page: number) => boolean): void => {
  const { host, stage2 } = vm
  const { vms } = host.mode
  const count = slot.length / PAGE_BYTES
  let changed = false
  for (let page = 0; page < count; page++) {
    if (!pages(page)) continue
    const ipa = slot.guestPhysical + page * PAGE_BYTES
    if (!vms) {
      changed = stage2.protect(ipa) || changed
      continue
    }
    // hyp code that keeps stage 2 is asked for the page again when it is touched
    const first = page
    while (page + 1 < count && pages(page + 1)) page++
    vms.unmap(host.cpu, vm, ipa, (page + 1 - first) * PAGE_BYTES)
  }
  if (changed) host.mode.services.flushVmid(host.cpu, stage2)
}
/** A slot begins to be logged. */
export const startLog = (vm: Vm, slot: MemorySlot): void => {
  slot.dirty = newDirtyBitmap(slot, vm.dirtyAtFirst)
  // pages that count as dirty are protected when user space clears them
  if (!vm.dirtyAtFirst) protect(vm, slot, () => true)
}

const slotOf = (vm: Vm, number: number): { readonly slot: MemorySlot; readonly dirty: DirtyBitmap } | Errno => {
  if (!vm.slots.isNumber(number)) return "EINVAL"
  const slot = vm.slots.byNumber(number)
  return slot?.dirty ? { slot, dirty: slot.dirty } : "ENOENT"
}
const has = (bitmap: DirtyBitmap, page: number): boolean => ((bitmap[page >> 3] ?? 0) & (1 << (page & 7))) !== 0

/** KVM_GET_DIRTY_LOG: a copy of the bitmap. Without manual protection it begins anew. EINVAL: no such number; ENOENT: no such slot, or it keeps no log. */
export const getDirtyLog = (vm: Vm, number: number): DirtyBitmap | Errno => {
  const found = slotOf(vm, number)
  if (typeof found === "string") return found
  const { slot, dirty } = found
  const copy = dirty.slice()
  if (vm.manualProtection) return copy
  dirty.fill(0)
  protect(vm, slot, (page) => has(copy, page))
  return copy
}

/** struct kvm_clear_dirty_log: which pages of a slot, by bits, count as clean from now on. */
export interface ClearRequest {
  /** Number of the slot. */
  readonly slot: number
  /** A multiple of 64. */
  readonly firstPage: number
  /** A multiple of 64, or what is left of the slot. */
  readonly pages: number
  /** Bit 0 is the first page; absent: all of them. */
  readonly bitmap?: DirtyBitmap
}
/** KVM_CLEAR_DIRTY_LOG: these pages are clean and protected again. */
export const clearDirtyLog = (vm: Vm, { slot: number, firstPage, pages, bitmap }: ClearRequest): Errno | undefined => {
  if (![firstPage, pages].every((n) => Number.isSafeInteger(n) && n >= 0)) return "EINVAL"
  if (!vm.slots.isNumber(number) || firstPage % WORD_PAGES !== 0) return "EINVAL"
  const found = slotOf(vm, number)
  if (typeof found === "string") return found
  const { slot, dirty } = found
  const left = slot.length / PAGE_BYTES - firstPage
  if (left < 0 || pages > left || (pages < left && pages % WORD_PAGES !== 0)) return "EINVAL"
  const cleared = new Set<number>()
  for (let page = 0; page < pages; page++) {
    const at = firstPage + page
    if ((bitmap && !has(bitmap, page)) || !has(dirty, at)) continue
    dirty[at >> 3]! &= ~(1 << (at & 7))
    cleared.add(at)
  }
  protect(vm, slot, (page) => cleared.has(page))
  return undefined
}
