/** The work of `eltwo isa`. */

import { alternatives, type Instruction, type Machine, type Register } from "@eltwo/isa"
import { OptionError } from "@eltwo/vmm"
import { Effect, Option } from "effect"
import type { IsaGiven } from "./commands/isa.ts"
import { type Context, jsonText } from "./context.ts"
import { coverageOf, type FeatureCoverage } from "./coverage.ts"
import { withModel } from "./model.ts"

export const reportIsa = (context: Context, given: IsaGiven): Promise<void> =>
  withModel(context, given, ({ isa }) => {
    const feature = Option.getOrUndefined(given.feature)?.replace(/^FEAT_/i, "")
    const name = feature === undefined ? undefined : knownFeature(isa, feature)
    if (feature !== undefined && name === undefined)
      return OptionError.of([{ option: "feature", message: `no plugin declares ${feature}` }], "`eltwo isa` lists the features there are.")
    const out = given.coverage ? coverage(coverageOf(isa), name, given.json) : listing(isa, name, given.json)
    return Effect.sync(() => context.io.out(out))
  })

const knownFeature = ({ extensions }: Machine, name: string): string | undefined =>
  extensions.flatMap((e) => e.features ?? []).find((f) => f.name.toLowerCase() === name.toLowerCase())?.name
const names = (expression: string | undefined, feature: string | undefined): boolean =>
  feature === undefined || (expression !== undefined && alternatives(expression).flat().includes(feature))

const coverage = (all: readonly FeatureCoverage[], feature: string | undefined, json: boolean): string => {
  const rows = all.filter((row) => feature === undefined || row.feature.split(/\W+/).includes(feature))
  const sum = (of: "declared" | "known") => rows.reduce((total, row) => total + row[of], 0)
  const total = { feature: "total", declared: sum("declared"), known: sum("known") }
  if (json) return jsonText({ features: rows, total })
  const line = ({ feature, declared, known }: FeatureCoverage) =>
    `${feature.padEnd(40)} ${String(declared).padStart(5)} / ${String(known).padEnd(5)}${known === 0 ? "" : ` ${Math.floor((100 * declared) / known)} %`}\n`
  return `${"feature".padEnd(40)} declared / known encodings\n${[...rows, total].map(line).join("")}`
}

const featureRow = (isa: Machine) =>
  isa.extensions.flatMap(({ name, features = [] }) =>
    features.map((f) => ({ name: f.name, plugin: name, on: isa.features.has(f.name), requires: f.requires, doc: f.doc }))
  )
const instructionRow = ({ name, declaration: { feature, access } }: Instruction, implemented: boolean) => ({
  name,
  feature: feature ?? "base",
  access: typeof access === "function" ? "by its fields" : (access ?? "none"),
  implemented
})
const encodingText = (register: Register): string => register.declaration.encoding.split(" ").join(",")
const registerRow = (register: Register) => ({ name: register.name, encoding: encodingText(register), feature: register.declaration.feature })

const listing = (isa: Machine, feature: string | undefined, json: boolean): string => {
  const features = featureRow(isa).filter(({ name }) => feature === undefined || name === feature)
  const instructions = [
    ...isa.instructions.filter(({ declaration }) => names(declaration.feature, feature)).map((i) => instructionRow(i, true)),
    ...isa.unimplemented.filter(({ declaration }) => names(declaration.feature, feature)).map((i) => instructionRow(i, false))
  ]
  const registers = isa.registers.filter(({ declaration }) => names(declaration.feature, feature)).map(registerRow)
  if (json) return jsonText({ features, instructions, registers })
  return [
    `${features.length} features`,
    ...features.map(({ name, plugin, on, doc }) => `  ${name.padEnd(16)} ${on ? "on " : "off"}  ${plugin}${doc === undefined ? "" : `  ${doc}`}`),
    `${instructions.length} instructions`,
    ...instructions.map(
      (i) =>
        `  ${i.name.padEnd(60)} ${i.feature}${i.access === "none" ? "" : `, access ${i.access}`}${i.implemented ? "" : " (feature off: UNDEFINED)"}`
    ),
    `${registers.length} system registers`,
    ...registers.map((r) => `  ${r.name.padEnd(24)} ${r.encoding}${r.feature === undefined ? "" : `  ${r.feature}`}`),
    ""
  ].join("\n")
}
