import { expect } from "vitest"
import { guest, host, PLAIN_MODES, reported, scenario } from "./scenario.ts"

/** HLT gives the debugger an exit; refusing it makes it UNDEFINED, pending until the next run or return to user space. */
const SOURCE = "main: mov x19, x30\nhlt #7\nreport 0, x20\nbr x19"

export default scenario(
  "H25",
  "At most one change of the PC is pending: a second request is refused, and the exception that waits is committed once",
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
    }
  }
)
