/** Gates of SME: what is enabled first, then which of streaming mode, ZA and ZT0 the instruction needs. */
import { type Gate, SMTC, type StateCheck, smeAccess } from "@eltwo/isa"

const STREAMING: StateCheck = { needs: "SM", syndrome: smeAccess(SMTC.notStreaming) }
const ARRAY: StateCheck = { needs: "ZA", syndrome: smeAccess(SMTC.noZA) }
const TABLE: StateCheck = { needs: "controls", el1: "SMCR_EL1.EZT0", el2: "SMCR_EL2.EZT0", syndrome: smeAccess(SMTC.noZT0) }

const gate = (access: string, controls: readonly string[], ...checks: readonly StateCheck[]): Gate => ({
  access,
  variants: [{ having: "SME", controls, checks }]
})
const ENABLES = ["sme", "fp"]

export const gates: readonly Gate[] = [
  gate("SME", ENABLES),
  gate("SM", ENABLES, STREAMING),
  gate("ZA", ENABLES, ARRAY),
  gate("SM+ZA", ENABLES, STREAMING, ARRAY),
  gate("ZT0", ENABLES, ARRAY, TABLE),
  gate("SM+ZA+ZT0", ENABLES, STREAMING, ARRAY, TABLE),
  // SVCR and SMCR_ELx: FP need not be enabled.
  gate("SMCR", ["sme"])
]
