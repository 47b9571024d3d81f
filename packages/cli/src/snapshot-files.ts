/** Snapshots as files: reading them, writing them whole, and the options that ask for one in a run. */
import { FILE_LIMIT, FileError, isFileProblem, OptionError, parseCount, type SnapshotRequest, type VmmError } from "@eltwo/vmm"
import { nodePlatform, writeFileWhole } from "@eltwo/vmm/node"
import { Effect, Option } from "effect"
import type { Context } from "./context.ts"
import { readInput } from "./input.ts"

/** All of a file, "-" for standard input. Longer ones than snapshots are not read. */
export const readSnapshot = (context: Context, path: string): Effect.Effect<Uint8Array, FileError> => {
  if (path === "-") return readInput(path)
  const bytes = nodePlatform(context.distribution).readFile(path, FILE_LIMIT)
  return isFileProblem(bytes) ? new FileError({ path, message: bytes.message, hint: "Check the path." }) : Effect.succeed(bytes)
}
export const readSnapshots = (context: Context, paths: readonly string[]): Effect.Effect<readonly Uint8Array[], FileError> =>
  Effect.forEach(paths, (path) => readSnapshot(context, path))

/** "-" is standard output. Undefined: written. */
export const writeSnapshot = ({ io }: Context, path: string, bytes: Uint8Array, force: boolean): VmmError | undefined => {
  if (path !== "-") return writeFileWhole(path, bytes, { force })
  io.out(bytes)
  return undefined
}

/** The options that ask for a snapshot in a run. */
export interface SnapshotGiven {
  readonly snapshotAt: Option.Option<string>
  readonly output: Option.Option<string>
  readonly stop: boolean
  readonly force: boolean
}
/** Undefined: none is asked for. */
export const snapshotRequest = (
  context: Context,
  { snapshotAt, output, stop, force }: SnapshotGiven,
  parents: readonly Uint8Array[] = []
): Effect.Effect<SnapshotRequest | undefined, OptionError> => {
  if (Option.isNone(snapshotAt) || Option.isNone(output)) return Effect.succeed(undefined)
  const at = parseCount(snapshotAt.value)
  if (at === undefined)
    return OptionError.of([{ option: "snapshotAt", message: `'${snapshotAt.value}' is not a count of instructions` }], "Write 1000000, 20M or 1e9.")
  return Effect.succeed({ at, stop, parents, take: (bytes) => writeSnapshot(context, output.value, bytes, force) })
}
