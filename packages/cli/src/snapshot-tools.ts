/** The work of `eltwo snapshot`, but for making them. */
import {
  type Container,
  differences,
  FileError,
  flatten,
  inspect,
  OptionError,
  readContainer,
  SnapshotError,
  seal,
  sectionValue,
  unseal,
  type VmmError,
  valueText,
  verify,
  wholeDraft
} from "@eltwo/vmm"
import { nodePlatform } from "@eltwo/vmm/node"
import { Effect, Option } from "effect"
import { type Context, fail, jsonText, reported } from "./context.ts"
import { EXIT } from "./exit-codes.ts"
import { reportOf } from "./report.ts"
import { naming, readKey, readSnapshot, writeSnapshot } from "./snapshot-files.ts"

const perform = (context: Context, work: Effect.Effect<void, VmmError>): Promise<void> => Effect.runPromise(reported(context, work))
const hashOf = ({ distribution }: Context) => ({ hash: nodePlatform(distribution).sha256 })
const opened = (context: Context, path: string, bytes: Uint8Array): Effect.Effect<Container, VmmError> => {
  const container = readContainer(bytes, hashOf(context))
  return container instanceof SnapshotError ? Effect.fail(naming(path)(container)) : Effect.succeed(container)
}
/** A file as it is: of a sealed one that is not much. */
const containerOf = (context: Context, path: string): Effect.Effect<Container, VmmError> =>
  Effect.flatMap(readSnapshot(context, path), (bytes) => opened(context, path, bytes))
/** The snapshot in a file: what is sealed in it, with the key; nothing of that goes anywhere but to who asked. A sealed file without its key is refused. */
const contentOf = (context: Context, key: Uint8Array | undefined, path: string): Effect.Effect<Container, VmmError> =>
  Effect.flatMap(readSnapshot(context, path), (bytes) =>
    Effect.flatMap(
      Effect.promise(() => unseal(bytes, key, hashOf(context).hash)),
      (clear) => (clear instanceof SnapshotError ? Effect.fail(naming(path)(clear)) : opened(context, path, clear))
    )
  )
/** What the commands that look into snapshots are given beside files: what these were sealed with, all of them. */
export interface Looking {
  readonly keyFile: Option.Option<string>
}

const list = (values: readonly unknown[]): string => (values.length === 0 ? "none" : values.join(" "))
export const inspectFile = (context: Context, path: string): Promise<void> =>
  perform(
    context,
    Effect.map(containerOf(context, path), (container) => {
      const facts = inspect(container)
      if (context.json) return context.io.out(jsonText(facts))
      const { format, writer, kind, guest, time, instructions, machine, parent, sections } = facts
      const lines = [
        `snapshot ${facts.id}`,
        `  format       ${format.major}.${format.minor}, written by ${writer.name} ${writer.version}`,
        `  guest        ${guest} (${kind}), after ${instructions} instructions, ${time} ns of virtual time`,
        `  machine      ${machine.memory} bytes of RAM, seed ${machine.seed}${machine.mode === "" ? "" : `, mode ${machine.mode}, era ${machine.era}`}`,
        `  plugins      ${list(machine.plugins.map(({ name }) => name))}`,
        `  vectors      VL ${list(machine.vectorLengths)}, SVL ${list(machine.streamingVectorLengths)}`,
        `  features     ${list(machine.features)}`,
        `  parent       ${parent ?? "none"}`,
        ...sections.map(
          ({ name, version, codec, length, rawLength }) => `  section      ${name} v${version} ${codec} ${length} of ${rawLength} bytes`
        )
      ]
      context.io.out(`${lines.join("\n")}\n`)
    })
  )

/** A value by its place: names of fields, [n] for elements, names of registers. */
const valueAt = (value: unknown, place: readonly string[]): unknown => {
  const [first, ...rest] = place
  if (first === undefined) return value
  if (Array.isArray(value)) {
    const index = /^\[(\d+)\]$/.exec(first)?.[1]
    const found: unknown =
      index === undefined ? value.find((element: unknown) => (element as { readonly name?: unknown }).name === first) : value[Number(index)]
    return valueAt(found, rest)
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || !Object.hasOwn(value, first)) return undefined
  return valueAt((value as Readonly<Record<string, unknown>>)[first], rest)
}
export const showSection = (context: Context, path: string, place: string, { keyFile }: Looking): Promise<void> =>
  perform(
    context,
    Effect.flatMap(readKey(context, keyFile), (key) => contentOf(context, key, path)).pipe(
      Effect.flatMap((container) => {
        const [section = "", ...rest] = place.split(".")
        const known = container.header.sections.map(({ name }) => name)
        const value = known.includes(section) ? valueAt(sectionValue(container, section), rest) : undefined
        if (value === undefined) {
          const message = known.includes(section) ? `there is nothing at ${place}` : `there is no section ${section}`
          return OptionError.of([{ option: "section", message }], `There are ${known.join(", ")}; memory has no values.`)
        }
        const text = valueText(value as Parameters<typeof valueText>[0], Number.POSITIVE_INFINITY)
        const tree = typeof value === "object" && value !== null && !(value instanceof Uint8Array)
        return Effect.sync(() => context.io.out(`${context.json || !tree ? text : JSON.stringify(JSON.parse(text), null, 2)}\n`))
      })
    )
  )

export const diffFiles = (context: Context, before: string, after: string, { keyFile }: Looking): Promise<void> =>
  perform(
    context,
    Effect.gen(function* () {
      const key = yield* readKey(context, keyFile)
      const found = differences(yield* contentOf(context, key, before), yield* contentOf(context, key, after))
      if (found.length > 0) context.exit = 1
      const line = ({ path, before, after }: (typeof found)[number]) => `${path}: ${before} -> ${after}\n`
      context.io.out(context.json ? jsonText(found) : found.map(line).join(""))
    })
  )

/** Without a key, of sealed files only what is outside of the seal. */
export const verifyFiles = (context: Context, paths: readonly string[], { keyFile }: Looking): Promise<void> =>
  perform(
    context,
    Effect.flatMap(readKey(context, keyFile), (key) =>
      Effect.forEach(
        paths,
        (path) =>
          Effect.match(key === undefined ? containerOf(context, path) : contentOf(context, key, path), {
            onFailure: (error) => {
              fail(context, reportOf(error))
              if (error instanceof FileError) context.exit = EXIT.cannotRun
            },
            onSuccess: (container) => {
              const problem = verify(container)
              if (problem !== undefined) return fail(context, reportOf(naming(path)(problem)))
              context.io.out(context.json ? jsonText({ path, id: inspect(container).id, ok: true }) : `${path}: ${inspect(container).id}\n`)
            }
          }),
        { discard: true }
      )
    )
  )

export interface FlattenGiven extends Looking {
  readonly parent: readonly string[]
  readonly output: Option.Option<string>
  readonly force: boolean
  readonly file: string
}
export const flattenFiles = (context: Context, { parent, output, keyFile, force, file }: FlattenGiven): Promise<void> =>
  perform(
    context,
    Effect.gen(function* () {
      if (Option.isNone(output))
        return yield* OptionError.of([{ option: "output", message: "is missing" }], "--output names the file; - is standard output.")
      const key = yield* readKey(context, keyFile)
      const { hash } = hashOf(context)
      const chain = yield* Effect.forEach([...parent, file], (path) => contentOf(context, key, path))
      const flat = flatten(chain, hash)
      // what was sealed stays so
      const bytes = flat instanceof SnapshotError || key === undefined ? flat : yield* Effect.promise(() => seal(flat, key, hash))
      if (bytes instanceof SnapshotError) return yield* bytes
      const problem = yield* Effect.promise(() => writeSnapshot(context, output.value, wholeDraft(bytes), force))
      if (problem !== undefined) return yield* problem
      if (context.json && output.value !== "-") context.io.out(jsonText({ path: output.value, bytes: bytes.length, parents: parent.length }))
    })
  )
