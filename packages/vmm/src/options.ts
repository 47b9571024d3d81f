/** Options of a machine: their text forms, limits and defaults. */
import { OptionError } from "./errors.ts"
import { Schema, TreeFormatter } from "./schema.ts"
import { Effect } from "effect"

export const MODES = ["vhe", "nvhe", "hvhe", "pkvm"] as const
export const ERAS = ["A", "B", "C", "D", "E", "F", "G", "H"] as const
export const ENGINES = ["jit", "interp"] as const
/** The largest RAM: state, tables and RAM share one WebAssembly memory of 4 GiB. */
const MAX_RAM = 3 * 2 ** 30
const MIN_RAM = 2 ** 20

export const MachineOptions = Schema.Struct({
  /** `max`, then `feature=on|off` in any number, then `vl=BITS` and `svl=BITS`, separated by commas. */
  cpu: Schema.optionalWith(Schema.String, { default: () => "max" }),
  mode: Schema.optionalWith(Schema.Literal(...MODES), { default: () => "vhe" as const }),
  era: Schema.optionalWith(Schema.Literal(...ERAS), { default: () => "H" as const }),
  engine: Schema.optionalWith(Schema.Literal(...ENGINES), { default: () => "jit" as const }),
  /** RAM of the guest in bytes, a multiple of 1 MiB. */
  memory: Schema.optionalWith(Schema.Number.pipe(Schema.int(), Schema.between(MIN_RAM, MAX_RAM), Schema.multipleOf(MIN_RAM)), { default: () => 256 * 2 ** 20 }),
  /** Seed of everything random. */
  seed: Schema.optionalWith(Schema.Number.pipe(Schema.int(), Schema.between(0, 2 ** 32 - 1)), { default: () => 0 }),
  /** Run on the processing element alone, without a modelled kernel; starts at this exception level. */
  bare: Schema.optional(Schema.Literal(1, 2))
})
export type MachineOptions = typeof MachineOptions.Type

/** Decodes options a caller gave; every problem in one error. */
export const decodeOptions = (input: unknown): Effect.Effect<MachineOptions, OptionError> =>
  Schema.decodeUnknown(MachineOptions, { errors: "all", onExcessProperty: "error" })(input).pipe(
    Effect.mapError(
      (issue) =>
        new OptionError({ option: "machine", value: JSON.stringify(input) ?? "undefined", message: TreeFormatter.formatErrorSync(issue), hint: "See MachineOptions for names, types and limits." })
    )
  )

/** "64M", "1G", "65536K" or bytes. Undefined when it is none of these. */
export const parseSize = (text: string): number | undefined => {
  const match = /^(\d{1,12})([kKmMgG])?(i?[bB])?$/.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * 2 ** ({ k: 10, m: 20, g: 30 }[match[2]?.toLowerCase() ?? ""] ?? 0)
}
/** "5s", "200ms", "1m" or seconds; milliseconds. Undefined when it is none of these. */
export const parseDuration = (text: string): number | undefined => {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)?$/.exec(text)
  return match === null ? undefined : Number(match[1]) * ({ ms: 1, s: 1000, m: 60_000 }[match[2] ?? "s"] ?? 1000)
}

export interface CpuSelection {
  readonly features: Readonly<Record<string, boolean>>
  /** Largest vector length and streaming vector length in bits, as asked for. */
  readonly vl: number | undefined
  readonly svl: number | undefined
}
/** Reads `--cpu`. Which features exist is for the composition to say. A string says what is wrong. */
export const parseCpu = (text: string): CpuSelection | string => {
  const [model, ...rest] = text.split(",")
  if (model !== "max") return `CPU model '${model}'; expected 'max'`
  const features: Record<string, boolean> = {}
  let vl: number | undefined
  let svl: number | undefined
  for (const item of rest) {
    const match = /^([A-Za-z][A-Za-z0-9_]*)=([a-z0-9]+)$/.exec(item)
    if (match === null) return `'${item}' in the CPU; expected feature=on, feature=off, vl=BITS or svl=BITS`
    const [, name, value] = match
    if (name === "vl" || name === "svl") {
      const bits = Number(value)
      if (!(bits >= 128 && bits <= 2048 && Number.isInteger(Math.log2(bits)))) return `${name}=${value}; expected a power of two of bits from 128 to 2048`
      if (name === "vl") vl = bits
      else svl = bits
    } else if (value === "on" || value === "off") features[name!] = value === "on"
    else return `'${item}' in the CPU; a feature is on or off`
  }
  return { features, vl, svl }
}
