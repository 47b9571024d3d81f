/** The tour's commands print what the tour shows; its program runs. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { builtCommand } from "../packages/cli/test/built.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const text = readFileSync(join(root, "docs/tour.md"), "utf8")
const blocks = (language: string): readonly string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, body]) => body!)

interface Step {
  readonly command: string
  readonly shown: readonly string[]
}
const steps: readonly Step[] = blocks("console").flatMap((block) =>
  block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = "", ...shown] = part.trimEnd().split("\n")
      return { command, shown }
    })
)
const escaped = (part: string): string => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
/** A line of dots stands for any lines; dots behind a space or a bracket, for the rest of a word or line. */
const pattern = (shown: readonly string[]): RegExp => {
  const lines = shown.map((line) =>
    line === "..."
      ? "(?:.*\\n)*?"
      : `${line
          .split(/(?<=[ [])\.\.\.(?! \+)/)
          .map(escaped)
          .join(".*")}\\n`
  )
  return new RegExp(`^${lines.join("")}$`)
}

// the files that it makes stay out of the repository
const folder = mkdtempSync(join(tmpdir(), "eltwo-tour-"))
for (const name of ["guests", "examples", "packages", "plugins", "node_modules", "tsconfig.json", "package.json"])
  symlinkSync(join(root, name), join(folder, name))
afterAll(() => rmSync(folder, { recursive: true }))
let eltwo = ""
beforeAll(async () => {
  eltwo = await builtCommand()
}, 120_000)

describe("docs/tour.md", () => {
  it("shows commands", () => {
    expect(steps.length).toBeGreaterThan(15)
  })
  it.each(steps)("$command", ({ command, shown }) => {
    const line = command.replaceAll("npx eltwo", `"${process.execPath}" "${eltwo}"`).replaceAll("npx tsx", `"${join(root, "node_modules/.bin/tsx")}"`)
    // as a terminal shows it: output first, where both are written
    const { stdout, stderr } = spawnSync("bash", ["-c", line], { cwd: folder, encoding: "utf8", input: "" })
    const printed = command.includes("echo") ? stderr + stdout : stdout + stderr
    expect(printed === "" ? "" : printed.replace(/\n?$/, "\n")).toMatch(pattern(shown))
  })
  it("has a program that runs", () => {
    const [program] = blocks("ts")
    const file = join(folder, "program.mts")
    writeFileSync(file, program!)
    const { stdout, stderr } = spawnSync(join(root, "node_modules/.bin/tsx"), ["--tsconfig", join(root, "tsconfig.json"), file], {
      cwd: root,
      encoding: "utf8"
    })
    expect(stderr).toBe("")
    expect(stdout).toMatch(/^4609434218613702656n\n\{[^}]*type: 'insn'[^}]*text: 'b\s+0x40000004'[^}]*\}\n$/)
  })
})
