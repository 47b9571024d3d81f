/** Gates: which enables, modes and state an access class needs, as data. The order of evaluation is the architecture's. */
import type { FieldReference, RegisterTrap, ResolvedTrap } from "./register.ts"
import type { Syndrome } from "./syndrome.ts"

/** One abstract trap control in both spellings. A mode programs one of them; extensions give both. */
export interface TrapControl {
  /** "fp", "sve", "sme" */
  readonly id: string
  /** The control exists only where this feature expression holds; its fields say the same. */
  readonly feature?: string
  /** Two-bit field of CPACR_EL1, and of CPTR_EL2 while HCR_EL2.E2H = 1: x0 traps, 01 traps EL0 only, 11 does not trap. */
  readonly enable: string
  /** One-bit field of CPTR_EL2 while HCR_EL2.E2H = 0: 1 traps EL0, EL1 and EL2. */
  readonly trap: string
  readonly syndrome: Syndrome
  /** Syndrome of an EL1 trap that HCR_EL2.TGE reroutes to EL2, when it differs. */
  readonly rerouted?: Syndrome
}

/** A check after the enables; its exception goes to the current EL (EL0: EL1, or EL2 under HCR_EL2.TGE), except the EL2 half of a control pair. */
export type StateCheck =
  /** PSTATE.SM or PSTATE.ZA must be 1. */
  | { readonly needs: "SM" | "ZA"; readonly syndrome: Syndrome }
  /** In streaming mode the instruction must be legal there, or FA64 be in force. */
  | { readonly needs: "legalInStreaming"; readonly syndrome: Syndrome }
  /** Both controls ("SMCR_EL1.EZT0") must be 1: the first for EL0 and EL1 outside host mode, the second for all levels. */
  | { readonly needs: "controls"; readonly el1: string; readonly el2: string; readonly syndrome: Syndrome }

/** The checks of an access class in one situation. All controls are tested for EL1, then all for EL2, then the state checks. */
export interface GateVariant {
  /** Applies only with this PSTATE.SM; omitted: both. */
  readonly streaming?: boolean
  /** Applies only when this feature expression holds: its controls may be those of a plugin that is not there. */
  readonly having?: string
  /** Applies only when this feature expression does not hold. */
  readonly lacking?: string
  /** Tested before everything else (FPMR's enables). */
  readonly before?: readonly RegisterTrap[]
  /** Ids of trap controls, in order. */
  readonly controls: readonly string[]
  readonly checks?: readonly StateCheck[]
}
/** An access class: the first variant that applies is used; none: the access is free. */
export interface Gate {
  readonly access: string
  readonly variants: readonly GateVariant[]
}

/** FA64 is in force only when both are 1 (SMCR_EL1 outside host mode). Machines without SME have neither, and never are in streaming mode. */
export const FULL_A64 = { el1: "SMCR_EL1.FA64", el2: "SMCR_EL2.FA64" } as const

/** Gates of a composed machine: names are resolved to places, variants that cannot apply are gone. */
export interface ResolvedControl extends TrapControl {
  readonly cpacr: FieldReference
  /** With its place in the E2H = 1 layout. */
  readonly cptr: FieldReference
}
/** One control at EL1 and its counterpart at EL2, as places. */
export interface ControlPair {
  readonly el1: FieldReference
  readonly el2: FieldReference
}
/** A StateCheck with its controls as places. */
export interface ResolvedCheck {
  readonly needs: StateCheck["needs"]
  readonly syndrome: Syndrome
  /** For `controls`, and for `legalInStreaming` when the machine has FA64. */
  readonly pair: ControlPair | undefined
}
/** A GateVariant of a composed machine. */
export interface ResolvedVariant {
  readonly streaming: boolean | undefined
  readonly before: readonly ResolvedTrap[]
  readonly controls: readonly ResolvedControl[]
  readonly checks: readonly ResolvedCheck[]
}
/** A Gate of a composed machine. */
export interface ResolvedGate {
  readonly access: string
  /** Position in Machine.gates: its bit in a verdict mask. */
  readonly index: number
  readonly variants: readonly ResolvedVariant[]
}
