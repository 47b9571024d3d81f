/** One interrupt of the controller, and which vCPU it is for now. */
import { wakeVcpu } from "../host/vcpu-sleep.ts"
import type { Vcpu } from "../vcpu.ts"
import type { Vgic } from "./vgic.ts"

export const PRIVATE_IRQS = 32
export const SGIS = 16
/** Priorities have five bits. */
export const PRIORITY_MASK = 0xf8

export interface Irq {
  readonly intid: number
  /** Of a private interrupt. */
  readonly owner: Vcpu | undefined
  enabled: boolean
  group: 0 | 1
  priority: number
  /** Edge triggered: an event; otherwise as long as its line is high. */
  edge: boolean
  /** Input line of a level-triggered one. */
  line: boolean
  /** Pending by an event or by software. */
  latch: boolean
  active: boolean
  /** GICD_IROUTER: affinity of the vCPU that a shared interrupt goes to. */
  route: bigint
  /** The physical interrupt of the host that it stands for: the guest deactivates that with it. */
  physical: number | undefined
  /** The vCPU on whose list it is: pending for it, or active there. */
  listed: Vcpu | undefined
}
/** As the kernel makes them: software-generated ones are enabled events, group 1, highest priority. */
export const newIrq = (intid: number, owner?: Vcpu): Irq => ({
  intid,
  owner,
  enabled: intid < SGIS,
  group: 1,
  priority: 0,
  edge: intid < SGIS,
  line: false,
  latch: false,
  active: false,
  route: 0n,
  physical: undefined,
  listed: undefined
})

export const isPending = ({ edge, latch, line }: Irq): boolean => latch || (!edge && line)
const AFFINITY = 0xff00ffffffn
export const affinityOf = ({ mpidr }: Vcpu): bigint => mpidr & AFFINITY
const destination = ({ owner, route }: Irq, { vm }: Vgic): Vcpu | undefined => owner ?? vm.vcpus.find((v) => v && affinityOf(v) === route)
/** vgic_target_oracle: where an interrupt is to be listed. An active one stays where it is active. */
const target = (irq: Irq, vgic: Vgic): Vcpu | undefined => {
  if (irq.active) return irq.listed ?? destination(irq, vgic)
  return vgic.enabled && irq.enabled && isPending(irq) ? destination(irq, vgic) : undefined
}
/** Puts an interrupt on the list it belongs to, or off; the vCPU wakes. */
export const relist = (irq: Irq, vgic: Vgic): void => {
  const wanted = target(irq, vgic)
  if (irq.listed !== wanted) {
    if (irq.listed) vgic.cpu(irq.listed).listed.delete(irq)
    irq.listed = wanted
    if (wanted) vgic.cpu(wanted).listed.add(irq)
  }
  if (wanted && vgic.isPendingFor(wanted)) wakeVcpu(wanted)
}
/** kvm_vgic_inject_irq: a line's level; only a rising one is an event. */
export const setLine = (irq: Irq, level: boolean, vgic: Vgic): void => {
  if (irq.line === level) return
  irq.line = level
  if (irq.edge && level) irq.latch = true
  relist(irq, vgic)
}
