/** What idle states, suspend and hotplug of a CPU do to FP state. */
import { streamingControls } from "./boot.ts"
import type { PhysicalCpu } from "./cpu.ts"
import { saveAndFlushCpuState } from "./fpstate.ts"

/** CPU_PM_ENTER, before the registers may be lost: what is live goes to memory, and the CPU is nobody's. */
export const cpuPmEnter = (cpu: PhysicalCpu): void => saveAndFlushCpuState(cpu)
/** Resume from a state in which registers were lost: SMCR_EL1 has ZT0 and full A64 again, and no streaming priority. Vector lengths come with the next load. */
export const smeSuspendExit = (cpu: PhysicalCpu): void => {
  if (!cpu.features.sme) return
  cpu.writeMain("SMCR_EL1", streamingControls(cpu.features))
  cpu.write("SMPRI_EL1", 0n)
}
/** fpsimd_cpu_dead: an offline CPU holds nobody's state. */
export const fpsimdCpuDead = (cpu: PhysicalCpu): void => {
  cpu.last.st = null
}
