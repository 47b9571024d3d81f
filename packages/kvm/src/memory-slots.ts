/** Memory slots of a VM: which guest-physical ranges are host pages. */
import { MEMORY_SLOTS } from "./capabilities.ts"
import type { DirtyBitmap } from "./dirty-log.ts"
import type { Errno } from "./errno.ts"

/** A memory slot of a VM; addresses and lengths in bytes. */
export interface MemorySlot {
  /** Its number. */
  readonly slot: number
  /** First guest-physical address and length, in bytes: multiples of the page size. */
  guestPhysical: number
  /** Bytes. */
  readonly length: number
  /** KVM_MEM_READONLY. */
  readonly readonly: boolean
  /** Host-physical address of the first byte: the range is contiguous. */
  readonly hostPhysical: number
  /** Pages written, while they are logged. */
  dirty?: DirtyBitmap | undefined
}
/** What KVM_SET_USER_MEMORY_REGION asks. `bytes` 0 deletes the slot. */
export interface MemoryRequest {
  /** Number of the slot, from 0. */
  readonly slot: number
  /** Guest-physical address: a multiple of the page size. */
  readonly guestPhysical: number
  /** Length in bytes, a multiple of the page size; 0 deletes the slot. */
  readonly bytes: number
  /** KVM_MEM_READONLY: writes of the guest are MMIO exits. */
  readonly readonly?: boolean
  /** KVM_MEM_LOG_DIRTY_PAGES: pages that the guest writes are logged. */
  readonly logDirty?: boolean
}
const PAGE = 4096

export class MemorySlots {
  readonly #slots: MemorySlot[] = []

  /** The checks of the call in its order; the existing slot of that number where it is a change. */
  check({ slot, guestPhysical, bytes, readonly = false }: MemoryRequest, ipaBits: number): Errno | { readonly existing: MemorySlot | undefined } {
    const aligned = [guestPhysical, bytes].every((n) => Number.isSafeInteger(n) && n >= 0 && n % PAGE === 0)
    if (!aligned || !this.isNumber(slot)) return "EINVAL"
    const existing = this.byNumber(slot)
    if (bytes === 0) return existing ? { existing } : "EINVAL"
    if (existing && (existing.length !== bytes || existing.readonly !== readonly)) return "EINVAL"
    const end = guestPhysical + bytes
    if (this.#slots.some((s) => s !== existing && guestPhysical < s.guestPhysical + s.length && s.guestPhysical < end)) return "EEXIST"
    if (end > 2 ** ipaBits) return "EFAULT"
    return { existing }
  }
  /** Whether a slot may have this number. */
  isNumber(slot: number): boolean {
    return Number.isInteger(slot) && slot >= 0 && slot < MEMORY_SLOTS
  }
  byNumber(slot: number): MemorySlot | undefined {
    return this.#slots.find((s) => s.slot === slot)
  }
  add(slot: MemorySlot): void {
    this.#slots.push(slot)
  }
  remove(slot: MemorySlot): void {
    this.#slots.splice(this.#slots.indexOf(slot), 1)
  }
  /** The slot that has a guest-physical address. */
  at(guestPhysical: number): MemorySlot | undefined {
    return this.#slots.find((s) => guestPhysical >= s.guestPhysical && guestPhysical < s.guestPhysical + s.length)
  }
  /** Host-physical address of `bytes` bytes of guest memory in one slot, or undefined. */
  physical(guestPhysical: number, bytes: number): number | undefined {
    const slot = this.at(guestPhysical)
    return slot && guestPhysical + bytes <= slot.guestPhysical + slot.length ? slot.hostPhysical + guestPhysical - slot.guestPhysical : undefined
  }
  [Symbol.iterator](): Iterator<MemorySlot> {
    return this.#slots[Symbol.iterator]()
  }
}
