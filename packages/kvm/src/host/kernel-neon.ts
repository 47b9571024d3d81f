/** Kernel-mode NEON (7.2): the kernel borrows V0..V31 after whoever's they are has been saved. Nobody reloads them eagerly. */
import type { PhysicalCpu } from "./cpu.ts"
import { saveAndFlushCpuState } from "./fpstate.ts"

/**
 * kernel_neon_begin, in a softirq or in a task that is in no such section itself. The registers are dead afterwards: whoever owned them finds
 * FOREIGN_FPSTATE set, so kernel_neon_end has nothing to do.
 */
export const kernelNeonBegin = (cpu: PhysicalCpu): void => saveAndFlushCpuState(cpu)
