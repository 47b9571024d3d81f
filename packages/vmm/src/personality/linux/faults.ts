/** Exceptions of EL0 that are no system calls: pages brought in, registers emulated, or the signal that Linux sends. */
import { type AddressSpace, pageDown } from "./address-space.ts"
import type { GuestCpu } from "./guest.ts"
import { isUserIdRegister, userIdRegister } from "./id-registers.ts"
import { CODE, SIGNAL, type SignalInfo } from "./signals.ts"
import { STUB_ADDRESS } from "./stub.ts"

const EC = {
  unknown: 0x00,
  waitForInterrupt: 0x01,
  systemRegister: 0x18,
  instructionAbort: 0x20,
  pcAlignment: 0x22,
  dataAbort: 0x24,
  spAlignment: 0x26,
  memoryCopy: 0x27,
  floatingPoint: 0x2c,
  breakpoint: 0x3c
} as const
export const exceptionClass = (syndrome: bigint): number => Number(syndrome >> 26n) & 63

/** Fields of a data abort's syndrome. */
const ABORT = { WNR: 1n << 6n, CM: 1n << 8n, STATUS: 0x3fn } as const
const STATUS = { alignment: 0x21, translation: 0x04 } as const
/** What is left of the syndrome for an address that is not the process's: nothing about the kernel's memory. */
const HIDDEN = { classAndLength: 0xfe00_0000n, cache: ABORT.CM | ABORT.WNR } as const

/** What to do about an exception: a signal, nothing more (the instruction is done or tried again), or the end of the process for lack of memory. */
export type FaultOutcome = SignalInfo | "resume" | "out-of-memory"

/** Address bits 55:0, where bit 55 says which half it is in. */
const isUserAddress = (address: bigint): boolean => ((address >> 48n) & 0xffn) === 0n

/** The exception registers of EL1 say what happened; X registers are those of EL0. */
export const handleFault = (cpu: GuestCpu, space: AddressSpace): FaultOutcome => {
  const syndrome = cpu.system("ESR_EL1")
  const pc = cpu.system("ELR_EL1")
  const ec = exceptionClass(syndrome)
  /** A signal that reports `address`, from an exception that is not about memory. */
  const signal = (number: number, code: number, address: bigint): SignalInfo => ({ signal: number, code, address, fault: { address: 0n, syndrome } })
  switch (ec) {
    case EC.dataAbort:
    case EC.instructionAbort:
      return memoryFault(cpu, space, syndrome)
    case EC.pcAlignment:
      return signal(SIGNAL.BUS, CODE.busAlignment, cpu.system("FAR_EL1"))
    case EC.spAlignment:
      return signal(SIGNAL.BUS, CODE.busAlignment, cpu.system("SP_EL0"))
    case EC.breakpoint:
      return { signal: SIGNAL.TRAP, code: CODE.trapBreakpoint, address: pc }
    case EC.floatingPoint:
      return signal(SIGNAL.FPE, floatCode(syndrome), pc)
    case EC.memoryCopy:
      restartMemoryCopy(cpu, syndrome, pc)
      return "resume"
    case EC.waitForInterrupt:
      cpu.setSystem("ELR_EL1", pc + 4n)
      return "resume"
    case EC.unknown:
    case EC.systemRegister:
      if (emulateIdRead(cpu, space, pc)) return "resume"
      break
  }
  return signal(SIGNAL.ILL, CODE.illegalOpcode, pc)
}

const memoryFault = (cpu: GuestCpu, space: AddressSpace, syndrome: bigint): FaultOutcome => {
  const address = cpu.system("FAR_EL1")
  const isFetch = exceptionClass(syndrome) === EC.instructionAbort
  const isWrite = !isFetch && (syndrome & ABORT.WNR) !== 0n && (syndrome & ABORT.CM) === 0n
  const status = Number(syndrome & ABORT.STATUS)
  const user = isUserAddress(address) && (address & 0xffff_ffff_ffffn) < BigInt(STUB_ADDRESS)
  const fault = { address, syndrome: isUserAddress(address) ? syndrome : hiddenSyndrome(syndrome, isFetch) }
  if (status === STATUS.alignment) return { signal: SIGNAL.BUS, code: CODE.busAlignment, address, fault }
  const result = user ? space.fault(Number(address & 0xffff_ffff_ffffn), isFetch ? "execute" : isWrite ? "write" : "read") : "not-mapped"
  switch (result) {
    case "mapped":
      // The page was there already: the TLB is behind.
      if ((status & ~3) !== STATUS.translation) space.tables.stale = true
      return "resume"
    case "no-memory":
      return "out-of-memory"
    default:
      return { signal: SIGNAL.SEGV, code: result === "not-mapped" ? CODE.segvNotMapped : CODE.segvNoPermission, address, fault }
  }
}
/** As if the kernel's half were not mapped at all. */
const hiddenSyndrome = (syndrome: bigint, isFetch: boolean): bigint =>
  (syndrome & (isFetch ? HIDDEN.classAndLength : HIDDEN.classAndLength | HIDDEN.cache)) | BigInt(STATUS.translation)

/** si_code of SIGFPE from the trapped-exception bits of the syndrome, which count if TFV (bit 23) is set. */
const floatCode = (syndrome: bigint): number => {
  const bits = (syndrome & (1n << 23n)) === 0n ? 0 : Number(syndrome & 31n)
  if (bits & 1) return CODE.floatInvalid
  if (bits & 2) return CODE.floatDivision
  if (bits & 4) return CODE.floatOverflow
  if (bits & 8) return CODE.floatUnderflow
  return bits & 16 ? CODE.floatInexact : CODE.floatUnknown
}

/** EL0 may read ID registers: the kernel emulates MRS of op0 = 3, op1 = 0, CRn = 0 (the cpuid feature). */
const emulateIdRead = (cpu: GuestCpu, space: AddressSpace, pc: bigint): boolean => {
  const word = pc < BigInt(STUB_ADDRESS) ? space.fetch(Number(pc)) : undefined
  if (word === undefined || word >>> 12 !== 0xd5380) return false
  const encoding = 0xc000 | ((word >>> 5) & 0x7f)
  if (!isUserIdRegister(encoding)) return false
  if ((word & 31) !== 31) cpu.setX(word & 31, userIdRegister(encoding, cpu.idRegister(encoding) ?? 0n))
  cpu.setSystem("ELR_EL1", pc + 4n)
  return true
}

/**
 * A main or epilogue instruction of a memory copy or set found registers in the form of the other algorithm, as after a move between processors: they are
 * put back as before the prologue, which runs again.
 */
const restartMemoryCopy = (cpu: GuestCpu, syndrome: bigint, pc: bigint): void => {
  const bit = (n: number) => ((syndrome >> BigInt(n)) & 1n) !== 0n
  const field = (low: number) => Number((syndrome >> BigInt(low)) & 31n)
  const [isSet, fromEpilogue, wrongOption, optionA] = [bit(24), bit(18), bit(17), bit(16)]
  const [to, from, count] = [field(10), field(5), field(0)]
  const x = (n: number) => (n === 31 ? 0n : cpu.x(n))
  const add = (n: number, value: bigint) => n !== 31 && cpu.setX(n, BigInt.asUintN(64, cpu.x(n) + value))
  const size = x(count)
  const inFormA = optionA !== wrongOption
  const backwards = (cpu.system("SPSR_EL1") & (1n << 31n)) !== 0n
  if (inFormA && (isSet || (size & (1n << 63n)) !== 0n)) {
    add(to, size)
    if (!isSet) add(from, size)
    if (count !== 31) cpu.setX(count, BigInt.asUintN(64, -size))
  } else if (!inFormA && !isSet && backwards) {
    add(to, -size)
    add(from, -size)
  }
  cpu.setSystem("ELR_EL1", pc - (fromEpilogue ? 8n : 4n))
}
/** Whether a fault's address lies in an area: the code of a SIGSEGV that has no access of its own. */
export const badStackCode = (space: AddressSpace, sp: bigint): number =>
  sp < BigInt(STUB_ADDRESS) && space.areaAt(pageDown(Number(sp))) !== undefined ? CODE.segvNoPermission : CODE.segvNotMapped
