/** A machine before anything runs on it: its plugins composed, its vector lengths chosen, its board and engine made. */
import { attachJit, type Board, createBoard } from "@eltwo/cpu"
import { compose, type Extension, type Machine } from "@eltwo/isa"
import { Effect } from "effect"
import { type VectorLengths, vectorLengths } from "./cpu-selection.ts"
import { OptionError, PluginConflictError, type PluginLoadError } from "./errors.ts"
import type { MachineOptions } from "./options.ts"
import { type LoadedPlugin, loadPlugins } from "./PluginLoader.ts"
import type { Platform } from "./platform.ts"

/** Guest-physical address of RAM. */
export const RAM_BASE = 0x4000_0000

/** A machine that is composed but not built: its instruction set, plugins and vector lengths. */
export interface MachineModel {
  /** The composed instruction set: features, instructions, registers, gates. */
  readonly isa: Machine
  /** What it was composed of, the base first. */
  readonly plugins: readonly LoadedPlugin[]
  /** Vector lengths in bits. */
  readonly lengths: VectorLengths
  /** What was asked for. */
  readonly options: MachineOptions
}
type MachineProblem = PluginLoadError | PluginConflictError | OptionError

/** Loads the plugins that the options name and composes them; every conflict in one error. */
export const composeMachine = (options: MachineOptions): Effect.Effect<MachineModel, MachineProblem, Platform> =>
  Effect.gen(function* () {
    const plugins = yield* loadPlugins(options.plugin)
    const extensions = plugins.flatMap(({ plugin }) => (plugin.kind === "extension" ? [plugin] : []))
    const isa = yield* join(extensions, options)
    const lengths = vectorLengths(options.cpu, isa.features)
    if (typeof lengths === "string") return yield* cpuError([lengths])
    return { isa, plugins, lengths, options }
  })

const cpuError = (problems: readonly string[]): OptionError =>
  OptionError.of(
    problems.map((message) => ({ option: "cpu", message })),
    "`eltwo isa` lists the features of this machine."
  )
/** What compose() says; a plugin so malformed that it throws is a conflict like others. */
const attempt = (extensions: readonly Extension[], features: MachineOptions["cpu"]["features"]): Machine | readonly string[] => {
  try {
    const { machine, problems } = compose(extensions, { features })
    return machine ?? problems
  } catch (error) {
    return [`A declaration is malformed: ${(error as Error).message}`]
  }
}
/** Instruction sets composed last, newest first: the same plugins with the same selection are the same machine, and composing takes longer than restoring a guest. */
const composed: { readonly extensions: readonly Extension[]; readonly selection: string; readonly isa: Machine }[] = []
const MOST_COMPOSED = 8
const composedOnce = (extensions: readonly Extension[], features: MachineOptions["cpu"]["features"]): Machine | readonly string[] => {
  const selection = JSON.stringify(Object.entries(features).sort(([a], [b]) => (a < b ? -1 : 1)))
  const known = composed.find(
    (one) => one.selection === selection && one.extensions.length === extensions.length && one.extensions.every((each, i) => each === extensions[i])
  )
  if (known !== undefined) return known.isa
  const isa = attempt(extensions, features)
  if (!isMachine(isa)) return isa
  composed.unshift({ extensions, selection, isa })
  composed.length = Math.min(composed.length, MOST_COMPOSED)
  return isa
}
const isMachine = (result: Machine | readonly string[]): result is Machine => !Array.isArray(result)
const join = (extensions: readonly Extension[], { cpu: { features } }: MachineOptions): Effect.Effect<Machine, PluginConflictError | OptionError> => {
  const result = composedOnce(extensions, features)
  if (isMachine(result)) return Effect.succeed(result)
  // Plugins that fit together without the selection were asked for something they do not have.
  if (Object.keys(features).length > 0 && isMachine(attempt(extensions, {}))) return Effect.fail(cpuError(result))
  const message = `the plugins do not fit together: ${result.join("; ")}`
  return Effect.fail(
    new PluginConflictError({ problems: [...result], message, hint: "Leave out or change one plugin of each conflict (see --plugin)." })
  )
}

/** The hardware of a machine: `pes` processing elements, `ramBytes` of RAM, and the engine chosen. */
export const makeBoard = ({ isa, lengths, options }: MachineModel, ramBytes: number, pes = 1): Effect.Effect<Board, OptionError> =>
  Effect.try({
    try: () => {
      const board = createBoard({
        isa,
        ramBase: RAM_BASE,
        ramBytes,
        pes,
        seed: BigInt(options.seed),
        vectorLengths: lengths.vector,
        streamingVectorLengths: lengths.streaming
      })
      if (options.engine === "jit") attachJit(board)
      return board
    },
    // The sizes are checked: what is left is a host that does not have that much memory.
    catch: (error) =>
      OptionError.of([{ option: "mem", message: `this host cannot give ${ramBytes} bytes: ${(error as Error).message}` }], "Ask for less memory.")
  })
