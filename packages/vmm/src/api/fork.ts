/** A state of a machine that several others begin from: kept at once, made into a machine when one is needed. */
import { Effect, Exit } from "effect"
import { VmStateError } from "../errors.ts"
import type { Live } from "../live.ts"
import type { HostStreams } from "../personality/linux/host.ts"
import { seededBytes } from "../random.ts"
import type { Begun } from "../run.ts"
import type { Prepared } from "../run-result.ts"
import type { SignalClock } from "../signal-schedule.ts"
import { Moment } from "../snapshot/fork.ts"
import { restoreLive } from "../snapshot/restore.ts"

export interface Forked extends Begun {
  readonly clock: SignalClock
}

export class SharedMoment {
  readonly #prepared: Prepared
  readonly #live: Live
  readonly #moment: Moment
  /** The machine it was taken of, while that has not moved on, and machines that are still to be made of it. */
  #users = 1

  /** Throws SnapshotError when the machine cannot be saved now. */
  constructor(prepared: Prepared, live: Live, clock: SignalClock) {
    this.#prepared = prepared
    this.#live = live
    this.#moment = new Moment(prepared, live, clock)
  }
  share(): this {
    this.#users++
    return this
  }
  /** Its pages are given back when nobody is left. */
  release(): void {
    if (--this.#users === 0) this.#moment.discard()
  }
  /** A machine that goes on from here. */
  materialise(streams: HostStreams | undefined): Forked | VmStateError {
    const { platform, host } = this.#prepared
    const random = seededBytes(0)
    const given = streams ?? host.streams
    const prepared: Prepared = { ...this.#prepared, platform: { ...platform, streams: given }, random, host: { ...host, random, streams: given } }
    const mode = this.#live.kind === "bare" ? undefined : this.#live.kvm.mode
    // nothing in it waits
    const exit = Effect.runSyncExit(restoreLive(prepared, mode, [this.#moment.container()]))
    if (Exit.isSuccess(exit)) return { prepared, ...exit.value }
    const failure = exit.cause._tag === "Fail" ? exit.cause.error.message : String(exit.cause)
    return new VmStateError({
      reason: "not-made",
      message: `the forked machine cannot be made: ${failure}`,
      hint: "Close machines that are not used."
    })
  }
}
