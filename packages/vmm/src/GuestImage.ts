/** What a guest path holds: an ELF file, a flat image, a source to assemble, or a folder with program.s and expect.json. The files are hostile input. */
import { assemble, type Machine, toElf } from "@eltwo/isa"
import { Effect } from "effect"
import { type CpuSelection, parseCpuSelection } from "./cpu-selection.ts"
import { type Elf, isElfProblem, looksLikeElf, parseElf } from "./elf.ts"
import { FileError, GuestImageError, GuestNotFoundError } from "./errors.ts"
import { RAM_BASE } from "./Machine.ts"
import { type GuestKind, type RunOptions, textOr } from "./options.ts"
import { placeOf } from "./PluginLoader.ts"
import { isFileProblem, Platform } from "./platform.ts"
import { Schema, TreeFormatter } from "./schema.ts"

/** A guest that was read and checked. */
export type GuestImage =
  | { readonly format: "elf"; readonly path: string; readonly kind: GuestKind; readonly el?: ExceptionLevel; readonly elf: Elf }
  /** Loaded at the start of RAM and started there. */
  | { readonly format: "flat"; readonly path: string; readonly kind: "vm" | "bare"; readonly el?: ExceptionLevel; readonly bytes: Uint8Array }
/** Where a bare image says it starts. */
type ExceptionLevel = 1 | 2
export type GuestProblem = GuestNotFoundError | GuestImageError | FileError

/** An ELF file may be larger than what it loads: debug information. */
const MAX_FILE = 1 << 30
const MAX_SOURCE = 32 << 20
const MAX_EXPECTATION = 1 << 20

/** A plugin by its name: a guest's files are no reason to load code from anywhere else. */
const pluginName = Schema.String.pipe(
  Schema.filter((value) => placeOf(value.split(",")[0]!).kind === "name" || `${JSON.stringify(value)} is not the name of a plugin`)
)
/** The part of a guest folder's expect.json that says how to run it; tests read the rest. */
const Expectation = Schema.Struct({
  kind: Schema.optional(Schema.Literal("linux", "vm", "bare")),
  el: Schema.optional(Schema.Literal(1, 2)),
  /** What the guest wants of its machine, as --cpu and --plugin have it. */
  cpu: Schema.optional(textOr<CpuSelection>(parseCpuSelection)),
  plugin: Schema.optional(Schema.Array(pluginName))
})
const EXPECTATION_HINT =
  'It is JSON: "kind" is linux, vm or bare, "el" 1 or 2, "cpu" what --cpu takes, "plugin" a list of names of plugins, with their options.'

const imageError = (path: string, reason: string, message: string, hint: string, at?: number): GuestImageError =>
  new GuestImageError({ path, reason, message: `${path}: ${message}`, hint, ...(at === undefined ? {} : { at }) })
/** The image is fine, the machine too small for it. */
export const doesNotFit = ({ path }: GuestImage, message: string): GuestImageError =>
  imageError(path, "does-not-fit", message, "Give more memory (--mem).")
const KINDS_HINT = "A guest is a static AArch64 ELF program, a flat image, a source (.s), or a folder with program.s."

const readFile = (path: string, limit: number): Effect.Effect<Uint8Array, GuestProblem, Platform> =>
  Effect.flatMap(Platform, (platform): Effect.Effect<Uint8Array, GuestProblem> => {
    const bytes = platform.readFile(path, limit)
    if (!isFileProblem(bytes)) return Effect.succeed(bytes)
    if (bytes.problem === "missing") return new GuestNotFoundError({ path, message: `there is no guest ${path}`, hint: KINDS_HINT })
    if (bytes.problem === "too-large") return imageError(path, "too-large", bytes.message, KINDS_HINT)
    return new FileError({ path, message: bytes.message, hint: "Check that it can be read." })
  })
const decodeText = (path: string, bytes: Uint8Array): Effect.Effect<string, GuestImageError> =>
  Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => imageError(path, "not-text", "is not UTF-8 text", KINDS_HINT)
  })

/** What a folder's expect.json states. */
const expectationOf = (folder: string): Effect.Effect<typeof Expectation.Type, GuestProblem, Platform> =>
  Effect.gen(function* () {
    const path = `${folder}/expect.json`
    const bytes = yield* readFile(path, MAX_EXPECTATION).pipe(Effect.catchTag("GuestNotFoundError", () => Effect.succeed(undefined)))
    if (bytes === undefined) return {}
    const text = yield* decodeText(path, bytes)
    return yield* Schema.decodeUnknown(Schema.parseJson(Expectation))(text).pipe(
      Effect.mapError((error) => imageError(path, "bad-expectation", TreeFormatter.formatErrorSync(error), EXPECTATION_HINT))
    )
  })

/** All segments lie in RAM where the ELF file says: it is made for the machine, not for a process. */
const isMadeForRam = ({ segments }: Elf, ramBytes: number): boolean =>
  segments.every(({ physical, memoryBytes }) => physical >= BigInt(RAM_BASE) && physical + BigInt(memoryBytes) <= BigInt(RAM_BASE + ramBytes))

const elfImage = (path: string, bytes: Uint8Array, { kind, mem }: RunOptions): Effect.Effect<GuestImage, GuestImageError> => {
  const elf = parseElf(bytes, mem)
  if (isElfProblem(elf)) return imageError(path, elf.reason, elf.message, "Only static 64-bit little-endian AArch64 programs run.", elf.at)
  const found = kind === "auto" ? (isMadeForRam(elf, mem) ? "vm" : "linux") : kind
  if (found !== "linux" && !isMadeForRam(elf, mem))
    return imageError(
      path,
      "outside-ram",
      `has segments outside of RAM, which is ${mem} bytes at 0x${RAM_BASE.toString(16)}`,
      "Link it for RAM, give more memory (--mem), or run it as a Linux program (--kind linux)."
    )
  return Effect.succeed({ format: "elf", path, kind: found, elf })
}
const flatImage = (path: string, bytes: Uint8Array, { kind, mem }: RunOptions): Effect.Effect<GuestImage, GuestImageError> => {
  if (bytes.length < 4) return imageError(path, "too-small", `has ${bytes.length} bytes; an instruction has 4`, KINDS_HINT)
  if (bytes.length > mem) return imageError(path, "too-large", `has ${bytes.length} bytes; the machine has ${mem}`, "Give more memory (--mem).")
  if (kind === "linux") return imageError(path, "not-elf", "a Linux program is an ELF file; this begins otherwise", KINDS_HINT)
  return Effect.succeed({ format: "flat", path, kind: kind === "auto" ? "vm" : kind, bytes })
}
const sourceImage = (path: string, options: RunOptions, isa: Machine, kind: GuestKind): Effect.Effect<GuestImage, GuestProblem, Platform> =>
  Effect.gen(function* () {
    const text = yield* readFile(path, MAX_SOURCE).pipe(Effect.flatMap((bytes) => decodeText(path, bytes)))
    const limits = { source: MAX_SOURCE, bytes: options.mem }
    const { assembly, problems } = assemble(text, { isa, limits, ...(kind === "linux" ? {} : { origin: RAM_BASE }) })
    if (problems === undefined) return yield* elfImage(path, toElf(assembly), { ...options, kind })
    return yield* new GuestImageError({
      path,
      reason: "assembly",
      at: problems[0]?.line,
      problems: problems.map(({ line, column, message, text }) => `${path}:${line}:${column}: ${message} in '${text}'`),
      message: `${path}:${problems[0]?.line}: ${problems[0]?.message}`,
      hint: "The dialect is that of GNU as."
    })
  })

/** The folder of a guest that is one. */
const folderOf = (guest: string): Effect.Effect<string | undefined, never, Platform> =>
  Effect.map(Platform, (platform) => (platform.isFolder(guest) ? guest.replace(/\/+$/, "") : undefined))
const inLowerCase = <T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name.toLowerCase(), value]))

/** The options with what the guest's folder wants of its machine; what was asked for stands. */
export const withWishes = (options: RunOptions): Effect.Effect<RunOptions, GuestProblem, Platform> =>
  Effect.gen(function* () {
    const folder = yield* folderOf(options.guest)
    if (folder === undefined) return options
    const { cpu: wish, plugin = [] } = yield* expectationOf(folder)
    const { cpu } = options
    const isGiven = (name: string) => options.plugin.some((given) => typeof given === "string" && given.split(",")[0] === name.split(",")[0])
    return {
      ...options,
      cpu: {
        features: { ...inLowerCase(wish?.features ?? {}), ...inLowerCase(cpu.features) },
        vl: cpu.vl ?? wish?.vl,
        svl: cpu.svl ?? wish?.svl
      },
      plugin: [...plugin.filter((name) => !isGiven(name)), ...options.plugin]
    }
  })
/** Reads and checks the guest that the options name. */
export const readGuest = (options: RunOptions, isa: Machine): Effect.Effect<GuestImage, GuestProblem, Platform> =>
  Effect.gen(function* () {
    const { guest, kind } = options
    const folder = yield* folderOf(guest)
    if (folder !== undefined) {
      const { kind: stated = "linux", el } = yield* expectationOf(folder)
      const image = yield* sourceImage(`${folder}/program.s`, options, isa, kind === "auto" ? stated : kind)
      return el === undefined ? image : { ...image, el }
    }
    if (/\.[sS]$/.test(guest)) return yield* sourceImage(guest, options, isa, kind === "auto" ? "linux" : kind)
    const bytes = yield* readFile(guest, MAX_FILE)
    return yield* looksLikeElf(bytes) ? elfImage(guest, bytes, options) : flatImage(guest, bytes, options)
  })
