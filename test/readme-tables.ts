/**
 * The generated parts of README.md. `npx tsx test/readme-tables.ts` writes the coverage table anew; `npx tsx test/readme-tables.ts bench FILE` puts the output of
 * `npm run bench` into its place. A test compares the coverage table with the machine.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { base, composeOrThrow } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { coverageOf } from "../packages/cli/src/coverage.ts"

export const README = new URL("../README.md", import.meta.url)

/** Rows of what the default machine declares, and one line for everything else. */
export const coverageTable = (): string => {
  const all = coverageOf(composeOrThrow([base, fpsimd]))
  const declared = all.filter((row) => row.declared > 0)
  const rest = all.filter((row) => row.declared === 0)
  const sum = (rows: typeof all, of: "declared" | "known") => rows.reduce((total, row) => total + row[of], 0)
  const cells = declared.map(({ feature, declared, known }) => `${feature.replaceAll("|", " or ").replaceAll("&", " and ")} | ${declared} / ${known}`)
  const columns = 3
  const height = Math.ceil(cells.length / columns)
  const rows = Array.from(
    { length: height },
    (_, i) => `| ${Array.from({ length: columns }, (_, c) => cells[i + c * height] ?? " | ").join(" | ")} |`
  )
  const head = `|${" feature | encodings |".repeat(columns)}`
  return [
    head,
    `|${" --- | --- |".repeat(columns)}`,
    ...rows,
    "",
    `Together ${sum(declared, "declared")} of ${sum(all, "known")} known encodings; ${rest.length} feature combinations, most of SVE and SME, have none yet.`
  ].join("\n")
}
/** README with the part between `<!-- name -->` and `<!-- /name -->` replaced. */
export const withPart = (readme: string, name: string, text: string): string => {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = readme.indexOf(open)
  const to = readme.indexOf(close)
  if (from < 0 || to < from) throw new Error(`README.md has no part ${name}`)
  return `${readme.slice(0, from + open.length)}\n${text.trim()}\n${readme.slice(to)}`
}

if (process.argv[1]?.endsWith("readme-tables.ts")) {
  const [, , part, file] = process.argv
  const readme = readFileSync(README, "utf8")
  writeFileSync(README, part === "bench" ? withPart(readme, "bench", readFileSync(file!, "utf8")) : withPart(readme, "coverage", coverageTable()))
}
