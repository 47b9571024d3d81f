/** The Scalable Matrix Extension: streaming mode, ZA and ZT0, with the instructions of FEAT_SME. */
import { defineExtension, type Instruction } from "@eltwo/isa"
import { features } from "./features.ts"
import { gates } from "./gates.ts"
import { arrayInstructions } from "./insns/array.ts"
import { outerProductInstructions } from "./insns/outer-products.ts"
import { streamingInstructions } from "./insns/streaming.ts"
import { tileSliceInstructions } from "./insns/tile-slices.ts"
import { kvm } from "./kvm.ts"
import { contributions, registers } from "./registers.ts"
import { components } from "./state.ts"
import { traps } from "./traps.ts"

/** Instructions of SME and SME2. */
export const instructions: readonly Instruction[] = [
  ...streamingInstructions,
  ...arrayInstructions,
  ...tileSliceInstructions,
  ...outerProductInstructions
]

/** The plugin. */
export const sme = defineExtension({
  name: "sme",
  requires: ["fpsimd", "sve"],
  doc: "Scalable matrices: streaming mode, ZA, ZT0, SVCR, SMCR_ELx, TPIDR2_EL0, and the instructions of the first version of SME.",
  features,
  instructions,
  registers,
  fields: contributions,
  traps,
  gates,
  components,
  kvm
})
export default sme
