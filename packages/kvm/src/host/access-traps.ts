/** A host program's first use of SVE or SME: do_sve_acc and do_sme_acc. */
import { SMTC } from "@eltwo/isa"
import type { PhysicalCpu } from "./cpu.ts"
import { bindTask, flushTaskState, setVectorLength } from "./fpstate.ts"
import { withFpContext } from "./masking.ts"
import { flushLiveVectors } from "./scalable.ts"
import { forceKill } from "./signal-state.ts"
import { type Task, TIF } from "./task.ts"
import { allocateArray, allocateVectors, syncToEffectiveZeroed } from "./task-vectors.ts"

/** What a trap comes to: the program goes on, or gets SIGILL. */
export type TrapAnswer = "resume" | "SIGILL"

/** do_sve_acc: EC 0x19 from EL0. */
export const sveAccess = (cpu: PhysicalCpu, task: Task): TrapAnswer => {
  if (!cpu.features.sve) return "SIGILL"
  if (!allocateVectors(cpu, task, true)) return killed(task)
  withFpContext(cpu, () => {
    if (task.has(TIF.SVE)) cpu.warn(`${task.name} trapped on SVE although it may use it`)
    task.set(TIF.SVE)
    if (task.has(TIF.FOREIGN_FPSTATE)) {
      task.fp.fpType = "SVE"
      syncToEffectiveZeroed(task)
      flushTaskState(task)
      return
    }
    setVectorLength(cpu, "ZCR_EL1", task.fp.vl.sve)
    flushLiveVectors(cpu)
    bindTask(cpu)
  })
  return "resume"
}

/** ISS bits that say why: the others are reserved. */
const SMTC_MASK = 7
/** do_sme_acc: EC 0x1D from EL0 with its syndrome. */
export const smeAccess = (cpu: PhysicalCpu, task: Task, iss: number): TrapAnswer => {
  if (!cpu.features.sme || (iss & SMTC_MASK) !== SMTC.access) return "SIGILL"
  if (!allocateVectors(cpu, task, false) || !allocateArray(cpu, task, true)) return killed(task)
  withFpContext(cpu, () => {
    if (task.has(TIF.SME)) cpu.warn(`${task.name} trapped on SME although it may use it`)
    task.set(TIF.SME)
    if (task.has(TIF.FOREIGN_FPSTATE)) return flushTaskState(task)
    setVectorLength(cpu, "SMCR_EL1", task.fp.vl.sme)
    bindTask(cpu)
  })
  return "resume"
}
const killed = (task: Task): TrapAnswer => {
  forceKill(task)
  return "resume"
}
