/**
 * What the kernel has switched off on a CPU, and in which context it runs: the counts of preempt_count and of the lock checker. They are looked at always;
 * code that breaks a rule is a crash of the kernel that names it.
 */
import type { PhysicalCpu } from "./cpu.ts"
import { serviceInterrupts } from "./interrupts.ts"

/** Begins as a CPU that comes out of an exception: interrupts masked. */
export class Masking {
  irqsOff = true
  /** Depth of local_bh_disable. */
  softirqsOff = 0
  /** Depth of preempt_disable. */
  preemptionOff = 0
  /** A softirq is being served. */
  inSoftirq = false
  /** A hardware interrupt is being served. */
  inHardirq = false

  /** Nothing else runs on this CPU between two steps of the kernel: neither a softirq nor, by preemption, another task. */
  get fpContext(): boolean {
    return this.irqsOff || this.softirqsOff > 0 || this.inSoftirq
  }
}

/** local_irq_disable. */
export const localIrqDisable = ({ masking }: PhysicalCpu): void => {
  masking.irqsOff = true
}
/** What is pending is taken, softirqs included. */
export const localIrqEnable = (cpu: PhysicalCpu): void => {
  cpu.masking.irqsOff = false
  serviceInterrupts(cpu)
}
/** local_irq_save: gives what localIrqRestore wants. */
export const localIrqSave = ({ masking }: PhysicalCpu): boolean => {
  const { irqsOff } = masking
  masking.irqsOff = true
  return irqsOff
}
/** local_irq_restore: pending interrupts are taken when they are on again. */
export const localIrqRestore = (cpu: PhysicalCpu, irqsOff: boolean): void => {
  if (!irqsOff) localIrqEnable(cpu)
}
/** local_bh_disable. */
export const localBhDisable = ({ masking }: PhysicalCpu): void => {
  masking.softirqsOff++
}
/** Softirqs that waited run. With interrupts masked that is forbidden. */
export const localBhEnable = (cpu: PhysicalCpu): void => {
  const { masking } = cpu
  if (masking.irqsOff) throw cpu.bug("lockdep: softirqs are enabled with interrupts off")
  if (masking.softirqsOff === 0) throw cpu.bug("lockdep: softirqs are enabled that nobody disabled")
  masking.softirqsOff--
  serveSoftirqs(cpu)
}
/** preempt_disable. */
export const preemptDisable = ({ masking }: PhysicalCpu): void => {
  masking.preemptionOff++
}
/** preempt_enable. */
export const preemptEnable = (cpu: PhysicalCpu): void => {
  if (cpu.masking.preemptionOff === 0) throw cpu.bug("lockdep: preemption is enabled that nobody disabled")
  cpu.masking.preemptionOff--
}

/** Runs pending softirqs unless they are off or one is running. */
export const serveSoftirqs = (cpu: PhysicalCpu): void => {
  const { masking, softirqs } = cpu
  if (masking.irqsOff || masking.softirqsOff > 0 || masking.inSoftirq) return
  masking.inSoftirq = true
  for (let work = softirqs.shift(); work; work = softirqs.shift()) work()
  masking.inSoftirq = false
  if (masking.irqsOff) throw cpu.bug("lockdep: a softirq left interrupts off")
}

/** get_cpu_fpsimd_context: the caller may look at FOREIGN_FPSTATE and touch registers and memory. Gives what putFpContext wants. */
export const getFpContext = (cpu: PhysicalCpu): boolean => {
  const { irqsOff } = cpu.masking
  if (!irqsOff) localBhDisable(cpu)
  return irqsOff
}
/** put_cpu_fpsimd_context. */
export const putFpContext = (cpu: PhysicalCpu, irqsOff: boolean): void => {
  if (!irqsOff) localBhEnable(cpu)
}
/** Runs code between get_cpu_fpsimd_context and put_cpu_fpsimd_context. */
export const withFpContext = <T>(cpu: PhysicalCpu, code: () => T): T => {
  const irqsOff = getFpContext(cpu)
  const result = code()
  putFpContext(cpu, irqsOff)
  return result
}
/** Code that looks at FOREIGN_FPSTATE and touches registers must be alone on its CPU for the whole sequence. */
export const assertFpContext = (cpu: PhysicalCpu, code: string): void => {
  if (!cpu.masking.fpContext) throw cpu.bug(`lockdep: ${code} without the FPSIMD context and with interrupts on`)
}
/** lockdep_assert_irqs_disabled: a kernel bug otherwise. `code` names who asks. */
export const assertIrqsOff = (cpu: PhysicalCpu, code: string): void => {
  if (!cpu.masking.irqsOff) throw cpu.bug(`lockdep: ${code} with interrupts on`)
}
/** __schedule: nothing may be switched off but interrupts. */
export const assertMaySchedule = (cpu: PhysicalCpu): void => {
  const { softirqsOff, preemptionOff, inSoftirq, inHardirq } = cpu.masking
  if (softirqsOff > 0 || preemptionOff > 0 || inSoftirq || inHardirq) throw cpu.bug("lockdep: scheduling while atomic")
}
