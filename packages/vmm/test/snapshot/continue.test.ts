/** A restored guest goes on exactly as the one that was saved: registers, memory, output, virtual time, counts. */
import { describe, expect, it } from "vitest"
import { consoleOf, difference, guestPath, restore, saved, start } from "./machines.ts"

/** In every one something else is in the air: signals, files, a UART, timers, code that changes. */
const GUESTS = ["hello", "calls", "signals", "syscalls", "self-modifying", "hello-bare", "hello-vm", "timer", "semihosting", "exceptions"]
const MEMORY = "4M"
const PIECES = [7, 100, 1000, 20_000]

describe.each(GUESTS)("%s", (name) => {
  it.each(["interp", "jit"] as const)("goes on in the same way, saved in %s and restored in the other engine", async (engine) => {
    const whole = consoleOf("some\ninput\n")
    const guest = await start({ guest: guestPath(name), engine, mem: MEMORY, streams: whole })
    let end = guest.run(1)
    for (const piece of engine === "jit" ? PIECES : PIECES.slice(0, 2)) {
      if (end !== undefined) break
      const before = saved(guest)
      // looking does not change anything
      expect(difference(saved(guest), before)).toEqual([])
      const console = consoleOf(whole.rest())
      const twin = await restore({ snapshots: [before], engine: engine === "jit" ? "interp" : "jit", streams: console })
      expect(difference(saved(twin), before)).toEqual([])
      const written = whole.output.length
      end = guest.run(piece)
      expect(twin.run(piece)).toEqual(end)
      expect(console.output).toBe(whole.output.slice(written))
      if (end === undefined) expect(difference(saved(twin), saved(guest))).toEqual([])
    }
  })
})
