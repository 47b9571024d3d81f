/** The table behind `eltwo isa --coverage` is what the script counts today. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { countCoverage, coverageText, EXTENSIONS, everything } from "./coverage.ts"
import { knownEncodings } from "./known-encodings.ts"

const known = knownEncodings()
const checkedIn = readFileSync(fileURLToPath(new URL("../../packages/cli/src/coverage.json", import.meta.url)), "utf8")

describe("coverage", () => {
  it.skipIf(known === undefined)("counts 4351 known encodings as checked in (needs A64_ENCODINGS)", () => {
    expect(known!.all).toHaveLength(4351)
    expect(checkedIn).toBe(coverageText(countCoverage(everything(EXTENSIONS), known!)))
  })
  it("covers with declarations that exist", () => {
    const machine = everything(EXTENSIONS)
    const names = new Set(machine.instructions.map(({ name }) => name))
    const rows = Object.values(JSON.parse(checkedIn) as Record<string, { known: number; covered: Record<string, number> }>)
    const unknown = rows.flatMap(({ covered }) => Object.keys(covered)).filter((name) => !names.has(name))
    expect(unknown).toEqual([])
    expect(rows.reduce((sum, row) => sum + row.known, 0)).toBe(4351)
  })
})
