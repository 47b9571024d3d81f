/** Every property of the tests is checked with values that are the same on each run. */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runs } from "./property.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const testsIn = (folder: string): readonly string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (name === "node_modules" || name === "dist") return []
    return statSync(path).isDirectory() ? testsIn(path) : name.endsWith(".ts") ? [path] : []
  })
/** Calls of fc.assert and of what else of fast-check makes values, each with its arguments. */
const callsIn = (text: string): readonly string[] =>
  [...text.matchAll(/\bfc\.(?:assert|check|sample|statistics)\(/g)].map(({ index }) => {
    let depth = 0
    for (let at = text.indexOf("(", index); at < text.length; at++) {
      if (text[at] === "(") depth++
      if (text[at] === ")" && --depth === 0) return text.slice(index, at + 1)
    }
    return text.slice(index)
  })

describe("a property", () => {
  it("is checked with parameters of runs() wherever there is one", () => {
    const files = ["packages", "plugins", "test"]
      .flatMap((folder) => testsIn(join(root, folder)))
      .filter((file) => !file.endsWith("property.test.ts"))
    const found = files.flatMap((file) => callsIn(readFileSync(file, "utf8")).map((call) => ({ file: relative(root, file), call })))
    expect(found.length).toBeGreaterThan(9)
    expect(found.filter(({ call }) => !/\bruns\([^()]*\)\s*\)$/.test(call))).toEqual([])
  })
  it("sees the same values each time, and says how to see them again", () => {
    const seen = (): readonly number[] => {
      const values: number[] = []
      fc.assert(
        fc.property(fc.integer(), (value) => void values.push(value)),
        runs(20)
      )
      return values
    }
    expect(seen()).toEqual(seen())
    const failing = () =>
      fc.assert(
        fc.property(fc.integer({ min: 0 }), (value) => value < 0),
        runs(5)
      )
    expect(failing).toThrow(/seed: -?\d+[\s\S]*PROPERTY_SEED=/)
  })
  it("that waits says so as well", async () => {
    const property = fc.asyncProperty(fc.integer({ min: 0 }), async (value) => value < 0)
    await expect(fc.assert(property, runs(5))).rejects.toThrow(/PROPERTY_SEED=/)
  })
})
