import { REG } from "@eltwo/kvm"
import { expect } from "vitest"
import { guest, host, PLAIN_MODES, reported, scenario } from "./scenario.ts"

const SOURCE = "main: mov x19, x30\nmrs x1, currentel\nreport 0, x1\nbr x19"
const MASKED = 0x3c0n

export default scenario("H6", "A PSTATE of EL2 or EL3: refused by KVM_SET_ONE_REG; put there otherwise it never gives EL2", () => {
  for (const mode of PLAIN_MODES) {
    const [vcpu] = guest(host(mode), SOURCE).vcpus
    // EL2t, EL2h, EL3t, EL3h, and the reserved EL1 with SP 2
    for (const el of [8n, 9n, 12n, 13n, 6n]) expect(vcpu!.setOneReg(REG.pstate, MASKED | el)).toBe("EINVAL")
    expect(vcpu!.setOneReg(REG.pstate, MASKED | 5n)).toBeUndefined()
    for (const el of [8n, 9n]) {
      const forged = guest(host(mode), SOURCE)
      forged.vcpus[0]!.registers.pstate = MASKED | el
      forged.run()
      expect(reported(forged, 0)).toEqual(["0x4"])
    }
    for (const el of [12n, 13n, 14n]) {
      const forged = guest(host(mode), SOURCE)
      forged.vcpus[0]!.registers.pstate = MASKED | el
      expect(forged.run().end).toBe("failEntry")
    }
  }
})
