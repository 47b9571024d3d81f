/** Guests forked in memory: as they were, whatever the one they come from does meanwhile. */

import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runs } from "../../../../test/property.ts"
import { SnapshotError } from "../../src/errors.ts"
import type { Guest } from "../../src/Guest.ts"
import type { Moment } from "../../src/snapshot/fork.ts"
import { consoleOf, difference, guestPath, saved, start } from "./machines.ts"

const keep = (guest: Guest): Moment => {
  const moment = guest.keep()
  if (moment instanceof SnapshotError) throw moment
  return moment
}
const fork = (guest: Guest, moment: Moment): Promise<Guest> => Effect.runPromise(guest.forked(moment, consoleOf()))

describe("a forked guest", () => {
  it("is what the guest was, though that goes on; two of them are equal, and go on equally", async () => {
    const property = fc.asyncProperty(
      fc.constantFrom("calls", "signals", "syscalls", "self-modifying", "hello-bare", "hello-vm", "timer"),
      fc.constantFrom("interp", "jit"),
      fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 2, maxLength: 4 }),
      async (name, engine, pieces) => {
        const guest = await start({ guest: guestPath(name), engine, mem: "2M", streams: consoleOf() })
        const moments: { readonly moment: Moment; readonly bytes: Uint8Array }[] = []
        for (const piece of pieces) {
          if (guest.run(piece) !== undefined) break
          const bytes = saved(guest)
          moments.push({ moment: keep(guest), bytes })
        }
        guest.run(50_000)
        for (const { moment, bytes } of moments) {
          const [one, other] = [await fork(guest, moment), await fork(guest, moment)]
          expect(difference(saved(one), bytes)).toEqual([])
          const end = one.run(500)
          expect(other.run(500)).toEqual(end)
          if (end === undefined) expect(difference(saved(one), saved(other))).toEqual([])
          moment.discard()
        }
      }
    )
    await fc.assert(property, runs(10))
  })
  it("of 128 MiB is kept in little time, and costs the pages that are written", async () => {
    const guest = await start({ guest: guestPath("hello-vm"), mem: "128M", streams: consoleOf() })
    guest.run(40)
    const times: number[] = []
    for (let i = 0; i < 30; i++) {
      const begun = performance.now()
      const moment = keep(guest)
      times.push(performance.now() - begun)
      expect(moment.copied).toBe(0)
      moment.discard()
    }
    times.sort((a, b) => a - b)
    console.log(`keeping an idle guest of 128 MiB: ${times[15]!.toFixed(2)} ms (median of 30)`)
    expect(times[15]!).toBeLessThan(100)
  })
})
