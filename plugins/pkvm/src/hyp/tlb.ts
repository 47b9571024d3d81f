/** TLB maintenance of hyp code: its own, the host's and a guest's translations, whatever stage 2 is in force. */
import { type HypMmu, type PhysicalCpu, readMmu } from "@eltwo/kvm"
import type { RealGuestStage2 } from "./guest-stage2.ts"
import type { RealHostStage2 } from "./host-stage2.ts"

export const forgetEl2 = (cpu: PhysicalCpu): void => {
  cpu.sys("tlbi alle2is")
  cpu.isb()
}
/** Maintenance under a stage 2, whoever's it is: what is in force comes back. */
const under = (cpu: PhysicalCpu, { vtcr, vttbr }: HypMmu, operation: string): void => {
  const inForce = cpu.read("VTTBR_EL2")
  const other = inForce !== vttbr
  const vtcrInForce = other ? cpu.read("VTCR_EL2") : vtcr
  if (other) {
    cpu.writeAll([["VTCR_EL2", vtcr]])
    cpu.writeMain("VTTBR_EL2", vttbr)
    cpu.isb()
  }
  cpu.sys(operation)
  cpu.isb()
  if (!other) return
  cpu.writeAll([["VTCR_EL2", vtcrInForce]])
  cpu.writeMain("VTTBR_EL2", inForce)
  cpu.isb()
}
/** Both stages, everywhere. */
const forget = (cpu: PhysicalCpu, stage2: HypMmu): void => under(cpu, stage2, "tlbi vmalls12e1is")
export const forgetHost = (cpu: PhysicalCpu, { vtcr, vttbr }: RealHostStage2): void => forget(cpu, { vtcr, vttbr })
/** A VM's stage 2 has the same geometry as the host's. */
export const forgetGuest = (cpu: PhysicalCpu, vtcr: bigint, guest: RealGuestStage2): void => forget(cpu, { vtcr, vttbr: guest.vttbr })

/** What the host describes by a pointer to a structure of its own: nothing runs under it, and the host stays behind its own stage 2. */
export const forgetDescribed = (cpu: PhysicalCpu, pointer: bigint): void => forget(cpu, readMmu(cpu, pointer))
export const forgetDescribedHere = (cpu: PhysicalCpu, pointer: bigint): void => under(cpu, readMmu(cpu, pointer), "tlbi vmalle1")
