/** A virtual machine: the KVM interface of a VM descriptor. Calls give their result or an errno. */
import { type CapabilityRequest, checkExtension, enableCapability } from "./capabilities.ts"
import type { Crash } from "./crash.ts"
import { hasVmAttribute } from "./device-attributes.ts"
import { type ClearRequest, clearDirtyLog, type DirtyBitmap, getDirtyLog, startLog } from "./dirty-log.ts"
import { type Errno, isErrno } from "./errno.ts"
import type { Host } from "./host/host.ts"
import { type IdRegisters, resetIdRegisters, writableMasks } from "./id-registers.ts"
import { type IrqLine, setIrqLine } from "./irq-line.ts"
import { type MemoryRequest, type MemorySlot, MemorySlots } from "./memory-slots.ts"
import { PSCI_VERSIONS } from "./psci.ts"
import { type FilterAction, type FilterRange, SmcccFilter } from "./smccc-filter.ts"
import { BLOCK_BYTES, Stage2 } from "./stage2.ts"
import { Vcpu } from "./vcpu.ts"
import { GENERIC_V8, type VcpuInit } from "./vcpu-init.ts"
import { createVgic, type VgicDevice } from "./vgic/device.ts"
import type { Vgic } from "./vgic/vgic.ts"

/** A memory region as user space sees it. */
export interface MemoryRegion {
  /** Number of the slot. */
  readonly slot: number
  /** Guest-physical address of the first byte. */
  readonly guestPhysical: number
  /** KVM_MEM_READONLY. */
  readonly readonly: boolean
  /**
   * User space's mapping of the guest's memory: the host's physical pages themselves. Whoever writes code the guest may have run already says so with
   * `Vm.write` instead. Empty for a protected VM, whose pages become the guest's alone: only Vm.read and Vm.write reach them, while they are the host's.
   */
  readonly bytes: Uint8Array
}
export const MAX_VCPUS = 512
/** Firmware feature registers, KVM_REG_ARM_*_BMAP: what the kernel can offer, and what a new VM offers. */
export const FIRMWARE_BITMAPS = {
  STD: { index: 0, maximum: 1n, reset: 1n },
  STD_HYP: { index: 1, maximum: 1n, reset: 1n },
  VENDOR_HYP: { index: 2, maximum: 3n, reset: 3n },
  VENDOR_HYP_2: { index: 3, maximum: 3n, reset: 0n }
} as const
export type FirmwareBitmap = keyof typeof FIRMWARE_BITMAPS

/** A VM descriptor: its ioctls as methods. They give their result, the Errno of their failure, or the Crash of the kernel. */
export class Vm {
  /** The host that it is of. */
  readonly host: Host
  /** Number of the VM on its host, from 1. */
  readonly id: number
  /** Its tables are the kernel's own, unless hyp code keeps stage 2 (see VmServices): then only the first of them exists, as memory to give to hyp code. */
  readonly stage2: Stage2
  /** Guest memory is the guest's alone. */
  readonly protected: boolean
  /** Its memory. */
  readonly slots = new MemorySlots()
  /** What happens to SMCCC calls. */
  readonly filter = new SmcccFilter()
  /** By number; undefined: not created. */
  readonly vcpus: (Vcpu | undefined)[] = []
  /** ID registers as guests of this VM read them, by encoding. */
  readonly idRegisters: IdRegisters
  /** Values of the firmware feature registers. */
  readonly firmware: Record<FirmwareBitmap, bigint>
  /** KVM_REG_ARM_PSCI_VERSION. */
  psciVersion: number = PSCI_VERSIONS.v1_3
  /** vCPU features word of the first vCPU initialised, without POWER_OFF; undefined until then. */
  features: number | undefined
  /** Resources of its interrupt controller could not be mapped: all calls but `destroy` give EIO. */
  dead = false
  #destroyed = false
  /** Some vCPU has run: ID registers, filter and firmware bitmaps are frozen. */
  hasRun = false
  /** KVM_CAP_ARM_NISV_TO_USER is enabled. */
  nisvToUser = false
  /** KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: user space clears what it has seen; pages count as dirty when a log begins. */
  manualProtection = false
  /** KVM_DIRTY_LOG_INITIALLY_SET: pages count as dirty when a log begins. */
  dirtyAtFirst = false
  /** The interrupt controller in the kernel. */
  vgic: Vgic | undefined
  /** Interrupts of the virtual, the physical, and the virtual hypervisor's virtual and physical timer. */
  readonly timerInterrupts: number[] = [27, 30, 28, 26]
  /** Virtual counter = physical counter - this; set when the first vCPU is created. */
  counterOffset: bigint | undefined
  /** User space has set it by setCounterOffset. */
  counterOffsetFixed = false

  /** Nothing can be done with it any more. */
  get closed(): boolean {
    return this.dead || this.#destroyed
  }
  private constructor(host: Host, id: number, stage2: Stage2, isProtected: boolean) {
    this.protected = isProtected
    this.host = host
    this.id = id
    this.stage2 = stage2
    this.idRegisters = resetIdRegisters(host.systemRegisters, undefined)
    this.firmware = Object.fromEntries(Object.entries(FIRMWARE_BITMAPS).map(([name, { reset }]) => [name, reset])) as Record<FirmwareBitmap, bigint>
  }
  /** Use Host.createVm. */
  static create(host: Host, id: number, ipaBits: number, isProtected: boolean): Vm | Errno {
    const rootBytes = Stage2.rootBytes(ipaBits)
    const vmid = host.allocateVmid()
    const root = vmid === undefined ? undefined : host.pages.allocate(rootBytes, rootBytes)
    if (root === undefined || vmid === undefined) return "ENOMEM"
    const vm = new Vm(host, id, new Stage2(host.tables, root, ipaBits, vmid, host.features), isProtected)
    const { vms } = host.mode
    const refused = vms && host.inKernel(() => vms.createVm(host.cpu, vm))
    if (refused === undefined) {
      host.vms.set(id, vm)
      return vm
    }
    host.pages.free(root, rootBytes)
    return isErrno(refused) ? refused : "EIO"
  }

  /** KVM_SET_USER_MEMORY_REGION. Memory is allocated with a new slot and freed with it; a slot may move. `bytes` 0 deletes. */
  setMemoryRegion(request: MemoryRequest): MemoryRegion | Errno | Crash {
    if (this.closed) return "EIO"
    return this.host.inKernel(() => {
      const checked = this.slots.check(request, this.stage2.ipaBits)
      if (isErrno(checked)) return checked
      const { existing } = checked
      const kind = !existing ? "create" : request.bytes === 0 ? "delete" : "move"
      const refused = this.host.mode.vms?.checkSlot(this, { kind, readonly: (request.readonly || request.logDirty) ?? false })
      if (refused) return refused
      if (existing) return request.bytes === 0 ? this.#delete(existing) : this.#change(existing, request)
      const { slot, guestPhysical, bytes, readonly = false, logDirty = false } = request
      const { pages } = this.host
      // blocks need the same offset within a block on both sides
      const wanted = bytes >= BLOCK_BYTES && guestPhysical % BLOCK_BYTES === 0
      const hostPhysical = (wanted ? pages.allocate(bytes, BLOCK_BYTES) : undefined) ?? pages.allocate(bytes)
      if (hostPhysical === undefined) return "ENOMEM"
      const added: MemorySlot = { slot, guestPhysical, length: bytes, readonly, hostPhysical }
      this.slots.add(added)
      if (logDirty) startLog(this, added)
      return this.#region(added)
    })
  }
  /**
   * Copies bytes into guest memory, also where the guest has run code. EFAULT, and nothing written, when they do not lie in one slot, or some of the memory is
   * the guest's alone: user space would get SIGSEGV.
   */
  write(guestPhysical: number, bytes: Uint8Array): Errno | undefined {
    const physical = this.#reachable(guestPhysical, bytes.length)
    if (physical === undefined) return "EFAULT"
    this.host.board.write(physical, bytes)
    return undefined
  }
  /** A copy of guest memory. EFAULT as for writing. */
  read(guestPhysical: number, length: number): Uint8Array | Errno {
    const physical = this.#reachable(guestPhysical, length)
    return physical === undefined ? "EFAULT" : this.host.pages.view(physical, length).slice()
  }

  /** A VM of a saved host, whose tables are in memory: without vCPUs, slots and settings. */
  static restored(host: Host, id: number, stage2: Stage2, isProtected: boolean): Vm {
    const vm = new Vm(host, id, stage2, isProtected)
    host.vms.set(id, vm)
    return vm
  }

  /** KVM_CREATE_VCPU. */
  createVcpu(id: number): Vcpu | Errno {
    if (this.closed) return "EIO"
    if (!Number.isInteger(id) || id < 0 || id >= MAX_VCPUS || this.vcpus.filter(Boolean).length >= MAX_VCPUS) return "EINVAL"
    if (this.vgic?.initialised) return "EBUSY"
    if (this.vcpus[id]) return "EEXIST"
    const vcpu = new Vcpu(this, id)
    const { host } = this
    const { vms } = host.mode
    const refused = vms && host.inKernel(() => vms.createVcpu(host.cpu, vcpu))
    if (refused !== undefined) {
      vcpu.close()
      return isErrno(refused) ? refused : "EIO"
    }
    this.vcpus[id] = vcpu
    return vcpu
  }
  /** KVM_ARM_VM_SMCCC_FILTER: what happens to calls of these functions, before the first run. */
  setSmcccFilter(range: FilterRange, action: FilterAction): Errno | undefined {
    return this.closed ? "EIO" : this.filter.add(range, action, this.hasRun)
  }
  /** KVM_CHECK_EXTENSION: 0 is "no". */
  checkExtension(capability: number): number {
    return checkExtension(this.host, this, capability)
  }
  /** KVM_ENABLE_CAP. */
  enableCapability(capability: number, request: CapabilityRequest = {}): Errno | undefined {
    return this.closed ? "EIO" : enableCapability(this, capability, request)
  }
  /** KVM_ARM_PREFERRED_TARGET: what KVM_ARM_VCPU_INIT takes on this host. */
  preferredTarget(): Required<Pick<VcpuInit, "target" | "features">> {
    return { target: GENERIC_V8, features: 0 }
  }
  /** KVM_GET_DIRTY_LOG: the pages of a slot that were written; without manual protection they count as clean now. */
  getDirtyLog(slot: number): DirtyBitmap | Errno | Crash {
    return this.closed ? "EIO" : this.host.inKernel(() => getDirtyLog(this, slot))
  }
  /** KVM_CLEAR_DIRTY_LOG. */
  clearDirtyLog(request: ClearRequest): Errno | Crash | undefined {
    return this.closed ? "EIO" : this.host.inKernel(() => clearDirtyLog(this, request))
  }
  /** KVM_IRQ_LINE. */
  setIrqLine(line: IrqLine): Errno | undefined {
    return this.closed ? "EIO" : setIrqLine(this, line)
  }
  /** KVM_CREATE_DEVICE: see createVgic. */
  createDevice(type: number): VgicDevice | Errno {
    return this.closed ? "EIO" : createVgic(this, type)
  }
  /** KVM_HAS_DEVICE_ATTR of the VM. */
  hasAttribute(group: number, attribute: number): Errno | undefined {
    return hasVmAttribute(group, attribute)
  }
  /** KVM_ARM_GET_REG_WRITABLE_MASKS: for each ID register of a range, the bits user space may change. EINVAL: there is only range 0. */
  writableMasks(range = 0): BigUint64Array | Errno {
    return range === 0 ? writableMasks(this) : "EINVAL"
  }
  /**
   * KVM_ARM_SET_COUNTER_OFFSET: how far the virtual counter is behind the physical one, in ticks. From then on user space cannot set the counter by its
   * register. The guest's physical counter stays the host's: this processor has no CNTPOFF_EL2. EINVAL: `reserved` is not 0, or the VM is protected.
   */
  setCounterOffset({ offset, reserved = 0n }: { readonly offset: bigint; readonly reserved?: bigint }): Errno | undefined {
    if (this.closed) return "EIO"
    if (reserved !== 0n || this.protected) return "EINVAL"
    this.counterOffset = BigInt.asUintN(64, offset)
    this.counterOffsetFixed = true
    return undefined
  }
  /** Closes the VM: its memory goes back to the host, and further calls give EIO. */
  destroy(): Crash | undefined {
    const { host, stage2 } = this
    if (this.#destroyed) return undefined
    this.#destroyed = true
    host.vms.delete(this.id)
    return host.inKernel(() => {
      host.scheduler.abandonRuns(this)
      host.mode.vms?.destroyVm(host.cpu, this)
      for (const slot of [...this.slots]) this.#delete(slot)
      for (const vcpu of this.vcpus) vcpu?.close()
      stage2.tables.destroy()
      host.pages.free(stage2.tables.root, stage2.rootBytes)
      return undefined
    })
  }

  #reachable(guestPhysical: number, bytes: number): number | undefined {
    const { host } = this
    const physical = this.slots.physical(guestPhysical, bytes)
    return physical !== undefined && (host.mode.vms?.isHosts(host, physical, bytes) ?? true) ? physical : undefined
  }
  #region({ slot, guestPhysical, length, readonly, hostPhysical }: MemorySlot): MemoryRegion {
    const { pages } = this.host
    const isHidden = this.protected
    return {
      slot,
      guestPhysical,
      readonly,
      // a view uses every page of it: it is made when somebody asks
      get bytes() {
        return isHidden ? new Uint8Array(0) : pages.view(hostPhysical, length)
      }
    }
  }
  #delete(slot: MemorySlot): MemoryRegion {
    this.#unmap(slot)
    this.slots.remove(slot)
    this.host.pages.free(slot.hostPhysical, slot.length)
    const { guestPhysical, readonly } = slot
    return { slot: slot.slot, guestPhysical, readonly, bytes: new Uint8Array(0) }
  }
  #change(slot: MemorySlot, { guestPhysical, logDirty = false }: MemoryRequest): MemoryRegion {
    if (slot.guestPhysical !== guestPhysical) this.#unmap(slot)
    slot.guestPhysical = guestPhysical
    if (!logDirty) slot.dirty = undefined
    else if (!slot.dirty) startLog(this, slot)
    return this.#region(slot)
  }
  #unmap({ guestPhysical, length }: MemorySlot): void {
    const { host, stage2 } = this
    const { vms } = host.mode
    if (vms) vms.unmap(host.cpu, this, guestPhysical, length)
    else if (stage2.tables.unmap(guestPhysical, length)) host.mode.services.flushVmid(host.cpu, stage2)
  }
}
