/**
 * A guest that its owner runs piece by piece, saves, and restores: `startGuest`, then `run`, `snapshot`; `restoreGuest` goes on from snapshots, on the same
 * machine or another one.
 */
import { Effect } from "effect"
import type { Waiting } from "./drive.ts"
import { type OptionError, SnapshotError, type VmmError } from "./errors.ts"
import { findMode } from "./KvmHost.ts"
import { accountOf, endOf, type Live, runnableOf } from "./live.ts"
import { decodeRunOptions, type RunInput } from "./options.ts"
import { namesOf } from "./PluginLoader.ts"
import type { HostStreams } from "./personality/linux/host.ts"
import { Platform } from "./platform.ts"
import { seededBytes } from "./random.ts"
import { type Begun, begin, machineOf, prepare, type RunRequest } from "./run.ts"
import { runLive } from "./run-live.ts"
import type { Prepared, RunAccount, RunEnd, RunResult, SnapshotRequest } from "./run-result.ts"
import { SignalClock } from "./signal-schedule.ts"
import { containersOf } from "./snapshot/chain.ts"
import type { Container } from "./snapshot/container.ts"
import { Moment } from "./snapshot/fork.ts"
import { isWholeHost, readHost } from "./snapshot/host-parts.ts"
import { partsOf } from "./snapshot/parts.ts"
import { reading, refusal, refuse } from "./snapshot/refusal.ts"
import { readRun, restoreLive } from "./snapshot/restore.ts"
import { type SaveOptions, saveLive, saveSealed } from "./snapshot/save.ts"
import { refuseSealed, unseal } from "./snapshot/seal.ts"
import { noteFrom } from "./snapshot/since.ts"
import type { TraceListener } from "./Trace.ts"

/** What a guest goes on with; what is left out is as it was when the snapshot was made. */
export interface RestoreRequest
  extends Omit<Partial<RunInput>, "guest" | "args" | "kind" | "el" | "env" | "signal" | "mem" | "seed" | "era" | "clock"> {
  /** The snapshot; before it those it builds on, the full one first. */
  readonly snapshots: readonly Uint8Array[]
  /** What all of them were sealed with, 32 bytes; none: they are in clear. */
  readonly key?: Uint8Array | undefined
  /** What the guest writes is noted from now on: a snapshot that builds on these costs only that. */
  readonly note?: boolean
  /** Sees the events that `trace` asks for, as they happen. */
  readonly onEvent?: TraceListener
  /** Where the guest's input comes from and its output goes; the platform's streams when left out. */
  readonly streams?: HostStreams
}

/** A guest between two pieces of its run. Vm is the same with more to do. */
export class Guest {
  readonly #prepared: Prepared
  readonly #live: Live
  readonly #clock: SignalClock

  constructor({ prepared, live }: Begun, clock: SignalClock) {
    this.#prepared = prepared
    this.#live = live
    this.#clock = clock
  }
  /** Instructions the guest retired since it was started, before and after any snapshot. */
  executed(): number {
    return runnableOf(this.#live).executed()
  }
  /** Runs at most so many instructions. Undefined: they are used up. */
  run(instructions: number): RunEnd | Waiting | undefined {
    const stop = runnableOf(this.#live).run(instructions)
    if (stop === undefined || stop.kind === "waiting") return stop
    const end = endOf(stop)
    if (typeof end === "string") throw new Error(end)
    return end
  }
  /** What it did so far. */
  account(): Omit<RunAccount, "milliseconds"> {
    return accountOf(this.#live)
  }
  /**
   * The bytes of a snapshot; the guest does not notice. With `parents`, the full one first, only what has changed since the last of them: found by what the guest
   * wrote, when that was noted since (see SaveOptions), else by comparing all its memory.
   */
  snapshot(options: SaveOptions = {}): Uint8Array | SnapshotError {
    return saveLive(this.#prepared, this.#live, this.#clock, options)
  }
  /** The bytes of a snapshot that is sealed with a key of 32 bytes, as its parents are: also of a protected guest. They are others each time. */
  sealed(key: Uint8Array, options: Pick<SaveOptions, "parents"> = {}): Effect.Effect<Uint8Array, SnapshotError> {
    return failing(() => saveSealed(this.#prepared, this.#live, this.#clock, key, options))
  }
  /** Keeps the guest as it is now, in next to no time: guests that go on from here can be made of it at any time, with `forked`. */
  keep(): Moment | SnapshotError {
    return reading(() => new Moment(this.#prepared, this.#live, this.#clock))
  }
  /** Another guest that goes on from a moment of this one, beside it. Its input and output are this one's unless given. */
  forked(moment: Moment, streams?: HostStreams): Effect.Effect<Guest, VmmError> {
    const { platform, host, model } = this.#prepared
    const random = seededBytes(0)
    const prepared: Prepared = { ...this.#prepared, random, host: { ...host, random, streams: streams ?? host.streams } }
    return Effect.gen(function* () {
      const mode = moment.kind === "bare" ? undefined : yield* findMode(model)
      const { live, clock } = yield* restoreLive(prepared, mode, [moment.container()])
      return new Guest({ prepared, live }, clock)
    }).pipe(Effect.provideService(Platform, platform))
  }
  /** Runs to the end of the guest or a limit of the options, with the signals that are scheduled. */
  finish({ snapshots = [] }: { readonly snapshots?: readonly SnapshotRequest[] } = {}): Effect.Effect<RunResult, VmmError> {
    return Effect.map(runLive(this.#prepared, this.#live, { clock: this.#clock, snapshots }), (outcome) => ({
      ...outcome,
      machine: machineOf(this.#prepared.model, this.#prepared.options, this.#live.kind)
    }))
  }
}

/** A guest at its first instruction. */
export const startGuest = (request: RunRequest): Effect.Effect<Guest, VmmError, Platform> =>
  Effect.map(begin(request), (begun) => new Guest(begun, new SignalClock(begun.prepared.options.signal)))

/** A guest where its snapshot left it. Nothing else changes when the snapshot is refused. */
export const restoreGuest = (request: RestoreRequest): Effect.Effect<Guest, VmmError, Platform> =>
  Effect.map(beginRestored(request), ({ clock, ...begun }) => new Guest(begun, clock))
/** What a restored guest is made of. */
export const beginRestored = ({
  snapshots,
  note = false,
  key,
  onEvent,
  streams,
  ...given
}: RestoreRequest): Effect.Effect<Begun & { readonly clock: SignalClock }, VmmError, Platform> =>
  Effect.gen(function* () {
    const platform = yield* Platform
    const { sha256 } = platform
    const files = key === undefined ? snapshots : yield* Effect.forEach(snapshots, (file) => failing(() => unseal(file, key, sha256)))
    const chain = reading(() => clear(containersOf(files, platform)))
    if (chain instanceof SnapshotError) return yield* chain
    const last = chain.at(-1)
    if (last === undefined) return yield* Effect.dieMessage("nothing to restore from")
    const input = reading(() => inputOf(last, given))
    if (input instanceof SnapshotError) return yield* input
    const isGiven = ({ problems }: OptionError) => problems.every(({ option }) => option.replace(/\[\d+\]$/, "") in given)
    const options = yield* decodeRunOptions(input).pipe(Effect.mapError((error) => (isGiven(error) ? error : machineRefusal(error))))
    const composed = yield* prepare(options, { onEvent, streams }).pipe(
      Effect.mapError((error) => (given.cpu === undefined && given.plugin === undefined ? machineRefusal(error) : error))
    )
    const asSaved = (error: VmmError) => (given.mode === undefined ? modeRefusal(error, last) : error)
    const prepared = { ...composed, host: { ...composed.host, startTime: readRun(last).startTime } }
    const mode = last.header.kind === "bare" ? undefined : yield* findMode(prepared.model).pipe(Effect.mapError(asSaved))
    // of the machine's memory nothing but the file has a say
    const { live, clock } = yield* restoreLive(prepared, mode, chain).pipe(Effect.mapError(machineRefusal))
    if (note) noteFrom(live, partsOf(live, { sealed: key !== undefined }).memories)(last.id)
    return { prepared, live, clock }
  })
/** Snapshots that nothing in is sealed. Throws SnapshotError. */
const clear = (chain: readonly Container[] | SnapshotError): readonly Container[] | SnapshotError => {
  if (!(chain instanceof SnapshotError)) chain.forEach(refuseSealed)
  return chain
}
const failing = <A>(work: () => Promise<A | SnapshotError>): Effect.Effect<A, SnapshotError> =>
  Effect.flatMap(Effect.promise(work), (result) => (result instanceof SnapshotError ? Effect.fail(result) : Effect.succeed(result)))
/** A mode that nobody asked for but the file. */
const modeRefusal = (error: VmmError, { header }: Container): VmmError =>
  refusal("SNAPSHOT_PLUGIN_MISMATCH", {
    path: "header.machine.mode",
    expected: `plugin ${header.machine.mode}, which brings the mode`,
    actual: error.message,
    hint: "Name it with --plugin, or another mode with --mode."
  })
/** A machine that nobody asked for but the file. */
const machineRefusal = (error: VmmError): VmmError => {
  const codes = {
    OptionError: "SNAPSHOT_FEATURE_MISMATCH",
    PluginConflictError: "SNAPSHOT_FEATURE_MISMATCH",
    PluginLoadError: "SNAPSHOT_PLUGIN_MISMATCH"
  } as const
  if (!(error._tag in codes)) return error
  const reason = { path: "section run", expected: "a machine as it was saved", actual: error.message, hint: "Give the machine's plugins and --cpu." }
  return refusal(codes[error._tag as keyof typeof codes], reason)
}
const MOST_CPUS = 16
/** How many CPUs a saved host has, and how threads move between them. Throws SnapshotError. */
const cpusOf = (container: Container): Pick<RunInput, "vcpus" | "pcpus" | "migration"> => {
  const { cpus, vcpus, scheduler } = readHost(container)
  if (cpus.length < 1 || vcpus.length < 1 || cpus.length > MOST_CPUS || vcpus.length > MOST_CPUS)
    refuse("SNAPSHOT_CONTENT", {
      path: "section host",
      expected: `1 to ${MOST_CPUS} CPUs and vCPUs`,
      actual: `${cpus.length} and ${vcpus.length}`,
      hint: "The file was not written by this version of eltwo, or was changed."
    })
  return { pcpus: cpus.length, vcpus: vcpus.length, migration: scheduler.options.migration as "affinity" | "random" }
}
const inputOf = (container: Container, given: Omit<RestoreRequest, "key" | "snapshots" | "note" | "onEvent" | "streams">): RunInput => {
  const { header } = container
  if (header.kind === "host")
    refuse("SNAPSHOT_CONTENT", {
      path: "header.kind",
      expected: "a guest",
      actual: "a host, for whoever made it",
      hint: "Restore it with restoreHostSnapshot, on a board of your own."
    })
  const { features, vl, svl, plugins, guest } = readRun(container)
  const { mode, era, memory, seed } = header.machine
  const byValue = namesOf(given.plugin ?? [])
  const cpu = {
    features: Object.fromEntries(features.map(({ name, on }) => [name, on])),
    ...(vl === null ? {} : { vl }),
    ...(svl === null ? {} : { svl })
  }
  return {
    cpu,
    ...(header.kind === "bare" ? {} : { mode, era }),
    ...(isWholeHost(header) ? cpusOf(container) : {}),
    ...given,
    plugin: [...new Set([...plugins.filter((name) => !byValue.includes(name)), ...(given.plugin ?? [])])],
    guest: guest === "" ? "snapshot" : guest,
    kind: header.kind,
    mem: memory,
    seed
  } as RunInput
}
