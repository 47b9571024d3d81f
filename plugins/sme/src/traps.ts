/** The trap control of SME: CPACR_EL1.SMEN, CPTR_EL2.SMEN (E2H = 1) and CPTR_EL2.TSM (E2H = 0). */
import { SMTC, smeAccess, type TrapControl } from "@eltwo/isa"

export const traps: readonly TrapControl[] = [{ id: "sme", feature: "SME", enable: "SMEN", trap: "TSM", syndrome: smeAccess(SMTC.access) }]
