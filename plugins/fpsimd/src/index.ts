/** Floating point and Advanced SIMD: registers V0 to V31, FPCR and FPSR, their instructions, traps and saved state. */
import { defineExtension, type Instruction } from "@eltwo/isa"
import { features } from "./features.ts"
import { gates } from "./gates.ts"
import { cryptoInstructions } from "./insns/crypto.ts"
import { floatInstructions } from "./insns/float.ts"
import { simdLoadStoreInstructions } from "./insns/load-store.ts"
import { simdInstructions } from "./insns/simd.ts"
import { fields, registers } from "./registers.ts"
import { components } from "./state.ts"
import { traps } from "./traps.ts"

/** Scalar floating point, AdvSIMD and cryptography. */
export const instructions: readonly Instruction[] = [...floatInstructions, ...simdInstructions, ...cryptoInstructions, ...simdLoadStoreInstructions]

/** The plugin. */
export const fpsimd = defineExtension({
  name: "fpsimd",
  doc: "Floating point and Advanced SIMD: V0 to V31, FPCR, FPSR, with half precision, dot products and cryptography.",
  features,
  instructions,
  registers,
  fields,
  traps,
  gates,
  components
})
export default fpsimd
