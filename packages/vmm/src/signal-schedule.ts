/** The `signal` option: a signal that reaches the program at a count of instructions, once or again and again. */
import { SIGNAL } from "./personality/linux/signals.ts"
import { parseCount } from "./quantities.ts"

export interface SignalSchedule {
  readonly signal: number
  /** Retired instructions at which it is sent first. */
  readonly at: number
  /** Instructions from one to the next; undefined: once. */
  readonly every: number | undefined
}

/** Number of "USR1", "SIGUSR1" or "10"; undefined when there is no such signal. */
export const signalNumber = (name: string): number | undefined => {
  if (/^\d{1,2}$/.test(name)) return Number(name) >= 1 && Number(name) <= 64 ? Number(name) : undefined
  return (SIGNAL as Readonly<Record<string, number>>)[name.toUpperCase().replace(/^SIG/, "")]
}
/** "SIGUSR1", or "signal 40" for one without a name. */
export const signalName = (signal: number): string => {
  const name = Object.entries(SIGNAL).find(([, number]) => number === signal)?.[0]
  return name === undefined ? `signal ${signal}` : `SIG${name}`
}

/** Reads "USR1@1000000" or "USR1@1000000,every=50000". A string says what is wrong. */
export const parseSignal = (text: string): SignalSchedule | string => {
  const [, name = "", at = "", every] = /^(\w{1,12})@(\w{1,16})(?:,every=(\w{1,16}))?$/.exec(text) ?? []
  const schedule = { signal: signalNumber(name), at: parseCount(at), every: every === undefined ? undefined : parseCount(every) }
  if (schedule.at === undefined || (every !== undefined && schedule.every === undefined))
    return `'${text}' is not NAME@INSTRUCTIONS or NAME@INSTRUCTIONS,every=INSTRUCTIONS`
  if (schedule.signal === undefined) return `there is no signal '${name}'`
  if (schedule.every === 0) return "every=0 would never let the program go on"
  return { ...schedule, signal: schedule.signal, at: schedule.at }
}

/** When scheduled signals are due, as a run goes on. */
export class SignalClock {
  readonly #due: { at: number; readonly signal: number; readonly every: number | undefined }[]
  constructor(schedules: readonly SignalSchedule[]) {
    this.#due = schedules.map((schedule) => ({ ...schedule }))
  }
  /** Where the schedule stands: when each signal is due next (Infinity: never again). */
  get schedules(): readonly SignalSchedule[] {
    return this.#due.map((schedule) => ({ ...schedule }))
  }
  /** More signals will come. */
  get pending(): boolean {
    return this.#due.some(({ at }) => at < Number.POSITIVE_INFINITY)
  }
  /** Makes the nearest signal due now: the guest does nothing until it comes. */
  advance(now: number): void {
    const nearest = this.#due.reduce((one, other) => (other.at < one.at ? other : one))
    nearest.at = Math.min(nearest.at, now)
  }
  /** Instructions from `now` to the next signal; Infinity when there is none. */
  until(now: number): number {
    return this.#due.reduce((nearest, { at }) => Math.min(nearest, Math.max(0, at - now)), Number.POSITIVE_INFINITY)
  }
  /** Signals due at `now`, in the order they were given; each moves on to its next time. */
  take(now: number): readonly number[] {
    const signals: number[] = []
    for (const entry of this.#due) {
      if (entry.at > now) continue
      signals.push(entry.signal)
      entry.at = entry.every === undefined ? Number.POSITIVE_INFINITY : entry.at + entry.every * Math.ceil((now + 1 - entry.at) / entry.every)
    }
    return signals
  }
}
