/**
 * The kernel's FP core: which owner's state the registers of a CPU hold, saving it, loading it, forgetting it. Three different flushes: `flushCpuState`
 * forgets the CPU's side, `flushTaskState` the task's side, `saveAndFlushCpuState` writes the registers back first.
 *
 * FOREIGN_FPSTATE of the current task answers two questions: must a saver do nothing, and must return to user load.
 */
import type { PhysicalCpu } from "./cpu.ts"
import type { FpMemory, ToSave } from "./fp-memory.ts"
import { NR_CPUS, type Task, TIF } from "./task.ts"

const FPSIMD = "fpsimd"
const currentOf = (cpu: PhysicalCpu): Task => {
  if (!cpu.current) throw cpu.bug("FP state is used without a current task")
  return cpu.current
}

/** fpsimd_bind_state_to_cpu: the registers are `memory`'s from now on, and `toSave` says how to save them. The caller clears FOREIGN_FPSTATE. */
export const bindState = (cpu: PhysicalCpu, memory: FpMemory, toSave: ToSave): void => {
  cpu.last.st = memory
  cpu.last.toSave = toSave
  cpu.last.sveVl = memory.vl.sve
  cpu.last.smeVl = memory.vl.sme
}
/** fpsimd_bind_task_to_cpu: the registers are the current task's. */
export const bindTask = (cpu: PhysicalCpu): void => {
  const task = currentOf(cpu)
  bindState(cpu, task.fp, "CURRENT")
  task.fpsimdCpu = cpu.index
}
/** fpsimd_flush_cpu_state: nobody's. The registers are dead. */
export const flushCpuState = (cpu: PhysicalCpu): void => {
  cpu.last.st = null
  cpu.current?.set(TIF.FOREIGN_FPSTATE)
}
/** fpsimd_flush_task_state: the task's state is on no CPU. The registers stay what they are. */
export const flushTaskState = (task: Task): void => {
  task.fpsimdCpu = NR_CPUS
  task.set(TIF.FOREIGN_FPSTATE)
}
/** fpsimd_save_user_state: writes the registers to whoever is bound, unless they are dead. */
export const saveUserState = (cpu: PhysicalCpu): void => {
  if (currentOf(cpu).has(TIF.FOREIGN_FPSTATE)) return
  const { st } = cpu.last
  if (!st) throw cpu.bug("Live FP registers are bound to nobody")
  cpu.save(FPSIMD, st.name, st.fpsimd)
  st.fpType = "FPSIMD"
}
/** fpsimd_save_and_flush_cpu_state. */
export const saveAndFlushCpuState = (cpu: PhysicalCpu): void => {
  saveUserState(cpu)
  flushCpuState(cpu)
}
/** Whether a task's user state is in the registers of this CPU: both halves are needed. */
export const isLive = (cpu: PhysicalCpu, task: Task): boolean => cpu.last.st === task.fp && task.fpsimdCpu === cpu.index

/** fpsimd_thread_switch, interrupts off: saves what the outgoing task leaves, and looks whether the incoming one's state is here. */
export const threadSwitch = (cpu: PhysicalCpu, next: Task): void => {
  if (cpu.current) saveUserState(cpu)
  if (isLive(cpu, next)) next.clear(TIF.FOREIGN_FPSTATE)
  else next.set(TIF.FOREIGN_FPSTATE)
}
/** fpsimd_restore_current_state: on the way back to user level. */
export const restoreCurrentState = (cpu: PhysicalCpu): void => {
  const task = currentOf(cpu)
  if (!task.has(TIF.FOREIGN_FPSTATE)) return
  task.clear(TIF.FOREIGN_FPSTATE)
  loadTask(cpu, task)
  bindTask(cpu)
}
const loadTask = (cpu: PhysicalCpu, { fp }: Task): void => cpu.load(FPSIMD, fp.name, fp.fpsimd)

/** What the FP core does when a system call begins: user state may be saved in FPSIMD format until it returns. */
export const syscallEnter = (cpu: PhysicalCpu): void => {
  cpu.last.toSave = "FPSIMD"
}
/** The last thing before a system call returns, interrupts masked. */
export const syscallExit = (cpu: PhysicalCpu): void => {
  cpu.last.toSave = "CURRENT"
}
