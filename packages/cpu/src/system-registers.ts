/** MRS and MSR by the composed register table: exception level, traps, gates, E2H redirection, and where the value lives. */
import { type Accessor, EC, parseEncoding, type Register, systemSyndrome } from "@eltwo/isa"
import { HCR } from "./controls.ts"
import { Abort, ownTarget, type PendingException, synchronous, undefinedInstruction } from "./exception.ts"
import { checkGate, trapApplies, trapTarget } from "./gates.ts"
import type { Pe } from "./pe.ts"
import { computedFile, storages } from "./special-registers.ts"
import { updateVectorLengths } from "./vector-length.ts"

/** MRS: the value of the register of this encoding (see systemEncoding). Throws Abort when the access is UNDEFINED or trapped. `Rt` goes into the syndrome. */
export const readSystemRegister = (pe: Pe, encoding: number, Rt: number): bigint => {
  const accessor = pe.controls.machine.registerByEncoding.get(encoding)
  if (!accessor) throw new Abort(unallocated(pe, encoding, Rt, true))
  return readAccessor(pe, accessor, Rt)
}
/** MSR (register). As readSystemRegister. */
export const writeSystemRegister = (pe: Pe, encoding: number, value: bigint, Rt: number): void => {
  const accessor = pe.controls.machine.registerByEncoding.get(encoding)
  if (!accessor) throw new Abort(unallocated(pe, encoding, Rt, false))
  writeAccessor(pe, accessor, value, Rt)
}
/** The same where the accessor is known. */
export const readAccessor = (pe: Pe, accessor: Accessor, Rt: number): bigint => readRegister(pe, reached(pe, accessor, Rt, true))
export const writeAccessor = (pe: Pe, accessor: Accessor, value: bigint, Rt: number): void =>
  writeRegister(pe, reached(pe, accessor, Rt, false), value)

/** What an accessor reaches at EL2 if every access of it succeeds there and does nothing but move the value; undefined: not known beforehand. */
export const plainRegister = ({ read, write, access, atEL2, atHost }: Accessor, isRead: boolean, e2h: boolean): Register | undefined => {
  const register = e2h ? atHost : atEL2
  if (!register || access !== undefined || (isRead ? read : write) > 2) return undefined
  const { storage, compute, length } = register.declaration
  // the current stack pointer is never that of EL1
  return (storage && storage !== "SP_EL1") || compute || length ? undefined : register
}

/** The register an accessor reaches from the current exception level. Throws Abort. */
const reached = (pe: Pe, accessor: Accessor, Rt: number, isRead: boolean): Register => {
  const { controls, el } = pe
  const register =
    el < 2 ? (isRead && el === 1 && accessor.virtual ? accessor.virtual : accessor.register) : controls.e2h ? accessor.atHost : accessor.atEL2
  if (el < (isRead ? accessor.read : accessor.write) || !register) throw new Abort(tooLow(pe, accessor, Rt, isRead))
  const trapped = el < 2 ? trapOf(pe, accessor, Rt, isRead) : undefined
  if (trapped) throw new Abort(trapped)
  const closed = accessor.access === undefined ? undefined : checkGate(pe, accessor.access)
  if (closed) throw new Abort(closed)
  return register
}

/** UNDEFINED, but EL0 reads of the ID space are reported as system register accesses (FEAT_IDST). */
const tooLow = (pe: Pe, accessor: Accessor, Rt: number, isRead: boolean): PendingException => {
  const identifies = isRead && pe.el === 0 && accessor.read === 1 && (accessor.register.declaration.identification || accessor.name === "CCSIDR_EL1")
  if (identifies && pe.controls.machine.features.has("IDST")) return synchronous(ownTarget(pe), systemSyndrome(accessor.encoding, Rt, isRead))
  return undefinedInstruction(pe)
}
/** Reads of the ID space that reach no register are reported as accesses to it (FEAT_IDST). */
const isIdSpace = (encoding: number): boolean => encoding >> 14 === 3 && ID_OP1.includes((encoding >> 11) & 7) && (encoding & 0x7c0) === 0
const ID_OP1 = [0, 1, 3]
/** No such register. HCR_EL2.TIDCP traps what is left to implementations: CRn 11 and 15. */
const unallocated = (pe: Pe, encoding: number, Rt: number, isRead: boolean): PendingException => {
  const CRn = (encoding >> 7) & 15,
    implementationDefined = encoding >> 14 === 3 && (CRn === 11 || CRn === 15)
  if (implementationDefined && pe.el === 1 && pe.controls.hcr & HCR.TIDCP) return synchronous(2, systemSyndrome(encoding, Rt, isRead))
  if (isRead && isIdSpace(encoding) && pe.controls.machine.features.has("IDST"))
    return synchronous(ownTarget(pe), systemSyndrome(encoding, Rt, isRead))
  return undefinedInstruction(pe)
}

/** The trap that stops an access of EL0 or EL1: those to EL1 first. */
const trapOf = (pe: Pe, accessor: Accessor, Rt: number, isRead: boolean): PendingException | undefined => {
  for (const trap of accessor.traps) {
    if ((trap.on === undefined || (trap.on === "read") === isRead) && trapApplies(pe, trap)) {
      if (trap.ec === EC.Unknown) return undefinedInstruction(pe)
      return synchronous(trapTarget(pe, trap), {
        ...systemSyndrome(accessor.encoding, Rt, isRead),
        ...(trap.ec === undefined ? {} : { ec: trap.ec })
      })
    }
  }
  return finelyTrapped(pe, accessor, isRead) ? synchronous(2, systemSyndrome(accessor.encoding, Rt, isRead)) : undefined
}
const finelyTrapped = (pe: Pe, { fine }: Accessor, isRead: boolean): boolean => {
  const { controls } = pe
  if (!fine || controls.host || !controls.fineTraps) return false
  const bit = isRead ? fine.read : fine.write
  if (bit === undefined) return false
  const { slot } = controls,
    register = fine.pair === "HFG" ? (isRead ? slot.HFGRTR_EL2 : slot.HFGWTR_EL2) : isRead ? slot.HDFGRTR_EL2 : slot.HDFGWTR_EL2,
    word = bit < 32 ? controls.low(register) : controls.high(register)
  return ((word >>> (bit & 31)) & 1) === (fine.negative ? 0 : 1)
}

/** Whether an access by this name would neither be UNDEFINED nor trapped now. Names unknown to the machine are not free. */
export const accessIsFree = (pe: Pe, name: string, isRead: boolean): boolean => {
  const { machine } = pe.controls,
    encoding = machine.systemNames.encoding(name.toLowerCase(), isRead ? "read" : "write"),
    accessor = encoding === undefined ? undefined : machine.registerByEncoding.get(encoding)
  if (!accessor || pe.el < (isRead ? accessor.read : accessor.write)) return false
  return (
    (pe.el === 2 || trapOf(pe, accessor, 0, isRead) === undefined) && (accessor.access === undefined || checkGate(pe, accessor.access) === undefined)
  )
}

/** Reads a register without any check. */
export const readRegister = (pe: Pe, register: Register): bigint => {
  const { declaration } = register
  if (declaration.storage) return storages[declaration.storage].read(pe, register)
  if (declaration.compute?.read) return BigInt.asUintN(64, declaration.compute.read(computedFile(pe)))
  const { writable, ones } = pe.controls.layoutOf(register),
    stored = pe.system[register.slot]!
  return register.e2hLayout ? (stored & writable) | ones : stored
}
/** Writes a register without any check: RES0 and RES1 bits stay, a control register waits for synchronisation. */
export const writeRegister = (pe: Pe, register: Register, value: bigint): void => {
  const { declaration } = register,
    { writable, ones } = pe.controls.layoutOf(register),
    kept = value & writable,
    masked = ones === 0n ? kept : kept | ones
  if (declaration.storage) storages[declaration.storage].write(pe, register, declaration.fields ? masked : BigInt.asUintN(64, value))
  else if (declaration.compute?.write) declaration.compute.write(computedFile(pe), masked)
  else pe.controls.store(register, masked)
  if (declaration.length) {
    pe.controls.setInForce(register.slot, LEN, masked)
    updateVectorLengths(pe)
    pe.trapKeys.stale = true
  }
}
/** ZCR_ELx.LEN and SMCR_ELx.LEN. */
const LEN = 15n

/** Reads a register by name as kept, for tools and tests. Throws RangeError for a name the machine does not have. */
export const registerNamed = (pe: Pe, name: string): Register => {
  const register = pe.controls.machine.registerByName.get(name)
  if (!register) throw new RangeError(`This machine has no register ${name}`)
  return register
}
/** Encoding number of a declared register, for callers that know its name only. */
export const encodingOf = (register: Register): number => parseEncoding(register.declaration.encoding)
