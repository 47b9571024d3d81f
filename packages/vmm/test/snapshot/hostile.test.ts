/** Snapshots are hostile input: each that is not one is refused by one typed error, in little time, and nothing else happens. */
import { readFileSync } from "node:fs"
import { Either } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { SnapshotError } from "../../src/errors.ts"
import { restoreGuest } from "../../src/Guest.ts"
import { containersOf, flatten } from "../../src/snapshot/chain.ts"
import { encode, type Plain } from "../../src/snapshot/codec.ts"
import { idAtEnd, readContainer, writeContainer } from "../../src/snapshot/container.ts"
import { partsOf, type Sample, sealed, sha256, valueIn, withSections } from "./apart.ts"
import { attack, samples } from "./hostile.ts"
import { consoleOf, outcome } from "./machines.ts"

const GOLDEN = new URL("../../../../test/golden/snapshots/", import.meta.url)

let files: readonly Sample[]
beforeAll(async () => {
  files = await samples()
})

describe("mutated snapshots", () => {
  it("are refused or are snapshots", async () => {
    const { refused, restored, wrong, byCode } = await attack(files, { first: 0, count: 5000, restoreEvery: 40 })
    expect(wrong).toEqual([])
    expect(refused).toBeGreaterThan(3000)
    expect(restored).toBeGreaterThan(10)
    for (const code of ["MAGIC", "VERSION", "LAYOUT", "CHECKSUM", "ENCODING", "SCHEMA", "SECTION", "CONTENT", "PARENT", "KEY"])
      expect(byCode.get(`SNAPSHOT_${code}`), code).toBeGreaterThan(0)
  })
  it.each(["of today", "1.0-vm", "1.1-vm"])("%s with one bit flipped anywhere are refused", (which) => {
    const file = which === "of today" ? files[0]!.file : new Uint8Array(readFileSync(new URL(`${which}.el2`, GOLDEN)))
    expect(readContainer(file, { hash: sha256 })).not.toBeInstanceOf(SnapshotError)
    const step = Math.max(1, Math.floor((file.length * 8) / 3000))
    for (let bit = 0; bit < file.length * 8; bit += step) {
      const copy = file.slice()
      copy[bit >> 3]! ^= 1 << (bit & 7)
      expect(readContainer(copy, { hash: sha256 }), `bit ${bit}`).toBeInstanceOf(SnapshotError)
    }
  })
  it("of a small machine, with any one bit flipped, are refused; so are those with the id of another and its header", () => {
    const container = readContainer(files[0]!.file, { hash: sha256 })
    if (container instanceof SnapshotError) throw container
    const { format: _, sections: __, ...header } = container.header
    const small = (fill: number, name = "one") => {
      const sections = [name, "two"].map(
        (each, i) => ({ name: each, version: 1, required: true, codec: "none", rawLength: 40 + i, bytes: new Uint8Array(40 + i).fill(fill) }) as const
      )
      return writeContainer(header, sections, sha256)
    }
    const file = small(1)
    for (let bit = 0; bit < file.length * 8; bit++) {
      const copy = file.slice()
      copy[bit >> 3]! ^= 1 << (bit & 7)
      expect(readContainer(copy, { hash: sha256 }), `bit ${bit}`).toBeInstanceOf(SnapshotError)
    }
    const others = [small(2), small(1, "six")]
    expect(new Set([file, ...others].map((each) => Buffer.from(idAtEnd(each)).toString("hex"))).size).toBe(3)
    for (const other of others)
      for (const at of [file.length - 32 - 81, file.length - 32]) {
        const mixed = Uint8Array.of(...other.subarray(0, at), ...file.subarray(at))
        expect(readContainer(mixed, { hash: sha256 })).toMatchObject({ code: "SNAPSHOT_CHECKSUM" })
      }
    for (const wrong of [file.slice(0, -1), Uint8Array.of(...file, 0), Uint8Array.of(...file.subarray(0, -32), 0, ...file.subarray(-32))])
      expect(readContainer(wrong, { hash: sha256 })).toBeInstanceOf(SnapshotError)
  })
  it("with sections of something that their machine does not have are refused", async () => {
    const [bare, vm, linux] = files as readonly [Sample, Sample, Sample]
    const foreign: readonly (readonly [Sample, Sample, readonly string[]])[] = [
      [vm, files.find(({ name }) => name === "waiting")!, ["wait"]],
      [vm, bare, ["ram/index", "ram/pages"]],
      [vm, bare, ["pe/0"]],
      [vm, linux, ["process"]],
      [linux, vm, ["image"]],
      [bare, vm, ["vm"]],
      [bare, vm, ["slot-0/index", "slot-0/pages"]]
    ]
    for (const [{ file }, other, names] of foreign) {
      const result = await outcome(restoreGuest({ snapshots: [withSections(file, other.file, names)], engine: "interp", streams: consoleOf() }))
      const section = names[0]!
      expect(Either.isLeft(result) && result.left, section).toMatchObject({ code: "SNAPSHOT_CONTENT", path: `section ${section}` })
    }
  })
  it("that build on one of a machine with more memory are refused: its pages would be somebody else's", async () => {
    const [, { file }] = files as readonly [Sample, Sample]
    const parent = partsOf(file)
    const index = parent.sections.find(({ entry }) => entry["name"] === "slot-0/index")!
    const { total, data, zero } = valueIn(index) as { readonly total: number; readonly data: Uint8Array; readonly zero: Uint8Array }
    const beyond = Uint8Array.from(data)
    new DataView(beyond.buffer).setUint32(beyond.length - 4, total + 1, true)
    index.bytes = encode({ total: 2 * total, data: beyond, zero })
    const larger = sealed(file, parent)
    const child = partsOf(file)
    child.header["parent"] = idAtEnd(larger)
    const snapshots = [larger, sealed(file, child)]
    const refused = { code: "SNAPSHOT_CONTENT", path: "section slot-0/index.total" }
    const result = await outcome(restoreGuest({ snapshots, engine: "interp", streams: consoleOf() }))
    expect(Either.isLeft(result) && result.left).toMatchObject(refused)
    const containers = containersOf(snapshots, { sha256 })
    expect(containers instanceof SnapshotError || flatten(containers, sha256)).toMatchObject(refused)
  })
  it("whose free pages hold something are refused: who gets one takes it for zeroes", async () => {
    const { file } = files.find(({ name }) => name === "hello-vm nvhe 2")!
    const parts = partsOf(file)
    const host = parts.sections.find(({ entry }) => entry["name"] === "host")!
    const value = valueIn(host) as { readonly free: readonly { readonly from: number; readonly pages: number }[] }
    const last = value.free.at(-1)!
    const restored = (free: typeof value.free) => {
      host.bytes = encode({ ...value, free })
      return outcome(restoreGuest({ snapshots: [sealed(file, parts)], engine: "interp", streams: consoleOf() }))
    }
    expect(Either.isRight(await restored(value.free))).toBe(true)
    const result = await restored([...value.free.slice(0, -1), { from: 1, pages: last.from + last.pages - 1 }].slice(-1))
    expect(Either.isLeft(result) && result.left).toMatchObject({ code: "SNAPSHOT_CONTENT", path: "section host" })
  })
  it("whose header says other times are refused, on a machine with more features too", async () => {
    const parts = partsOf(files[1]!.file)
    const machine = parts.header["machine"] as { readonly features: readonly string[] }
    const features = machine.features.filter((name) => name !== "E0PD")
    const restored = (more: Record<string, Plain>) =>
      outcome(
        restoreGuest({
          snapshots: [sealed(files[1]!.file, { ...parts, header: { ...parts.header, machine: { ...machine, features }, ...more } })],
          engine: "interp",
          streams: consoleOf()
        })
      )
    expect(Either.isRight(await restored({}))).toBe(true)
    expect(Either.isRight(await restored({ time: 77n }))).toBe(false)
  })
  it("of a program whose exception vectors are gone: its run comes back, though nothing is executed", async () => {
    const { file } = files.find(({ name }) => name === "waiting")!
    const parts = partsOf(file)
    const index = parts.sections.find(({ entry }) => entry["name"] === "slot-0/index")!
    const pages = parts.sections.find(({ entry }) => entry["name"] === "slot-0/pages")!
    const { total } = valueIn(index) as { readonly total: number }
    index.bytes = encode({ total, data: new Uint8Array(0), zero: new Uint8Array(0) })
    pages.bytes = new Uint8Array(0)
    pages.entry["rawLength"] = 0
    const result = await outcome(restoreGuest({ snapshots: [sealed(file, parts)], engine: "interp", streams: consoleOf() }))
    if (Either.isLeft(result)) throw result.left
    expect(result.right.run(300)).toBeUndefined()
    expect(result.right.run(300)).toBeUndefined()
  })
  it("larger than the limit are not looked at", () => {
    const problem = readContainer(files[0]!.file, { limit: 100 })
    expect(problem instanceof SnapshotError && problem.code).toBe("SNAPSHOT_TOO_LARGE")
  })
})
