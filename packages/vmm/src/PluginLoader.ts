/**
 * Plugins by name, path, package or value, with their options. The ones of this repository come in through the same door as any other; only the base
 * architecture is always there. Whether they fit together is isa's compose() to say.
 */
import { API_VERSION, base, type Extension, type PluginFactory, type PluginOption } from "@eltwo/isa"
import { MODE_API_VERSION, type Mode } from "@eltwo/kvm"
import { Effect, Either } from "effect"
import { PluginLoadError } from "./errors.ts"
import { Platform, type PlatformService, type PluginPlace } from "./platform.ts"
import { type Issue, issuesOf, Schema, withDefault } from "./schema.ts"

/** What a plugin may be. */
export type Plugin = Extension | Mode
/** A plugin, and where it came from. */
export interface LoadedPlugin {
  /** The plugin itself, its options applied. */
  readonly plugin: Plugin
  /** What was asked for: a name, a path, a package, or "value". */
  readonly from: string
}
/** Extensions that a machine has unless said otherwise. */
export const DEFAULT_EXTENSIONS = ["fpsimd"] as const

interface PluginRequest {
  readonly from: string
  readonly find: { readonly place: PluginPlace } | { readonly value: object }
  readonly options: Readonly<Record<string, string>>
}
interface Problem {
  readonly plugin: string
  readonly message: string
}
const problem = (plugin: string, message: string): Either.Either<never, Problem> => Either.left({ plugin, message })
const HINT =
  "A plugin is a name (fpsimd), a path (./my-plugin.js) or a package, then options: NAME,option=value. `eltwo plugins` lists what is there."
const oneLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split("\n")[0]!

/** Where "fpsimd", "./mine.js", "file:///...", "@me/plugin" point. */
export const placeOf = (specifier: string): PluginPlace => {
  if (/^[a-z][a-z0-9-]*$/.test(specifier)) return { kind: "name", specifier }
  if (specifier.startsWith("file:") || /^[./\\~]|^[A-Za-z]:[\\/]|\.[cm]?[jt]s$/.test(specifier)) return { kind: "path", specifier }
  return { kind: "package", specifier }
}
const requestOf = (asked: string | object): Either.Either<PluginRequest, Problem> => {
  if (typeof asked !== "string") return Either.right({ from: "value", find: { value: asked }, options: {} })
  const [specifier = "", ...pairs] = asked.split(",")
  if (specifier === "") return problem(asked, "has no name")
  const options: Record<string, string> = {}
  for (const pair of pairs) {
    const [, name, value] = /^(\w+)=(.*)$/s.exec(pair) ?? []
    if (name === undefined) return problem(specifier, `'${pair}' is not option=value`)
    if (name in options) return problem(specifier, `option ${name} is given twice`)
    options[name] = value!
  }
  return Either.right({ from: specifier, find: { place: placeOf(specifier) }, options })
}

const List = Schema.optional(Schema.Array(Schema.Object))
const named = { name: Schema.String.pipe(Schema.pattern(/^[a-z][a-z0-9-]{0,40}$/)), apiVersion: Schema.Int, doc: Schema.optional(Schema.String) }
/** The outside of a plugin; compose() checks what is in it. */
const Shape = Schema.Union(
  Schema.Struct({
    kind: Schema.Literal("extension"),
    ...named,
    requires: Schema.optional(Schema.Array(Schema.String)),
    features: List,
    instructions: List,
    registers: List,
    fields: List,
    traps: List,
    gates: List,
    components: List,
    kvm: Schema.optional(Schema.Object)
  }),
  Schema.Struct({ kind: Schema.Literal("mode"), ...named }),
  Schema.Struct({
    kind: Schema.Literal("factory"),
    ...named,
    options: Schema.Object,
    create: Schema.declare((value): value is () => unknown => typeof value === "function")
  })
)
const KINDS: readonly unknown[] = ["extension", "mode", "factory"]
const isPlugin = (value: unknown): value is Plugin | PluginFactory =>
  typeof value === "object" && value !== null && "kind" in value && KINDS.includes(value.kind)

/** The plugin of a module: its default export, else the only named export that is one. */
const exportOf = (module: object, from: string): Either.Either<object, Problem> => {
  const exports = module as Readonly<Record<string, unknown>>
  if (isPlugin(exports["default"])) return Either.right(exports["default"])
  const found = new Map(Object.entries(exports).filter((entry): entry is [string, Plugin | PluginFactory] => isPlugin(entry[1])))
  const distinct = [...new Set(found.values())]
  if (distinct.length === 1) return Either.right(distinct[0]!)
  if (distinct.length === 0)
    return problem(from, "exports no plugin: make one with defineExtension, definePlugin or defineMode and export it as default")
  return problem(from, `exports several plugins (${[...found.keys()].join(", ")}) and none of them as default`)
}
const checkShape = (value: object, from: string): Either.Either<Plugin | PluginFactory, Problem> => {
  if (!isPlugin(value)) return problem(from, "is not a plugin: it has no kind")
  const checked = Schema.decodeUnknownEither(Shape, { errors: "all" })(value)
  if (Either.isRight(checked)) {
    const version = value.kind === "mode" ? MODE_API_VERSION : API_VERSION
    // Of extensions compose() says it, together with everything else.
    if (value.apiVersion === version || value.kind === "extension") return Either.right(value)
    return problem(from, `is written for ${value.kind === "mode" ? "mode" : "plugin"} API ${value.apiVersion}; this is ${version}`)
  }
  const issues = issuesOf(checked.left).filter(({ path }) => path[0] !== "kind")
  return problem(from, issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "))
}

const optionField = (option: PluginOption) => {
  switch (option.type) {
    case "boolean":
      return withDefault(Schema.transformLiterals(["on", true], ["true", true], ["off", false], ["false", false]), option.default)
    case "integer":
      return withDefault(Schema.NumberFromString.pipe(Schema.int(), Schema.between(option.minimum, option.maximum)), option.default)
    case "choice":
      return withDefault(
        Schema.String.pipe(Schema.filter((value) => option.choices.includes(value) || `expected one of ${option.choices.join(", ")}`)),
        option.default
      )
    case "text":
      return withDefault(Schema.String, option.default)
  }
}
/** Calls a factory with its options checked, or refuses options that nobody takes. */
const configure = (plugin: Plugin | PluginFactory, { from, options }: PluginRequest): Either.Either<Plugin, Problem> => {
  if (plugin.kind !== "factory") {
    const [first] = Object.keys(options)
    return first === undefined ? Either.right(plugin) : problem(from, `takes no options, but is given ${first}`)
  }
  try {
    const fields = Object.fromEntries(Object.entries(plugin.options).map(([name, option]) => [name, optionField(option)]))
    const values = Schema.decodeUnknownEither(Schema.Struct(fields), { errors: "all", onExcessProperty: "error" })(options)
    if (Either.isLeft(values)) return problem(from, issuesOf(values.left).map(optionProblem).join("; "))
    const made: unknown = plugin.create(values.right)
    if (!isPlugin(made) || made.kind === "factory") return problem(from, "its create() gives no extension or mode")
    return checkShape(made, from) as Either.Either<Plugin, Problem>
  } catch (error) {
    return problem(from, `its create() failed: ${oneLine(error)}`)
  }
}
const optionProblem = ({ kind, path, message }: Issue): string =>
  kind === "unexpected" ? `has no option ${path.join(".")}` : `option ${path.join(".")}: ${message}`

const load = async (platform: PlatformService, request: PluginRequest): Promise<Either.Either<LoadedPlugin, Problem>> => {
  const { from, find } = request
  let value: Either.Either<object, Problem>
  if ("value" in find) value = Either.right(find.value)
  else
    try {
      value = exportOf(await platform.importPlugin(find.place), from)
    } catch (error) {
      return problem(from, oneLine(error))
    }
  return value.pipe(
    Either.flatMap((found) => checkShape(found, from)),
    Either.flatMap((plugin) => configure(plugin, request)),
    Either.map((plugin) => ({ plugin, from }))
  )
}

/** Names of the plugins that are given by value. */
export const namesOf = (asked: readonly (string | object)[]): readonly string[] =>
  asked.flatMap((plugin) => (typeof plugin === "object" && "name" in plugin && typeof plugin.name === "string" ? [plugin.name] : []))

/** Loads the base, the default extensions that are not asked for by name, and what is asked for. Every failure in one error. */
export const loadPlugins = (asked: readonly (string | object)[]): Effect.Effect<readonly LoadedPlugin[], PluginLoadError, Platform> =>
  Effect.gen(function* () {
    const platform = yield* Platform
    const requests = asked.map(requestOf)
    const named = new Set([...requests.flatMap((request) => (Either.isRight(request) ? [request.right.from] : [])), ...namesOf(asked)])
    const defaults = DEFAULT_EXTENSIONS.filter((name) => !named.has(name)).map(requestOf)
    const loaded = yield* Effect.promise(() =>
      Promise.all(
        [...defaults, ...requests].map((request) =>
          Either.isLeft(request) ? Promise.resolve(Either.left(request.left)) : load(platform, request.right)
        )
      )
    )
    const problems = loaded.flatMap((one) => (Either.isLeft(one) ? [one.left] : []))
    if (problems.length > 0)
      return yield* new PluginLoadError({ problems, message: problems.map(({ plugin, message }) => `${plugin}: ${message}`).join("; "), hint: HINT })
    return [{ plugin: base, from: "base" }, ...loaded.flatMap((one) => (Either.isRight(one) ? [one.right] : []))]
  })

/** The mode with this name: one that is loaded already, else the plugin of that name. A string says why there is none. */
export const loadMode = (name: string, loaded: readonly LoadedPlugin[]): Effect.Effect<LoadedPlugin | string, never, Platform> =>
  Effect.gen(function* () {
    const there = loaded.find(({ plugin }) => plugin.kind === "mode" && plugin.name === name)
    if (there !== undefined) return there
    const platform = yield* Platform
    const found = yield* Effect.promise(() => load(platform, { from: name, find: { place: { kind: "name", specifier: name } }, options: {} }))
    if (Either.isLeft(found)) return found.left.message
    return found.right.plugin.kind === "mode" ? found.right : "the plugin of this name is no mode"
  })
