/** The three interval timers of a process (setitimer): real time, time of the program, and both as profiling counts it. */
import type { GuestCpu } from "./guest.ts"
import { SIGNAL } from "./signals.ts"

export interface IntervalTimer {
  /** When it rings, in nanoseconds of its clock. */
  readonly at: bigint
  /** Nanoseconds from one ring to the next; 0: once. */
  readonly interval: bigint
}
/** Positions of the timers: `which` of setitimer. */
const REAL = 0
const RINGS = [SIGNAL.ALRM, SIGNAL.VTALRM, SIGNAL.PROF] as const
export const TIMERS = RINGS.length

export class IntervalTimers {
  readonly #cpu: GuestCpu
  readonly #timers: (IntervalTimer | undefined)[] = RINGS.map(() => undefined)
  #set = 0

  constructor(cpu: GuestCpu) {
    this.#cpu = cpu
  }
  /** The clock of a timer: real time goes on while the program sleeps, its own time does not. */
  now(which: number): bigint {
    return which === REAL ? this.#cpu.nanoseconds() : this.#cpu.retired()
  }
  get(which: number): IntervalTimer | undefined {
    return this.#timers[which]
  }
  set(which: number, timer: IntervalTimer | undefined): void {
    this.#timers[which] = timer
    this.#set = this.#timers.filter((t) => t !== undefined).length
  }
  /** Instructions until the next one rings; at least 1. */
  nearest(): number {
    if (this.#set === 0) return Number.POSITIVE_INFINITY
    return this.#timers.reduce(
      (nearest, timer, which) => (timer === undefined ? nearest : Math.min(nearest, Math.max(1, Number(timer.at - this.now(which))))),
      Infinity
    )
  }
  /** Virtual time at which the real timer rings. */
  get nextReal(): bigint | undefined {
    return this.#timers[REAL]?.at
  }
  /** The signals of timers whose time has come; they are set to ring again. Rings that were missed are not made up for. */
  ring(): readonly number[] {
    if (this.#set === 0) return []
    const rung: number[] = []
    for (const [which, timer] of this.#timers.entries()) {
      const now = this.now(which)
      if (timer === undefined || timer.at > now) continue
      rung.push(RINGS[which]!)
      const { at, interval } = timer
      this.set(which, interval > 0n ? { at: at + interval * ((now - at) / interval + 1n), interval } : undefined)
    }
    return rung
  }
}
