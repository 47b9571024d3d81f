/**
 * Counts, per feature expression, the known A64 encodings and how many of them each of our declarations covers: the table behind `eltwo isa --coverage`.
 * A known encoding is covered when a word tried of it decodes to a declaration, whose name is counted. (Not every word: the table does not have all constraints,
 * and one of its encodings is all PSTATE fields that MSR can name.)
 *
 *   A64_ENCODINGS=a64-encodings.json npx tsx test/conformance/coverage.ts     writes packages/cli/src/coverage.json
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { base, compose, type Extension, type Machine, randomFrom } from "@eltwo/isa"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"
import type { CoverageCounts } from "../../packages/cli/src/coverage.ts"
import { type KnownEncoding, type KnownEncodings, knownEncodings } from "./known-encodings.ts"

const WORDS = 24
const TRIES = 4000

/** Every feature that the extensions declare is on. */
export const everything = (extensions: readonly Extension[]): Machine => {
  const features = Object.fromEntries(extensions.flatMap((e) => (e.features ?? []).map(({ name }) => [name, true])))
  const { machine, problems } = compose(extensions, { features })
  if (problems) throw new Error(problems.join("\n"))
  return machine
}

/** The declaration that covers a known encoding. */
const coveredBy = (machine: Machine, known: KnownEncodings, encoding: KnownEncoding): string | undefined => {
  const random = randomFrom(encoding.value)
  for (let tries = 0, words = 0; tries < TRIES && words < WORDS; tries++) {
    const word = ((random() & ~encoding.mask) | encoding.value) >>> 0
    if (known.decode(word) !== encoding) continue
    words++
    const instruction = machine.decode(word)
    if (instruction) return instruction.name
  }
  return undefined
}
export const countCoverage = (machine: Machine, known: KnownEncodings): CoverageCounts => {
  const counts: Record<string, { known: number; covered: Record<string, number> }> = {}
  for (const encoding of known.all) {
    const row = (counts[encoding.feature] ??= { known: 0, covered: {} })
    row.known++
    const name = coveredBy(machine, known, encoding)
    if (name !== undefined) row.covered[name] = (row.covered[name] ?? 0) + 1
  }
  const sorted = <T>(record: Record<string, T>): [string, T][] => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted(counts).map(([feature, { known, covered }]) => [feature, { known, covered: Object.fromEntries(sorted(covered)) }]))
}

/** What this repository declares. */
export const EXTENSIONS: readonly Extension[] = [base, fpsimd, sve, sme, fpmr]
/** One feature a line. */
export const coverageText = (counts: CoverageCounts): string =>
  `{\n${Object.entries(counts)
    .map(([feature, row]) => `${JSON.stringify(feature)}: ${JSON.stringify(row)}`)
    .join(",\n")}\n}\n`

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const known = knownEncodings()
  if (!known) throw new Error("A64_ENCODINGS does not name the table of encodings")
  writeFileSync(
    fileURLToPath(new URL("../../packages/cli/src/coverage.json", import.meta.url)),
    coverageText(countCoverage(everything(EXTENSIONS), known))
  )
}
