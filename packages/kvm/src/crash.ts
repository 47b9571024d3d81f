/** The modelled kernel's own crashes: typed values that tests assert. */
import type { PortTrap } from "@eltwo/cpu"
import type { TrailEntry } from "./trail.ts"

/**
 * The host kernel (HostOops) or hyp code (HypPanic) did something the processor refused: a trap or fault at its own exception level, which no
 * handler expects.
 */
export interface Crash {
  readonly kind: "HostOops" | "HypPanic"
  /** As ESR_ELx and ELR_ELx would read; the kernel model has no code, so ELR is the vector it last came in by. */
  readonly esr: number
  readonly elr: bigint
  /** What was tried, and the exception. */
  readonly message: string
  /** The last things this CPU did, oldest first. */
  readonly trail: readonly TrailEntry[]
}
/** Carries a crash to the interface of the host, where it becomes a value. It never leaves the package. */
export class Crashed {
  constructor(readonly crash: Crash) {}
}
export const crashOf = (kind: Crash["kind"], trap: PortTrap, elr: bigint, trail: readonly TrailEntry[]): Crashed =>
  new Crashed({ kind, esr: trap.esr, elr, message: trap.message, trail })
/** A condition the kernel itself reports as a bug. */
export const bug = (kind: Crash["kind"], message: string, elr: bigint, trail: readonly TrailEntry[]): Crashed =>
  new Crashed({ kind, esr: 0, elr, message, trail })
