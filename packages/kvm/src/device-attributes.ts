/** KVM_HAS_DEVICE_ATTR and KVM_SET_DEVICE_ATTR of vCPUs and VMs: which attributes there are. */
import type { Errno } from "./errno.ts"
import { PRIVATE_IRQS, SGIS } from "./vgic/irq.ts"
import type { Vm } from "./vm.ts"

/** Groups of attributes: the first three are a vCPU's, SMCCC_CTRL is a VM's. */
export const DEVICE_GROUP = { PMU_V3_CTRL: 0, TIMER_CTRL: 1, PVTIME_CTRL: 2, SMCCC_CTRL: 0 } as const
/** Attributes of TIMER_CTRL: the interrupts of the four timers, which belong to the VM. */
export const TIMER_ATTRIBUTE = { IRQ_VTIMER: 0, IRQ_PTIMER: 1, IRQ_HVTIMER: 2, IRQ_HPTIMER: 3 } as const
const TIMERS = Object.values(TIMER_ATTRIBUTE) as readonly number[]
const FILTER = 0

/** ENXIO: no such attribute. There is no PMU and no stolen time. */
export const hasVcpuAttribute = (group: number, attribute: number): Errno | undefined =>
  group === DEVICE_GROUP.TIMER_CTRL && TIMERS.includes(attribute) ? undefined : "ENXIO"
/**
 * A timer's interrupt, for all vCPUs of the VM. EINVAL: without an interrupt controller in the kernel, or not a private peripheral interrupt; EBUSY: a vCPU
 * has run.
 */
export const setVcpuAttribute = (vm: Vm, group: number, attribute: number, value: number): Errno | undefined => {
  const missing = hasVcpuAttribute(group, attribute)
  if (missing) return missing
  if (!vm.vgic || !Number.isInteger(value) || value < SGIS || value >= PRIVATE_IRQS) return "EINVAL"
  if (vm.hasRun) return "EBUSY"
  vm.timerInterrupts[attribute] = value
  return undefined
}
/** KVM_GET_DEVICE_ATTR of a vCPU. */
export const getVcpuAttribute = (vm: Vm, group: number, attribute: number): number | Errno =>
  hasVcpuAttribute(group, attribute) ?? vm.timerInterrupts[attribute]!
export const hasVmAttribute = (group: number, attribute: number): Errno | undefined =>
  group === DEVICE_GROUP.SMCCC_CTRL && attribute === FILTER ? undefined : "ENXIO"
