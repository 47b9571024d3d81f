/** A task's vector state in memory: its buffers, the FPSIMD view of it, and changes of the vector length. The registers are not touched here. */
import type { Errno } from "../errno.ts"
import type { PhysicalCpu } from "./cpu.ts"
import type { CpuFeatures } from "./cpu-features.ts"
import { type FpMemory, isStreaming, SVCR, smeBytes, sveBytes, type VectorLengths } from "./fp-memory.ts"
import { flushTaskState, saveAndFlushCurrentState } from "./fpstate.ts"
import { type Task, TIF } from "./task.ts"
import { closestLength } from "./vector-lengths.ts"

/** Which of the two vector lengths. */
export type VectorKind = keyof VectorLengths

/** Zeroed memory of the kernel; undefined when there is none. */
const allocate = (cpu: PhysicalCpu, bytes: number): Uint8Array | undefined => {
  if (cpu.failAllocations === 0) return new Uint8Array(bytes)
  cpu.failAllocations--
  return undefined
}
const bufferBytes = ({ sve, sme }: VectorLengths): number => sveBytes(Math.max(sve, sme))
/** sve_alloc: the task has a buffer for vectors, and with `flush` a zeroed one. False: no memory. */
export const allocateVectors = (cpu: PhysicalCpu, { fp }: Task, flush: boolean): boolean => {
  if (fp.sve && flush) fp.sve.fill(0)
  fp.sve ??= allocate(cpu, bufferBytes(fp.vl)) ?? null
  return fp.sve !== null
}
/** sme_alloc: the same for ZA and ZT0. */
export const allocateArray = (cpu: PhysicalCpu, { fp }: Task, flush: boolean): boolean => {
  if (fp.sme && flush) fp.sme.fill(0)
  fp.sme ??= allocate(cpu, smeBytes(fp.vl.sme)) ?? null
  return fp.sme !== null
}

/** Vector length of the mode the saved state is in. */
export const effectiveLength = (fp: FpMemory): number => (isStreaming(fp) ? fp.vl.sme : fp.vl.sve)
const V_BYTES = 16
const each = (fp: FpMemory, move: (vector: Uint8Array, low: Uint8Array) => void): void => {
  const vl = effectiveLength(fp)
  for (let n = 0; n < 32; n++) move(fp.sve!.subarray(n * vl, n * vl + V_BYTES), fp.fpsimd.subarray(n * V_BYTES, (n + 1) * V_BYTES))
}
/** fpsimd_sync_from_effective_state: V in `fpsimd` is what it is in the format memory holds. */
export const syncFromEffective = ({ fp }: Task): void => {
  if (fp.fpType === "SVE") each(fp, (vector, low) => low.set(vector))
}
/** fpsimd_to_sve: the vectors' low 128 bits are those of `fpsimd`. */
export const mergeLowBits = ({ fp }: Task): void => {
  if (fp.fpType === "SVE") each(fp, (vector, low) => vector.set(low))
}
/** fpsimd_sync_to_effective_state_zeropad: the format's vectors are V, and all else of them zero. */
export const syncToEffectiveZeroed = (task: Task): void => {
  if (task.fp.fpType !== "SVE") return
  task.fp.sve!.fill(0)
  mergeLowBits(task)
}

/** The task's state is in its memory, and its registers are not used: it may be the current one or not. */
export const stateToMemory = (cpu: PhysicalCpu, task: Task): void => {
  if (cpu.current === task) saveAndFlushCurrentState(cpu)
  else flushTaskState(task)
}
const changeLength = (cpu: PhysicalCpu, task: Task, kind: VectorKind, length: number): Errno | undefined => {
  const { fp } = task
  const vl = { ...fp.vl, [kind]: length }
  // all memory before anything changes
  const sve = allocate(cpu, bufferBytes(vl))
  if (!sve) return "ENOMEM"
  const sme = kind === "sme" ? allocate(cpu, smeBytes(length)) : fp.sme
  if (sme === undefined) return "ENOMEM"
  stateToMemory(cpu, task)
  syncFromEffective(task)
  fp.vl = vl
  fp.sve = sve
  syncToEffectiveZeroed(task)
  if (kind === "sve") return undefined
  fp.svcr &= ~SVCR.ZA
  fp.sme = sme
  return undefined
}

/** Flags of PR_SVE_SET_VL and PR_SME_SET_VL. */
export const VL_FLAG = { INHERIT: 1 << 17, ONEXEC: 1 << 18 } as const
/** The largest length the interface can say, and the granule. */
const SAYABLE = 8192
const GRANULE = 16
const INHERIT = { sve: TIF.SVE_VL_INHERIT, sme: TIF.SME_VL_INHERIT } as const

/** vec_set_vector_length. `length` in bytes; the nearest supported one below is taken. */
export const setTaskLength = (cpu: PhysicalCpu, task: Task, kind: VectorKind, length: number, flags: number): Errno | undefined => {
  if (flags & ~(VL_FLAG.INHERIT | VL_FLAG.ONEXEC)) return "EINVAL"
  if (length % GRANULE || length < GRANULE || length > SAYABLE) return "EINVAL"
  const vl = closestLength(supportedLengths(cpu.features, kind), length)
  if (!(flags & VL_FLAG.ONEXEC) && vl !== task.fp.vl[kind]) {
    const problem = changeLength(cpu, task, kind, vl)
    if (problem) return problem
  }
  task.vlOnexec[kind] = flags ? vl : 0
  if (flags & VL_FLAG.INHERIT) task.set(INHERIT[kind])
  else task.clear(INHERIT[kind])
  return undefined
}
export const supportedLengths = (features: CpuFeatures, kind: VectorKind): readonly number[] => (kind === "sve" ? features.sveVls : features.smeVls)
export const inheritsLength = (task: Task, kind: VectorKind): boolean => task.has(INHERIT[kind])
