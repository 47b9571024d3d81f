/** KVM_IRQ_LINE: an input of a vCPU, or of an interrupt controller in the kernel. */
import type { Errno } from "./errno.ts"
import { PRIVATE_IRQS, SGIS } from "./vgic/irq.ts"
import type { Vm } from "./vm.ts"

/** Kinds of lines. */
export const IRQ_TYPE = { CPU: 0, SPI: 1, PPI: 2 } as const

/** struct kvm_irq_level, taken apart. */
export interface IrqLine {
  /** KVM_ARM_IRQ_TYPE_*. */
  readonly type: number
  /** Id of the vCPU, for CPU and PPI. */
  readonly vcpu: number
  /** CPU: 0 is IRQ, 1 is FIQ. */
  readonly number: number
  /** Asserted or not. */
  readonly level: boolean
}
/** EINVAL: no such kind, vCPU or input; ENXIO: lines of a controller that is not there, or of vCPUs where one is; EBUSY: it is not initialised. */
export const setIrqLine = ({ vcpus, vgic }: Vm, { type, vcpu, number, level }: IrqLine): Errno | undefined => {
  const target = vcpus[vcpu]
  if (type === IRQ_TYPE.SPI || type === IRQ_TYPE.PPI) {
    if (!vgic) return "ENXIO"
    const isPrivate = type === IRQ_TYPE.PPI
    if (isPrivate ? !target || number < SGIS || number >= PRIVATE_IRQS : number < PRIVATE_IRQS) return "EINVAL"
    return vgic.setLine(isPrivate ? target : undefined, number, level)
  }
  if (vgic && type === IRQ_TYPE.CPU) return "ENXIO"
  if (type !== IRQ_TYPE.CPU || !target || (number !== 0 && number !== 1)) return "EINVAL"
  target.setIrqLine(number === 0 ? "irq" : "fiq", level)
  return undefined
}
