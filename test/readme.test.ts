/** What README.md says is so: its table is what the machine counts, and the files it names exist. */
import { existsSync, readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { coverageTable, README, withPart } from "./readme-tables.ts"

const readme = readFileSync(README, "utf8")

it("has the coverage of this machine", () => {
  expect(withPart(readme, "coverage", coverageTable())).toBe(readme)
})
it("names folders and files that exist", () => {
  const named = [...readme.matchAll(/`((?:packages|plugins|guests|test)\/[\w/.-]*)`/g)].map(([, path]) => path!)
  expect(named.length).toBeGreaterThan(6)
  expect(named.filter((path) => !existsSync(new URL(path, README)))).toEqual([])
})
