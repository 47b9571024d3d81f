/** Register sets of ptrace: FPSIMD, SVE, streaming SVE, ZA, ZT0 and FPMR, in the formats of struct user_sve_header and user_za_header. */
import type { Errno } from "../errno.ts"
import type { PhysicalCpu } from "./cpu.ts"
import { FPSIMD_BYTES, FPSR_OFFSET, ffrOffset, hasZa, isStreaming, STATUS_BYTES, SVCR, sveBytes, ZT_BYTES, ztOffset } from "./fp-memory.ts"
import { type Task, TIF } from "./task.ts"
import {
  allocateArray,
  allocateVectors,
  inheritsLength,
  setTaskLength,
  stateToMemory,
  supportedLengths,
  syncFromEffective,
  syncToEffectiveZeroed,
  type VectorKind
} from "./task-vectors.ts"
import { round16 } from "./user-memory.ts"

/** Numbers of the register sets. */
export const NT = { PRFPREG: 2, ARM_SVE: 0x405, ARM_SSVE: 0x40b, ARM_ZA: 0x40c, ARM_ZT: 0x40d, ARM_FPMR: 0x40e } as const

/** struct user_sve_header and user_za_header: size, max_size, vl, max_vl, flags. */
const HEADER = { size: 0, maximumSize: 4, length: 8, maximumLength: 10, flags: 12, bytes: 16 } as const
/** The header's flags: vectors are there in SVE format. Bits above are those of prctl, shifted. */
const FORMAT_SVE = 1
const FLAG_SHIFT = 16
const INHERIT_FLAG = 2

/** Bytes of the register set at a length: header, vectors, FPSR and FPCR. */
const statusOffset = (vl: number): number => round16(HEADER.bytes + sveBytes(vl))
const sveSetBytes = (vl: number): number => round16(statusOffset(vl) + STATUS_BYTES)
const zaSetBytes = (vl: number): number => HEADER.bytes + vl * vl

interface Header {
  readonly length: number
  readonly flags: number
}
const writeHeader = (image: Uint8Array, { length, flags }: Header, maximum: { readonly size: number; readonly length: number }): Uint8Array => {
  const view = new DataView(image.buffer)
  view.setUint32(HEADER.size, image.length, true)
  view.setUint32(HEADER.maximumSize, maximum.size, true)
  view.setUint16(HEADER.length, length, true)
  view.setUint16(HEADER.maximumLength, maximum.length, true)
  view.setUint16(HEADER.flags, flags, true)
  return image
}
const readHeader = (image: Uint8Array): Header => {
  const view = new DataView(image.buffer, image.byteOffset, image.length)
  return { length: view.getUint16(HEADER.length, true), flags: view.getUint16(HEADER.flags, true) }
}
const flagsOf = (task: Task, kind: VectorKind): number => (inheritsLength(task, kind) ? INHERIT_FLAG : 0)
const largest = (cpu: PhysicalCpu, kind: VectorKind): number => supportedLengths(cpu.features, kind).at(-1)!

interface RegisterSet {
  exists(cpu: PhysicalCpu): boolean
  /** The task's state is in memory. */
  get(cpu: PhysicalCpu, task: Task): Uint8Array
  set(cpu: PhysicalCpu, task: Task, image: Uint8Array): Errno | undefined
}

const fpsimdSet: RegisterSet = {
  exists: ({ features }) => features.fp,
  get(_, task) {
    syncFromEffective(task)
    return task.fp.fpsimd.slice()
  },
  set(_, task, image) {
    if (image.length > FPSIMD_BYTES) return "EINVAL"
    syncFromEffective(task)
    task.fp.fpsimd.set(image)
    syncToEffectiveZeroed(task)
    return undefined
  }
}

const vectorSet = (kind: VectorKind): RegisterSet => ({
  exists: ({ features }) => features[kind],
  get(cpu, task) {
    const { fp } = task
    const length = fp.vl[kind]
    const isActive = isStreaming(fp) === (kind === "sme")
    const inSve = isActive && fp.fpType === "SVE"
    const bytes = !isActive ? HEADER.bytes : inSve ? sveSetBytes(length) : HEADER.bytes + FPSIMD_BYTES
    const image = new Uint8Array(bytes)
    const longest = largest(cpu, kind)
    writeHeader(image, { length, flags: flagsOf(task, kind) | (inSve ? FORMAT_SVE : 0) }, { size: sveSetBytes(longest), length: longest })
    if (!isActive) return image
    if (!inSve) {
      image.set(fp.fpsimd, HEADER.bytes)
      return image
    }
    image.set(fp.sve!.subarray(0, sveBytes(length)), HEADER.bytes)
    image.set(fp.fpsimd.subarray(FPSR_OFFSET, FPSR_OFFSET + STATUS_BYTES), statusOffset(length))
    return image
  },
  set(cpu, task, image) {
    if (image.length < HEADER.bytes) return "EINVAL"
    const { length, flags } = readHeader(image)
    const inSve = (flags & FORMAT_SVE) !== 0
    if (kind === "sme" && !inSve) return "EINVAL"
    const problem = setTaskLength(cpu, task, kind, length, ((flags & ~FORMAT_SVE) << FLAG_SHIFT) >>> 0)
    if (problem) return problem
    if (kind === "sme" && !allocateArray(cpu, task, false)) return "ENOMEM"
    if (inSve && !allocateVectors(cpu, task, true)) return "ENOMEM"
    const { fp } = task
    if (kind === "sme") {
      fp.svcr |= SVCR.SM
      task.set(TIF.SME)
    } else fp.svcr &= ~SVCR.SM
    fp.fpsimd.fill(0)
    fp.fpType = inSve ? "SVE" : "FPSIMD"
    if (!inSve) {
      task.clear(TIF.SVE)
      fp.fpsimd.set(image.subarray(HEADER.bytes, HEADER.bytes + FPSIMD_BYTES))
      return undefined
    }
    if (kind === "sve") task.set(TIF.SVE)
    const vl = fp.vl[kind]
    if (image.length > HEADER.bytes && vl !== length) return "EIO"
    fp.sve!.set(image.subarray(HEADER.bytes, HEADER.bytes + sveBytes(vl)))
    if (kind === "sme" && !cpu.features.fa64) fp.sve!.fill(0, ffrOffset(vl), sveBytes(vl))
    fp.fpsimd.set(image.subarray(statusOffset(vl), statusOffset(vl) + STATUS_BYTES), FPSR_OFFSET)
    return undefined
  }
})

const arraySet: RegisterSet = {
  exists: ({ features }) => features.sme,
  get(cpu, task) {
    const { fp } = task
    const length = fp.vl.sme
    const image = new Uint8Array(hasZa(fp) ? zaSetBytes(length) : HEADER.bytes)
    const longest = largest(cpu, "sme")
    writeHeader(image, { length, flags: flagsOf(task, "sme") }, { size: zaSetBytes(longest), length: longest })
    if (hasZa(fp)) image.set(fp.sme!.subarray(0, length * length), HEADER.bytes)
    return image
  },
  set(cpu, task, image) {
    if (image.length < HEADER.bytes) return "EINVAL"
    const { length, flags } = readHeader(image)
    const problem = setTaskLength(cpu, task, "sme", length, (flags << FLAG_SHIFT) >>> 0)
    if (problem) return problem
    const { fp } = task
    if (!allocateVectors(cpu, task, false)) return "ENOMEM"
    // ZT0 goes with ZA: it is kept only if there was one
    const table = hasZa(fp) ? fp.sme!.slice(ztOffset(fp.vl.sme)) : undefined
    if (!allocateArray(cpu, task, true)) return "ENOMEM"
    const vl = fp.vl.sme
    if (table) fp.sme!.set(table, ztOffset(vl))
    if (image.length === HEADER.bytes) {
      fp.svcr &= ~SVCR.ZA
      return undefined
    }
    if (vl !== length) return "EIO"
    fp.sme!.set(image.subarray(HEADER.bytes, zaSetBytes(vl)))
    task.set(TIF.SME)
    fp.svcr |= SVCR.ZA
    return undefined
  }
}
const tableSet: RegisterSet = {
  exists: ({ features }) => features.sme2,
  get: (_, { fp }) => (hasZa(fp) ? fp.sme!.slice(ztOffset(fp.vl.sme), ztOffset(fp.vl.sme) + ZT_BYTES) : new Uint8Array(ZT_BYTES)),
  set(cpu, task, image) {
    if (image.length > ZT_BYTES) return "EINVAL"
    const { fp } = task
    if (!allocateVectors(cpu, task, false) || !allocateArray(cpu, task, !hasZa(fp))) return "ENOMEM"
    fp.sme!.set(image, ztOffset(fp.vl.sme))
    fp.svcr |= SVCR.ZA
    task.set(TIF.SME)
    return undefined
  }
}
const fpmrSet: RegisterSet = {
  exists: ({ features }) => features.fpmr,
  get: (_, { fp }) => new Uint8Array(BigUint64Array.of(fp.fpmr).buffer),
  set(_, { fp }, image) {
    const value = new Uint8Array(BigUint64Array.of(fp.fpmr).buffer)
    if (image.length > value.length) return "EINVAL"
    value.set(image)
    fp.fpmr = new BigUint64Array(value.buffer)[0]!
    return undefined
  }
}
const SETS: ReadonlyMap<number, RegisterSet> = new Map([
  [NT.PRFPREG, fpsimdSet],
  [NT.ARM_SVE, vectorSet("sve")],
  [NT.ARM_SSVE, vectorSet("sme")],
  [NT.ARM_ZA, arraySet],
  [NT.ARM_ZT, tableSet],
  [NT.ARM_FPMR, fpmrSet]
])

const setOf = (cpu: PhysicalCpu, type: number): RegisterSet | undefined => {
  const found = SETS.get(type)
  return found?.exists(cpu) ? found : undefined
}
/** PTRACE_GETREGSET of a task that is stopped: not at user level on any CPU. EINVAL: no such set, EIO: it is not the tracer's to look at. */
export const getRegisterSet = (cpu: PhysicalCpu, task: Task, type: number): Uint8Array | Errno => {
  const set = setOf(cpu, type)
  if (!set) return "EINVAL"
  stateToMemory(cpu, task)
  return set.get(cpu, task)
}
/** PTRACE_SETREGSET. A failure may leave the vector length changed, as the kernel's does. */
export const setRegisterSet = (cpu: PhysicalCpu, task: Task, type: number, image: Uint8Array): Errno | undefined => {
  const set = setOf(cpu, type)
  if (!set) return "EINVAL"
  stateToMemory(cpu, task)
  return set.set(cpu, task, image)
}
