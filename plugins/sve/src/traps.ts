/** The trap control of SVE: CPACR_EL1.ZEN, CPTR_EL2.ZEN (E2H = 1) and CPTR_EL2.TZ (E2H = 0). */
import { SVE_ACCESS, type TrapControl } from "@eltwo/isa"

export const traps: readonly TrapControl[] = [{ id: "sve", feature: "SVE", enable: "ZEN", trap: "TZ", syndrome: SVE_ACCESS }]
