/** The start of the built command: what is answered without loading it, and the compiled code that is kept. */
import { spawnSync } from "node:child_process"
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { keptCodeFile, kindOf, readKeptCode, writeKeptCode } from "../src/kept-code.ts"
import { answerTo } from "../src/overview.ts"
import { builtCommand } from "./built.ts"
import { command } from "./command.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "eltwo-start-"))
afterAll(() => rmSync(folder, { recursive: true }))

describe("answers without the command", () => {
  it.each([[[]], [["--help"]], [["-h"]], [["help"]], [["--version"]]])("%j says what the command says", async (line) => {
    expect(answerTo(line)).toBe((await command(...line)).out)
  })
  it("are the version of the package", () => {
    const { version } = JSON.parse(readFileSync(join(root, "packages/cli/package.json"), "utf8")) as { version: string }
    expect(answerTo(["--version"])).toBe(`${version}\n`)
  })
  it.each([[["run"]], [["--version", "--help"]], [["--version", "run"]], [["--help", "run"]], [["-v"]], [["help", "exit-codes"]]])(
    "%j has none",
    (line) => {
      expect(answerTo(line)).toBeUndefined()
    }
  )
})

describe("the kind of a command line", () => {
  it.each([
    [["run", "guests/hello"], "run"],
    [["run", "guest", "--", "--help"], "run"],
    [["snapshot", "diff", "a", "b"], "snapshot diff"],
    [["run", "--help"], undefined],
    [["run", "guest", "-h"], undefined],
    [["--completions", "bash"], undefined],
    [["--completions=bash", "run"], undefined],
    [["snapshot"], undefined],
    [["../../x"], undefined],
    [["a,b"], undefined]
  ])("%j is %s", (line, kind) => expect(kindOf(line)).toBe(kind))
})

describe("kept code", () => {
  const file = join(folder, "code.v8")
  const kept = { code: Buffer.from("compiled"), kinds: ["run", "snapshot diff"] }
  it("is read as it was written, and nothing else is left", () => {
    writeKeptCode(file, kept)
    expect(readKeptCode(file)).toEqual(kept)
    expect(readdirSync(folder)).toEqual(["code.v8"])
  })
  it.each([0, 1, 2, 5])("is nothing when only %i bytes are there", (bytes) => {
    writeKeptCode(file, kept)
    truncateSync(file, bytes)
    expect(readKeptCode(file)).toBeUndefined()
  })
  it("is not missed where it cannot be written", () => {
    const nowhere = join(file, "not a folder.v8")
    expect(() => writeKeptCode(nowhere, kept)).not.toThrow()
    expect(readKeptCode(nowhere)).toBeUndefined()
  })
  it("belongs to one build", () => {
    const one = keptCodeFile("main.cjs", { mtimeMs: 1000, size: 5 })
    expect(keptCodeFile("main.cjs", { mtimeMs: 1000, size: 6 })).not.toBe(one)
    expect(keptCodeFile("main.cjs", { mtimeMs: 1001, size: 5 })).not.toBe(one)
    expect(keptCodeFile("main.cjs", { mtimeMs: 1000, size: 5 })).toBe(one)
  })
})

describe("the built command", () => {
  const cli = join(folder, "packages/cli")
  const eltwo = (...argv: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(cli, "bin/eltwo.js"), ...argv], { cwd: root, encoding: "utf8" })
    return { status, stdout, stderr }
  }
  const keptFiles = () => readdirSync(join(cli, "dist")).filter((name) => !name.endsWith(".cjs"))
  const keptKinds = () => readKeptCode(join(cli, "dist", keptFiles()[0]!))?.kinds
  /** A copy of what is installed, where nothing is kept yet. */
  beforeAll(async () => {
    await builtCommand()
    mkdirSync(join(cli, "dist"), { recursive: true })
    cpSync(join(root, "packages/cli/bin"), join(cli, "bin"), { recursive: true })
    for (const name of ["loader.cjs", "main.cjs"]) copyFileSync(join(root, "packages/cli/dist", name), join(cli, "dist", name))
  }, 120_000)

  it("keeps nothing for an answer, help or a failure", () => {
    expect(eltwo("--version")).toMatchObject({ status: 0, stderr: "" })
    expect(eltwo("asm", "--help").status).toBe(0)
    expect(eltwo("disasm", "not hexadecimal").status).toBe(125)
    expect(keptFiles()).toEqual([])
  })
  it("keeps what its work has compiled, and adds other work to it", () => {
    expect(eltwo("disasm", "d503201f").stdout).toContain("nop")
    expect(keptKinds()).toEqual(["disasm"])
    expect(eltwo("asm", "nop").status).toBe(0)
    expect(keptKinds()).toEqual(["disasm", "asm"])
    const before = readFileSync(join(cli, "dist", keptFiles()[0]!))
    expect(eltwo("asm", "nop").status).toBe(0)
    expect(readFileSync(join(cli, "dist", keptFiles()[0]!)).equals(before)).toBe(true)
    expect(keptFiles()).toHaveLength(1)
  })
  it("does the same work when what is kept is no code of it", () => {
    const file = join(cli, "dist", keptFiles()[0]!)
    for (const damaged of [Buffer.alloc(0), Buffer.from("nothing"), Buffer.concat([Buffer.alloc(1000), Buffer.from("asm\x03\0")])]) {
      writeFileSync(file, damaged)
      expect(eltwo("disasm", "d503201f")).toMatchObject({ status: 0, stderr: "" })
      expect(keptKinds()).toEqual(["disasm"])
    }
  })
  it("says that it is not built", () => {
    const bare = join(folder, "bare")
    mkdirSync(bare)
    symlinkSync(join(root, "packages/cli/bin/package.json"), join(bare, "package.json"))
    copyFileSync(join(root, "packages/cli/bin/eltwo.js"), join(bare, "eltwo.js"))
    const { status, stderr } = spawnSync(process.execPath, [join(bare, "eltwo.js"), "run", "x"], { encoding: "utf8" })
    expect({ status, stderr }).toEqual({ status: 125, stderr: "eltwo: the command is not built (npm run build)\n" })
  })
})
