/** hVHE: the host kernel runs at EL1, KVM's hyp code at EL2 with HCR_EL2.E2H = 1: nVHE in the other spelling. */
import { defineMode, kernelAtEl1 } from "@eltwo/kvm"

/** The plugin. */
export const hvhe = defineMode({
  name: "hvhe",
  doc: "Host kernel at EL1, hyp code at EL2 with E2H: as nVHE, with the register names and trap layout of VHE in hyp code.",
  banner: "Hyp hVHE mode",
  e2h: true,
  trapSpelling: "cpacr",
  registers: "redirected",
  ...kernelAtEl1()
})
export default hvhe
