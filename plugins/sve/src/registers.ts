/** ZCR_ELx, which say how long vectors may be, and the bits that control SVE in registers of the base. */
import type { FieldContribution, FieldTable, SystemRegister } from "@eltwo/isa"

/** A vector has (LEN + 1) x 128 bits, or as many as are implemented below that. What is written is read back, whatever length is in force. */
const fields: FieldTable = { LEN: "3:0" }

export const registers: readonly SystemRegister[] = [
  { name: "ZCR_EL1", encoding: "3 0 1 2 0", feature: "SVE", host: "ZCR_EL2", alias: "EL12", control: true, length: true, access: "ZCR", fields },
  { name: "ZCR_EL2", encoding: "3 4 1 2 0", feature: "SVE", control: true, length: true, access: "ZCR", fields }
]

export const contributions: readonly FieldContribution[] = [
  { register: "CPACR_EL1", fields: { ZEN: "17:16 if SVE" } },
  { register: "CPTR_EL2", fields: { TZ: "8 if SVE" }, e2h: { ZEN: "17:16 if SVE" } }
]
