/** Runs cases with scalable registers on this project's processor: the same records, the same memory, one instruction each. */
import {
  attachJit,
  type Board,
  createBoard,
  type InstructionSet,
  PE,
  type Pe,
  registerNamed,
  run,
  setState,
  synchronize,
  writeRegister,
  writeSvcr
} from "@eltwo/cpu"
import type { Engine } from "../differential/machine.ts"
import { CASE_BYTES, type Case, DATA, OUTCOME, SLOT_OFFSET, slotAddress, TEXT } from "../differential/state.ts"
import { PL, PREDICATES, RECORD, SVL, VECTORS, VL, vectorBytes, writeState } from "./state.ts"

/** One page more than the last thing tests touch; RAM starts at 0, so that addresses are those of the other side's program. */
const RAM_BYTES = 0x10000000 + 512 * 1024
const NOP = 0xd503201f
const ZA = 2
const ALL_LENGTHS = [128, 256, 512, 1024, 2048]

export interface Bench {
  readonly board: Board
  readonly pe: Pe
  readonly engine: Engine
  /** How many cases ran as translated code. */
  readonly translated?: () => number
}

/** Flat translation of the first GiB for EL0: one block of Normal memory, readable, writable and executable. */
const FLAT_TABLE = 0x1000
const FLAT_BLOCK = 1 | (1 << 6) | (3 << 8) | (1 << 10)
const FA64_EZT0 = 3n << 30n
const lengthField = (bytes: number): bigint => BigInt(bytes / 16 - 1)
const CONTROLS: Readonly<Record<string, bigint>> = {
  MAIR_EL1: 0xffn,
  TCR_EL1: 25n | (1n << 8n) | (1n << 10n) | (3n << 12n) | (1n << 23n),
  TTBR0_EL1: BigInt(FLAT_TABLE),
  SCTLR_EL1: 0x30d0_0800n | 0x1005n | (1n << 26n) | (1n << 15n) | (1n << 14n) | (1n << 33n) | (1n << 34n) | (1n << 60n),
  HCRX_EL2: (1n << 11n) | (1n << 23n),
  CPACR_EL1: 0x333_0000n,
  CPTR_EL2: 0n,
  HCR_EL2: 1n << 31n,
  ZCR_EL1: lengthField(VL),
  ZCR_EL2: 15n,
  SMCR_EL1: lengthField(SVL) | FA64_EZT0,
  SMCR_EL2: 15n | FA64_EZT0
}

/** A machine at EL0 with flat translation, everything enabled, and ZA on. Exceptions end a run after their entry. */
export const createBench = (isa: InstructionSet, engine: Engine = "interp"): Bench => {
  const board = createBoard({ isa, ramBase: 0, ramBytes: RAM_BYTES, vectorLengths: ALL_LENGTHS, streamingVectorLengths: ALL_LENGTHS })
  const pe = board.pes[0]!
  pe.modelledEl = 1
  const jit = engine === "jit" ? attachJit(board, { hot: 1, limits: [1, 1] }) : undefined
  board.write(FLAT_TABLE, new Uint8Array(BigUint64Array.of(BigInt(FLAT_BLOCK)).buffer))
  for (const [name, value] of Object.entries(CONTROLS)) writeRegister(pe, registerNamed(pe, name), value)
  synchronize(pe)
  setState(pe, 0)
  return { board, pe, engine, ...(jit ? { translated: () => jit.counters.entries } : {}) }
}

/** Puts all cases into memory as the other side's program has them, and the data. */
export const loadCases = ({ board }: Bench, cases: readonly Case[], data: Uint8Array): void => {
  const text = new Uint8Array(cases.length * CASE_BYTES)
  const view = new DataView(text.buffer)
  for (let at = 0; at < text.length; at += 4) view.setUint32(at, NOP, true)
  cases.forEach(({ word }, i) => view.setUint32(i * CASE_BYTES + SLOT_OFFSET, word, true))
  board.write(TEXT, text)
  board.write(DATA, data)
}

const bytesOf = (record: DataView, at: number, count: number): Uint8Array => new Uint8Array(record.buffer, record.byteOffset + at, count)
/** Every scalable register with its place in a record. */
const registers = (pe: Pe, bytes: number): readonly (readonly [register: Uint8Array, at: number])[] => [
  ...Array.from({ length: VECTORS }, (_, n) => [pe.z(n).subarray(0, bytes), RECORD.Z + VL * n] as const),
  ...Array.from({ length: PREDICATES }, (_, n) => [pe.p(n).subarray(0, bytes / 8), RECORD.P + PL * n] as const),
  [pe.bytes.subarray(PE.ZA, PE.ZA + SVL * SVL), RECORD.ZA],
  [pe.bytes.subarray(PE.ZT0, PE.ZT0 + 64), RECORD.ZT0]
]

/** Runs case `index` and overwrites `record` with the state afterwards. */
export const runCase = ({ pe, engine }: Bench, test: Case, index: number, record: DataView): void => {
  writeState(test, record)
  const read = (name: "FPMR"): bigint => pe.doublewords[PE[name] >> 3]!
  setState(pe, 0)
  pe.clearExclusive()
  writeSvcr(pe, ZA | record.getUint32(RECORD.SM, true))
  for (const [register, at] of registers(pe, vectorBytes(record))) register.set(bytesOf(record, at, register.length))
  for (let n = 0; n < 31; n++) pe.x[n] = record.getBigUint64(RECORD.X + 8 * n, true)
  pe.x[31] = record.getBigUint64(RECORD.SP, true)
  pe.flags = record.getUint32(RECORD.NZCV, true) >>> 28
  pe.fpcr = record.getUint32(RECORD.FPCR, true)
  pe.fpsr = record.getUint32(RECORD.FPSR, true)
  pe.doublewords[PE.FPMR >> 3] = record.getBigUint64(RECORD.FPMR, true)
  const slot = slotAddress(index)
  pe.pc = BigInt(slot)
  const exit = run(pe, { instructions: 1, engine })
  const next = Number(pe.pc)
  const outcome = exit.kind !== "limit" ? OUTCOME.fault : next === slot + 4 ? OUTCOME.next : next === slot + 8 ? OUTCOME.taken : 9
  bytesOf(record, 0, RECORD.BYTES).fill(0)
  record.setBigUint64(RECORD.SM, BigInt(pe.svcr & 1), true)
  for (let n = 0; n < 31; n++) record.setBigUint64(RECORD.X + 8 * n, pe.x[n]!, true)
  record.setBigUint64(RECORD.SP, pe.x[31]!, true)
  record.setBigUint64(RECORD.NZCV, BigInt(pe.flags) << 28n, true)
  record.setBigUint64(RECORD.FPCR, BigInt(pe.fpcr), true)
  record.setBigUint64(RECORD.FPSR, BigInt(pe.fpsr), true)
  record.setBigUint64(RECORD.FPMR, read("FPMR"), true)
  record.setBigUint64(RECORD.OUTCOME, BigInt(outcome), true)
  for (const [register, at] of registers(pe, vectorBytes(record))) bytesOf(record, at, register.length).set(register)
}
export const dataOf = ({ board }: Bench, bytes: number): Uint8Array => board.physical.read(DATA, bytes)!
