/** Runs one guest from its options to its end: the public verb of the VMM. */
import type { Mode } from "@eltwo/kvm"
import { Effect } from "effect"
import { FileError, OptionError, type VmmError } from "./errors.ts"
import { type GuestImage, readGuest, withWishes } from "./GuestImage.ts"
import { findMode } from "./KvmHost.ts"
import type { Live } from "./live.ts"
import { composeMachine, type MachineModel } from "./Machine.ts"
import { decodeRunOptions, type GuestKind, kindProblems, OPTIONS_HINT, type RunInput, type RunOptions } from "./options.ts"
import type { Host, HostStreams } from "./personality/linux/host.ts"
import { isFileProblem, Platform, type PlatformService } from "./platform.ts"
import { type RandomBytes, seededBytes } from "./random.ts"
import { startBare } from "./run-bare.ts"
import { startLinux } from "./run-linux.ts"
import { runLive } from "./run-live.ts"
import type { Prepared, RunMachine, RunResult, SnapshotRequest } from "./run-result.ts"
import { startVm } from "./run-vm.ts"
import { type TraceListener, tracer } from "./Trace.ts"

/** Options, and what only a program can give. */
export type RunRequest = RunInput & {
  /** Sees the events that `trace` asks for, as they happen. */
  readonly onEvent?: TraceListener
  /** Where the guest's input comes from and its output goes; the platform's streams when left out. */
  readonly streams?: HostStreams
  /** Snapshots on the way, in this order. */
  readonly snapshots?: readonly SnapshotRequest[]
}
/**
 * Runs a guest to its end, a limit or a snapshot. What the guest does is a result; failures are of options, files, plugins and the modelled kernel.
 */
export const run = ({ snapshots = [], ...request }: RunRequest): Effect.Effect<RunResult, VmmError, Platform> =>
  Effect.gen(function* () {
    const { prepared, live } = yield* begin(request)
    return { ...(yield* runLive(prepared, live, { snapshots })), machine: machineOf(prepared.model, prepared.options, live.kind) }
  })
/** A guest with its machine, and what both were made from. */
export interface Begun {
  readonly prepared: Prepared
  readonly live: Live
}
/** Everything that a run needs but the run itself. */
export const begin = ({ onEvent, streams, snapshots: _, ...input }: RunRequest): Effect.Effect<Begun, VmmError, Platform> =>
  Effect.gen(function* () {
    const options = yield* Effect.flatMap(decodeRunOptions(input), withWishes)
    const prepared = yield* prepare(options, { onEvent, streams })
    const mode = options.kind === "bare" ? undefined : yield* findMode(prepared.model)
    const image = yield* readGuest(options, prepared.model.isa)
    return { prepared, live: yield* start(prepared, image, mode) }
  })
/** The machine composed and the world around it, without a guest. */
export const prepare = (
  options: RunOptions,
  { onEvent, streams }: { readonly onEvent: TraceListener | undefined; readonly streams: HostStreams | undefined }
): Effect.Effect<Prepared, VmmError, Platform> =>
  Effect.gen(function* () {
    const model = yield* composeMachine(options)
    const given = yield* Platform
    const platform = streams === undefined ? given : { ...given, streams }
    const random = seededBytes(options.seed)
    const host = yield* outside(options, platform, random)
    return { options, model, platform, host, random, tracer: tracer(options.trace, onEvent) }
  })
/** The machine with its guest, at the first instruction. */
const start = (prepared: Prepared, image: GuestImage, mode: Mode | undefined): Effect.Effect<Live, VmmError> => {
  const { options } = prepared
  const problems = kindProblems(options, image.kind, mode?.vms?.protectedVms ?? false)
  if (problems.length > 0) return Effect.fail(OptionError.of(problems, OPTIONS_HINT))
  if (image.kind === "bare" || mode === undefined) return startBare(prepared, image)
  return image.kind === "linux" ? startLinux(prepared, image, mode) : startVm(prepared, image, mode)
}

export const machineOf = ({ plugins, isa }: MachineModel, { engine, mode, era, seed, mem: memory }: RunOptions, kind: GuestKind): RunMachine => ({
  kind,
  engine,
  ...(kind !== "bare" && { mode, era }),
  seed,
  memory,
  plugins: plugins.map(({ plugin }) => plugin.name),
  features: [...isa.features]
})

/** The world around a guest, as the options give it. */
export const outside = (
  { root, rootWritable, clock }: RunOptions,
  platform: PlatformService,
  random: RandomBytes
): Effect.Effect<Host, FileError> => {
  const tree = root === undefined ? undefined : platform.openTree(root, rootWritable)
  if (tree !== undefined && isFileProblem(tree)) return new FileError({ path: root!, message: tree.message, hint: "--root names a folder." })
  return Effect.succeed({
    streams: platform.streams,
    tree,
    startTime: clock === "now" ? platform.now() : BigInt(clock) * 1_000_000_000n,
    random
  })
}
