/** KVM_CHECK_EXTENSION and KVM_ENABLE_CAP: what this kernel model offers, by the interface's numbers. */
import type { Errno } from "./errno.ts"
import { vcpuFeaturesOf } from "./extension.ts"
import type { Host } from "./host/host.ts"
import { VcpuFeature } from "./vcpu-init.ts"
import { MAX_VCPUS, type Vm } from "./vm.ts"

/** Numbers of KVM_CAP_*. Those not named here are 0. */
export const Capability = {
  IRQCHIP: 0,
  USER_MEMORY: 3,
  NR_VCPUS: 9,
  NR_MEMSLOTS: 10,
  MP_STATE: 14,
  SYNC_MMU: 16,
  DESTROY_MEMORY_REGION_WORKS: 21,
  JOIN_MEMORY_REGIONS_WORKS: 30,
  VCPU_EVENTS: 41,
  MAX_VCPUS: 66,
  ONE_REG: 70,
  READONLY_MEM: 81,
  ARM_PSCI: 87,
  DEVICE_CTRL: 89,
  ENABLE_CAP_VM: 98,
  ARM_PSCI_0_2: 102,
  CHECK_EXTENSION_VM: 105,
  VCPU_ATTRIBUTES: 127,
  MAX_VCPU_ID: 128,
  IMMEDIATE_EXIT: 136,
  ARM_USER_IRQ: 144,
  ARM_INJECT_SERROR_ESR: 158,
  ARM_VM_IPA_SIZE: 165,
  MANUAL_DIRTY_LOG_PROTECT2: 168,
  ARM_SVE: 170,
  ARM_IRQ_LINE_LAYOUT_2: 174,
  ARM_NISV_TO_USER: 177,
  ARM_INJECT_EXT_DABT: 178,
  ARM_MTE: 205,
  COUNTER_OFFSET: 227,
  ARM_SUPPORTED_REG_MASK_RANGES: 230,
  ARM_WRITABLE_IMP_ID_REGS: 239
} as const

/** KVM_API_VERSION. */
export const API_VERSION = 12
export const MEMORY_SLOTS = 32767
/** Manual protection, and bitmaps that are all ones at first. */
const MANUAL_PROTECTION = 3n

type Value = number | ((host: Host, vm: Vm | undefined) => number)
const VALUES: ReadonlyMap<number, Value> = new Map<number, Value>([
  [Capability.IRQCHIP, (host) => Number(host.features.gicv3)],
  ...[
    Capability.USER_MEMORY,
    Capability.MP_STATE,
    Capability.SYNC_MMU,
    Capability.DESTROY_MEMORY_REGION_WORKS,
    Capability.JOIN_MEMORY_REGIONS_WORKS,
    Capability.VCPU_EVENTS,
    Capability.ONE_REG,
    Capability.READONLY_MEM,
    Capability.ARM_PSCI,
    Capability.DEVICE_CTRL,
    Capability.ENABLE_CAP_VM,
    Capability.ARM_PSCI_0_2,
    Capability.CHECK_EXTENSION_VM,
    Capability.VCPU_ATTRIBUTES,
    Capability.IMMEDIATE_EXIT,
    Capability.ARM_USER_IRQ,
    Capability.ARM_IRQ_LINE_LAYOUT_2,
    Capability.ARM_NISV_TO_USER,
    Capability.ARM_INJECT_EXT_DABT,
    Capability.COUNTER_OFFSET,
    Capability.ARM_SUPPORTED_REG_MASK_RANGES
  ].map((number) => [number, 1] as const),
  [Capability.NR_VCPUS, ({ cpus }) => Math.min(cpus.length, MAX_VCPUS)],
  [Capability.MAX_VCPUS, MAX_VCPUS],
  [Capability.MAX_VCPU_ID, MAX_VCPUS],
  [Capability.NR_MEMSLOTS, MEMORY_SLOTS],
  [Capability.MANUAL_DIRTY_LOG_PROTECT2, Number(MANUAL_PROTECTION)],
  [Capability.ARM_VM_IPA_SIZE, ({ features }) => features.physicalBits],
  [Capability.ARM_INJECT_SERROR_ESR, ({ features }) => (features.ras ? 1 : 0)],
  [Capability.ARM_SVE, ({ cpu }) => (vcpuFeaturesOf(cpu.pe.controls.machine).some(({ bit }) => bit === VcpuFeature.SVE) ? 1 : 0)]
])

/** What a protected VM can have of it; the rest is "no", whatever the system says, and nothing can be enabled. */
const OF_PROTECTED: ReadonlySet<number> = new Set([
  Capability.NR_VCPUS,
  Capability.MAX_VCPUS,
  Capability.MAX_VCPU_ID,
  Capability.ARM_PSCI,
  Capability.ARM_PSCI_0_2,
  Capability.ARM_VM_IPA_SIZE
])

/** KVM_CHECK_EXTENSION of the system (no VM) or of a VM: 0 is "no". */
export const checkExtension = (host: Host, vm: Vm | undefined, capability: number): number => {
  if (vm?.protected && !OF_PROTECTED.has(capability)) return 0
  const value = VALUES.get(capability) ?? 0
  return typeof value === "number" ? value : value(host, vm)
}

/** struct kvm_enable_cap without the number: flags and arguments. */
export interface CapabilityRequest {
  /** Must be 0. */
  readonly flags?: number
  /** args[0]. */
  readonly argument?: bigint
}
/** KVM_ENABLE_CAP of a VM. EINVAL: flags, an unknown capability, or one that cannot be enabled (any more). */
export const enableCapability = (vm: Vm, capability: number, { flags = 0, argument = 0n }: CapabilityRequest): Errno | undefined => {
  if (flags !== 0 || vm.protected) return "EINVAL"
  switch (capability) {
    case Capability.ARM_NISV_TO_USER:
      vm.nisvToUser = true
      return undefined
    case Capability.MANUAL_DIRTY_LOG_PROTECT2:
      // all bits set at first needs manual protection
      if (argument & ~MANUAL_PROTECTION || argument === 2n) return "EINVAL"
      vm.manualProtection = argument !== 0n
      vm.dirtyAtFirst = argument === MANUAL_PROTECTION
      return undefined
    default:
      // MTE and writable implementation registers: this machine has no tags, and its registers are one processor's
      return "EINVAL"
  }
}
