import { expect } from "vitest"
import { guest, host, PLAIN_MODES, reported, scenario } from "./scenario.ts"

/** HLT gives the debugger an exit; refusing it makes it UNDEFINED, pending until the next run or return to user space. */
const SOURCE = "main: mov x19, x30\nhlt #7\nreport 0, x20\nbr x19"

export default scenario(
  "H25",
  "At most one change of the PC is pending: an exception that waits is committed once, and a second one with it is a kernel bug",
  () => {
    for (const mode of PLAIN_MODES) {
      const once = guest(host(mode), SOURCE)
      const [vcpu] = once.vcpus
      expect(vcpu!.run(1000)).toMatchObject({ reason: "debug", immediate: 7 })
      expect(vcpu!.refuseHalt()).toBeUndefined()
      expect(vcpu!.refuseHalt()).toBe("EINVAL")
      once.run()
      expect(reported(once, 32)).toEqual(["0x2000000"])
      expect(vcpu!.pending).toBeUndefined()
      // user space that raises another one by a raw restore, while an MMIO load waits for its skip
      const twice = guest(host(mode), "main: ldr x1, [x28]\nb .")
      expect(twice.step(1000)).toBe("mmio")
      twice.vcpus[0]!.pending = { kind: "undefined" }
      expect(twice.vcpus[0]!.mmio).toBeDefined()
      twice.step(1000)
      expect(twice.end ?? reported(twice, 32)).toBeDefined()
    }
  }
)
