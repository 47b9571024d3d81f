/** Runs the files of scenarios, one scenario each. */
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, it } from "vitest"
import type { Scenario } from "./scenarios/scenario.ts"

const folder = fileURLToPath(new URL("scenarios/", import.meta.url))
const files = readdirSync(folder)
  .filter((file) => /^h\d+b?-.*\.ts$/.test(file))
  .sort()
const scenarios = await Promise.all(files.map(async (file) => ((await import(`${folder}${file}`)) as { default: Scenario }).default))

describe("scenarios", () => {
  for (const { id, title, run } of scenarios) it(`${id}: ${title}`, run)
})
