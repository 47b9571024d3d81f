/** Runs a guest that is ready to its end, or a limit; saves it on the way. */
import { Effect } from "effect"
import { drive } from "./drive.ts"
import { MachineError, OptionError, SnapshotError, type VmmError } from "./errors.ts"
import { stopAtEvent } from "./event-stop.ts"
import { accountOf, endOf, type Live, runnableOf } from "./live.ts"
import type { Outcome, Prepared, RunEnd, SnapshotRequest } from "./run-result.ts"
import { SignalClock } from "./signal-schedule.ts"
import { draftLive, sealedDraft } from "./snapshot/save.ts"
import type { EventPoint } from "./snapshot-point.ts"

const HINTS = { linux: "--trace exc,syscalls shows what led there.", vm: "--trace exc shows what led there.", bare: "" } as const

/** What a run may be given beside its guest. */
export interface LiveOptions {
  /** When scheduled signals are due; those of the options when left out. */
  readonly clock?: SignalClock
  /** Snapshots on the way, in this order. */
  readonly snapshots?: readonly SnapshotRequest[]
}
export const runLive = (
  prepared: Prepared,
  live: Live,
  { clock = new SignalClock(prepared.options.signal), snapshots = [] }: LiveOptions = {}
): Effect.Effect<Outcome, VmmError> =>
  Effect.gen(function* () {
    const { options, platform } = prepared
    const begun = platform.milliseconds()
    const upTo: UpTo = (instructions, until) =>
      Effect.gen(function* () {
        const milliseconds = options.timeout === undefined ? undefined : Math.max(1, options.timeout - (platform.milliseconds() - begun))
        const stop = yield* Effect.promise((abort) =>
          drive(runnableOf(live), { instructions, milliseconds }, clock, platform, until ? AbortSignal.any([abort, until]) : abort)
        )
        const end = stop.kind === "limit" || stop.kind === "interrupted" ? stop : endOf(stop)
        return typeof end === "string" ? yield* new MachineError({ message: end, hint: HINTS[live.kind] }) : end
      })
    let end: RunEnd | undefined
    for (const request of snapshots) end ??= yield* saved(prepared, live, clock, request, upTo)
    end ??= yield* upTo(options.maxInsns)
    return { end, account: { ...accountOf(live), milliseconds: platform.milliseconds() - begun } }
  })

/** Runs to a count of instructions, or until the signal. */
type UpTo = (instructions: number | undefined, until?: AbortSignal) => Effect.Effect<RunEnd, VmmError>

/** Runs to where the snapshot is made, and makes it; gives the end of the run, when that is one. */
const saved = (
  prepared: Prepared,
  live: Live,
  clock: SignalClock,
  { at, stop, parents, key, take }: SnapshotRequest,
  upTo: UpTo
): Effect.Effect<RunEnd | undefined, VmmError> =>
  Effect.gen(function* () {
    const { end, isThere } = yield* typeof at === "number" ? toCount(prepared, live, at, upTo) : toEvent(prepared, live, at, upTo)
    if (!isThere) {
      const place = typeof at === "number" ? at : at.text
      const who = end.kind === "limit" || end.kind === "interrupted" ? "run" : "guest"
      const message = `the ${who} ended after ${runnableOf(live).executed()} instructions, before the snapshot at ${place}`
      return yield* OptionError.of([{ option: "snapshotAt", message }], "Take it earlier.")
    }
    if (end.kind !== "limit") return end
    const options = { parents: parents?.() }
    const draft =
      key === undefined ? draftLive(prepared, live, clock, options) : yield* Effect.promise(() => sealedDraft(prepared, live, clock, key, options))
    if (draft instanceof SnapshotError) return yield* draft
    const problem = yield* Effect.promise(() => take(draft))
    if (problem !== undefined) return yield* problem
    return stop ? { kind: "saved" } : undefined
  })
/** How the run to a point ended, and whether it came there. */
interface Arrival {
  readonly end: RunEnd
  readonly isThere: boolean
}
const toCount = ({ options: { maxInsns } }: Prepared, live: Live, at: number, upTo: UpTo): Effect.Effect<Arrival, VmmError> =>
  Effect.map(upTo(Math.min(at, maxInsns ?? at)), (end) => ({ end, isThere: runnableOf(live).executed() >= at }))
const toEvent = ({ options }: Prepared, live: Live, at: EventPoint, upTo: UpTo): Effect.Effect<Arrival, VmmError> => {
  const wrong = elsewhere(live, at)
  if (wrong !== undefined) return wrong
  const met = new AbortController()
  return Effect.acquireUseRelease(
    Effect.sync(() => stopAtEvent(live, at, () => met.abort())),
    () => Effect.map(upTo(options.maxInsns, met.signal), (end) => ({ end, isThere: met.signal.aborted })),
    (done) => Effect.sync(done)
  )
}
/** A point at something that this kind of guest does not have. */
const elsewhere = ({ kind }: Live, { of, text }: EventPoint): OptionError | undefined => {
  if ((kind === "bare") === (of === "bare")) return undefined
  const refused = (message: string, hint: string) => OptionError.of([{ option: "snapshotAt", message }], hint)
  if (kind === "bare")
    return refused(`a bare image has no modelled kernel whose events could be ${text}`, "Give a count of instructions, exception or semihosting.")
  return refused(
    `${text} is of a bare image, and this is a ${kind} guest`,
    kind === "vm"
      ? "trap stops at what leaves the guest, exit:debug at its semihosting calls."
      : "trap stops at what leaves the program, syscall and signal at what it sees."
  )
}
