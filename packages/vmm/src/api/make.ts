/** Machines from a guest, from a snapshot, and from another machine. */
import { Effect } from "effect"
import type { VmmError } from "../errors.ts"
import { beginRestored, type RestoreRequest } from "../Guest.ts"
import { Platform } from "../platform.ts"
import { begin } from "../run.ts"
import { SignalClock } from "../signal-schedule.ts"
import { guestFile, type RestoreConfig, type VmConfig } from "./config.ts"
import { MachineState } from "./machine.ts"

/** A machine with its guest at the first instruction. */
export const makeMachine = ({ guest, ...options }: VmConfig): Effect.Effect<MachineState, VmmError, Platform> =>
  Effect.gen(function* () {
    const { path, platform } = guestFile(guest, yield* Platform)
    const begun = yield* begin({ ...options, guest: path }).pipe(Effect.provideService(Platform, platform))
    return MachineState.of(begun, new SignalClock(begun.prepared.options.signal))
  })
/** A machine where its snapshot left it. */
export const restoreMachine = (
  snapshot: Uint8Array,
  { parents = [], ...given }: RestoreConfig = {}
): Effect.Effect<MachineState, VmmError, Platform> =>
  Effect.map(beginRestored({ ...given, snapshots: [...parents, snapshot] } as RestoreRequest), ({ clock, ...begun }) => MachineState.of(begun, clock))
