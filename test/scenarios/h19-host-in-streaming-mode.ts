import { protectedMode } from "@eltwo/plugin-pkvm"
import { expect } from "vitest"
import { guestOf, RunningGuest } from "../vm-guests/machine.ts"
import { during, host, only, scenario } from "./scenario.ts"

const PROTECTED = 1n << 31n
const LOOP = "main: mov x19, x30\nmov x1, #0\nagain: add x1, x1, #1\nreport 0, x1\nb again"

export default scenario("H19", "A host that left streaming mode on: hyp code runs no guest, EINVAL; without it the same vCPU runs on", () => {
  for (const base of ["hvhe", "nvhe"] as const)
    for (const type of [0n, PROTECTED]) {
      const on = host(protectedMode(base))
      const [cpu] = on.cpus
      const guest = new RunningGuest(on, guestOf("guest", LOOP), type)
      expect(guest.step(10_000)).toBe("mmio")
      const { vcpus } = guest
      const events = during(on, () => {
        const stop = on.subscribe((event) => {
          if (event.what === "exc" && event.hostCall === 9) cpu!.port.msr("SVCR", 1n)
        })
        expect(vcpus[0]!.run(10_000)).toMatchObject({ reason: "internalError" })
        stop()
      })
      expect(only(events, "hostcall").find(({ call }) => call === 9)).toMatchObject({ status: "success", result: BigInt.asUintN(64, -22n) })
      expect(only(events, "eret").some(({ to }) => to === "guest-el1")).toBe(false)
      expect(on.inKernel(() => cpu!.smstop("sm"))).toBeUndefined()
      expect(guest.step(10_000)).toBe("mmio")
      expect(guest.end).toBeUndefined()
    }
})
