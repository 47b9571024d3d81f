/** nVHE: the host kernel runs at EL1, KVM's hyp code at EL2 with HCR_EL2.E2H = 0. */
import { defineMode, kernelAtEl1 } from "@eltwo/kvm"

/** The plugin. */
export const nvhe = defineMode({
  name: "nvhe",
  doc: "Host kernel at EL1, hyp code at EL2 behind HVC: all EL1 registers are swapped at each entry and exit.",
  banner: "Hyp nVHE mode",
  e2h: false,
  trapSpelling: "classic",
  registers: "plain",
  ...kernelAtEl1()
})
export default nvhe
