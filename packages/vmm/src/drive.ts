/**
 * Runs a guest in slices: between them limits are looked at, signals reach the guest and the event loop turns. The slices are plain synchronous
 * code of a fixed count of instructions.
 */

import { IGNORED_BY_DEFAULT } from "./personality/linux/signals.ts"
import type { PlatformService } from "./platform.ts"
import type { SignalClock } from "./signal-schedule.ts"

/** Nothing to execute until something happens outside: a signal, or input. */
export interface Waiting {
  readonly kind: "waiting"
  readonly for: "signal" | "input"
}
/** A guest as drive() sees it. */
export interface Runnable<End> {
  /** Runs at most so many instructions. Undefined: they are used up. */
  run(instructions: number): End | Waiting | undefined
  /** Instructions retired since the start. */
  executed(): number
  /** Sends a signal to the guest; undefined for guests that know none. */
  readonly signal?: (signal: number) => void
}
export interface Limits {
  /** Most instructions; undefined: any number. */
  readonly instructions: number | undefined
  /** Most time of the host in milliseconds; undefined: any. */
  readonly milliseconds: number | undefined
}
export interface LimitReached {
  readonly kind: "limit"
  readonly limit: "instructions" | "time"
}
/** The process got a signal that ends one, and the guest knows no signals. */
export interface Interrupted {
  readonly kind: "interrupted"
  /** Its number. */
  readonly signal: number
}

/**
 * A slice in instructions: a few milliseconds of translated code, a second or two of interpreted. It is a constant, because a slice ends with an exit of the
 * guest: a length that followed the host's clock would make runs differ.
 */
const SLICE = 10_000_000
/** How long the event loop may stand still, in milliseconds, when slices are shorter. */
const STILL_TIME = 15
/** How long to look away from an input that is empty, at most. */
const INPUT_POLL = 20
const LONG = 2 ** 31 - 1

const isWaiting = (stop: object): stop is Waiting => "kind" in stop && stop.kind === "waiting"

/** Runs to the end of the guest or a limit; comes back at the end of a slice, with the limit of time, when `abort` says so. */
export const drive = async <End extends object>(
  guest: Runnable<End>,
  limits: Limits,
  clock: SignalClock,
  platform: PlatformService,
  abort?: AbortSignal
): Promise<End | LimitReached | Interrupted> => {
  const { signal } = guest
  let interruption: number | undefined
  const interrupt = (signal: number) => {
    if (!IGNORED_BY_DEFAULT.has(signal)) interruption ??= signal
  }
  const stopListening = platform.onSignal(signal ?? interrupt)
  const start = platform.milliseconds()
  const timeLeft = () => (limits.milliseconds ?? Number.POSITIVE_INFINITY) - (platform.milliseconds() - start)
  let turned = start
  let poll = 0
  try {
    for (;;) {
      const executed = guest.executed()
      const left = (limits.instructions ?? Number.POSITIVE_INFINITY) - executed
      if (left <= 0) return { kind: "limit", limit: "instructions" }
      if (clock.until(executed) === 0) for (const due of clock.take(executed)) signal?.(due)
      const stop = guest.run(Math.min(SLICE, left, clock.until(executed)))
      if (stop !== undefined && !isWaiting(stop)) return stop
      if (interruption !== undefined) return { kind: "interrupted", signal: interruption }
      if (timeLeft() <= 0 || abort?.aborted === true) return { kind: "limit", limit: "time" }
      const now = platform.milliseconds()
      if (stop === undefined) {
        poll = 0
      } else if (stop.for === "signal" && clock.pending) {
        // Time stands still while the guest waits: the next scheduled signal is what happens next.
        clock.advance(guest.executed())
        continue
      }
      if (stop !== undefined) {
        poll = Math.min(poll * 2 + 1, INPUT_POLL)
        await platform.turn(Math.min(stop.for === "input" ? poll : LONG, timeLeft(), LONG))
      } else if (now - turned >= STILL_TIME) await platform.turn()
      else continue
      turned = platform.milliseconds()
    }
  } finally {
    stopListening()
  }
}
