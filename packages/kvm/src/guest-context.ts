/** The guest's registers that hyp code switches: where each lies in a vCPU's memory, and the lists they move in. */
import type { RegisterList } from "@eltwo/cpu"
import type { CpuFeatures } from "./host/cpu-features.ts"
import type { AccessorFamily } from "./mode.ts"

/** Registers in a vCPU's context, by architectural name. */
export const CONTEXT = [
  "MPIDR_EL1",
  "CSSELR_EL1",
  "SCTLR_EL1",
  "ACTLR_EL1",
  "CPACR_EL1",
  "ZCR_EL1",
  "TTBR0_EL1",
  "TTBR1_EL1",
  "TCR_EL1",
  "TCR2_EL1",
  "PIR_EL1",
  "PIRE0_EL1",
  "ESR_EL1",
  "AFSR0_EL1",
  "AFSR1_EL1",
  "FAR_EL1",
  "MAIR_EL1",
  "VBAR_EL1",
  "CONTEXTIDR_EL1",
  "AMAIR_EL1",
  "CNTKCTL_EL1",
  "PAR_EL1",
  "TPIDR_EL0",
  "TPIDRRO_EL0",
  "TPIDR_EL1",
  "SP_EL1",
  "ELR_EL1",
  "SPSR_EL1",
  "SCTLR2_EL1",
  "MDSCR_EL1",
  "MDCCINT_EL1",
  "OSLSR_EL1",
  "DISR_EL1",
  "CNTV_CTL_EL0",
  "CNTV_CVAL_EL0",
  "CNTP_CTL_EL0",
  "CNTP_CVAL_EL0"
] as const
/** Registers that are switched between host and guest. */
export type ContextRegister = (typeof CONTEXT)[number]
/** Their places in a context. */
export const SLOT: Readonly<Record<ContextRegister, number>> = Object.fromEntries(CONTEXT.map((name, i) => [name, i])) as Record<
  ContextRegister,
  number
>
/** Places behind them, for what is put on the CPU together with them: where this side goes on, and MIDR_EL1 and MPIDR_EL1 as its EL1 reads them. */
export const ENTRY = { pc: CONTEXT.length, pstate: CONTEXT.length + 1, midr: CONTEXT.length + 2, mpidr: CONTEXT.length + 3 } as const
/** A context with every register zero. */
export const newContext = (): BigUint64Array => new BigUint64Array(CONTEXT.length + Object.keys(ENTRY).length)

/** Registers whose name at EL2 under E2H still means themselves; the others' means the one of EL2. */
const NOT_REDIRECTED: ReadonlySet<ContextRegister> = new Set<ContextRegister>([
  "MPIDR_EL1",
  "CSSELR_EL1",
  "ACTLR_EL1",
  "PAR_EL1",
  "TPIDR_EL0",
  "TPIDRRO_EL0",
  "TPIDR_EL1",
  "SP_EL1",
  "MDSCR_EL1",
  "MDCCINT_EL1",
  "OSLSR_EL1",
  "DISR_EL1"
])
/** The name by which hyp code of a family reaches the guest's register. */
export const guestName = (register: ContextRegister, family: AccessorFamily): string =>
  family === "redirected" && !NOT_REDIRECTED.has(register) ? `${register}2` : register

/** The lists of a machine in a family. */
export interface GuestLists {
  /** TPIDR_EL0, TPIDRRO_EL0. */
  readonly user: RegisterList
  /** What EL1 reads as its identity, and the registers that are loaded before CPACR_EL1. */
  readonly view: RegisterList
  readonly cpacr: string
  /** The registers that are loaded after it. */
  readonly el1Load: RegisterList
  /** The order they are stored in. CPACR_EL1 is among them. */
  readonly el1Save: RegisterList
  /** Where the guest goes on, and what an exit leaves of it. */
  readonly entry: RegisterList
  readonly exit: RegisterList
  /** Where all of them move at once: `el1Load`, `user` and `entry` in one; `el1Save`, `user` and what the other side left, a host or a guest. */
  readonly allLoad: RegisterList
  readonly hostSave: RegisterList
  readonly guestSave: RegisterList
  /** Which context registers are on the CPU while el1 lists stay there. */
  readonly live: ReadonlySet<ContextRegister>
}
const USER: readonly ContextRegister[] = ["TPIDR_EL0", "TPIDRRO_EL0"]
/** A register's name and its place in a context. */
type Place = readonly [string, number]
const FIRST: readonly ContextRegister[] = ["SCTLR_EL1", "TCR_EL1"]

/** Which registers are switched when, for a processor and the spelling of its EL1 registers. */
export const guestLists = (features: CpuFeatures, family: AccessorFamily): GuestLists => {
  const places = (registers: readonly ContextRegister[]): readonly Place[] => registers.map((r) => [guestName(r, family), SLOT[r]])
  const list = (...all: readonly Place[]): RegisterList => ({ names: all.map(([name]) => name), slots: all.map(([, slot]) => slot) })
  const optional = (has: boolean, ...registers: readonly ContextRegister[]) => (has ? registers : [])
  const extended: readonly ContextRegister[] = [
    ...optional(features.tcr2, "TCR2_EL1"),
    ...optional(features.indirectPermissions, "PIR_EL1", "PIRE0_EL1")
  ]
  const late: readonly ContextRegister[] = [
    "ESR_EL1",
    "AFSR0_EL1",
    "AFSR1_EL1",
    "FAR_EL1",
    "MAIR_EL1",
    "VBAR_EL1",
    "CONTEXTIDR_EL1",
    "AMAIR_EL1",
    "CNTKCTL_EL1",
    "PAR_EL1",
    "TPIDR_EL1",
    "SP_EL1",
    "ELR_EL1",
    "SPSR_EL1",
    ...optional(features.sctlr2, "SCTLR2_EL1")
  ]
  const save: readonly ContextRegister[] = ["SCTLR_EL1", "CPACR_EL1", "TTBR0_EL1", "TTBR1_EL1", "TCR_EL1", ...extended, ...late]
  const load: readonly ContextRegister[] = ["TTBR0_EL1", "TTBR1_EL1", ...extended, ...late]
  const suffix = family === "redirected" ? "EL1" : "EL2"
  const [elr, spsr]: readonly [Place, Place] = [
    [`ELR_${suffix}`, ENTRY.pc],
    [`SPSR_${suffix}`, ENTRY.pstate]
  ]
  const disr: readonly Place[] = features.ras ? [["VDISR_EL2", SLOT.DISR_EL1]] : []
  const [user, el1Save, el1Load] = [places(USER), places(save), places(load)]
  return {
    user: list(...user),
    view: list(["VPIDR_EL2", ENTRY.midr], ["VMPIDR_EL2", ENTRY.mpidr], ...places(FIRST)),
    cpacr: guestName("CPACR_EL1", family),
    el1Load: list(...el1Load),
    el1Save: list(...el1Save),
    entry: list(elr, spsr, ...disr),
    exit: list(elr, ...disr),
    allLoad: list(...el1Load, ...user, elr, spsr, ...disr),
    hostSave: list(...el1Save, ...user, elr, spsr, ...disr),
    guestSave: list(...el1Save, ...user, elr, ...disr),
    live: new Set([...USER, ...save])
  }
}
