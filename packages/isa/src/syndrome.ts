/** ESR_ELx: exception classes and the syndromes that gates, registers and instructions report. Values are numbers: ISS is at most 25 bits. */

/** Exception class, ESR_ELx.EC. The names are those of the architecture's table. */
export enum EC {
  Unknown = 0x00,
  WFx = 0x01,
  FPAccess = 0x07,
  PAuth = 0x09,
  LS64 = 0x0a,
  BranchTarget = 0x0d,
  IllegalState = 0x0e,
  SVC64 = 0x15,
  HVC64 = 0x16,
  SMC64 = 0x17,
  SystemRegister = 0x18,
  SVEAccess = 0x19,
  ERet = 0x1a,
  SMEAccess = 0x1d,
  InstructionAbortLower = 0x20,
  InstructionAbort = 0x21,
  PCAlignment = 0x22,
  DataAbortLower = 0x24,
  DataAbort = 0x25,
  SPAlignment = 0x26,
  MemoryCopy = 0x27,
  FloatingPoint = 0x2c,
  SError = 0x2f,
  BreakpointLower = 0x30,
  Breakpoint = 0x31,
  SoftwareStepLower = 0x32,
  SoftwareStep = 0x33,
  WatchpointLower = 0x34,
  Watchpoint = 0x35,
  BRK64 = 0x3c
}

/** A class and its instruction-specific syndrome. */
export interface Syndrome {
  readonly ec: EC
  readonly iss: number
}

/** ISS of EC.FPAccess from A64: CV = 1, COND = always. */
export const FP_ACCESS: Syndrome = { ec: EC.FPAccess, iss: 0x1e00000 }
/** An access to SVE state that is trapped. */
export const SVE_ACCESS: Syndrome = { ec: EC.SVEAccess, iss: 0 }
/** An instruction that is UNDEFINED. */
export const UNDEFINED: Syndrome = { ec: EC.Unknown, iss: 0 }

/** SMTC, ISS bits 2:0 of EC.SMEAccess: why an SME access trapped. */
export enum SMTC {
  /** SMEN or TSM */
  access = 0,
  /** not legal in streaming mode */
  streaming = 1,
  /** needs streaming mode */
  notStreaming = 2,
  /** needs PSTATE.ZA */
  noZA = 3,
  /** SMCR_ELx.EZT0 is off */
  noZT0 = 4
}
/** An access to SME state that is trapped, with its reason. */
export const smeAccess = (reason: SMTC): Syndrome => ({ ec: EC.SMEAccess, iss: reason })

/** ISS of EC.SystemRegister for the register or SYS operation of `encoding` (op0:op1:CRn:CRm:op2, 16 bits). */
export const systemSyndrome = (encoding: number, Rt: number, isRead: boolean): Syndrome => {
  const op0 = (encoding >> 14) & 3,
    op1 = (encoding >> 11) & 7,
    CRn = (encoding >> 7) & 15,
    CRm = (encoding >> 3) & 15,
    op2 = encoding & 7
  return { ec: EC.SystemRegister, iss: (op0 << 20) | (op2 << 17) | (op1 << 14) | (CRn << 10) | (Rt << 5) | (CRm << 1) | (isRead ? 1 : 0) }
}
