/** ID registers of a protected VM: hyp code shows what it can vouch for, at most what the processor has. User space and the host have no say. */

/** Reads an ID register of the processor by its name; 0 where there is none. */
export type ReadId = (register: string) => bigint

/** What a protected VM may have: pointer authentication is the only feature of a vCPU that counts. */
export interface IdPolicy {
  readonly pauth: boolean
}
/** A field of four bits. `most`: the largest value shown; "host": what the processor says. */
interface Limit {
  readonly low: number
  readonly most: number | "host"
  /** 15 is -1: not implemented, and less than 0. */
  readonly signed?: boolean
  readonly only?: (policy: IdPolicy) => boolean
}
const upTo = (low: number, most: number): Limit => ({ low, most })
const signed = (low: number, most: number): Limit => ({ low, most, signed: true })
const pauth = (low: number, most: number): Limit => ({ low, most, only: (policy) => policy.pauth })
const all = (...lows: readonly number[]): readonly Limit[] => lows.map((low) => ({ low, most: "host" }))

const EVERY_FIELD = Array.from({ length: 16 }, (_, i) => 4 * i)

/** Fields by register; a field that is not here is shown as absent, and so is a register. */
const LIMITS: Readonly<Record<string, readonly Limit[]>> = {
  // EL0 to EL3 in AArch64 state only; FP and AdvSIMD with half precision, GIC, RAS, DIT, CSV2, CSV3. SVE is not for protected VMs
  ID_AA64PFR0_EL1: [
    upTo(0, 1),
    upTo(4, 1),
    upTo(8, 1),
    upTo(12, 1),
    signed(16, 1),
    signed(20, 1),
    upTo(24, 1),
    upTo(28, 1),
    upTo(48, 1),
    upTo(56, 1),
    upTo(60, 1)
  ],
  // BT, SSBS
  ID_AA64PFR1_EL1: [upTo(0, 1), upTo(4, 2)],
  ID_AA64ISAR0_EL1: all(...EVERY_FIELD),
  // DPB, APA, API, JSCVT, FCMA, LRCPC, GPA, GPI, FRINTTS, SB, SPECRES, BF16, DGH, I8MM
  ID_AA64ISAR1_EL1: [
    upTo(0, 2),
    pauth(4, 5),
    pauth(8, 5),
    upTo(12, 1),
    upTo(16, 1),
    upTo(20, 3),
    pauth(24, 1),
    pauth(28, 1),
    upTo(32, 1),
    upTo(36, 1),
    upTo(40, 2),
    upTo(44, 2),
    upTo(48, 1),
    upTo(52, 1)
  ],
  // GPA3, APA3
  ID_AA64ISAR2_EL1: [pauth(8, 1), pauth(12, 5)],
  // PARange: 40 bits, ASIDBits: 16, BigEnd, SNSMem, BigEndEL0, the granules as they are, ExS
  ID_AA64MMFR0_EL1: [upTo(0, 2), upTo(4, 2), upTo(8, 1), upTo(12, 1), upTo(16, 1), ...all(20), signed(24, 0), signed(28, 1), upTo(44, 1)],
  // HAFDBS, VMIDBits, HPDS, PAN, SpecSEI, ETS
  ID_AA64MMFR1_EL1: [upTo(0, 2), upTo(4, 2), upTo(12, 2), upTo(20, 3), upTo(24, 1), upTo(36, 2)],
  // CnP, UAO, IESB, AT, IDS, TTL, BBM, E0PD
  ID_AA64MMFR2_EL1: [upTo(0, 1), upTo(4, 1), upTo(12, 1), upTo(32, 1), upTo(36, 1), upTo(48, 1), upTo(52, 2), upTo(60, 1)]
}
/** Fields whose 0 means "present": MTPMU and DoubleLock of DFR0, E2H0 of MMFR4. */
const ABSENT_IS_15: Readonly<Record<string, readonly number[]>> = {
  ID_AA64DFR0_EL1: [36, 48],
  ID_AA64MMFR4_EL1: [24]
}

const field = (value: bigint, low: number): number => Number((value >> BigInt(low)) & 15n)
const order = (value: number, isSigned: boolean): number => (isSigned && value > 7 ? value - 16 : value)
const limited = (host: number, { most, signed: isSigned = false }: Limit): number => {
  if (most === "host") return host
  return order(host, isSigned) <= order(most, isSigned) ? host : most
}

/** The value of a register of the ID space ("ID_AA64PFR0_EL1") as a protected guest reads it. */
export const protectedIdRegister = (name: string, read: ReadId, policy: IdPolicy): bigint => {
  const host = read(name)
  const absent = (ABSENT_IS_15[name] ?? []).reduce((value, low) => value | (15n << BigInt(low)), 0n)
  return (LIMITS[name] ?? [])
    .filter(({ only }) => only?.(policy) ?? true)
    .reduce((value, limit) => value | (BigInt(limited(field(host, limit.low), limit)) << BigInt(limit.low)), absent)
}

const PFR0 = { EL0: 0, EL1: 4, FP: 16, AdvSIMD: 20 } as const
const PFR1_SME = 24
const AARCH64_ONLY = 1
const NOT_IMPLEMENTED = 15
/**
 * Whether hyp code makes a protected VM with these ID registers: EL0 and EL1 in AArch64 state only, FP and AdvSIMD, no SME. Guests take the first
 * three for granted, and hyp code cannot switch the last.
 */
export const canBeProtected = (idRegister: ReadId): boolean => {
  const pfr0 = idRegister("ID_AA64PFR0_EL1")
  return (
    field(pfr0, PFR0.EL0) <= AARCH64_ONLY &&
    field(pfr0, PFR0.EL1) <= AARCH64_ONLY &&
    field(pfr0, PFR0.FP) !== NOT_IMPLEMENTED &&
    field(pfr0, PFR0.AdvSIMD) !== NOT_IMPLEMENTED &&
    field(idRegister("ID_AA64PFR1_EL1"), PFR1_SME) === 0
  )
}
