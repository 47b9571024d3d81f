/** Records of a signal frame: FP state on a program's stack, in the formats of the kernel's interface. Sizes are in bytes. */
import type { PhysicalCpu } from "./cpu.ts"
import type { CpuFeatures } from "./cpu-features.ts"
import { FPSIMD_BYTES, FPSR_OFFSET, type FpMemory, hasZa, isStreaming, STATUS_BYTES, SVCR, sveBytes, ZT_BYTES, ztOffset } from "./fp-memory.ts"
import { type Task, TIF } from "./task.ts"
import { allocateArray, allocateVectors, effectiveLength, mergeLowBits } from "./task-vectors.ts"
import { round16 } from "./user-memory.ts"

export const MAGIC = {
  FPSIMD: 0x46508001,
  SVE: 0x53564501,
  ZA: 0x54366345,
  ZT: 0x5a544e01,
  FPMR: 0x46504d52,
  TPIDR2: 0x54504902,
  /** Where the records that did not fit are. */
  EXTRA: 0x45585401
} as const

/** A record as it stands in the frame, head included. */
export interface SignalRecord {
  readonly magic: number
  readonly bytes: Uint8Array
}
/** Magic and size. */
export const HEAD_BYTES = 8
/** Head of records with a vector length: vl and, of SVE, flags. */
const LENGTH = HEAD_BYTES
const FLAGS = 10
const PAYLOAD = 16
const FLAG_STREAMING = 1
const REGISTERS_OF_ZT = 1
/** Of the FPSIMD record: FPSR, FPCR, then V0..V31. In the task's block V comes first. */
const RECORD_V = 16

const record = (magic: number, size: number, fill: (bytes: Uint8Array, view: DataView) => void): SignalRecord => {
  const bytes = new Uint8Array(round16(size))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint32(4, bytes.length, true)
  fill(bytes, view)
  return { magic, bytes }
}
const doubleword = (magic: number, value: bigint): SignalRecord => record(magic, PAYLOAD, (_, view) => view.setBigUint64(HEAD_BYTES, value, true))

/** The records of a task whose state is in its memory, V of it up to date, in their order. */
export const recordsOf = ({ features }: PhysicalCpu, { fp }: Task, tpidr2: bigint): readonly SignalRecord[] => {
  if (!features.fp) return []
  const records = [
    record(MAGIC.FPSIMD, FPSIMD_BYTES, (bytes) => {
      bytes.set(fp.fpsimd.subarray(FPSR_OFFSET, FPSR_OFFSET + STATUS_BYTES), HEAD_BYTES)
      bytes.set(fp.fpsimd.subarray(0, FPSR_OFFSET), RECORD_V)
    })
  ]
  if (features.sve || features.sme) records.push(vectorRecord(fp))
  if (features.fpmr) records.push(doubleword(MAGIC.FPMR, fp.fpmr))
  if (features.sme) records.push(doubleword(MAGIC.TPIDR2, tpidr2), arrayRecord(fp))
  if (features.sme2 && hasZa(fp)) records.push(tableRecord(fp))
  return records
}
const vectorRecord = (fp: FpMemory): SignalRecord => {
  const vl = effectiveLength(fp)
  const payload = fp.fpType === "SVE" ? sveBytes(vl) : 0
  return record(MAGIC.SVE, PAYLOAD + payload, (bytes, view) => {
    view.setUint16(LENGTH, vl, true)
    view.setUint16(FLAGS, isStreaming(fp) ? FLAG_STREAMING : 0, true)
    if (payload) bytes.set(fp.sve!.subarray(0, payload), PAYLOAD)
  })
}
const arrayRecord = (fp: FpMemory): SignalRecord => {
  const vl = fp.vl.sme
  return record(MAGIC.ZA, PAYLOAD + (hasZa(fp) ? vl * vl : 0), (bytes, view) => {
    view.setUint16(LENGTH, vl, true)
    if (hasZa(fp)) bytes.set(fp.sme!.subarray(0, vl * vl), PAYLOAD)
  })
}
const tableRecord = (fp: FpMemory): SignalRecord =>
  record(MAGIC.ZT, PAYLOAD + ZT_BYTES, (bytes, view) => {
    view.setUint16(LENGTH, REGISTERS_OF_ZT, true)
    bytes.set(fp.sme!.subarray(ztOffset(fp.vl.sme), ztOffset(fp.vl.sme) + ZT_BYTES), PAYLOAD)
  })

/** Which records a machine without an extension does not know: they make a frame invalid. */
export const knownRecords = ({ fp, sve, sme, sme2, fpmr }: CpuFeatures): ReadonlySet<number> =>
  new Set([
    ...(fp ? [MAGIC.FPSIMD] : []),
    ...(sve || sme ? [MAGIC.SVE] : []),
    ...(fpmr ? [MAGIC.FPMR] : []),
    ...(sme ? [MAGIC.TPIDR2, MAGIC.ZA] : []),
    ...(sme2 ? [MAGIC.ZT] : [])
  ])

type Records = ReadonlyMap<number, Uint8Array>
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/**
 * Gives a task, whose state is in its memory, the state of records by their magic. False: the frame is not valid, and the task gets SIGSEGV; what came
 * before the fault is done already.
 */
export const restoreRecords = (cpu: PhysicalCpu, task: Task, records: Records, setTpidr2: (value: bigint) => void): boolean => {
  if (!cpu.features.fp) return true
  const fpsimd = records.get(MAGIC.FPSIMD)
  if (fpsimd?.length !== FPSIMD_BYTES) return false
  const sve = records.get(MAGIC.SVE)
  if (!(sve ? restoreVectors(cpu, task, sve, fpsimd) : restoreFpsimd(task, fpsimd))) return false
  const tpidr2 = records.get(MAGIC.TPIDR2)
  if (tpidr2 && tpidr2.length !== PAYLOAD) return false
  if (tpidr2) setTpidr2(viewOf(tpidr2).getBigUint64(HEAD_BYTES, true))
  const fpmr = records.get(MAGIC.FPMR)
  if (fpmr && fpmr.length !== PAYLOAD) return false
  if (fpmr) task.fp.fpmr = viewOf(fpmr).getBigUint64(HEAD_BYTES, true)
  const za = records.get(MAGIC.ZA)
  if (za && !restoreArray(cpu, task, za)) return false
  const zt = records.get(MAGIC.ZT)
  return zt === undefined || restoreTable(task, zt)
}
const copyFpsimd = ({ fp }: Task, fpsimd: Uint8Array): void => {
  fp.fpsimd.set(fpsimd.subarray(RECORD_V), 0)
  fp.fpsimd.set(fpsimd.subarray(HEAD_BYTES, RECORD_V), FPSR_OFFSET)
}
/** Without vectors: streaming mode is off. */
const restoreFpsimd = (task: Task, fpsimd: Uint8Array): boolean => {
  const { fp } = task
  fp.svcr &= ~SVCR.SM
  fp.fpType = "FPSIMD"
  task.clear(TIF.SVE)
  copyFpsimd(task, fpsimd)
  return true
}
const restoreVectors = (cpu: PhysicalCpu, task: Task, sve: Uint8Array, fpsimd: Uint8Array): boolean => {
  if (sve.length < PAYLOAD) return false
  const { fp } = task
  const view = viewOf(sve)
  const streaming = (view.getUint16(FLAGS, true) & FLAG_STREAMING) !== 0
  if (streaming && !cpu.features.sme) return false
  const vl = streaming ? fp.vl.sme : fp.vl.sve
  if (view.getUint16(LENGTH, true) !== vl) return false
  if (!streaming && sve.length === PAYLOAD) return restoreFpsimd(task, fpsimd)
  if (sve.length < PAYLOAD + sveBytes(vl)) return false
  if (streaming && !allocateArray(cpu, task, false)) return false
  if (!allocateVectors(cpu, task, true)) {
    task.clear(TIF.SVE)
    return false
  }
  fp.svcr = streaming ? fp.svcr | SVCR.SM : fp.svcr & ~SVCR.SM
  task.set(streaming ? TIF.SME : TIF.SVE)
  fp.fpType = "SVE"
  fp.sve!.set(sve.subarray(PAYLOAD, PAYLOAD + sveBytes(vl)))
  copyFpsimd(task, fpsimd)
  mergeLowBits(task)
  return true
}
const restoreArray = (cpu: PhysicalCpu, task: Task, za: Uint8Array): boolean => {
  const { fp } = task
  const vl = fp.vl.sme
  if (za.length < PAYLOAD || viewOf(za).getUint16(LENGTH, true) !== vl) return false
  if (za.length === PAYLOAD) {
    fp.svcr &= ~SVCR.ZA
    return true
  }
  if (za.length < PAYLOAD + vl * vl) return false
  if (!allocateVectors(cpu, task, false) || !allocateArray(cpu, task, true)) return false
  fp.sme!.set(za.subarray(PAYLOAD, PAYLOAD + vl * vl))
  task.set(TIF.SME)
  fp.svcr |= SVCR.ZA
  return true
}
const restoreTable = ({ fp }: Task, zt: Uint8Array): boolean => {
  if (!hasZa(fp) || zt.length !== PAYLOAD + ZT_BYTES || viewOf(zt).getUint16(LENGTH, true) !== REGISTERS_OF_ZT) return false
  fp.sme!.set(zt.subarray(PAYLOAD), ztOffset(fp.vl.sme))
  return true
}
