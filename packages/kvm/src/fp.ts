/** The hooks of era H (7.2) by which KVM and the kernel's FP core share the registers. */
import type { PhysicalCpu } from "./host/cpu.ts"
import { bindState, saveAndFlushCpuState } from "./host/fpstate.ts"
import { assertIrqsOff } from "./host/masking.ts"
import { TIF } from "./host/task.ts"
import type { Vcpu } from "./vcpu.ts"

/** What an era does at each hook. */
export interface FpHooks {
  /** vcpu_load: the initial ownership on this CPU. */
  load(cpu: PhysicalCpu, vcpu: Vcpu): void
  /** Before each entry, interrupts off: the last look at FOREIGN_FPSTATE. */
  ctxFlush(cpu: PhysicalCpu, vcpu: Vcpu): void
  /** After each exit, interrupts still off: a softirq must find whose state is live. */
  ctxSync(cpu: PhysicalCpu, vcpu: Vcpu): void
  /** vcpu_put: guest state to memory, and the CPU is nobody's. */
  put(cpu: PhysicalCpu, vcpu: Vcpu): void
}

export const ERA_H: FpHooks = {
  load(cpu, { vm: { host } }) {
    saveAndFlushCpuState(cpu)
    cpu.fpOwner = "free"
    if (host.features.sme && cpu.readMain("SVCR") !== 0n) cpu.warn("A vCPU is loaded in streaming mode")
  },
  ctxFlush(cpu) {
    assertIrqsOff(cpu, "kvm_arch_vcpu_ctxflush_fp")
    if (cpu.current?.has(TIF.FOREIGN_FPSTATE)) cpu.fpOwner = "free"
  },
  ctxSync(cpu, vcpu) {
    assertIrqsOff(cpu, "kvm_arch_vcpu_ctxsync_fp")
    if (cpu.fpOwner !== "guest") return
    const { fp } = vcpu
    bindState(cpu, fp, fp.vl.sve > 0 ? "SVE" : "FPSIMD")
    cpu.current?.clear(TIF.FOREIGN_FPSTATE)
  },
  /** The owner stays as it is: it means nothing until the next load. */
  put(cpu) {
    if (cpu.fpOwner === "guest") saveAndFlushCpuState(cpu)
  }
}
