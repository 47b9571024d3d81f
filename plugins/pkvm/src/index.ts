/** pKVM: hyp code at EL2 protects itself and protected VMs from the host kernel. */
import { definePlugin } from "@eltwo/isa"
import { protectedMode } from "./mode.ts"

export { tableProblems } from "./check-tables.ts"
export { type HypState, hypStateOf } from "./hyp/state.ts"
export { type Base, protectedMode } from "./mode.ts"

/** The plugin. `base`: which of the modes with the kernel at EL1 hyp code is written for. */
export const pkvm = definePlugin({
  name: "pkvm",
  doc: "Protected KVM: the host kernel is behind a stage 2 of hyp code, which owns page tables and protects the memory of protected VMs from the host.",
  options: {
    base: {
      type: "choice",
      default: "hvhe",
      choices: ["hvhe", "nvhe"],
      doc: "spelling of hyp code's registers and traps: with E2H (hvhe) or without (nvhe)"
    }
  },
  create: ({ base }) => protectedMode(base)
})
export default pkvm
