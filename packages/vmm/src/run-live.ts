/** Runs a guest that is ready to its end, or a limit; saves it on the way. */
import { Effect } from "effect"
import { drive } from "./drive.ts"
import { MachineError, OptionError, SnapshotError, type VmmError } from "./errors.ts"
import { accountOf, endOf, type Live, runnableOf } from "./live.ts"
import type { Outcome, Prepared, RunEnd, SnapshotRequest } from "./run-result.ts"
import { SignalClock } from "./signal-schedule.ts"
import { saveLive } from "./snapshot/save.ts"

const HINTS = { linux: "--trace exc,syscalls shows what led there.", vm: "--trace exc shows what led there.", bare: "" } as const

/** What a run may be given beside its guest. */
export interface LiveOptions {
  /** When scheduled signals are due; those of the options when left out. */
  readonly clock?: SignalClock
  readonly snapshot?: SnapshotRequest | undefined
}
export const runLive = (
  prepared: Prepared,
  live: Live,
  { clock = new SignalClock(prepared.options.signal), snapshot }: LiveOptions = {}
): Effect.Effect<Outcome, VmmError> =>
  Effect.gen(function* () {
    const { options, platform } = prepared
    const begun = platform.milliseconds()
    const upTo = (instructions: number | undefined): Effect.Effect<RunEnd, VmmError> =>
      Effect.gen(function* () {
        const milliseconds = options.timeout === undefined ? undefined : Math.max(1, options.timeout - (platform.milliseconds() - begun))
        const stop = yield* Effect.promise((abort) => drive(runnableOf(live), { instructions, milliseconds }, clock, platform, abort))
        const end = stop.kind === "limit" ? stop : endOf(stop)
        return typeof end === "string" ? yield* new MachineError({ message: end, hint: HINTS[live.kind] }) : end
      })
    const end = yield* snapshot === undefined ? upTo(options.maxInsns) : saved(prepared, live, clock, snapshot, upTo)
    return { end, account: { ...accountOf(live), milliseconds: platform.milliseconds() - begun } }
  })

/** Runs to where the snapshot is made, makes it, and goes on. */
const saved = (
  prepared: Prepared,
  live: Live,
  clock: SignalClock,
  { at, stop, parents = [], take }: SnapshotRequest,
  upTo: (instructions: number | undefined) => Effect.Effect<RunEnd, VmmError>
): Effect.Effect<RunEnd, VmmError> =>
  Effect.gen(function* () {
    const { maxInsns } = prepared.options
    const end = yield* upTo(at)
    const executed = runnableOf(live).executed()
    if (executed < at) {
      const message = `the guest ended after ${executed} instructions, before the snapshot at ${at}`
      return yield* OptionError.of([{ option: "snapshotAt", message }], "Take it earlier.")
    }
    if (end.kind !== "limit") return end
    const bytes = saveLive(prepared, live, clock, { parents })
    if (bytes instanceof SnapshotError) return yield* bytes
    const problem = take(bytes)
    if (problem !== undefined) return yield* problem
    return stop ? { kind: "saved" } : yield* upTo(maxInsns)
  })
