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
  sectionValue,
  type VmmError,
  valueText,
  verify
} from "@eltwo/vmm"
import { nodePlatform } from "@eltwo/vmm/node"
import { Effect, Option } from "effect"
import { type Context, fail, jsonText, reported } from "./context.ts"
import { EXIT } from "./exit-codes.ts"
import { reportOf } from "./report.ts"
import { naming, readSnapshot, writeSnapshot } from "./snapshot-files.ts"

const perform = (context: Context, work: Effect.Effect<void, VmmError>): Promise<void> => Effect.runPromise(reported(context, work))
const hashOf = ({ distribution }: Context) => ({ hash: nodePlatform(distribution).sha256 })
const containerOf = (context: Context, path: string): Effect.Effect<Container, VmmError> =>
  Effect.flatMap(readSnapshot(context, path), (bytes): Effect.Effect<Container, VmmError> => {
    const container = readContainer(bytes, hashOf(context))
    return container instanceof SnapshotError ? Effect.fail(naming(path)(container)) : Effect.succeed(container)
  })

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
export const showSection = (context: Context, path: string, place: string): Promise<void> =>
  perform(
    context,
    Effect.flatMap(containerOf(context, path), (container) => {
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

export const diffFiles = (context: Context, before: string, after: string): Promise<void> =>
  perform(
    context,
    Effect.map(Effect.all([containerOf(context, before), containerOf(context, after)]), ([a, b]) => {
      const found = differences(a, b)
      if (found.length > 0) context.exit = 1
      const line = ({ path, before, after }: (typeof found)[number]) => `${path}: ${before} -> ${after}\n`
      context.io.out(context.json ? jsonText(found) : found.map(line).join(""))
    })
  )

export const verifyFiles = (context: Context, paths: readonly string[]): Promise<void> =>
  perform(
    context,
    Effect.forEach(
      paths,
      (path) =>
        Effect.match(containerOf(context, path), {
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

export interface FlattenGiven {
  readonly parent: readonly string[]
  readonly output: Option.Option<string>
  readonly force: boolean
  readonly file: string
}
export const flattenFiles = (context: Context, { parent, output, force, file }: FlattenGiven): Promise<void> =>
  perform(
    context,
    Effect.gen(function* () {
      if (Option.isNone(output))
        return yield* OptionError.of([{ option: "output", message: "is missing" }], "--output names the file; - is standard output.")
      const chain = yield* Effect.forEach([...parent, file], (path) => containerOf(context, path))
      const bytes = flatten(chain, hashOf(context).hash)
      const problem = bytes instanceof SnapshotError ? bytes : writeSnapshot(context, output.value, bytes, force)
      if (problem !== undefined) return yield* problem
      if (context.json && output.value !== "-")
        context.io.out(jsonText({ path: output.value, bytes: (bytes as Uint8Array).length, parents: parent.length }))
    })
  )
