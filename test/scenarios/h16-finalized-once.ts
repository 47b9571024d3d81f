import { expect } from "vitest"
import { C, onBoth } from "./protected.ts"
import { scenario } from "./scenario.ts"

export default scenario("H16", "prot_finalize on a CPU whose host is behind its stage 2 already: EPERM, on each CPU", () => {
  onBoth((w) => {
    for (const cpu of w.host.cpus) expect(w.callOn(cpu, C.PROT_FINALIZE)).toBe("EPERM")
    expect(w.problems()).toEqual([])
  }, 2)
})
