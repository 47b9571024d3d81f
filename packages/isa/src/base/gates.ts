/** Gates of the base architecture. */
import type { Gate } from "../gate.ts"

/** Memory copy and memory set: UNDEFINED unless HCRX_EL2.MSCEn lets EL1 and EL0, and SCTLR_ELx.MSCEn lets EL0. */
const memoryOperations: Gate = {
  access: "MOPS",
  variants: [
    {
      before: [
        { control: "HCRX_EL2.MSCEn", when: 0, from: [0, 1], ec: 0 },
        { control: "SCTLR_EL1.MSCEn", host: "SCTLR_EL2.MSCEn", when: 0, from: [0], ec: 0 }
      ],
      controls: []
    }
  ]
}
export const baseGates: readonly Gate[] = [memoryOperations]
