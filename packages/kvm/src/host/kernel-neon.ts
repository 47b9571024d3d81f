/** Kernel-mode NEON (7.2): the kernel borrows V0..V31 after whoever's they are has been saved. Nobody reloads those eagerly. */
import type { PhysicalCpu } from "./cpu.ts"
import { type FpMemory, fpMemory } from "./fp-memory.ts"
import { currentOf, flushCpuState, saveUserState } from "./fpstate.ts"
import { withFpContext } from "./masking.ts"
import { TIF } from "./task.ts"

/** Whether kernel code may use NEON here: where there is one, anywhere but in a hardware interrupt. */
export const mayUseSimd = ({ features, masking }: PhysicalCpu): boolean => features.fp && !masking.inHardirq

/**
 * kernel_neon_begin. `state` is the caller's buffer: a task's registers go there when it is preempted inside the section; in a softirq, the registers of the
 * section that it interrupted. The registers are dead afterwards: whoever owned them finds FOREIGN_FPSTATE set.
 */
export const kernelNeonBegin = (cpu: PhysicalCpu, state: FpMemory = fpMemory("neon")): void => {
  if (!mayUseSimd(cpu)) throw cpu.bug("kernel_neon_begin where SIMD may not be used")
  withFpContext(cpu, () => {
    const task = currentOf(cpu)
    const { inSoftirq } = cpu.masking
    if (task.has(TIF.KERNEL_FPSTATE)) {
      if (!inSoftirq) throw cpu.bug("kernel_neon_begin inside a section of the same task")
      cpu.save("fpsimd", state.name, state.fpsimd)
    } else {
      saveUserState(cpu)
      if (!inSoftirq) {
        if (task.kernelFpsimd) throw cpu.bug("kernel_neon_begin while a buffer is in use")
        task.kernelFpsimd = state
        task.set(TIF.KERNEL_FPSTATE)
      }
    }
    flushCpuState(cpu)
  })
}
/** kernel_neon_end, with the buffer of its begin: an interrupted section gets its registers back; nobody else does. */
export const kernelNeonEnd = (cpu: PhysicalCpu, state: FpMemory): void => {
  const task = currentOf(cpu)
  if (cpu.masking.inSoftirq) {
    if (task.has(TIF.KERNEL_FPSTATE)) cpu.load("fpsimd", state.name, state.fpsimd)
    return
  }
  task.clear(TIF.KERNEL_FPSTATE)
  task.kernelFpsimd = null
}
