import { expect } from "vitest"
import { GUEST, hypercall, onBoth, pageFact } from "./protected.ts"
import { during, only, scenario } from "./scenario.ts"

const SHARE = 0xc6000003n

export default scenario(
  "H14",
  "MEM_SHARE of a page the guest does not have yet: the host finds a write fault, the call is made again, and succeeds",
  () => {
    onBoth((w) => {
      const guest = w.newVm(`${hypercall(SHARE, BigInt(GUEST.secret), 0n, 0n)}\nhlt #1`)
      const faults: (readonly [number, bigint, bigint])[] = []
      const events = during(w.host, () => {
        const stop = w.host.subscribe((event) => {
          const { esr, far, hpfar } = guest.vcpu.fault
          if (event.what === "hostcall" && event.call === 31 && hpfar === BigInt(GUEST.secret) >> 8n) faults.push([esr, far, hpfar])
        })
        expect(w.run(guest)).toBe("hlt 1")
        stop()
      })
      // EC of a data abort from below, WnR, translation fault of level 3; no address of the guest's own
      expect(faults).toEqual([[0x90000047, 0n, BigInt(GUEST.secret) >> 8n]])
      expect(only(events, "exc").filter(({ x0, from }) => from === "guest-el1" && x0 === SHARE)).toHaveLength(2)
      expect(guest.vcpu.registers.x[0]).toBe(0n)
      expect(pageFact(w, w.place(guest.handle, GUEST.secret).pfn)).toContain("host SB")
    })
  }
)
