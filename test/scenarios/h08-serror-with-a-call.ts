import { EC } from "@eltwo/isa"
import { expect } from "vitest"
import { guest, host, PLAIN_MODES, reported, scenario } from "./scenario.ts"

/** Corrected error: nobody is harmed. */
const CORRECTED = (6 << 10) | 0x11
/** Defined by the implementation: for all one knows, harmful. */
const UNKNOWN = 1 << 24
const SOURCE = "main: mov x19, x30\nmsr daifclr, #4\nmov x1, #0\ncall 0x84000000\nadd x1, x1, #1\nreport 0, x0\nreport 1, x1\nbr x19"

export default scenario("H8", "An SError comes with the exit of an HVC: the call is done again, once", () => {
  for (const mode of PLAIN_MODES)
    for (const syndrome of [CORRECTED, UNKNOWN]) {
      const on = host(mode)
      const { pe } = on.cpus[0]!
      const started = guest(on, SOURCE)
      let calls = 0
      const stop = on.subscribe((event) => {
        if (event.what !== "exc" || event.ec !== EC.HVC64 || event.from !== "guest-el1" || event.x0 !== 0x84000000n) return
        if (calls++ === 0) pe.lines.serror = syndrome
      })
      for (let i = 0; i < 20 && started.end === undefined && reported(started, 63).length === 0; i++) started.step(1000)
      stop()
      if (syndrome === CORRECTED) {
        expect(calls).toBe(2)
        expect([reported(started, 0), reported(started, 1)]).toEqual([["0x10003"], ["0x1"]])
      } else {
        // the guest's own SError comes before the call is made again
        expect(calls).toBe(1)
        expect(reported(started, 63)).toEqual(["0xbf000000"])
      }
    }
})
