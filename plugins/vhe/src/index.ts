/** VHE: the host kernel and KVM run at EL2, with HCR_EL2.E2H = 1. */
import { counterAccess, defineMode, HOST_VHE_HCR, HYP_EXITS, lazySwitch } from "@eltwo/kvm"
import { services } from "./services.ts"
import { worldSwitch } from "./world-switch.ts"

/** The plugin. */
export const vhe = defineMode({
  name: "vhe",
  doc: "Host kernel and KVM at EL2 (FEAT_VHE): guest EL1 registers stay on the CPU from vcpu_load to vcpu_put.",
  banner: "VHE mode",
  e2h: true,
  hostEl: 2,
  trapSpelling: "cpacr",
  registers: "redirected",
  guestRegistersStay: true,
  /** Already at EL2: the E2H layouts come into force, and what was set in the other layout is set again. */
  init(cpu, host) {
    cpu.write("HCR_EL2", HOST_VHE_HCR)
    cpu.isb()
    cpu.write(host.trapWords.register, host.trapWords.rest)
    cpu.write("CNTHCTL_EL2", counterAccess(true))
    cpu.isb()
  },
  services,
  worldSwitch,
  hypExit: HYP_EXITS,
  fp: lazySwitch
})
export default vhe
