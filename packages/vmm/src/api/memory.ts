/** A guest's memory by guest-physical addresses, as its owner may see it. */
import { isErrno, type Vm } from "@eltwo/kvm"
import { AccessError } from "../errors.ts"
import type { Live } from "../live.ts"

/** Both refuse a range that is not all memory; nothing is read or written then. */
export interface GuestRam {
  read(address: number, bytes: number): Uint8Array | AccessError
  write(address: number, bytes: Uint8Array): AccessError | undefined
}

const isRange = (address: number, bytes: number): boolean =>
  Number.isSafeInteger(address) && address >= 0 && Number.isSafeInteger(bytes) && bytes >= 0 && Number.isSafeInteger(address + bytes)
const outside = (address: number, bytes: number): AccessError =>
  new AccessError({
    reason: "outside-memory",
    message: `${bytes} bytes at 0x${address.toString(16)} are not all memory of the guest`,
    hint: "Addresses are guest-physical; memory() tells where memory is."
  })

/** Memory of a VM: one slot at a time, and under protected KVM only while it is the host's too. */
export const vmRam = (vm: Vm): GuestRam => {
  const refusal = (address: number, bytes: number): AccessError =>
    vm.slots.physical(address, bytes) === undefined
      ? outside(address, bytes)
      : new AccessError({
          reason: "protected-memory",
          message: `some of the ${bytes} bytes at 0x${address.toString(16)} belong to a protected guest alone`,
          hint: "Only the guest itself can share them."
        })
  return {
    read: (address, bytes) => {
      const content = isRange(address, bytes) ? vm.read(address, bytes) : undefined
      if (content === undefined) return outside(address, bytes)
      return isErrno(content) ? refusal(address, bytes) : content
    },
    write: (address, bytes) => {
      if (!isRange(address, bytes.length)) return outside(address, bytes.length)
      return vm.write(address, bytes) === undefined ? undefined : refusal(address, bytes.length)
    }
  }
}
/** Memory of any guest. */
export const ramOf = (live: Live): GuestRam => {
  if (live.kind !== "bare") return vmRam(live.vm)
  const { board } = live
  return {
    read: (address, bytes) => (isRange(address, bytes) ? board.physical.read(address, bytes) : undefined) ?? outside(address, bytes),
    write: (address, bytes) => (isRange(address, bytes.length) && board.write(address, bytes) ? undefined : outside(address, bytes.length))
  }
}
/** Where memory is. */
export interface MemoryRange {
  /** Guest-physical address of the first byte, and length in bytes. */
  readonly base: number
  /** Length in bytes. */
  readonly bytes: number
}
export const rangesOf = (live: Live): readonly MemoryRange[] =>
  live.kind === "bare"
    ? [{ base: live.board.ram.base, bytes: live.board.ram.bytes }]
    : [...live.vm.slots].map(({ guestPhysical, length }) => ({ base: guestPhysical, bytes: length }))
