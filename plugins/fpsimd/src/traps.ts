/** The trap control of FP and Advanced SIMD: CPACR_EL1.FPEN, CPTR_EL2.FPEN (E2H = 1) and CPTR_EL2.TFP (E2H = 0). */
import { FP_ACCESS, type TrapControl, UNDEFINED } from "@eltwo/isa"

export const traps: readonly TrapControl[] = [{ id: "fp", enable: "FPEN", trap: "TFP", syndrome: FP_ACCESS, rerouted: UNDEFINED }]
