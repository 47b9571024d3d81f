import { EC } from "@eltwo/isa"
import { expect } from "vitest"
import { during, guest, guestTraps, host, PLAIN_MODES, reported, scenario, trapWordsOfGuest } from "./scenario.ts"

const ZEN = 3n << 16n
const TZ = 1n << 8n

export default scenario("H2", "An SVE instruction of a vCPU without SVE: trapped late, and UNDEFINED", () => {
  for (const mode of PLAIN_MODES) {
    const on = host(mode)
    const started = guest(on, "main: mov x19, x30\nopensve\nfmov d0, #1.0\nptrue p0.b\nfmov x1, d0\nreport 0, x1\nbr x19")
    const events = during(on, () => started.run())
    expect(guestTraps(events, EC.SVEAccess)).toHaveLength(1)
    expect(reported(started, 32)).toEqual(["0x2000000"])
    expect(reported(started, 0)).toEqual(["0x3ff0000000000000"])
    for (const word of trapWordsOfGuest(events))
      expect(mode.trapSpelling === "classic" ? word & TZ : word & ZEN).toBe(mode.trapSpelling === "classic" ? TZ : 0n)
  }
})
