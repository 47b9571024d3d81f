/**
 * Options of a run: names, text forms, limits and defaults. The command's `--max-insns` is `maxInsns` here; every option may be given as the text
 * a user would type or as its value.
 */
import { Effect } from "effect"
import { type CpuSelection, parseCpuSelection } from "./cpu-selection.ts"
import { OptionError, type OptionProblem } from "./errors.ts"
import { parseCount, parseDuration, parseSize } from "./quantities.ts"
import { issuesOf, ParseResult, Schema, withDefault } from "./schema.ts"
import { parseSignal, type SignalSchedule } from "./signal-schedule.ts"

/** The modes of this repository; a plugin may bring others. */
export const MODES = ["vhe", "nvhe", "hvhe", "pkvm"] as const
/** Eras of the modelled kernel, the present one last. */
export const ERAS = ["A", "B", "C", "D", "E", "F", "G", "H"] as const
/** Engines: translated code, and the interpreter that is its reference. */
export const ENGINES = ["jit", "interp"] as const
/**
 * Kinds of trace events: executed instructions, exceptions of the guest, FP state and its guards, traps and returns, pages changing hands,
 * scheduling, system calls.
 */
export const TRACES = ["insn", "exc", "fp", "trap", "page", "sched", "syscalls"] as const
export const MIGRATIONS = ["affinity", "random"] as const
/**
 * What the guest is: a Linux program at EL0, an image at EL1 of a VM, or an image on the processing element alone. `auto`: what its folder says, else an
 * ELF file linked inside RAM and a flat image are `vm`, other ELF files and sources are `linux`.
 */
export const KINDS = ["auto", "linux", "vm", "bare"] as const
export type GuestKind = Exclude<(typeof KINDS)[number], "auto">

/** State, translation tables and RAM share one WebAssembly memory of 4 GiB. */
const MAX_RAM = 3 * 2 ** 30
const MIN_RAM = 2 ** 20
const MAX_TEXT = 4096
/** Characters of a wrong value that a message repeats. */
const MAX_QUOTED = 80

/** A number, or the text of one. */
const numberOr = (parse: (text: string) => number | undefined, expected: string, least: number, most: number) =>
  Schema.transformOrFail(Schema.Union(Schema.Number, Schema.String), Schema.Number, {
    strict: true,
    decode: (input, _, ast) => {
      const value = typeof input === "number" ? input : parse(input)
      if (value !== undefined && Number.isInteger(value) && value >= least && value <= most) return ParseResult.succeed(value)
      return ParseResult.fail(new ParseResult.Type(ast, input, `${JSON.stringify(input)} is not ${expected}`))
    },
    encode: ParseResult.succeed
  })
/** A text with a grammar of its own, or the value it stands for. `parse` gives a string when something is wrong. */
export const textOr = <T extends object>(parse: (text: string) => T | string) =>
  Schema.transformOrFail(Schema.Union(Schema.String, Schema.Object), Schema.Any as Schema.Schema<T>, {
    strict: true,
    decode: (input, _, ast) => {
      const value = typeof input === "string" ? parse(input) : (input as T)
      return typeof value === "string" ? ParseResult.fail(new ParseResult.Type(ast, input, value)) : ParseResult.succeed(value)
    },
    encode: (value) => ParseResult.succeed(value)
  })
/** A schema's own words for any value it refuses. */
const isNot = (expected: string) => ({
  message: ({ actual }: ParseResult.ParseIssue) => ({ message: `${JSON.stringify(actual)} is not ${expected}`, override: true })
})
const oneOf = <const T extends string>(values: readonly [T, ...T[]]) => Schema.Literal(...values).annotations(isNot(`one of ${values.join(", ")}`))
const text = Schema.String.pipe(
  Schema.filter((value) => !value.includes("\0") || "contains a NUL character"),
  Schema.filter((value) => value.length <= 2 ** 20 || "has more than a million characters")
)
/** A mode of this repository or of any plugin. */
const modeName = Schema.String.pipe(
  Schema.filter((value) => /^[a-z][a-z0-9-]{0,40}$/.test(value) || `${JSON.stringify(value)} is not the name of a mode`)
)
const quoted = (value: string): string => JSON.stringify(value.length > MAX_QUOTED ? `${value.slice(0, MAX_QUOTED)}...` : value)
const path = Schema.String.pipe(
  Schema.filter((value) => (value !== "" && value.length <= MAX_TEXT && !value.includes("\0")) || `${quoted(value)} is not a path`)
)
const environment = text.pipe(Schema.filter((value) => /^[^=]+=/.test(value) || `${quoted(value)} is not NAME=VALUE`))
const seed = numberOr(
  (digits) => (/^(0x[0-9a-fA-F]{1,8}|\d{1,10})$/.test(digits) ? Number(digits) : undefined),
  "a whole number from 0 to 4294967295",
  0,
  2 ** 32 - 1
)
const MAX_CPUS = 16
const cpuCount = numberOr((digits) => (/^\d{1,2}$/.test(digits) ? Number(digits) : undefined), `a count of CPUs from 1 to ${MAX_CPUS}`, 1, MAX_CPUS)
/** Seconds since 1970 that the guest's clock starts at. */
const clock = Schema.Union(
  Schema.Literal("now"),
  numberOr((digits) => (/^\d{1,12}$/.test(digits) ? Number(digits) : undefined), "a time", 0, 2 ** 40)
).annotations(isNot('"now" or seconds since 1970'))
const exceptionLevel = Schema.transform(Schema.Literal(1, 2, "1", "2").annotations(isNot("1 or 2")), Schema.Literal(1, 2), {
  strict: true,
  decode: (el) => (Number(el) === 1 ? 1 : 2),
  encode: (el) => el
})
/** 2025-01-01T00:00:00Z: a run depends on nothing but its inputs unless asked to. */
const CLOCK_START = 1_735_689_600

/** What every machine has, whatever runs on it. */
const machineFields = {
  /** `max`, then `feature=on|off` in any number, then `vl=BITS` and `svl=BITS`, separated by commas. */
  cpu: withDefault(textOr<CpuSelection>(parseCpuSelection), { features: {} }),
  /** How the modelled host kernel uses EL2; a plugin of this name brings it. */
  mode: withDefault(modeName, "vhe"),
  /** Which Linux the modelled kernel behaves like. */
  era: withDefault(oneOf(ERAS), "H"),
  engine: withDefault(oneOf(ENGINES), "jit"),
  /** RAM of the guest in bytes. */
  mem: withDefault(
    numberOr(
      (size) => {
        const bytes = parseSize(size)
        return bytes === undefined || bytes % MIN_RAM !== 0 ? undefined : bytes
      },
      "a multiple of 1M from 1M to 3G (64M, 1G ...)",
      MIN_RAM,
      MAX_RAM
    ),
    256 * 2 ** 20
  ),
  /** Seed of everything random: the same seed and inputs give the same run. */
  seed: withDefault(seed, 0),
  /** More plugins: a name, a path or a package, then `,option=value`s; or the plugin itself. */
  plugin: withDefault(Schema.Array(Schema.Union(Schema.String, Schema.Object)), [])
}
/** Options of a machine without a guest. */
export const MachineOptions = Schema.Struct(machineFields)
export type MachineOptions = typeof MachineOptions.Type

/** Options of a run, checked and complete. */
export const RunOptions = Schema.Struct({
  ...machineFields,
  /** Path of an ELF file, a flat image, a source (.s) or a folder with program.s. */
  guest: path,
  args: withDefault(Schema.Array(text), []),
  kind: withDefault(oneOf(KINDS), "auto"),
  /** Virtual CPUs of an image in a VM; the others than the first are off until PSCI CPU_ON. */
  vcpus: withDefault(cpuCount, 1),
  /** Physical CPUs of the modelled host, which take turns in rounds of virtual time. */
  pcpus: withDefault(cpuCount, 1),
  /** The memory of an image in a VM is its own: the host cannot read it. A mode has such VMs, or not. */
  protected: withDefault(Schema.Boolean, false),
  /** Whether threads of the host stay where they are, or move by chance (see `seed`). */
  migration: withDefault(oneOf(MIGRATIONS), "affinity"),
  /** Exception level a `bare` image starts at. */
  el: Schema.optional(exceptionLevel),
  /** Folder that a Linux program sees as "/"; none: it sees no files. */
  root: Schema.optional(path),
  rootWritable: withDefault(Schema.Boolean, false),
  /** The program's environment: NAME=VALUE each. */
  env: withDefault(Schema.Array(environment), []),
  /** Start of the guest's clock: seconds since 1970, or "now". Time then passes with retired instructions. */
  clock: withDefault(clock, CLOCK_START),
  /** Signals sent to the program at instruction counts. */
  signal: withDefault(Schema.Array(textOr<SignalSchedule>(parseSignal)), []),
  /** Stop after this many instructions. */
  maxInsns: Schema.optional(numberOr(parseCount, "a count of instructions (1000000, 20M, 1e9)", 1, Number.MAX_SAFE_INTEGER)),
  /** Stop after this much time of the host, in milliseconds (as text: in seconds). */
  timeout: Schema.optional(numberOr(parseDuration, "a time (5s, 200ms, 1m, or seconds)", 1, 2 ** 31 - 1)),
  trace: withDefault(Schema.Array(oneOf(TRACES)), [])
})
export type RunOptions = typeof RunOptions.Type
/** Options of a run as they are given: text or value each, those with a default may be left out. */
export type RunInput = typeof RunOptions.Encoded

/** What to do about options of a run. */
export const OPTIONS_HINT = "`eltwo run --help` lists the options with their forms."
/** "signal[0]" for an element of a list, "cpu" for the option itself. */
const placeOf = (issue: readonly PropertyKey[]): string =>
  issue.map((part, i) => (i === 0 ? String(part) : `[${String(part)}]`)).join("") || "options"
const problemsOf = (error: ParseResult.ParseError): readonly OptionProblem[] =>
  issuesOf(error).map(({ kind, path, message }) => ({
    option: placeOf(path),
    message: kind === "unexpected" ? "no such option" : kind === "missing" ? "is missing" : message
  }))
const decode = <A, I>(schema: Schema.Schema<A, I>, input: unknown): Effect.Effect<A, OptionError> =>
  Schema.decodeUnknown(schema, { errors: "all", onExcessProperty: "error" })(input).pipe(
    Effect.mapError((error) => OptionError.of(problemsOf(error), OPTIONS_HINT))
  )

/** Options of a machine without a guest, for tools; every problem in one error. */
export const decodeMachineOptions = (input: unknown): Effect.Effect<MachineOptions, OptionError> => decode(MachineOptions, input)
/** Options of a run; every problem in one error, also of options that contradict each other. */
export const decodeRunOptions = (input: unknown): Effect.Effect<RunOptions, OptionError> =>
  decode(RunOptions, input).pipe(
    Effect.flatMap((options) => {
      const problems = contradictions(options)
      return problems.length === 0 ? Effect.succeed(options) : Effect.fail(OptionError.of(problems, OPTIONS_HINT))
    })
  )
/** What a guest of this kind cannot be given; `hasProtected` says whether the mode has protected VMs. */
export const kindProblems = (options: RunOptions, kind: GuestKind, hasProtected = true): readonly OptionProblem[] => {
  const { vcpus, pcpus, el, env, signal, mode } = options
  const problems: OptionProblem[] = []
  const wrong = (option: string, message: string) => problems.push({ option, message })
  if (kind !== "vm") {
    const several = `only an image in a VM has several CPUs, and this is a ${kind} guest (see --kind)`
    for (const [option, count] of Object.entries({ vcpus, pcpus })) if (count > 1) wrong(option, several)
    if (options.protected) wrong("protected", `only an image in a VM can be protected from its host, and this is a ${kind} guest (see --kind)`)
  } else if (options.protected && !hasProtected) wrong("protected", `mode ${mode} has no protected VMs (see --mode)`)
  if (kind !== "bare" && el !== undefined) wrong("el", `only a bare image has a choice of exception level, and this is a ${kind} guest (see --bare)`)
  if (kind !== "linux" && env.length > 0) wrong("env", `a ${kind} image has no environment`)
  if (kind !== "linux" && signal.length > 0) wrong("signal", `a ${kind} image has no signals`)
  return problems
}
const contradictions = (options: RunOptions): readonly OptionProblem[] => {
  const { kind, root, rootWritable } = options
  const problems = rootWritable && root === undefined ? [{ option: "rootWritable", message: "there is no root to write to (see --root)" }] : []
  return kind === "auto" ? problems : [...problems, ...kindProblems(options, kind)]
}
