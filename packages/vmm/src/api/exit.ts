/** Why a machine stopped running. */
import type { RunEnd } from "../run-result.ts"

/**
 * Closed: these are all. What a guest does is an exit, never a failure; after one of the first four it has ended, and running on gives the same again.
 */
export type VmExit =
  /** The program ended, or the image switched its machine off. */
  | { readonly kind: "exited"; readonly status: number }
  /** A signal that it does not handle ended the program; `fault` is the address of the access that caused it. */
  | { readonly kind: "killed"; readonly signal: number; readonly pc: bigint; readonly fault?: bigint; readonly outOfMemory?: true }
  /** The image took an exception whose vector cannot be executed. */
  | Extract<RunEnd, { kind: "unhandled" }>
  /** The image waits for an interrupt that nothing can send. */
  | { readonly kind: "idle"; readonly pc: bigint }
  /** `maxInstructions` have retired. */
  | { readonly kind: "limit" }
  /** The next instruction is at an address of `until`. */
  | { readonly kind: "reached"; readonly pc: bigint }
  /** Somebody asked for it. */
  | { readonly kind: "paused" }
  /** The program does nothing until a signal comes (see signal()), or its input has something. */
  | { readonly kind: "waiting"; readonly for: "signal" | "input" }
