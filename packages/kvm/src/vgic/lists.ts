/** Interrupts of a vCPU into the list registers before it is entered, and what the guest has made of them after. */
import { LIST_REGISTERS } from "@eltwo/isa"
import type { Vcpu } from "../vcpu.ts"
import { type Irq, isPending, relist } from "./irq.ts"
import { EOI_COUNT_SHIFT, ICH_HCR } from "./switch.ts"
import type { Vgic } from "./vgic.ts"

const LR = { PENDING: 1n << 62n, ACTIVE: 1n << 63n, HW: 1n << 61n, GROUP1: 1n << 60n, PRIORITY: 48n, PINTID: 32n, EOI: 1n << 41n } as const
/** ICH_VMCR_EL2. */
const VMCR = { VENG0: 1n, VENG1: 2n, VEOIM: 1n << 9n } as const
const MAINTENANCE = { VGrp0EIE: 16n, VGrp0DIE: 32n, VGrp1EIE: 64n, VGrp1DIE: 128n } as const

const waits = (irq: Irq): boolean => irq.enabled && isPending(irq) && !irq.active
/** Those that wait to be taken first, then the active ones; each by priority. */
const byUrgency = (a: Irq, b: Irq): number => Number(waits(b)) - Number(waits(a)) || a.priority - b.priority || a.intid - b.intid

/**
 * vgic_v3_populate_lr. An interrupt with a line is not pending while it is active: its end is noticed (by the physical interrupt's deactivation, or by a
 * maintenance interrupt), and the line is looked at again.
 */
const listRegister = (irq: Irq): bigint => {
  const { intid, priority, group, active, edge, physical } = irq
  const pending = isPending(irq) && irq.enabled && (edge || !active)
  if (pending && edge) irq.latch = false
  return (
    BigInt(intid) |
    (BigInt(priority) << LR.PRIORITY) |
    (group ? LR.GROUP1 : 0n) |
    (active ? LR.ACTIVE : 0n) |
    (pending ? LR.PENDING : 0n) |
    (physical !== undefined ? LR.HW | (BigInt(physical) << LR.PINTID) : edge ? 0n : LR.EOI)
  )
}
/** What asks for the hypervisor while interrupts are left over that no list register has. */
const whenFull = (left: readonly Irq[], vmcr: bigint): bigint => {
  const active = left.some((irq) => irq.active)
  return (
    ICH_HCR.UIE |
    (left.some(waits) ? ICH_HCR.NPIE : 0n) |
    (active ? ICH_HCR.LRENPIE : 0n) |
    (active && vmcr & VMCR.VEOIM ? ICH_HCR.TDIR : 0n) |
    (vmcr & VMCR.VENG0 ? MAINTENANCE.VGrp0DIE : MAINTENANCE.VGrp0EIE) |
    (vmcr & VMCR.VENG1 ? MAINTENANCE.VGrp1DIE : MAINTENANCE.VGrp1EIE)
  )
}
/** kvm_vgic_flush_hwstate. */
export const flushLists = (vgic: Vgic, vcpu: Vcpu): void => {
  const { interrupts } = vcpu
  const state = vgic.cpu(vcpu)
  for (const irq of [...state.listed]) relist(irq, vgic)
  const sorted = [...state.listed].sort(byUrgency)
  state.inRegisters = sorted.slice(0, LIST_REGISTERS)
  const left = sorted.slice(LIST_REGISTERS)
  for (const [n, irq] of state.inRegisters.entries()) interrupts.lists[n] = listRegister(irq)
  interrupts.used = state.inRegisters.length
  interrupts.hcr = ICH_HCR.En | (left.length > 0 ? whenFull(left, interrupts.vmcr) : 0n)
}

/** vgic_v3_fold_lr: an event not taken is pending again; what software made pending on a line is over with the interrupt. */
const fold = (irq: Irq, value: bigint): void => {
  irq.active = (value & LR.ACTIVE) !== 0n
  if (irq.edge && value & LR.PENDING) irq.latch = true
  if (!irq.edge && (value & (LR.PENDING | LR.ACTIVE)) === 0n) irq.latch = false
}
/** kvm_vgic_sync_hwstate. */
export const foldLists = (vgic: Vgic, vcpu: Vcpu): void => {
  const { interrupts } = vcpu
  const state = vgic.cpu(vcpu)
  for (const [n, irq] of state.inRegisters.entries()) fold(irq, interrupts.lists[n]!)
  endWithoutRegister(
    vcpu,
    [...state.listed].filter((irq) => irq.active && !state.inRegisters.includes(irq))
  )
  const folded = state.inRegisters
  state.inRegisters = []
  interrupts.used = 0
  for (const irq of folded) relist(irq, vgic)
}
/** The guest has ended as many interrupts that no list register had: the most urgent ones that were active. */
const endWithoutRegister = ({ interrupts }: Vcpu, active: readonly Irq[]): void => {
  const ended = Number((interrupts.hcr & ICH_HCR.EOIcount) >> EOI_COUNT_SHIFT)
  interrupts.hcr &= ~ICH_HCR.EOIcount
  for (const irq of [...active].sort((a, b) => a.priority - b.priority || a.intid - b.intid).slice(0, ended)) irq.active = false
}
