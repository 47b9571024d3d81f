/** Snapshots are hostile input: each that is not one is refused by one typed error, in little time, and nothing else happens. */
import { readFileSync } from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { SnapshotError } from "../../src/errors.ts"
import { readContainer } from "../../src/snapshot/container.ts"
import { attack, samples } from "./hostile.ts"
import { sha256 } from "./mutations.ts"

const GOLDEN = new URL("../../../../test/golden/snapshots/", import.meta.url)

let files: readonly Uint8Array[]
beforeAll(async () => {
  files = await samples()
})

describe("mutated snapshots", () => {
  it("are refused or are snapshots", async () => {
    const { refused, accepted, wrong, slowest, byCode } = await attack(files, 0, 5000, 40)
    expect(wrong).toEqual([])
    expect(refused).toBeGreaterThan(4000)
    expect(accepted).toBeGreaterThan(10)
    expect(slowest).toBeLessThan(5000)
    for (const code of ["MAGIC", "VERSION", "LAYOUT", "CHECKSUM", "ENCODING", "SCHEMA", "SECTION", "CONTENT"])
      expect(byCode.get(`SNAPSHOT_${code}`), code).toBeGreaterThan(0)
  })
  it.each(["of today", "1.0-vm", "1.1-vm"])("%s with one bit flipped anywhere are refused", (which) => {
    const file = which === "of today" ? files[0]! : new Uint8Array(readFileSync(new URL(`${which}.el2`, GOLDEN)))
    expect(readContainer(file, { hash: sha256 })).not.toBeInstanceOf(SnapshotError)
    const step = Math.max(1, Math.floor((file.length * 8) / 3000))
    for (let bit = 0; bit < file.length * 8; bit += step) {
      const copy = file.slice()
      copy[bit >> 3]! ^= 1 << (bit & 7)
      expect(readContainer(copy, { hash: sha256 }), `bit ${bit}`).toBeInstanceOf(SnapshotError)
    }
  })
  it("larger than the limit are not looked at", () => {
    const problem = readContainer(files[0]!, { limit: 100 })
    expect(problem instanceof SnapshotError && problem.code).toBe("SNAPSHOT_TOO_LARGE")
  })
})
