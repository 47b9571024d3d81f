import { EC } from "@eltwo/isa"
import { expect } from "vitest"
import { during, guest, guestTraps, host, PLAIN_MODES, reported, scenario } from "./scenario.ts"

export default scenario("H3", "SMSTART in a guest: a trap of SME, UNDEFINED, and PSTATE.SM and ZA stay 0", () => {
  for (const mode of PLAIN_MODES) {
    const on = host(mode)
    const [cpu] = on.cpus
    const started = guest(
      on,
      "main: mov x19, x30\nmrs x9, cpacr_el1\norr x9, x9, #(3 << 24)\nmsr cpacr_el1, x9\nisb\nsmstart\nsmstart sm\nreport 0, x20\nbr x19"
    )
    const states: number[] = []
    const events = during(on, () => {
      const stop = on.subscribe((event) => void (event.what === "exc" && states.push(cpu!.pe.svcr)))
      started.run()
      stop()
    })
    expect(guestTraps(events, EC.SMEAccess)).toHaveLength(2)
    expect(reported(started, 32)).toEqual(["0x2000000", "0x2000000"])
    expect(new Set(states)).toEqual(new Set([0]))
  }
})
