/** exec: a task begins a new program with fresh FP state. */
import type { PhysicalCpu } from "./cpu.ts"
import { flushTaskState } from "./fpstate.ts"
import { withFpContext } from "./masking.ts"
import { type Task, TIF } from "./task.ts"
import { inheritsLength, supportedLengths } from "./task-vectors.ts"
import { closestLength, defaultLengths } from "./vector-lengths.ts"

/** fpsimd_flush_thread: no state, no buffers, traps closed at the next bind; vector lengths as asked for the next exec, or the default ones. */
export const flushThread = (cpu: PhysicalCpu, task: Task): void =>
  withFpContext(cpu, () => {
    const { fp, vlOnexec } = task
    flushTaskState(task)
    fp.fpsimd.fill(0)
    task.clear(TIF.SVE)
    task.clear(TIF.SME)
    fp.sve = null
    fp.sme = null
    const standard = defaultLengths(cpu.features)
    for (const kind of ["sve", "sme"] as const) {
      fp.vl[kind] = vlOnexec[kind] ? closestLength(supportedLengths(cpu.features, kind), vlOnexec[kind]) : standard[kind]
      if (!inheritsLength(task, kind)) vlOnexec[kind] = 0
    }
    fp.svcr = 0n
    fp.fpmr = 0n
    fp.fpType = "FPSIMD"
  })

/** A program that is in the task's memory already: where it begins, and its stack. */
export interface ProgramEntry {
  readonly pc: bigint
  readonly sp: bigint
}
/**
 * execve as far as registers go: the task, whose memory holds the new program, goes on at its entry. Everything of the old one is forgotten: registers,
 * FP state, handlers of signals. Blocked and pending signals stay.
 */
export const execTask = (cpu: PhysicalCpu, task: Task, { pc, sp }: ProgramEntry): void => {
  flushThread(cpu, task)
  const { registers, signals } = task
  registers.x.fill(0n)
  registers.pc = pc
  registers.sp = sp
  registers.pstate = 0n
  for (const [number, { handler }] of signals.actions) if (handler > 1n) signals.actions.delete(number)
  task.tpidr2 = 0n
  task.tpidr = 0n
  if (cpu.current !== task) return
  cpu.write("TPIDR_EL0", 0n)
  if (cpu.features.sme) cpu.write("TPIDR2_EL0", 0n)
}
