/** A vCPU with nothing to do inside KVM_RUN: its thread sleeps, and is woken by time, an interrupt, PSCI or user space. */
import { passTime } from "@eltwo/cpu"
import type { Handled } from "../exit.ts"
import type { Vcpu } from "../vcpu.ts"
import type { PhysicalCpu } from "./cpu.ts"

/**
 * kvm_vcpu_halt: the guest waits until virtual time `until` (undefined: for ever) or `wakeVcpu`. Under the scheduler the thread goes to sleep and another one
 * gets the CPU. Without it time simply passes, and what only somebody else could end is for user space.
 */
export const sleepVcpu = (cpu: PhysicalCpu, vcpu: Vcpu, until: bigint | undefined): Handled => {
  if (cpu.current?.schedule) {
    vcpu.sleep = { until }
    return undefined
  }
  if (until === undefined) return { reason: "wfi" }
  passTime(cpu.pe, until)
  return undefined
}

/** kvm_vcpu_kick: something happened that the vCPU must look at. If its thread sleeps in KVM_RUN it goes on; if it runs, it looks at its next entry anyway. */
export const wakeVcpu = (vcpu: Vcpu): void => {
  vcpu.sleep = undefined
  const { thread } = vcpu
  if (thread) vcpu.vm.host.scheduler.wake(thread)
}

/** kvm_vcpu_on_spin: the guest waits for somebody else, who may need the CPU. */
export const yieldVcpu = (cpu: PhysicalCpu): undefined => {
  if (cpu.current?.schedule) cpu.schedule.needResched = true
}
