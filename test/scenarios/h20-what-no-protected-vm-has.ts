import { protectedMode } from "@eltwo/plugin-pkvm"
import { expect } from "vitest"
import { canBeProtected, protectedIdRegister } from "../../plugins/pkvm/src/vcpu/id-registers.ts"
import { guestOf, RunningGuest } from "../vm-guests/machine.ts"
import { host, reported, scenario } from "./scenario.ts"

const AARCH64_WITH_FP = 0x110011n
/** ID_AA64PFR0_EL1 and ID_AA64PFR1_EL1 that hyp code refuses: EINVAL of init_vcpu. */
const REFUSED: readonly (readonly [string, bigint, bigint])[] = [
  ["AArch32 at EL0", 0x110012n, 0n],
  ["AArch32 at EL1", 0x110021n, 0n],
  ["no FP", 0x1f0011n, 0n],
  ["no AdvSIMD", 0xf10011n, 0n],
  ["SME", AARCH64_WITH_FP, 1n << 24n]
]
const USES_SVE = `// needs: sve
main: mov x19, x30
mrs x1, cpacr_el1
orr x1, x1, #0x300000
orr x1, x1, #0x30000
msr cpacr_el1, x1
isb
mrs x1, id_aa64pfr0_el1
report 0, x1
ptrue p0.b
br x19`

export default scenario("H20", "AArch32, SME, no FP: no protected VM. SVE is accepted by VCPU_INIT, and is UNDEFINED for the guest", () => {
  const reader = (pfr0: bigint, pfr1: bigint) => (name: string) => (name === "ID_AA64PFR0_EL1" ? pfr0 : name === "ID_AA64PFR1_EL1" ? pfr1 : 0n)
  for (const [what, pfr0, pfr1] of REFUSED) expect([what, canBeProtected(reader(pfr0, pfr1))]).toEqual([what, false])
  expect(canBeProtected(reader(AARCH64_WITH_FP, 0n))).toBe(true)
  // hyp code's own registers never say what it refuses, but for a processor without FP
  const everything = reader(0x1111_1111_1111_2222n, 0xffff_ffffn)
  const own = (name: string) => protectedIdRegister(name, everything, { pauth: true })
  expect(canBeProtected(own)).toBe(true)
  for (const base of ["hvhe", "nvhe"] as const) {
    const guest = new RunningGuest(host(protectedMode(base)), guestOf("guest", USES_SVE), 1n << 31n).run()
    expect(guest.end).toBe("systemEvent 1")
    expect(reported(guest, 32)).toEqual(["0x2000000"])
    expect((BigInt(reported(guest, 0)[0]!) >> 32n) & 15n).toBe(0n)
  }
})
