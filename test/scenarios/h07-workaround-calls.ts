import { EC } from "@eltwo/isa"
import { expect } from "vitest"
import { during, guest, guestTraps, host, only, PLAIN_MODES, reported, scenario } from "./scenario.ts"

export default scenario("H7", "The SMCCC workaround calls are answered by the exception vector: X0 = 0, and no exit", () => {
  for (const mode of PLAIN_MODES) {
    const on = host(mode)
    const started = guest(
      on,
      "main: mov x19, x30\nldr x0, =0x80008000\nhvc #0\nmov x21, x0\nldr x0, =0x80007fff\nhvc #0\nmov x22, x0\nldr x0, =0x80003fff\nhvc #0\nreport 0, x21\nreport 1, x22\nreport 2, x0\nbr x19"
    )
    const events = during(on, () => started.run())
    expect([0, 1, 2].map((tag) => reported(started, tag))).toEqual([["0x0"], ["0x0"], ["0x0"]])
    expect(guestTraps(events, EC.HVC64)).toHaveLength(4)
    // the one counted is SYSTEM_OFF
    expect(on.account.exits.get("HVC64")).toBe(1)
    expect(only(events, "hypercall")).toHaveLength(1)
  }
})
