/** prctl of vector lengths. */
import type { Errno } from "../errno.ts"
import type { PhysicalCpu } from "./cpu.ts"
import type { Task } from "./task.ts"
import { inheritsLength, setTaskLength, supportedLengths, type VectorKind, VL_FLAG } from "./task-vectors.ts"

/** Numbers of prctl's first argument. */
export const PR = { SVE_SET_VL: 50, SVE_GET_VL: 51, SME_SET_VL: 63, SME_GET_VL: 64 } as const
const CALLS: ReadonlyMap<number, { readonly kind: VectorKind; readonly set: boolean }> = new Map([
  [PR.SVE_SET_VL, { kind: "sve", set: true }],
  [PR.SVE_GET_VL, { kind: "sve", set: false }],
  [PR.SME_SET_VL, { kind: "sme", set: true }],
  [PR.SME_GET_VL, { kind: "sme", set: false }]
])
const LENGTH = 0xffff

/** The call of the current task. Lengths are in bytes, flags are VL_FLAG's; gives the length, of the next exec where that was set, and the flag INHERIT. */
export const vectorLengthPrctl = (cpu: PhysicalCpu, task: Task, option: number, argument: number): number | Errno => {
  const call = CALLS.get(option)
  if (!call || supportedLengths(cpu.features, call.kind).length === 0) return "EINVAL"
  const { kind } = call
  const flags = call.set ? argument & ~LENGTH : 0
  if (call.set) {
    const problem = setTaskLength(cpu, task, kind, argument & LENGTH, flags)
    if (problem) return problem
  }
  const length = flags & VL_FLAG.ONEXEC ? task.vlOnexec[kind] : task.fp.vl[kind]
  return length | (inheritsLength(task, kind) ? VL_FLAG.INHERIT : 0)
}
