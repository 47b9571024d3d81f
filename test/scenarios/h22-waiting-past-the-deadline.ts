import { expect } from "vitest"
import { guest, host, PLAIN_MODES, reported, scenario } from "./scenario.ts"

export default scenario("H22", "WFIT and WFET whose time has passed do not halt: the guest goes on behind them", () => {
  for (const mode of PLAIN_MODES) {
    const on = host(mode)
    const started = guest(
      on,
      "main: mov x19, x30\nmrs x1, cntvct_el0\nwfit x1\nwfet x1\nwfit xzr\nmrs x2, cntvct_el0\nsub x2, x2, x1\ncmp x2, #100\ncset x3, lo\nreport 0, x3\nbr x19"
    )
    started.run()
    expect([started.end, reported(started, 0)]).toEqual(["systemEvent 1", ["0x1"]])
  }
})
