/** Images on several CPUs: saved with the whole host, they go on as if nothing had happened, event by event. */
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Either } from "effect"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { runs } from "../../../../test/property.ts"
import { SnapshotError } from "../../src/errors.ts"
import { restoreGuest } from "../../src/Guest.ts"
import { flatten } from "../../src/snapshot/chain.ts"
import { readContainer } from "../../src/snapshot/container.ts"
import type { TraceListener } from "../../src/Trace.ts"
import { consoleOf, difference, outcome, perform, restore, saved, start } from "./machines.ts"

/** The guest with more to do than fits into a round of the scheduler. */
const folder = mkdtempSync(join(tmpdir(), "eltwo-"))
const guest = join(folder, "guest.s")
const source = readFileSync(fileURLToPath(new URL("../several-vcpus.s", import.meta.url)), "utf8")
writeFileSync(guest, source.replace(".equ ROUNDS, 500", ".equ ROUNDS, 8000"))
const longer = join(folder, "longer.s")
writeFileSync(longer, source.replace(".equ ROUNDS, 500", ".equ ROUNDS, 24000"))
/** For ever: sums of vectors, and now and then an exit to the host, which has them in memory then. */
const scalable = join(folder, "scalable.s")
writeFileSync(
  scalable,
  `_start:
  mov x0, #0x330000
  msr cpacr_el1, x0
  isb
  index z0.d, #1, #1
  dup z1.d, #0
  movz x4, #0x0900, lsl #16
1: add z1.d, z1.d, z0.d
  add x6, x6, #1
  tst x6, #0x3fff
  b.ne 1b
  mov w3, #46
  str w3, [x4]
  b 1b
`
)
afterAll(() => rmSync(folder, { recursive: true }))
const TRACE = ["exc", "fp", "trap", "sched"] as const
/** What happens from the last call of `restart` on. */
const listening = () => {
  let hash = createHash("sha256")
  const onEvent: TraceListener = (event) =>
    void hash.update(JSON.stringify(event, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)))
  const restart = () => {
    hash = createHash("sha256")
  }
  return { onEvent, restart, digest: () => hash.digest("hex") }
}
/** A mode, with what it is written on where there is a choice. */
const asked = (mode: string) => (mode.includes(",") ? { mode: "pkvm", plugin: [mode] } : { mode })
const machine = (mode: string, engine: "interp" | "jit", vcpus: number, pcpus: number, migration: "affinity" | "random" = "affinity") =>
  ({ guest, kind: "vm", mem: "2M", ...asked(mode), engine, vcpus, pcpus, migration, seed: 7 }) as const

describe("an image on several CPUs", () => {
  it.each([
    ["vhe", "nvhe", "hvhe"],
    ["pkvm,base=hvhe", "pkvm,base=nvhe"]
  ])("goes on as what it was made of, in either engine: %s, %s", async (...modes) => {
    const law = fc.asyncProperty(
      fc.constantFrom(...modes),
      fc.constantFrom("interp", "jit"),
      fc.constantFrom("interp", "jit"),
      fc.constantFrom([2, 2], [3, 2], [1, 2], [4, 1]),
      fc.constantFrom("affinity", "random"),
      fc.integer({ min: 1, max: 250_000 }),
      fc.integer({ min: 1, max: 150_000 }),
      async (mode, engine, other, [vcpus, pcpus], migration, n, m) => {
        const console = consoleOf()
        const here = listening()
        const original = await start({ ...machine(mode, engine, vcpus!, pcpus!, migration), streams: console, trace: TRACE, onEvent: here.onEvent })
        if (original.run(n) !== undefined) return
        const bytes = saved(original)
        expect(difference(saved(original), bytes)).toEqual([])
        const [before, there, rest] = [console.output.length, listening(), consoleOf()]
        const twin = await restore({ snapshots: [bytes], engine: other, streams: rest, trace: TRACE, onEvent: there.onEvent })
        expect(difference(saved(twin), bytes)).toEqual([])
        here.restart()
        const end = original.run(m)
        expect([twin.run(m), rest.output]).toEqual([end, console.output.slice(before)])
        expect(there.digest()).toBe(here.digest())
        if (end === undefined) expect(difference(saved(twin), saved(original))).toEqual([])
      }
    )
    await fc.assert(law, runs(3))
  })
  const vectors = { guest: scalable, plugin: ["sve"], cpu: "max,vl=512" } as const
  it.each([
    ["vhe", machine("vhe", "jit", 2, 2)],
    ["pkvm", { ...machine("pkvm", "jit", 2, 2), guest: longer }],
    ["pkvm, vectors in memory that hyp code shares", { ...machine("pkvm", "jit", 1, 2), ...vectors }]
  ] as const)("is saved as changes to what it was, and forked: %s", async (_, request) => {
    const original = await start({ ...request, streams: consoleOf() })
    const chain: Uint8Array[] = []
    for (let piece = 0; piece < 2; piece++) {
      const [before, moment] = [saved(original), original.keep()]
      if (moment instanceof SnapshotError) throw moment
      expect(original.run(1)).toBe(undefined)
      expect(difference(saved(await perform(original.forked(moment, consoleOf()))), before)).toEqual([])
      chain.push(saved(original, chain))
    }
    const flat = flatten(chain.map((file) => readContainer(file)) as never)
    if (flat instanceof SnapshotError) throw flat
    expect(difference(flat, saved(original))).toEqual([])
    expect(difference(saved(await restore({ snapshots: chain, streams: consoleOf() })), flat)).toEqual([])
  })
  it("is sealed with a key, whole and as changes, and goes on from there", async () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i)
    for (const [vcpus, pcpus] of [
      [2, 2],
      [3, 1]
    ] as const) {
      const original = await start({ ...machine("nvhe", "interp", vcpus, pcpus), streams: consoleOf() })
      const chain: Uint8Array[] = []
      for (const piece of [500, 20_000]) {
        original.run(piece)
        chain.push(await Effect.runPromise(original.sealed(key, { parents: chain })))
      }
      expect(chain.map((file) => readContainer(file)).map((file) => (file instanceof SnapshotError ? file : file.header.sections.length))).toEqual([
        2, 2
      ])
      const twin = await restore({ snapshots: chain, key, engine: "jit", streams: consoleOf() })
      expect(difference(saved(twin), saved(original))).toEqual([])
      expect(twin.run(20_000)).toEqual(original.run(20_000))
      expect(difference(saved(twin), saved(original))).toEqual([])
      const without = await outcome(restoreGuest({ snapshots: chain, streams: consoleOf() }))
      expect(Either.isLeft(without) && without.left).toMatchObject({ code: "SNAPSHOT_KEY" })
    }
  })
  it("stays on as many CPUs, in its mode, on its processor", async () => {
    const original = await start({ ...machine("nvhe", "interp", 2, 2), streams: consoleOf() })
    original.run(1_000)
    const bytes = saved(original)
    const refusal = async (request: object): Promise<string> => {
      const result = await outcome(restoreGuest({ snapshots: [bytes], streams: consoleOf(), ...request }))
      if (Either.isRight(result)) throw new Error("not refused")
      return `${result.left._tag === "SnapshotError" ? result.left.code : result.left._tag} ${result.left.message}`
    }
    expect(await refusal({ mode: "vhe" })).toBe("SNAPSHOT_FEATURE_MISMATCH it needs mode nvhe; this machine is booted in mode vhe")
    expect(await refusal({ plugin: ["pkvm"], mode: "pkvm" })).toBe(
      "SNAPSHOT_FEATURE_MISMATCH it needs mode nvhe; this machine is booted in mode pkvm"
    )
    expect(await refusal({ pcpus: 3 })).toBe("SNAPSHOT_FEATURE_MISMATCH it needs 2 CPUs; this machine has 3")
    expect(await refusal({ cpu: "max,crc32=off" })).toBe("SNAPSHOT_FEATURE_MISMATCH features: expected FEAT_CRC32, found a machine without it")
  })
})
