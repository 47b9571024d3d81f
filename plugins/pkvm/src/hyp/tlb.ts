/** TLB maintenance of hyp code: its own, the host's and a guest's translations, whatever stage 2 is in force. */
import type { PhysicalCpu } from "@eltwo/kvm"
import type { RealGuestStage2 } from "./guest-stage2.ts"
import type { RealHostStage2 } from "./host-stage2.ts"

export const forgetEl2 = (cpu: PhysicalCpu): void => {
  cpu.sys("tlbi alle2is")
  cpu.isb()
}
/** Both stages of what VTTBR_EL2 says. What is in force comes back. */
const forget = (cpu: PhysicalCpu, vtcr: bigint, vttbr: bigint): void => {
  const inForce = cpu.read("VTTBR_EL2")
  const other = inForce !== vttbr
  const vtcrInForce = other ? cpu.read("VTCR_EL2") : vtcr
  if (other) {
    cpu.writeAll([["VTCR_EL2", vtcr]])
    cpu.writeMain("VTTBR_EL2", vttbr)
    cpu.isb()
  }
  cpu.sys("tlbi vmalls12e1is")
  cpu.isb()
  if (!other) return
  cpu.writeAll([["VTCR_EL2", vtcrInForce]])
  cpu.writeMain("VTTBR_EL2", inForce)
  cpu.isb()
}
export const forgetHost = (cpu: PhysicalCpu, { vtcr, vttbr }: RealHostStage2): void => forget(cpu, vtcr, vttbr)
/** A VM's stage 2 has the same geometry as the host's. */
export const forgetGuest = (cpu: PhysicalCpu, vtcr: bigint, guest: RealGuestStage2): void => forget(cpu, vtcr, guest.vttbr)
