/** What world switches of every mode share: common traps, HCR_EL2, and the PSTATE a guest may be entered with. */

import { type PhysicalCpu, type RegisterBlock, registerBlock } from "../host/cpu.ts"
import type { CpuFeatures } from "../host/cpu-features.ts"
import type { Vcpu } from "../vcpu.ts"
import { GUEST_HSTR, guestFineTraps, guestHcrx, HCR, hostFineTraps, hostHcrx } from "./controls.ts"

/** HSTR_EL2, HCRX_EL2 and the fine-grained traps, as far as the machine has them. Of the latter only HFGRTR and HFGWTR trap what exists. */
const commonTraps = (hstr: bigint, hcrx: bigint, fine: bigint, features: CpuFeatures): RegisterBlock =>
  registerBlock([
    ["HSTR_EL2", hstr],
    ...(features.hcrx ? [["HCRX_EL2", hcrx] as const] : []),
    ...(features.fineGrainedTraps
      ? ([
          ["HFGRTR_EL2", fine],
          ["HFGWTR_EL2", fine],
          ["HFGITR_EL2", 0n],
          ["HDFGRTR_EL2", 0n],
          ["HDFGWTR_EL2", 0n]
        ] as const)
      : [])
  ])
/** What `make` makes of features, made once. */
const remembered = (make: (features: CpuFeatures) => RegisterBlock): ((features: CpuFeatures) => RegisterBlock) => {
  const known = new WeakMap<CpuFeatures, RegisterBlock>()
  return (features) => {
    let block = known.get(features)
    if (!block) known.set(features, (block = make(features)))
    return block
  }
}
/** Trap registers written on every entry, whatever the guest. */
export const guestCommonTraps = remembered((features) => commonTraps(GUEST_HSTR, guestHcrx(features), guestFineTraps(features), features))
/** Trap registers written on every exit. */
export const hostCommonTraps = remembered((features) => commonTraps(0n, hostHcrx(features), hostFineTraps(features), features))

/** HCR_EL2 of the guest, and the syndrome of its pending virtual SError. */
export const activateHcr = (cpu: PhysicalCpu, { hcr, vsesr }: Vcpu): void => {
  cpu.writeMain("HCR_EL2", hcr)
  if (hcr & HCR.VSE) cpu.write("VSESR_EL2", vsesr)
}
/** HCR_EL2 of the host. A virtual SError that was delivered meanwhile is not pending any more. */
export const deactivateHcr = (cpu: PhysicalCpu, vcpu: Vcpu, hostHcr: bigint): void => {
  if (vcpu.hcr & HCR.VSE) vcpu.hcr = (vcpu.hcr & ~HCR.VSE) | (cpu.read("HCR_EL2") & HCR.VSE)
  cpu.writeMain("HCR_EL2", hostHcr)
}

const PSTATE_MODE = 15n
const EL2T = 8n
const EL2H = 9n
const EL1T = 4n
const EL1H = 5n
const IL = 1n << 20n
/** The guest's PSTATE as it may be entered: its EL2 modes are EL1's; what is above them makes an illegal return. */
export const returnState = (pstate: bigint): bigint => {
  const mode = pstate & PSTATE_MODE
  if (mode < EL2T) return pstate
  if (mode === EL2T) return (pstate & ~PSTATE_MODE) | EL1T
  return mode === EL2H ? (pstate & ~PSTATE_MODE) | EL1H : (pstate & ~0x1fn) | EL2H | IL
}
