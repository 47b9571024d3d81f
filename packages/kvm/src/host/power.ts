/** What idle states, suspend and hotplug of a CPU do to FP state. What SMCR_EL1 and SMPRI_EL1 lose is set up with the rest of a kernel: see boot.ts. */
import type { PhysicalCpu } from "./cpu.ts"
import { saveAndFlushCpuState } from "./fpstate.ts"

/** CPU_PM_ENTER, before the registers may be lost: what is live goes to memory, and the CPU is nobody's. */
export const cpuPmEnter = (cpu: PhysicalCpu): void => saveAndFlushCpuState(cpu)
/** fpsimd_cpu_dead: an offline CPU holds nobody's state. */
export const fpsimdCpuDead = (cpu: PhysicalCpu): void => {
  cpu.last.st = null
}
