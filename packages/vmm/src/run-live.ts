/** Runs a guest that is ready to its end, or a limit. */
import { Effect } from "effect"
import { drive } from "./drive.ts"
import { MachineError, type VmmError } from "./errors.ts"
import { accountOf, endOf, type Live, runnableOf } from "./live.ts"
import type { Outcome, Prepared } from "./run-result.ts"
import { SignalClock } from "./signal-schedule.ts"

const HINTS = { linux: "--trace exc,syscalls shows what led there.", vm: "--trace exc shows what led there.", bare: "" } as const

/** `clock` says when scheduled signals are due; those of the options when it is left out. */
export const runLive = (prepared: Prepared, live: Live, clock = new SignalClock(prepared.options.signal)): Effect.Effect<Outcome, VmmError> =>
  Effect.gen(function* () {
    const { options, platform } = prepared
    const begun = platform.milliseconds()
    const stop = yield* Effect.promise((abort) =>
      drive(runnableOf(live), { instructions: options.maxInsns, milliseconds: options.timeout }, clock, platform, abort)
    )
    const end = stop.kind === "limit" ? stop : endOf(stop)
    if (typeof end === "string") return yield* new MachineError({ message: end, hint: HINTS[live.kind] })
    return { end, account: { ...accountOf(live), milliseconds: platform.milliseconds() - begun } }
  })
