/**
 * System registers as plugins declare them: name, encoding, fields, who may read and write, which control traps the access.
 * compose() turns declarations into `Register` (one storage slot) and `Accessor` (one encoding at which registers are reached).
 */

/** 3 as a level means nobody: the access is UNDEFINED everywhere. */
export type AccessLevel = 0 | 1 | 2 | 3

/** "34", "21:20" (bits, highest first), optionally "34 if FPMR": the field exists only with that feature expression, else its bits are as if it were not declared. */
export type Bits = number | string
/** Fields of a register: name to bits. */
export interface FieldTable {
  readonly [name: string]: Bits
}

/**
 * A control bit that traps an access with EC 0x18 (or another class). References are "REGISTER.FIELD".
 * A control of an _EL2 register traps to EL2, applies while EL2 governs (never under HCR_EL2.{E2H,TGE} = {1,1}), at EL1 unless said.
 * A control of an _EL1 register traps EL0 to EL1; under {1,1} its `host` reference is used instead and the trap goes to EL2.
 */
export interface RegisterTrap {
  readonly control: string
  readonly host?: string
  /** The value of the control that traps; 1 unless said. */
  readonly when?: 0 | 1
  readonly on?: "read" | "write"
  /** Exception levels the control watches. */
  readonly from: readonly (0 | 1)[]
  /** Exception class reported; EC.SystemRegister unless said. 0 makes the access UNDEFINED. */
  readonly ec?: number
}
/** Traps EL1 accesses to EL2 while `control` (of an _EL2 register) is 1. */
export const trapEL1 = (control: string, on?: "read" | "write"): RegisterTrap => ({ control, from: [1], ...(on ? { on } : {}) })
/** Traps EL0 and EL1 accesses to EL2 while `control` is 1 (or `when`). */
export const trapBelow = (control: string, on?: "read" | "write", when: 0 | 1 = 1): RegisterTrap => ({
  control,
  when,
  from: [0, 1],
  ...(on ? { on } : {})
})
/** Traps EL0 accesses to EL1 while `control` is `when`; `host` is the control in force instead under HCR_EL2.{E2H,TGE} = {1,1}. */
export const trapEL0 = (control: string, host: string, when: 0 | 1 = 0, on?: "read" | "write"): RegisterTrap => ({
  control,
  host,
  when,
  from: [0],
  ...(on ? { on } : {})
})

/** Fine-grained trap: bit of HFGRTR_EL2 / HFGWTR_EL2 (or the pair named) that traps EL0 and EL1. A bit given as negative polarity traps when 0. */
export interface FineTrap {
  /** "HFG" for HFGRTR/HFGWTR_EL2, "HDFG" for HDFGRTR/HDFGWTR_EL2. */
  readonly pair: "HFG" | "HDFG"
  readonly read?: number
  readonly write?: number
  /** True for the fields whose names begin with n: 0 traps. */
  readonly negative?: boolean
}

/** Places outside the register file whose value the cpu keeps or computes; a register declared there has no slot of its own. */
export type Storage =
  | "NZCV"
  | "DAIF"
  | "CurrentEL"
  | "SPSel"
  | "PAN"
  | "UAO"
  | "DIT"
  | "SSBS"
  | "TCO"
  | "ALLINT"
  | "SP_EL0"
  | "SP_EL1"
  | "SP_EL2"
  | "FPCR"
  | "FPSR"
  | "FPMR"
  | "SVCR"
  | "RNDR"
  | "ISR"
  | "CCSIDR"
  | "DCZID"
  | "OSLAR"
  | "physicalCount"
  | "virtualCount"
  | "timerControl"
  | "timerCompare"
  | "timerValue"
  | "interruptInterface"

/** What a register computed by a plugin sees: other registers by name, as last written. */
export interface RegisterFile {
  /** Exception level of the access. */
  readonly el: 0 | 1 | 2
  get(name: string): bigint
  set(name: string, value: bigint): void
}
/** A register without storage of its own. */
export interface Computed {
  readonly read?: (file: RegisterFile) => bigint
  readonly write?: (file: RegisterFile, value: bigint) => void
}

/** A system register as it is declared. */
export interface SystemRegister {
  /** As in the manual, "SCTLR_EL1". */
  readonly name: string
  /** "op0 op1 CRn CRm op2", "3 0 1 0 0". */
  readonly encoding: string
  readonly feature?: string
  /** Writable fields; omitted: all 64 bits. Bits of no field are RES0, or RES1 where `ones` says. */
  readonly fields?: FieldTable
  /** RES1 bits, unless a field of this or another plugin takes them. */
  readonly ones?: bigint
  /** The layout in force while HCR_EL2.E2H = 1, when it differs (CPTR_EL2, CNTHCTL_EL2, TCR_EL2). */
  readonly e2h?: { readonly fields: FieldTable; readonly ones?: bigint }
  readonly reset?: bigint
  /** Lowest level that may read; default by op1 (0, 1, 2: EL1; 3: EL0; 4, 5: EL2). */
  readonly read?: AccessLevel
  readonly write?: AccessLevel
  /** Part of the ID space: read only, value = `reset` joined with what implemented features contribute. */
  readonly identification?: boolean
  readonly traps?: readonly RegisterTrap[]
  readonly fine?: FineTrap
  /** Access class whose gate runs after the traps ("FP" for FPCR). */
  readonly access?: string
  /** Register reached by this name at EL2 with HCR_EL2.E2H = 1 ("SCTLR_EL2"). */
  readonly host?: string
  /** Also reachable at EL2 with E2H = 1 by the op1 = 5 encoding, under the name ending _EL12 or _EL02. */
  readonly alias?: "EL12" | "EL02"
  /** Register that EL1 reads instead ("VPIDR_EL2" for MIDR_EL1). */
  readonly virtual?: string
  /** A write takes effect for translation, traps and enables only at the next context synchronisation event. */
  readonly control?: boolean
  /** Its field LEN is a vector length: in force at once, without synchronisation. */
  readonly length?: boolean
  readonly storage?: Storage
  /** Which timer a timer register belongs to. */
  readonly timer?: "CNTV" | "CNTP" | "CNTHV" | "CNTHP"
  readonly compute?: Computed
  readonly doc?: string
}

/** Fields that a plugin adds to a register of another (CPACR_EL1.ZEN of sve). */
export interface FieldContribution {
  readonly register: string
  readonly fields?: FieldTable
  readonly e2h?: FieldTable
}

/** Where a field lies. `slot` indexes the system-register file; `e2h` is its place while HCR_EL2.E2H = 1 if that differs. */
export interface FieldReference {
  readonly register: Register
  readonly low: number
  readonly width: number
  readonly e2h?: { readonly low: number; readonly width: number }
}
/** What of a register is kept, and what reads as one. */
export interface Layout {
  /** Bits that keep what is written. */
  readonly writable: bigint
  readonly ones: bigint
  readonly fields: ReadonlyMap<string, { readonly low: number; readonly width: number }>
}
/** A register of the composed machine. */
export interface Register {
  readonly name: string
  /** Index in the system-register file; registers with `storage` or `compute` have one too, unused. */
  readonly slot: number
  readonly control: boolean
  readonly layout: Layout
  readonly e2hLayout: Layout | undefined
  readonly reset: bigint
  readonly declaration: SystemRegister
}
/** One encoding and what it reaches. */
export interface Accessor {
  readonly name: string
  readonly encoding: number
  /** Lowest level allowed, 3: none. */
  readonly read: AccessLevel
  readonly write: AccessLevel
  /** Register reached at EL0 and EL1. */
  readonly register: Register
  /** At EL2 with HCR_EL2.E2H = 0: undefined for _EL12 and _EL02 names. */
  readonly atEL2: Register | undefined
  /** At EL2 with HCR_EL2.E2H = 1. */
  readonly atHost: Register
  /** What EL1 reads instead. */
  readonly virtual: Register | undefined
  readonly traps: readonly ResolvedTrap[]
  readonly fine: FineTrap | undefined
  readonly access: string | undefined
}
/** A RegisterTrap of a composed machine, with its controls as places. */
export interface ResolvedTrap extends Omit<RegisterTrap, "control" | "host"> {
  readonly control: FieldReference
  readonly host: FieldReference | undefined
  readonly target: 1 | 2
}

/** The 16-bit number of an encoding: op0:op1:CRn:CRm:op2. Throws a SyntaxError on anything else. */
export const parseEncoding = (text: string): number => {
  const parts = text.split(" ").map(Number),
    widths = [2, 3, 4, 4, 3]
  if (parts.length !== 5 || parts.some((p, i) => !Number.isInteger(p) || p < 0 || p >= 1 << widths[i]!))
    throw new SyntaxError(`Register encoding '${text}' is not "op0 op1 CRn CRm op2"`)
  return parts.reduce((all, p, i) => (all << widths[i]!) | p, 0)
}

/** Reads one field position. Throws a SyntaxError. */
export const parseBits = (bits: Bits): { readonly low: number; readonly width: number; readonly feature: string | undefined } => {
  const m = /^(\d+)(?::(\d+))?(?: if (.+))?$/.exec(String(bits))
  const high = m ? Number(m[1]) : 64,
    low = m ? Number(m[2] ?? m[1]) : 64
  if (high > 63 || low > high) throw new SyntaxError(`Field position '${bits}' is not "high:low" within 63:0`)
  return { low, width: high - low + 1, feature: m![3] }
}

/** Default of read and write by op1. */
export const levelOf = (encoding: number): AccessLevel => ([1, 1, 1, 0, 2, 2, 3, 1] as const)[(encoding >> 11) & 7]!
