// Flat memory and no system registers: what the engine asks of the system until its modules are here.

import type { Exception, Instruction, SystemOperation } from "@eltwo/isa"
import { PE, TLB_ENTRY, TLB_ENTRY_BYTES } from "../layout.ts"
import type { Pe } from "../pe.ts"
export interface PendingException {
  kind: "synchronous" | "irq" | "fiq" | "serror"
  target: 1 | 2
  ec: number
  iss: number
  far?: bigint
  hpfar?: bigint
  returnTo: "this" | "next"
}
export class Abort {
  constructor(readonly exception: PendingException) {}
}
export const takeException = (pe: Pe, e: PendingException): void => {
  const sys = pe.system
  sys[0] = pe.pc + (e.returnTo === "next" ? 4n : 0n)
  sys[1] = (BigInt(e.ec) << 26n) | BigInt(e.iss)
  sys[2] = e.far ?? 0n
  pe.pc = 0x200n
}
export const returnFromException = (pe: Pe): void => {
  pe.pc = pe.system[0]!
}
export const translate = (
  pe: Pe,
  address: bigint,
  access: "read" | "write" | "execute",
  _options: { unprivileged?: boolean; bytes?: number } = {}
): { physical: number } => {
  const physical = Number(address)
  if (pe.board.physical.at(physical, 1) < 0 && !pe.board.physical.deviceAt(physical, 1)) throw dataAbort(pe, address, access, 0x05)
  return { physical }
}
export const fillTlb = (pe: Pe, address: bigint, forWrite: boolean): boolean => {
  const page = Number(address) & ~0xfff
  if (address >= 1n << 32n) return false
  const at = pe.board.physical.at(page >>> 0, 4096)
  if (at < 0) return false
  if (forWrite && pe.board.code.holds(pe.board.physical.pageOf(page >>> 0))) return false
  const entry = (pe.words[PE.TLB >> 2]! + ((page >>> 12) & 2047) * TLB_ENTRY_BYTES - pe.base) >> 2
  pe.words[entry + (TLB_ENTRY.READ >> 2)] = page
  pe.words[entry + 1] = 0
  if (forWrite) {
    pe.words[entry + (TLB_ENTRY.WRITE >> 2)] = page
    pe.words[entry + 3] = 0
  }
  pe.words[entry + (TLB_ENTRY.OFFSET >> 2)] = at
  return true
}
export const dataAbort = (_pe: Pe, address: bigint, access: string, dfsc: number): Abort =>
  new Abort({
    kind: "synchronous",
    target: 1,
    ec: access === "execute" ? 0x21 : 0x25,
    iss: dfsc | (access === "write" ? 64 : 0),
    far: address,
    returnTo: "this"
  })
export const alignmentFault = (pe: Pe, address: bigint, access: "read" | "write" | "execute"): Abort => dataAbort(pe, address, access, 0x21)
export const externalAbort = (pe: Pe, address: bigint, access: "read" | "write" | "execute"): Abort => dataAbort(pe, address, access, 0x10)
export const instructionException = (_pe: Pe, exception: Exception | "memoryCopy", syndrome: number): Abort =>
  new Abort({
    kind: "synchronous",
    target: 1,
    ec: exception === "supervisorCall" ? 0x15 : 0,
    iss: syndrome,
    returnTo: exception === "supervisorCall" ? "next" : "this"
  })
export const readSystemRegister = (_pe: Pe, _encoding: number, _Rt: number): bigint => 0n
export const writeSystemRegister = (_pe: Pe, _encoding: number, _value: bigint, _Rt: number): void => {}
export const checkAccess = (_pe: Pe, _access: string, _instruction: Instruction, _word: number): PendingException | undefined => undefined
export const writePstateImmediate = (_pe: Pe, _op1: number, _op2: number, _imm: number): void => {}
export const maintain = (_pe: Pe, _encoding: number, _operand: bigint, _Rt: number, _isRead: boolean): bigint => 0n
export const synchronize = (_pe: Pe): void => {}
export const pendingInterrupt = (_pe: Pe): PendingException | undefined => undefined
export const timerDeadline = (_pe: Pe): number => Infinity
export const wait = (_pe: Pe, _op: SystemOperation, _operand: bigint): void => {}
export const stackAlignmentFault = (_pe: Pe): Abort => new Abort({ kind: "synchronous", target: 1, ec: 0x26, iss: 0, returnTo: "this" })
export const pcAlignmentFault = (pe: Pe): Abort => new Abort({ kind: "synchronous", target: 1, ec: 0x22, iss: 0, far: pe.pc, returnTo: "this" })
export const illegalState = (_pe: Pe): Abort => new Abort({ kind: "synchronous", target: 1, ec: 0x0e, iss: 0, returnTo: "this" })
