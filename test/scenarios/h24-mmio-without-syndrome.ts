import { expect } from "vitest"
import { guest, host, PLAIN_MODES, scenario } from "./scenario.ts"

/** KVM_CAP_ARM_NISV_TO_USER. */
const NISV_TO_USER = 177
/** A pair: its syndrome does not say which registers. */
const SOURCE = "main: ldp x1, x2, [x28]\nb ."

export default scenario("H24", "MMIO by an instruction that its syndrome does not describe: ENOSYS, or an exit if user space asked for it", () => {
  for (const mode of PLAIN_MODES) {
    expect(guest(host(mode), SOURCE).vcpus[0]!.run(1000)).toBe("ENOSYS")
    const asked = guest(host(mode), SOURCE)
    expect(asked.vm.enableCapability(NISV_TO_USER)).toBeUndefined()
    expect(asked.vcpus[0]!.run(1000)).toMatchObject({ reason: "nisv", physical: 0x09000000 })
  }
})
