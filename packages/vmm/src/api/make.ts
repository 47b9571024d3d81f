/** Machines from a guest, from a snapshot, and from another machine. */
import { Effect } from "effect"
import { type VmmError, VmStateError } from "../errors.ts"
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
const requestOf = (snapshot: Uint8Array, { parents = [], ...given }: RestoreConfig): RestoreRequest =>
  ({ ...given, snapshots: [...parents, snapshot] }) as RestoreRequest
/** A machine where its snapshot left it. */
export const restoreMachine = (snapshot: Uint8Array, config: RestoreConfig = {}): Effect.Effect<MachineState, VmmError, Platform> =>
  Effect.map(beginRestored(requestOf(snapshot, config)), ({ clock, ...begun }) => MachineState.of(begun, clock))
/** Takes a machine to where a snapshot was made, with its own plugins, engine, files and streams unless told otherwise. Refused, it stays what it is. */
export const loadMachine = (machine: MachineState, snapshot: Uint8Array, config: RestoreConfig = {}): Effect.Effect<void, VmmError | VmStateError> =>
  Effect.gen(function* () {
    const here = machine.surroundings()
    if (here instanceof VmStateError) return yield* here
    const { platform, host, options } = here
    const { plugin, engine, root, rootWritable } = options
    const own = { plugin, engine, streams: host.streams, ...(root !== undefined && { root, rootWritable }) }
    const { clock, ...begun } = yield* beginRestored(requestOf(snapshot, { ...own, ...config })).pipe(Effect.provideService(Platform, platform))
    const problem = machine.become(begun, clock)
    if (problem !== undefined) return yield* problem
  })
