/** Incremental snapshots by what a guest wrote are the ones that comparing all of its memory makes. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runs } from "../../../../test/property.ts"
import { consoleOf, difference, guestPath, restore, saved, start } from "./machines.ts"

const INPUT = "some\ninput\n"
/** The last bytes of a snapshot: enough to say which one is built on, not enough to compare with. */
const onlyId = (file: Uint8Array): Uint8Array => file.slice(-32)

describe("an incremental snapshot", () => {
  it("by what was written is the one by comparison, in every guest, mode and engine", async () => {
    let noted = 0
    const property = fc.asyncProperty(
      fc.constantFrom("calls", "signals", "syscalls", "self-modifying", "hello-bare", "hello-vm", "timer", "exceptions", "semihosting"),
      fc.constantFrom("vhe", "nvhe", "hvhe", "pkvm"),
      fc.constantFrom("interp", "jit"),
      fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 2, maxLength: 6 }),
      async (name, mode, engine, pieces) => {
        const begin = () => start({ guest: guestPath(name), mode, engine, mem: "2M", streams: consoleOf(INPUT) })
        const [one, other] = [await begin(), await begin()]
        const chain: Uint8Array[] = []
        for (const piece of pieces) {
          const end = one.run(piece)
          expect(other.run(piece)).toEqual(end)
          if (end !== undefined) return
          const compared = saved(other, chain, false)
          // the parents themselves are not there to compare with
          expect(difference(saved(one, chain.map(onlyId), true), compared)).toEqual([])
          if (chain.length > 0) noted++
          chain.push(compared)
        }
        const twin = await restore({ snapshots: chain, engine, streams: consoleOf() })
        expect(difference(saved(twin), saved(one))).toEqual([])
      }
    )
    await fc.assert(property, runs(20))
    expect(noted).toBeGreaterThan(0)
  })
  it("on a restored guest, and on several guests kept in between", async () => {
    const full = saved(await start({ guest: guestPath("hello-vm"), mem: "2M", streams: consoleOf() }))
    const [one, other] = [
      await restore({ snapshots: [full], note: true, streams: consoleOf() }),
      await restore({ snapshots: [full], streams: consoleOf() })
    ]
    for (const guest of [one, other]) {
      guest.run(20)
      guest.keep()
      guest.run(30)
    }
    expect(difference(saved(one, [onlyId(full)]), saved(other, [full], false))).toEqual([])
  })
  it("compares when nothing was noted since its parent, and then needs it whole", async () => {
    const guest = await start({ guest: guestPath("hello-vm"), mem: "2M", streams: consoleOf() })
    const first = saved(guest)
    guest.run(20)
    expect(guest.snapshot({ parents: [onlyId(first)] })).toMatchObject({ code: "SNAPSHOT_MAGIC" })
    const second = saved(guest, [first])
    guest.run(20)
    // noted since the second one, not since the first
    expect(guest.snapshot({ parents: [onlyId(first)] })).toMatchObject({ code: "SNAPSHOT_MAGIC" })
    expect(guest.snapshot({ parents: [second, first] })).toMatchObject({ code: "SNAPSHOT_PARENT" })
    const twin = await restore({ snapshots: [saved(guest)], streams: consoleOf() })
    expect(difference(saved(guest, [onlyId(second)]), saved(twin, [first, second], false))).toEqual([])
  })
})
