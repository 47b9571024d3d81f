/** The floating-point mode register and the conversions from 8-bit floating point that obey it. */
import { defineExtension, type Instruction } from "@eltwo/isa"
import { features } from "./features.ts"
import { gates } from "./gates.ts"
import { convertInstructions } from "./insns/convert.ts"
import { kvm } from "./kvm.ts"
import { contributions, registers } from "./registers.ts"

/** Conversions that FPMR steers. */
export const instructions: readonly Instruction[] = convertInstructions

/** The plugin. */
export const fpmr = defineExtension({
  name: "fpmr",
  requires: ["fpsimd"],
  doc: "FPMR, the mode register of 8-bit floating point, and conversions from those formats.",
  features,
  instructions,
  registers,
  fields: contributions,
  gates,
  kvm
})
export default fpmr
