/**
 * Runs a guest in slices: between them limits are looked at, signals reach the guest and the event loop turns. The slices are plain synchronous
 * code; what they are cut into changes nothing for the guest.
 */
import type { PlatformService } from "./platform.ts"
import { SignalClock, type SignalSchedule } from "./signal-schedule.ts"

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

const FIRST_SLICE = 1_000_000
const LARGEST_SLICE = 50_000_000
const SMALLEST_SLICE = 10_000
/** How long a slice shall take, and how long the event loop may stand still, in milliseconds. */
const SLICE_TIME = 15
const STILL_TIME = 15
/** How long to look away from an input that is empty, at most. */
const INPUT_POLL = 20
const LONG = 2 ** 31 - 1

const isWaiting = (stop: object): stop is Waiting => "kind" in stop && stop.kind === "waiting"

/** Runs to the end of the guest or a limit. */
export const drive = async <End extends object>(
  guest: Runnable<End>,
  limits: Limits,
  schedule: readonly SignalSchedule[],
  platform: PlatformService
): Promise<End | LimitReached> => {
  const { signal } = guest
  const clock = new SignalClock(schedule)
  const stopListening = signal === undefined ? undefined : platform.onSignal(signal)
  const start = platform.milliseconds()
  const timeLeft = () => (limits.milliseconds ?? Number.POSITIVE_INFINITY) - (platform.milliseconds() - start)
  let slice = FIRST_SLICE
  let turned = start
  let poll = 0
  try {
    for (;;) {
      const executed = guest.executed()
      const left = (limits.instructions ?? Number.POSITIVE_INFINITY) - executed
      if (left <= 0) return { kind: "limit", limit: "instructions" }
      if (clock.until(executed) === 0) for (const due of clock.take(executed)) signal?.(due)
      const before = platform.milliseconds()
      const stop = guest.run(Math.min(slice, left, clock.until(executed)))
      if (stop !== undefined && !isWaiting(stop)) return stop
      if (timeLeft() <= 0) return { kind: "limit", limit: "time" }
      const now = platform.milliseconds()
      if (stop === undefined) {
        poll = 0
        const used = guest.executed() - executed
        // Only slices that were long enough to be measured say how long the next one may be.
        if (now - before > 1 || used >= slice) slice = clamp((used * SLICE_TIME) / Math.max(now - before, 0.1), slice)
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
    stopListening?.()
  }
}
const clamp = (wanted: number, current: number): number =>
  Math.floor(Math.min(Math.max(wanted, SMALLEST_SLICE, current / 4), LARGEST_SLICE, current * 4))
