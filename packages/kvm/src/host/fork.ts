/** fork and clone: what a new task takes over from its parent. */
import type { Errno } from "../errno.ts"
import type { PhysicalCpu } from "./cpu.ts"
import { hasZa, SVCR } from "./fp-memory.ts"
import { flushTaskState, saveAndFlushCurrentState, stopStreaming } from "./fpstate.ts"
import { type Task, TIF } from "./task.ts"
import { allocateArray, allocateVectors, syncFromEffective } from "./task-vectors.ts"

const INHERITED = TIF.SVE_VL_INHERIT | TIF.SME_VL_INHERIT

/**
 * The current task's registers and FP state as a new task has them. A thread (`sharesMemory`) has no ZA and no TPIDR2_EL0: the pair would refer to its
 * parent's stack; a process inherits both. ENOMEM: nothing has become of the child.
 */
export const inheritState = (cpu: PhysicalCpu, parent: Task, child: Task, sharesMemory: boolean): Errno | undefined => {
  saveAndFlushCurrentState(cpu)
  syncFromEffective(parent)
  const { fp } = child
  fp.fpsimd.set(parent.fp.fpsimd)
  fp.fpmr = parent.fp.fpmr
  fp.svcr = parent.fp.svcr
  fp.vl = { ...parent.fp.vl }
  Object.assign(child.vlOnexec, parent.vlOnexec)
  fp.fpType = "FPSIMD"
  child.flags = (parent.flags & INHERITED) | TIF.FOREIGN_FPSTATE
  stopStreaming(child)
  fp.svcr &= ~SVCR.ZA

  const { registers } = child
  registers.general.set(parent.registers.general)
  registers.sp = parent.registers.sp
  registers.pc = parent.registers.pc
  registers.pstate = parent.registers.pstate
  registers.x[0] = 0n
  child.signals.blocked = parent.signals.blocked
  child.tpidr = cpu.read("TPIDR_EL0")
  const tpidr2 = cpu.features.sme ? cpu.read("TPIDR2_EL0") : 0n
  child.tpidr2 = sharesMemory ? 0n : tpidr2
  flushTaskState(child)
  if (sharesMemory || !hasZa(parent.fp)) return undefined
  if (!allocateVectors(cpu, child, true) || !allocateArray(cpu, child, true)) return "ENOMEM"
  fp.sme!.set(parent.fp.sme!)
  fp.svcr |= SVCR.ZA
  child.set(TIF.SME)
  return undefined
}
