/** The modelled host of a run: a Linux kernel with KVM in the mode and era asked for, and what it did. */
import { createHost, type Host, HostCall, type Mode, type Moves } from "@eltwo/kvm"
import { Effect } from "effect"
import { OptionError, type OptionProblem } from "./errors.ts"
import { hostEvents } from "./host-events.ts"
import { type MachineModel, makeBoard } from "./Machine.ts"
import type { RunOptions } from "./options.ts"
import { loadMode } from "./PluginLoader.ts"
import type { Platform } from "./platform.ts"
import { cpuTrace, type Tracer } from "./Trace.ts"

/** Eras whose FP policy is modelled. */
const ERAS_THERE: readonly RunOptions["era"][] = ["H"]

/** The mode plugin; one error tells of a mode and an era that are not there. */
export const findMode = ({ options: { mode, era }, plugins }: MachineModel): Effect.Effect<Mode, OptionError, Platform> =>
  Effect.gen(function* () {
    const problems: OptionProblem[] = []
    const loaded = yield* loadMode(mode, plugins)
    if (typeof loaded === "string") problems.push({ option: "mode", message: `no plugin provides ${mode}: ${loaded}` })
    if (!ERAS_THERE.includes(era)) problems.push({ option: "era", message: `era ${era} is not modelled; there is ${ERAS_THERE.join(", ")}` })
    if (problems.length > 0 || typeof loaded === "string") return yield* OptionError.of(problems, "`eltwo plugins` lists the modes there are.")
    // The loader has checked that it is one; what is in it is the kvm package's to use.
    return loaded.plugin as Mode
  })

/** How many CPUs the host has, and how threads move between them. */
export type HostCpus = Pick<RunOptions, "pcpus" | "migration">
/** Boots the host on a board with room for it and `guestBytes` of guest. */
export const bootHost = (
  model: MachineModel,
  mode: Mode,
  ramBytes: number,
  tracer: Tracer | undefined,
  { pcpus, migration }: HostCpus = { pcpus: 1, migration: "affinity" }
): Effect.Effect<Host, OptionError> =>
  Effect.flatMap(makeBoard(model, ramBytes, pcpus), (board) =>
    Effect.try({
      try: () => {
        const host = createHost({ board, mode, engine: model.options.engine, scheduler: { seed: model.options.seed, migration } })
        return observed(host, model, tracer)
      },
      catch: (error) =>
        OptionError.of([{ option: "mode", message: (error as Error).message }], "The machine has to have what the mode needs (see --cpu and --mem).")
    })
  )

/** A host whose tracer sees what it does from now on. */
export const observed = (host: Host, { isa }: MachineModel, tracer: Tracer | undefined): Host => {
  if (tracer === undefined) return host
  host.run = { ...host.run, trace: cpuTrace(() => host.cpu.pe, isa, tracer) }
  const listener = hostEvents(tracer)
  if (listener) host.subscribe(listener)
  return host
}

/** What the modelled kernel and hyp code did in a run, in counts and bytes. */
export interface SwitchAccount {
  /** Exits from the guest by exception class. */
  readonly exits: Readonly<Record<string, number>>
  /** Accesses to FP, SVE or SME state that were trapped. */
  readonly fpTraps: number
  /** Whole register files stored to and loaded from memory, and the bytes of their images. */
  readonly saves: number
  /** Bytes of the images that were stored. */
  readonly savedBytes: number
  /** Whole register files loaded from memory. */
  readonly loads: number
  /** Bytes of the images that were loaded. */
  readonly loadedBytes: number
  /** The last four by register file. */
  readonly registerFiles: Readonly<Record<string, Readonly<Moves>>>
  /** Guest entries, and context synchronisations by kernel and hyp code. */
  readonly entries: number
  /** Context synchronisations by kernel and hyp code. */
  readonly barriers: number
  /** Writes of trap words, HCR_EL2, vector lengths ... by the name the instruction had. */
  readonly writes: Readonly<Record<string, number>>
  /** Calls of a host kernel at EL1 to hyp code. */
  readonly hostCalls: Readonly<Record<string, number>>
  /** KVM_RUN by the reason it came back with. */
  readonly runs: Readonly<Record<string, number>>
}
export const switchAccount = ({ account }: Host): SwitchAccount => {
  const { exits, fpTraps, saves, savedBytes, loads, loadedBytes, moves, entries, isbs, writes, hostCalls, runs } = account
  return {
    exits: Object.fromEntries(exits),
    fpTraps,
    saves,
    savedBytes,
    loads,
    loadedBytes,
    registerFiles: Object.fromEntries(moves),
    entries,
    barriers: isbs,
    writes: Object.fromEntries(writes),
    hostCalls: Object.fromEntries([...hostCalls].map(([call, count]) => [HostCall[call] ?? String(call), count])),
    runs: Object.fromEntries(runs)
  }
}
