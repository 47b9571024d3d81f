/** Files are whole whatever happens while they are written. */
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { SnapshotError } from "../../src/errors.ts"
import { nodePlatform, writeFileWhole } from "../../src/node.ts"
import { contentOf, killedAfter, namedIn, workplace } from "./faults.ts"

const NOBODY = { uid: 65534, gid: 65534 } as const
const canBeNobody = process.getuid?.() === 0 && spawnSync(process.execPath, ["--version"], NOBODY).status === 0

let place: ReturnType<typeof workplace>
beforeAll(() => {
  place = workplace()
})
afterAll(() => place.remove())

describe("a snapshot file", () => {
  it("is the old one or the new one after kill -9 at any moment", async () => {
    const path = join(place.folder, "killed.el2")
    for (let i = 0; i < 15; i++) {
      await killedAfter(place.writer, path, [[1, 2, 3]], (i * 7) % 23)
      if (namedIn(place.folder).includes("killed.el2")) expect([1, 2, 3]).toContain(contentOf(path))
    }
    expect(namedIn(place.folder)).toContain("killed.el2")
  })
  it("is one writer's or the other's, never a mixture", async () => {
    const path = join(place.folder, "shared.el2")
    for (let i = 0; i < 4; i++) {
      await killedAfter(
        place.writer,
        path,
        [
          [1, 2],
          [3, 4]
        ],
        5 + i * 19
      )
      if (namedIn(place.folder).includes("shared.el2")) expect([1, 2, 3, 4]).toContain(contentOf(path))
    }
    expect(namedIn(place.folder)).toContain("shared.el2")
  })
  it("stays what it was when the disk is full", () => {
    const path = join(place.folder, "full.el2")
    writeFileSync(path, "old")
    const { stdout, status } = spawnSync("bash", ["-c", `ulimit -f 100; exec '${process.execPath}' '${place.writer}' '${path}' 300000 1`], {
      encoding: "utf8"
    })
    expect(readFileSync(path, "utf8")).toBe("old")
    expect(stdout).toContain("FILE: ")
    expect(stdout).toContain("cannot be written: file too large")
    expect(status).toBe(3)
    expect(namedIn(place.folder)).toContain("full.el2")
  })
  it("is not overwritten unless asked to", async () => {
    const path = join(place.folder, "kept.el2")
    expect(await writeFileWhole(path, Uint8Array.of(1))).toBeUndefined()
    const problem = await writeFileWhole(path, Uint8Array.of(2))
    expect(problem instanceof SnapshotError && problem.code).toBe("SNAPSHOT_EXISTS")
    expect([...readFileSync(path)]).toEqual([1])
    expect(await writeFileWhole(path, Uint8Array.of(3), { force: true })).toBeUndefined()
    expect([...readFileSync(path)]).toEqual([3])
  })
  it("in a folder that is not there is refused", async () => {
    const problem = await writeFileWhole(join(place.folder, "nowhere/x.el2"), Uint8Array.of(1))
    expect(problem?.code).toBe("FILE")
  })
  it("of any name that a file may have is written; other names, and places that are no file's, are refused", async () => {
    const folder = join(place.folder, "names")
    mkdirSync(join(folder, "full"), { recursive: true })
    writeFileSync(join(folder, "old"), "old")
    symlinkSync(join(folder, "old"), join(folder, "link"))
    symlinkSync(join(folder, "nothing"), join(folder, "loose"))
    writeFileSync(join(folder, "full/one"), "1")
    const before = [...readdirSync(folder), "n".repeat(250), "\u{1f600}".repeat(63)].sort()
    const write = async (name: string, force: boolean) => (await writeFileWhole(join(folder, name), Uint8Array.of(1, 2), { force }))?.code
    for (const name of ["n".repeat(250), "\u{1f600}".repeat(63)]) expect(await write(name, false)).toBeUndefined()
    const codes = []
    for (const name of ["old/x", "n".repeat(256), "a\0b", "full", "old", "link", "loose"])
      codes.push([name.slice(0, 9), await write(name, false), await write(name, !["old", "link", "loose"].includes(name))])
    expect(codes).toEqual([
      ["old/x", "FILE", "FILE"],
      ["nnnnnnnnn", "FILE", "FILE"],
      ["a\0b", "FILE", "FILE"],
      ["full", "SNAPSHOT_EXISTS", "FILE"],
      ...["old", "link", "loose"].map((name) => [name, "SNAPSHOT_EXISTS", "SNAPSHOT_EXISTS"])
    ])
    expect(readdirSync(folder).sort()).toEqual(before)
    expect(readFileSync(join(folder, "old"), "utf8")).toBe("old")
  })
  it("leaves nothing behind when making it fails, or its folder is taken away meanwhile", async () => {
    const folder = join(place.folder, "taken")
    mkdirSync(join(folder, "away"), { recursive: true })
    const bytes = new Uint8Array(1 << 20).fill(5)
    const finish = () => {
      throw new Error("no hash today")
    }
    const failing = nodePlatform().saveFile!(join(folder, "x.el2"), { bytes, body: { from: 0, to: bytes.length }, finish })
    await expect(failing).rejects.toThrow("no hash today")
    const writing = writeFileWhole(join(folder, "away/x.el2"), bytes)
    rmSync(join(folder, "away"), { recursive: true })
    expect(await writing).toMatchObject({ code: "FILE" })
    expect(readdirSync(folder)).toEqual([])
  })
  it.skipIf(!canBeNobody)("is written where the folder can be written and not read", () => {
    const folder = join(place.folder, "drop")
    mkdirSync(folder)
    chmodSync(place.folder, 0o755)
    chmodSync(folder, 0o333)
    const { status, stdout } = spawnSync(process.execPath, [place.writer, join(folder, "x.el2"), "1000", "1"], {
      encoding: "utf8",
      ...NOBODY,
      timeout: 1500
    })
    expect([status, stdout]).toEqual([null, "ready\n"])
    expect(contentsOf(join(folder, "x.el2"))).toEqual(new Set([1]))
  })
})
const contentsOf = (path: string): ReadonlySet<number> => new Set(readFileSync(path))
