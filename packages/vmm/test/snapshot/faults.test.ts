/** Files are whole whatever happens while they are written. */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { SnapshotError } from "../../src/errors.ts"
import { writeFileWhole } from "../../src/node.ts"
import { contentOf, killedAfter, namedIn, workplace } from "./faults.ts"

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
        5 + i * 9
      )
      expect([1, 2, 3, 4]).toContain(contentOf(path))
    }
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
})
