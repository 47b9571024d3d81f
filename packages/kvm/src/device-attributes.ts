/** KVM_HAS_DEVICE_ATTR and KVM_SET_DEVICE_ATTR of vCPUs and VMs: which attributes there are. */
import type { Errno } from "./errno.ts"

/** Groups of attributes: the first three are a vCPU's, SMCCC_CTRL is a VM's. */
export const DEVICE_GROUP = { PMU_V3_CTRL: 0, TIMER_CTRL: 1, PVTIME_CTRL: 2, SMCCC_CTRL: 0 } as const
/** Attributes of TIMER_CTRL: the interrupts of the four timers, which belong to the VM. */
export const TIMER_ATTRIBUTE = { IRQ_VTIMER: 0, IRQ_PTIMER: 1, IRQ_HVTIMER: 2, IRQ_HPTIMER: 3 } as const
const TIMERS = Object.values(TIMER_ATTRIBUTE) as readonly number[]
const FILTER = 0

/** ENXIO: no such attribute. There is no PMU and no stolen time. */
export const hasVcpuAttribute = (group: number, attribute: number): Errno | undefined =>
  group === DEVICE_GROUP.TIMER_CTRL && TIMERS.includes(attribute) ? undefined : "ENXIO"
/** EINVAL: a timer's interrupt without an interrupt controller in the kernel. */
export const setVcpuAttribute = (group: number, attribute: number): Errno => hasVcpuAttribute(group, attribute) ?? "EINVAL"
export const hasVmAttribute = (group: number, attribute: number): Errno | undefined =>
  group === DEVICE_GROUP.SMCCC_CTRL && attribute === FILTER ? undefined : "ENXIO"
