/**
 * The kernel's FP core: which owner's state the registers of a CPU hold, saving it, loading it, forgetting it. Three different flushes: `flushCpuState`
 * forgets the CPU's side, `flushTaskState` the task's side, `saveAndFlushCpuState` writes the registers back first.
 *
 * FOREIGN_FPSTATE of the current task answers two questions: must a saver do nothing, and must return to user load.
 */
import type { PhysicalCpu } from "./cpu.ts"
import { FPSR_OFFSET, type FpMemory, hasZa, isStreaming, SVCR, type ToSave } from "./fp-memory.ts"
import { assertFpContext, assertIrqsOff, localIrqRestore, localIrqSave, withFpContext } from "./masking.ts"
import { flushLiveVectors, loadArray, loadScalable, saveArray, saveScalable } from "./scalable.ts"
import { forceKill } from "./signal-state.ts"
import { NR_CPUS, type Task, TIF } from "./task.ts"
import { lengthField } from "./vector-lengths.ts"

const FPSIMD = "fpsimd"
/** Enables of EL0 in CPACR_EL1: the upper bits of ZEN and SMEN. */
const CPACR = { ZEN_EL0: 1n << 17n, SMEN_EL0: 1n << 25n } as const
/** ZCR_ELx.LEN and SMCR_ELx.LEN. */
const LEN = 15n

export const currentOf = (cpu: PhysicalCpu): Task => {
  if (!cpu.current) throw cpu.bug("FP state is used without a current task")
  return cpu.current
}

/** Writes LEN of ZCR_EL1 or SMCR_EL1, if it is another: sve_set_vq, sme_set_vq. */
export const setVectorLength = (cpu: PhysicalCpu, register: "ZCR_EL1" | "SMCR_EL1", vl: number): void => {
  const old = cpu.readMain(register)
  const value = (old & ~LEN) | lengthField(vl)
  if (value !== old) cpu.writeMain(register, value)
}
/** Sets or clears bits of CPACR_EL1, if that changes it. Exception return synchronises it. */
const setUserEnable = (cpu: PhysicalCpu, bit: bigint, isOpen: boolean): void => {
  const old = cpu.read("CPACR_EL1")
  const value = isOpen ? old | bit : old & ~bit
  if (value !== old) cpu.writeMain("CPACR_EL1", value)
}

/** fpsimd_bind_state_to_cpu: the registers are `memory`'s from now on, and `toSave` says how to save them. The caller clears FOREIGN_FPSTATE. */
export const bindState = (cpu: PhysicalCpu, memory: FpMemory, toSave: ToSave): void => {
  assertFpContext(cpu, "fpsimd_bind_state_to_cpu")
  const { last } = cpu
  last.st = memory
  last.toSave = toSave
  last.sveVl = memory.vl.sve
  last.smeVl = memory.vl.sme
}
/** fpsimd_bind_task_to_cpu: the registers are the current task's, and EL0 may use what its flags say. */
export const bindTask = (cpu: PhysicalCpu): void => {
  const task = currentOf(cpu)
  bindState(cpu, task.fp, "CURRENT")
  task.fpsimdCpu = cpu.index
  if (cpu.features.sme) setUserEnable(cpu, CPACR.SMEN_EL0, task.has(TIF.SME))
  if (cpu.features.sve) setUserEnable(cpu, CPACR.ZEN_EL0, task.has(TIF.SVE))
}
/** fpsimd_flush_cpu_state: nobody's. The registers are dead, and streaming mode is left, in which Advanced SIMD would be illegal. */
export const flushCpuState = (cpu: PhysicalCpu): void => {
  assertFpContext(cpu, "fpsimd_flush_cpu_state")
  cpu.last.st = null
  if (cpu.features.sme) cpu.smstop("sm+za")
  cpu.current?.set(TIF.FOREIGN_FPSTATE)
}
/** fpsimd_flush_task_state: the task's state is on no CPU. The registers stay what they are. */
export const flushTaskState = (task: Task): void => {
  task.fpsimdCpu = NR_CPUS
  task.kernelFpsimd = null
  task.set(TIF.FOREIGN_FPSTATE)
}

/** fpsimd_save_user_state: writes the registers to whoever is bound, unless they are dead. */
export const saveUserState = (cpu: PhysicalCpu): void => {
  assertFpContext(cpu, "fpsimd_save_user_state")
  const { features, last } = cpu
  const current = currentOf(cpu)
  if (!features.fp || current.has(TIF.FOREIGN_FPSTATE)) return
  const { st } = last
  if (!st) throw cpu.bug("Live FP registers are bound to nobody")
  if (features.fpmr) st.fpmr = cpu.readMain("FPMR")
  const wanted = last.toSave === "SVE" || (last.toSave === "CURRENT" && current.has(TIF.SVE))
  let layout = wanted ? { vl: last.sveVl, ffr: true } : undefined
  if (features.sme) {
    st.svcr = cpu.readMain("SVCR")
    if (hasZa(st)) saveArray(cpu, st, last.smeVl, features.sme2)
    if (isStreaming(st)) layout = { vl: last.smeVl, ffr: features.fa64 }
  }
  if (!layout) {
    cpu.save(FPSIMD, st.name, st.fpsimd)
    st.fpType = "FPSIMD"
    return
  }
  // in another length the registers cannot be saved: the task would go on with corrupt ones
  if (cpu.vectorLength() !== layout.vl) {
    cpu.warn(`Vectors of ${cpu.vectorLength()} bytes are live where ${layout.vl} are expected`)
    forceKill(current)
    return
  }
  saveScalable(cpu, st, layout)
  st.fpType = "SVE"
}
/** fpsimd_save_and_flush_cpu_state, interrupts masked. */
export const saveAndFlushCpuState = (cpu: PhysicalCpu): void => {
  const irqsOff = localIrqSave(cpu)
  saveUserState(cpu)
  flushCpuState(cpu)
  localIrqRestore(cpu, irqsOff)
}
/** fpsimd_save_and_flush_current_state: what follows works on the task's memory, and return to user loads it. */
export const saveAndFlushCurrentState = (cpu: PhysicalCpu): void =>
  withFpContext(cpu, () => {
    saveUserState(cpu)
    flushTaskState(currentOf(cpu))
  })
/** Whether a task's user state is in the registers of this CPU: both halves are needed. Kernel threads have none. */
export const isLive = (cpu: PhysicalCpu, task: Task): boolean => cpu.last.st === task.fp && task.fpsimdCpu === cpu.index && !task.isKernelThread

/** fpsimd_thread_switch: saves what the outgoing task leaves, and looks whether the incoming one's state is here. */
export const threadSwitch = (cpu: PhysicalCpu, next: Task): void => {
  assertIrqsOff(cpu, "fpsimd_thread_switch")
  const { current } = cpu
  if (current?.has(TIF.KERNEL_FPSTATE)) saveKernelState(cpu, current)
  else if (current) saveUserState(cpu)
  if (next.has(TIF.KERNEL_FPSTATE)) {
    // first: it leaves streaming mode, which zeroes the registers
    flushCpuState(cpu)
    loadKernelState(cpu, next)
  } else if (isLive(cpu, next)) next.clear(TIF.FOREIGN_FPSTATE)
  else next.set(TIF.FOREIGN_FPSTATE)
}
/** The registers of a task inside a section of kernel-mode NEON go to the buffer of that section. */
const saveKernelState = (cpu: PhysicalCpu, task: Task): void => {
  const state = kernelStateOf(cpu, task)
  cpu.save(FPSIMD, state.name, state.fpsimd)
  bindState(cpu, state, "FPSIMD")
  task.kernelFpsimdCpu = cpu.index
}
const loadKernelState = (cpu: PhysicalCpu, task: Task): void => {
  const state = kernelStateOf(cpu, task)
  if (cpu.last.st === state && task.kernelFpsimdCpu === cpu.index) return
  cpu.load(FPSIMD, state.name, state.fpsimd)
}
const kernelStateOf = (cpu: PhysicalCpu, { name, kernelFpsimd }: Task): FpMemory => {
  if (!kernelFpsimd) throw cpu.bug(`${name} is in a section of kernel-mode NEON that has no buffer`)
  return kernelFpsimd
}

/** fpsimd_restore_current_state: on the way back to user level. */
export const restoreCurrentState = (cpu: PhysicalCpu): void => {
  const task = currentOf(cpu)
  withFpContext(cpu, () => {
    if (!task.has(TIF.FOREIGN_FPSTATE)) return
    task.clear(TIF.FOREIGN_FPSTATE)
    if (!cpu.features.fp) return
    loadTask(cpu, task)
    bindTask(cpu)
  })
}
/** task_fpsimd_load. The order matters: lengths and SVCR before the data they govern, FPMR after SVCR, which may clear it. */
const loadTask = (cpu: PhysicalCpu, task: Task): void => {
  const { features } = cpu
  const { fp } = task
  const streaming = isStreaming(fp)
  if (fp.fpType === "FPSIMD" && streaming) throw cpu.bug(`${task.name} is in streaming mode without vectors in memory`)
  if (fp.fpType === "FPSIMD") task.clear(TIF.SVE)
  else {
    if (!streaming && !task.has(TIF.SVE)) cpu.warn(`${task.name} has SVE state but not TIF_SVE`)
    if (!streaming) task.set(TIF.SVE)
    if (task.has(TIF.SVE)) setVectorLength(cpu, "ZCR_EL1", fp.vl.sve)
  }
  if (features.sme) {
    if (task.has(TIF.SME)) setVectorLength(cpu, "SMCR_EL1", fp.vl.sme)
    cpu.writeMain("SVCR", fp.svcr)
    if (hasZa(fp)) loadArray(cpu, fp, fp.vl.sme, features.sme2)
  }
  if (features.fpmr) cpu.writeMain("FPMR", fp.fpmr)
  if (fp.fpType === "FPSIMD") cpu.load(FPSIMD, fp.name, fp.fpsimd)
  else loadScalable(cpu, fp, streaming ? { vl: fp.vl.sme, ffr: features.fa64 } : { vl: fp.vl.sve, ffr: true })
}

/**
 * A system call begins, interrupts still masked: streaming mode ends, upper vector bits and predicates become zero, and until it returns the state may be
 * saved as FPSIMD.
 */
export const syscallEnter = (cpu: PhysicalCpu): void => {
  assertIrqsOff(cpu, "fpsimd_syscall_enter")
  if (cpu.features.sme) cpu.smstop("sm")
  if (currentOf(cpu).has(TIF.SVE)) flushLiveVectors(cpu)
  cpu.last.toSave = "FPSIMD"
}
/** The last thing before a system call returns: nothing may be discarded any more. */
export const syscallExit = (cpu: PhysicalCpu): void => {
  assertIrqsOff(cpu, "fpsimd_syscall_exit")
  cpu.last.toSave = "CURRENT"
}

/** FPSR after a change of PSTATE.SM. */
const FPSR_AFTER_SM = 0x0800009f
/** task_smstop_sm: in memory, what SMSTOP SM does to registers. */
export const stopStreaming = ({ fp }: Task): void => {
  if (!isStreaming(fp)) return
  fp.fpsimd.fill(0, 0, FPSR_OFFSET)
  new DataView(fp.fpsimd.buffer, fp.fpsimd.byteOffset).setUint32(FPSR_OFFSET, FPSR_AFTER_SM, true)
  fp.fpmr = 0n
  fp.svcr &= ~SVCR.SM
  fp.fpType = "FPSIMD"
}
