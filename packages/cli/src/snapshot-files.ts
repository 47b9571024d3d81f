/** Snapshots as files: reading them, writing them whole, and the options that ask for one in a run. */
import {
  type Draft,
  FILE_LIMIT,
  FileError,
  isFileProblem,
  OptionError,
  parseSnapshotPoint,
  SnapshotError,
  type SnapshotPoint,
  type SnapshotRequest,
  type VmmError
} from "@eltwo/vmm"
import { nodePlatform, refuseExisting } from "@eltwo/vmm/node"
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

/** A refusal with the name of the file that is refused. */
export const naming =
  (path: string) =>
  (error: VmmError): VmmError =>
    error._tag === "SnapshotError" ? new SnapshotError({ ...error, message: `${path === "-" ? "standard input" : path}: ${error.message}` }) : error

/** "-" is standard output. Undefined: written. */
export const writeSnapshot = async ({ distribution, io }: Context, path: string, draft: Draft, force: boolean): Promise<VmmError | undefined> => {
  if (path !== "-") return nodePlatform(distribution).saveFile!(path, draft, { force })
  io.out(draft.finish())
  return undefined
}

const KEY_BYTES = 32
/** What `--key-file` names; undefined: it was left out. */
export const readKey = (context: Context, keyFile: Option.Option<string>): Effect.Effect<Uint8Array | undefined, OptionError | FileError> => {
  if (Option.isNone(keyFile)) return Effect.succeed(undefined)
  const bytes = nodePlatform(context.distribution).readFile(keyFile.value, 1 << 20)
  if (isFileProblem(bytes)) return new FileError({ path: keyFile.value, message: bytes.message, hint: "--key-file names a file of 32 bytes." })
  if (bytes.length === KEY_BYTES) return Effect.succeed(new Uint8Array(bytes))
  const message = `${keyFile.value} has ${bytes.length} bytes; a key has ${KEY_BYTES}`
  return OptionError.of([{ option: "keyFile", message }], "`head -c 32 /dev/urandom > key` makes a key.")
}

/** The options that ask for snapshots in a run. */
export interface SnapshotGiven {
  readonly snapshotAt: readonly string[]
  readonly output: Option.Option<string>
  readonly keyFile: Option.Option<string>
  readonly stop: boolean
  readonly force: boolean
}
/** The file of the nth snapshot, from 1. */
const PLACE = "{n}"
const nth = (pattern: string, n: number): string => pattern.replaceAll(PLACE, String(n))

/** The snapshots that are asked for. With `parents`, the first holds only what has changed since them, each other one what has changed since the one before. */
export const snapshotRequests = (
  context: Context,
  { snapshotAt, output, keyFile, stop, force }: SnapshotGiven,
  parents: readonly Uint8Array[] = []
): Effect.Effect<readonly SnapshotRequest[], OptionError | FileError | SnapshotError> => {
  if (Option.isNone(output)) return Effect.succeed([])
  const file = output.value
  if (snapshotAt.length > 1 && !file.includes(PLACE))
    return OptionError.of([{ option: "output", message: `${snapshotAt.length} snapshots need as many files` }], `Put ${PLACE} into its name.`)
  const points = snapshotAt.map(parseSnapshotPoint)
  const problems = points.flatMap((point, i) =>
    typeof point === "string" ? [{ option: snapshotAt.length > 1 ? `snapshotAt[${i}]` : "snapshotAt", message: point }] : []
  )
  if (problems.length > 0) return OptionError.of(problems, "`eltwo run --help` lists the forms.")
  // Said before the run, not when it has come there.
  const names = snapshotAt.map((_, i) => nth(file, i + 1)).filter((name) => name !== "-" && !force)
  const refused = names.map(refuseExisting).find((problem) => problem !== undefined)
  if (refused !== undefined) return Effect.fail(refused)
  const chain = [...parents]
  const requests = (key: Uint8Array | undefined) =>
    (points as readonly SnapshotPoint[]).map(
      (at, i): SnapshotRequest => ({
        at,
        key,
        stop: stop && i === points.length - 1,
        parents: () => [...chain],
        take: async (draft) => {
          const problem = await writeSnapshot(context, nth(file, i + 1), draft, force)
          if (parents.length > 0) chain.push(draft.bytes)
          return problem
        }
      })
    )
  return Effect.map(readKey(context, keyFile), requests)
}
