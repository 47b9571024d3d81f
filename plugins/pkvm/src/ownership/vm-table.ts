/** The table of VMs and their handles: reserved when the host makes a VM, filled when hyp gets to know it. */
import type { Outcome, PkvmErrno } from "./errno.ts"
import type { HypVm } from "./hyp-vm.ts"

/** VMs that can be at a time. */
export const MAX_VMS = 255
/** The first handle. */
export const HANDLE_OFFSET = 0x1000

type Slot = HypVm | "reserved" | undefined
export interface VmTable {
  readonly slots: Slot[]
}
export const newVmTable = (): VmTable => ({ slots: new Array<Slot>(MAX_VMS).fill(undefined) })

/** VMID 0 is the host's. */
export const vmidOf = (handle: number): number => handle - HANDLE_OFFSET + 1

/** A handle that stays taken until it is given back, or its VM is torn down. ENOMEM: all are taken. */
export const reserveVm = ({ slots }: VmTable): PkvmErrno | number => {
  const index = slots.indexOf(undefined)
  if (index < 0) return "ENOMEM"
  slots[index] = "reserved"
  return HANDLE_OFFSET + index
}
/** Gives back a handle that never got its VM. Any other is left alone. */
export const unreserveVm = ({ slots }: VmTable, handle: number): void => {
  if (slots[handle - HANDLE_OFFSET] === "reserved") slots[handle - HANDLE_OFFSET] = undefined
}
/** The VM of a handle, also when it is dying; not one that is only reserved. */
export const vmByHandle = ({ slots }: VmTable, handle: number): HypVm | undefined => {
  const slot = slots[handle - HANDLE_OFFSET]
  return slot === "reserved" ? undefined : slot
}
/** EINVAL: the VM's handle is not reserved. */
export const insertVm = ({ slots }: VmTable, vm: HypVm): Outcome => {
  const index = vm.handle - HANDLE_OFFSET
  if (slots[index] !== "reserved") return "EINVAL"
  slots[index] = vm
  return undefined
}
export const removeVm = ({ slots }: VmTable, handle: number): void => {
  slots[handle - HANDLE_OFFSET] = undefined
}
