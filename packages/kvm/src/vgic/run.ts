/** A vCPU's interrupts around a run of the guest: lines of its timers, the lists, and which physical timer interrupts the guest still has to deactivate. */
import { TIMER_INTID, timerOutput } from "@eltwo/cpu"
import type { PhysicalCpu } from "../host/cpu.ts"
import type { Vcpu } from "../vcpu.ts"
import { type Irq, setLine } from "./irq.ts"
import { flushLists, foldLists } from "./lists.ts"
import type { Vgic } from "./vgic.ts"

/** In the order of Vm.timerInterrupts. */
const GUEST_TIMERS = ["CNTV", "CNTP"] as const
/**
 * The lines of the timers as they are now. The virtual timer's interrupt stands for the physical one, and so does the physical timer's where the guest has that
 * itself: while pending or active at the guest it stays active at the host, so that the output does not end the guest's run again and again.
 */
const sampleTimers = ({ pe }: PhysicalCpu, vcpu: Vcpu, vgic: Vgic): void => {
  for (const [n, timer] of GUEST_TIMERS.entries()) {
    const physical = TIMER_INTID[timer]
    const irq: Irq = vgic.irq(vcpu, vcpu.vm.timerInterrupts[n]!)!
    irq.physical = timer === "CNTV" || vcpu.vm.host.mode.hostEl === 2 ? physical : undefined
    setLine(irq, timerOutput(pe, timer), vgic)
    if (irq.line || irq.active) pe.lines.active.add(physical)
    else pe.lines.active.delete(physical)
  }
}
/** Interrupts of the host are off. */
export const flushInterrupts = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { vgic } = vcpu.vm
  if (!vgic) return
  sampleTimers(cpu, vcpu, vgic)
  flushLists(vgic, vcpu)
}
export const syncInterrupts = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { vgic } = vcpu.vm
  if (!vgic) return
  foldLists(vgic, vcpu)
  sampleTimers(cpu, vcpu, vgic)
}
/** vcpu_put: the next guest's timers are other ones. */
export const forgetTimers = ({ pe }: PhysicalCpu): void => pe.lines.active.clear()
/** WFI: whether an interrupt is pending for the vCPU, now that its timers are looked at. */
export const hasPendingInterrupt = (cpu: PhysicalCpu, vcpu: Vcpu, vgic: Vgic): boolean => {
  sampleTimers(cpu, vcpu, vgic)
  return vgic.isPendingFor(vcpu)
}
