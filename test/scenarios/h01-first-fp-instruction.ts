import { EC } from "@eltwo/isa"
import { expect } from "vitest"
import { during, guest, guestTraps, host, PLAIN_MODES, scenario, trapWordsOfGuest } from "./scenario.ts"

/** CPTR_EL2 while the guest does not own the registers, and when it does. */
const WORDS = {
  vhe: [0x50000000n, 0x50300000n],
  nvhe: [0x401037ffn, 0x401033ffn],
  hvhe: [0x50000000n, 0x50300000n]
} as const

export default scenario("H1", "The first FP instruction of a guest traps once; from then on none does", () => {
  for (const mode of PLAIN_MODES) {
    const on = host(mode)
    const started = guest(
      on,
      "main: mov x19, x30\nopenfp\nfmov d0, #1.0\nfadd d1, d0, d0\ncall 0x84000000\nfmul d2, d1, d1\nreport 0, x20\nfmul d3, d2, d2\nbr x19"
    )
    const events = during(on, () => started.run())
    expect(started.end).toBe("systemEvent 1")
    // one KVM_RUN each for the report and the end: what the first one owned is put, and trapped again
    const entries = events.filter((event) => event.what === "exit").length
    const traps = guestTraps(events, EC.FPAccess)
    expect(traps.length).toBe(entries)
    expect(traps[0]).toMatchObject({ iss: 0x1e00000 })
    const [closed, open] = WORDS[mode.name as keyof typeof WORDS]
    expect(trapWordsOfGuest(events)).toEqual(Array.from({ length: entries }, () => [closed, open]).flat())
  }
})
