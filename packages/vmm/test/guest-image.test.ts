import { assemble, base, compose, toElf } from "@eltwo/isa"
import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"
import { readGuest, withWishes } from "../src/GuestImage.ts"
import { decodeRunOptions } from "../src/options.ts"
import { attempt, failure, fakePlatform } from "./platform.ts"

const { machine } = compose([base])
const isa = machine!
const elfAt = (origin: number) => toElf(assemble("_start: nop\n ret\n .data\n .quad 1", { isa, origin }).assembly!)
const SOURCE = "_start: mov x8, #93\n svc #0\n"
const files = {
  "program.elf": elfAt(0x400000),
  "kernel.elf": elfAt(0x40080000),
  "flat.bin": Uint8Array.of(0x1f, 0x20, 0x03, 0xd5, 0xc0, 0x03, 0x5f, 0xd6),
  "tiny.bin": Uint8Array.of(1, 2),
  "hello.s": SOURCE,
  "bad.s": "_start: mov x8, #93\n frob x1\n add x1\n",
  "latin.s": Uint8Array.of(0xe4, 0xf6),
  "folder/program.s": SOURCE,
  "bare/program.s": SOURCE,
  "bare/expect.json": '{ "kind": "bare", "el": 1, "stdout": "x" }',
  "odd/program.s": SOURCE,
  "odd/expect.json": '{ "kind": "windows" }',
  "broken/program.s": SOURCE,
  "broken/expect.json": "{",
  "wishes/program.s": SOURCE,
  "wishes/expect.json": '{ "cpu": "max,LSE=off,vl=256", "plugin": ["sve", "fpmr,option=1"] }',
  "greedy/program.s": SOURCE,
  "greedy/expect.json": '{ "plugin": ["./code.js"] }',
  "wrong/program.s": SOURCE,
  "wrong/expect.json": '{ "cpu": "max,vl=100" }',
  "empty/readme": "",
  "script.sh": "#!/bin/sh\necho\n"
}
const platform = fakePlatform({ files })
const read = (guest: string, more: object = {}) => decodeRunOptions({ guest, ...more }).pipe(Effect.flatMap((options) => readGuest(options, isa)))
const image = async (guest: string, more: object = {}) => Either.getOrThrow(await attempt(read(guest, more), platform))

describe("what a guest is", () => {
  it.each([
    ["program.elf", {}, "elf", "linux"],
    ["kernel.elf", {}, "elf", "vm"],
    ["kernel.elf", { kind: "bare" }, "elf", "bare"],
    ["kernel.elf", { kind: "linux" }, "elf", "linux"],
    ["flat.bin", {}, "flat", "vm"],
    ["flat.bin", { kind: "bare" }, "flat", "bare"],
    ["hello.s", {}, "elf", "linux"],
    ["hello.s", { kind: "bare" }, "elf", "bare"],
    ["folder", {}, "elf", "linux"],
    ["folder/", {}, "elf", "linux"],
    ["bare", {}, "elf", "bare"],
    ["bare", { kind: "vm" }, "elf", "vm"]
  ])("%s %j is %s for %s", async (guest, more, format, kind) => {
    const { format: found, kind: as } = await image(guest, more)
    expect([found, as]).toEqual([format, kind])
  })
  it("assembles programs where they belong", async () => {
    const [linux, bare] = [await image("hello.s"), await image("hello.s", { kind: "bare" })]
    expect(linux.format === "elf" && linux.elf.entry).toBe(0x400000n)
    expect(bare.format === "elf" && bare.elf.entry).toBe(0x40000000n)
  })
  it("takes the level from the folder", async () => {
    expect((await image("bare")).el).toBe(1)
    expect((await image("folder")).el).toBeUndefined()
  })
})

describe("what a guest's folder wants of its machine", () => {
  const wishes = async (guest: string, more: object = {}) =>
    Either.getOrThrow(await attempt(decodeRunOptions({ guest, ...more }).pipe(Effect.flatMap(withWishes)), platform))
  it("it gets", async () => {
    const { cpu, plugin } = await wishes("wishes")
    expect(cpu).toEqual({ features: { lse: false }, vl: 256, svl: undefined })
    expect(plugin).toEqual(["sve", "fpmr,option=1"])
  })
  it("gives way to what is asked for", async () => {
    const { cpu, plugin } = await wishes("wishes/", { cpu: "max,lse=on,vl=512", plugin: ["fpmr", "sme"] })
    expect(cpu).toEqual({ features: { lse: true }, vl: 512, svl: undefined })
    expect(plugin).toEqual(["sve", "fpmr", "sme"])
  })
  it("is nothing for other guests", async () => {
    for (const guest of ["hello.s", "folder", "nothing"]) expect((await wishes(guest)).plugin).toEqual([])
  })
})

describe("what is no guest", () => {
  it.each([
    ["nothing", {}, "GUEST_NOT_FOUND", undefined],
    ["empty", {}, "GUEST_NOT_FOUND", undefined],
    ["missing.s", {}, "GUEST_NOT_FOUND", undefined],
    ["tiny.bin", {}, "GUEST_IMAGE", "too-small"],
    ["flat.bin", { kind: "linux" }, "GUEST_IMAGE", "not-elf"],
    ["script.sh", { kind: "linux" }, "GUEST_IMAGE", "not-elf"],
    ["program.elf", { kind: "bare" }, "GUEST_IMAGE", "outside-ram"],
    ["program.elf", { kind: "vm" }, "GUEST_IMAGE", "outside-ram"],
    ["latin.s", {}, "GUEST_IMAGE", "not-text"],
    ["odd", {}, "GUEST_IMAGE", "bad-expectation"],
    ["broken", {}, "GUEST_IMAGE", "bad-expectation"],
    // A guest's files load no code from a path.
    ["greedy", {}, "GUEST_IMAGE", "bad-expectation"],
    ["wrong", {}, "GUEST_IMAGE", "bad-expectation"]
  ])("%s %j: %s", async (guest, more, code, reason) => {
    const error = await failure(read(guest, more), platform)
    expect(error.code).toBe(code)
    expect("reason" in error ? error.reason : undefined).toBe(reason)
    expect(error.hint).not.toBe("")
  })
  it("tells every problem of a source, with its line", async () => {
    const error = await failure(read("bad.s"), platform)
    if (error._tag !== "GuestImageError") throw error
    expect(error.reason).toBe("assembly")
    expect(error.at).toBe(2)
    expect(error.problems?.map((line) => line.slice(0, 8))).toEqual(["bad.s:2:", "bad.s:3:"])
  })
  it("refuses every cut of a program with one error, and never throws", async () => {
    const whole = files["program.elf"]
    for (let length = 0; length < Math.min(whole.length, 4200); length += 7) {
      const cut = fakePlatform({ files: { cut: whole.slice(0, length) } })
      const result = await attempt(read("cut", { kind: "linux" }), cut)
      expect(Either.isLeft(result)).toBe(true)
    }
  })
})
