/** The Scalable Vector Extension as far as a machine that switches its state needs it. */
import { defineExtension, type Instruction } from "@eltwo/isa"
import { features } from "./features.ts"
import { gates } from "./gates.ts"
import { compareInstructions } from "./insns/compare.ts"
import { contiguousInstructions } from "./insns/contiguous.ts"
import { copyInstructions } from "./insns/copy.ts"
import { firstFaultInstructions } from "./insns/first-fault.ts"
import { floatInstructions } from "./insns/float.ts"
import { integerInstructions } from "./insns/integer.ts"
import { loadStoreInstructions } from "./insns/load-store.ts"
import { predicateInstructions } from "./insns/predicates.ts"
import { reduceInstructions } from "./insns/reduce.ts"
import { streamingAdditions } from "./insns/streaming-additions.ts"
import { vectorLengthInstructions } from "./insns/vector-length.ts"
import { whileInstructions } from "./insns/while.ts"
import { kvm } from "./kvm.ts"
import { contributions, registers } from "./registers.ts"
import { components } from "./state.ts"
import { traps } from "./traps.ts"

/** Instructions of SVE. */
export const instructions: readonly Instruction[] = [
  ...loadStoreInstructions,
  ...contiguousInstructions,
  ...vectorLengthInstructions,
  ...predicateInstructions,
  ...firstFaultInstructions,
  ...whileInstructions,
  ...copyInstructions,
  ...integerInstructions,
  ...compareInstructions,
  ...reduceInstructions,
  ...floatInstructions,
  ...streamingAdditions
]

/** The plugin. */
export const sve = defineExtension({
  name: "sve",
  requires: ["fpsimd"],
  doc: "Scalable vectors: Z0 to Z31, P0 to P15, FFR, ZCR_ELx, and the instructions that move, save and restore them, with some arithmetic.",
  features,
  instructions,
  registers,
  fields: contributions,
  traps,
  gates,
  components,
  kvm
})
export default sve
