/** Aborts of the guest's accesses at stage 2: pages mapped on demand, everything else to user space or back to the guest. */

import { PAGE_BYTES } from "@eltwo/cpu"
import { EC } from "@eltwo/isa"
import { markDirty } from "./dirty-log.ts"
import type { Handled } from "./exit.ts"
import { descriptorLevel } from "./guest-walk.ts"
import { FSC, FSC_TYPE, NO_IPA } from "./hyp/guest.ts"
import { injectAbort, injectSError, skipInstruction } from "./inject.ts"
import type { MemorySlot } from "./memory-slots.ts"
import { completeMmio, decodeMmio, type MmioAccess, mmioWriteData } from "./mmio.ts"
import { BLOCK_BYTES } from "./stage2.ts"
import type { Vcpu } from "./vcpu.ts"
import { accessController } from "./vgic/memory.ts"
import type { Vgic } from "./vgic/vgic.ts"

const ISS = { ISV: 1 << 24, CM: 1 << 8, S1PTW: 1 << 7, WNR: 1 << 6 } as const
const ISS_BITS = 0x1ffffff

interface Abort {
  readonly iss: number
  readonly fetch: boolean
  readonly write: boolean
  /** On a walk of the guest's own tables. */
  readonly onWalk: boolean
  /** Intermediate physical address, byte exact. */
  readonly ipa: number
}
const abortOf = ({ fault }: Vcpu): Abort => {
  const fetch = fault.esr >>> 26 === EC.InstructionAbortLower
  const onWalk = (fault.esr & ISS.S1PTW) !== 0
  return {
    iss: fault.esr & ISS_BITS,
    fetch,
    onWalk,
    // cache maintenance reports itself as a write, and walks read
    write: !fetch && (fault.esr & ISS.WNR) !== 0 && !(fault.esr & ISS.CM) && !onWalk,
    ipa: Number(((fault.hpfar >> 4n) << 12n) | (fault.far & 0xfffn))
  }
}

/** kvm_handle_guest_abort. */
export const guestAbort = (vcpu: Vcpu): Handled => {
  const { fault, vm } = vcpu
  const type = fault.esr & FSC_TYPE
  if ((type === FSC.external || type === FSC.externalOnWalk) && fault.hpfar === NO_IPA) {
    injectSError(vcpu)
    return undefined
  }
  const abort = abortOf(vcpu)
  if (type === FSC.translation && abort.ipa >= 2 ** vm.stage2.ipaBits) {
    const beyondHost = abort.ipa >= 2 ** vm.host.features.physicalBits
    injectAbort(vcpu, abort.fetch ? "instruction" : "data", beyondHost ? FSC.addressSize : FSC.external, BigInt(abort.ipa))
    return undefined
  }
  if (type !== FSC.translation && type !== FSC.accessFlag && type !== FSC.permission) return "EFAULT"
  const slot = vm.slots.at(abort.ipa)
  if (!slot || (abort.write && slot.readonly)) return ioAbort(vcpu, abort, slot !== undefined)
  const { vms } = vm.host.mode
  const cpu = vcpu.loadedOn
  if (abort.write) markDirty(slot, abort.ipa)
  const mapped = slot.dirty ? loggedPage(slot, abort) : slot
  if (vms && cpu)
    return vms.mapPage(cpu, vcpu, {
      slot: mapped,
      ipa: abort.ipa,
      write: abort.write,
      type: type === FSC.translation ? "translation" : type === FSC.accessFlag ? "accessFlag" : "permission"
    })
  return mapPage(vcpu, mapped, abort.ipa)
}

/** What may be mapped of a slot whose writes are logged: one page, and writable only for a write. */
const loggedPage = ({ dirty: _, ...slot }: MemorySlot, { ipa, write }: Abort): MemorySlot => {
  const guestPhysical = ipa - (ipa % PAGE_BYTES)
  const hostPhysical = slot.hostPhysical + guestPhysical - slot.guestPhysical
  return { ...slot, guestPhysical, hostPhysical, length: PAGE_BYTES, readonly: slot.readonly || !write }
}
/** user_mem_abort: maps the page of the address, or the block around it where both sides have one. */
const mapPage = ({ vm }: Vcpu, slot: MemorySlot, ipa: number): Handled => {
  const block = ipa - (ipa % BLOCK_BYTES)
  const inSlot = block >= slot.guestPhysical && block + BLOCK_BYTES <= slot.guestPhysical + slot.length
  const congruent = (slot.hostPhysical - slot.guestPhysical) % BLOCK_BYTES === 0
  const bytes = inSlot && congruent ? BLOCK_BYTES : PAGE_BYTES
  const from = ipa - (ipa % bytes)
  return vm.stage2.map(from, slot.hostPhysical + from - slot.guestPhysical, bytes, !slot.readonly) ? undefined : "ENOMEM"
}

/** An external abort for the guest: on a walk of its tables with the level there; nothing if the walk would not come there any more. */
const externalAbort = (vcpu: Vcpu, { fetch, onWalk, ipa }: Abort): void => {
  const { far } = vcpu.fault
  const level = onWalk ? descriptorLevel(vcpu, far, ipa) : undefined
  if (onWalk && level === undefined) return
  injectAbort(vcpu, fetch ? "instruction" : "data", level === undefined ? FSC.external : FSC.externalOnWalk + level, far)
}

/** The interrupt controller in the kernel answers at once. False: it is not there. */
const answeredByController = (vcpu: Vcpu, vgic: Vgic, access: MmioAccess, physical: number, write: boolean): boolean => {
  const { bytes } = access
  const data = accessController(vgic, { physical, bytes, ...(write ? { write: mmioWriteData(vcpu, access) } : {}) })
  if (data === undefined) return false
  access.data = data
  completeMmio(vcpu)
  return true
}

/** io_mem_abort and what comes before it: nothing backs the access. */
const ioAbort = (vcpu: Vcpu, abort: Abort, hasSlot: boolean): Handled => {
  const { iss, write, ipa } = abort
  const { vm } = vcpu
  if (abort.fetch || abort.onWalk) {
    externalAbort(vcpu, abort)
    return undefined
  }
  if (iss & ISS.CM && !hasSlot) {
    skipInstruction(vcpu)
    return undefined
  }
  if (!(iss & ISS.ISV) && vm.protected) {
    externalAbort(vcpu, abort)
    return undefined
  }
  if (!(iss & ISS.ISV)) return vm.nisvToUser ? { reason: "nisv", iss, physical: ipa } : "ENOSYS"
  const access = decodeMmio(iss)
  vcpu.mmio = access
  if (vm.vgic && answeredByController(vcpu, vm.vgic, access, ipa, write)) return undefined
  return { reason: "mmio", physical: ipa, bytes: access.bytes, isWrite: write, value: write ? mmioWriteData(vcpu, access) : 0n }
}
