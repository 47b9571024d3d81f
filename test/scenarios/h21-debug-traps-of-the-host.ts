import { MDCR } from "@eltwo/kvm"
import { expect } from "vitest"
import { onBoth } from "./protected.ts"
import { during, scenario } from "./scenario.ts"

export default scenario("H21", "MDCR_EL2 of a protected vCPU: made by its ID registers, and the host's value from its first run on", () => {
  onBoth((w) => {
    const { vcpu } = w.victim
    const written = (): bigint => {
      const events = during(w.host, () => void w.run(w.victim))
      const lists = events.flatMap((event) => (event.what === "regs-write" && event.list[0] === "MDCR_EL2" ? [event.values[0]!] : []))
      return lists[0]!
    }
    expect(written()).toBe(vcpu.mdcr)
    for (const forged of [0n, MDCR.TDA, MDCR.TPM | MDCR.TPMCR]) {
      vcpu.mdcr = forged
      expect(written()).toBe(forged)
    }
  })
})
