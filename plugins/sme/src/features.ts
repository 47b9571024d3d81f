/** SME features, and where the ID registers show them. */
import type { Feature, IdField } from "@eltwo/isa"

const id = (register: string, low: number, value: number, width = 4): IdField => ({ register: `ID_AA64${register}_EL1`, low, value, width })
/** A one-bit field of ID_AA64SMFR0_EL1. */
const flag = (bit: number): IdField => id("SMFR0", bit, 1, 1)

export const features: readonly Feature[] = [
  // F32F32, B16F32, F16F32, I8I32
  { name: "SME", requires: "FP16", id: [id("PFR1", 24, 1), flag(32), flag(34), flag(35), id("SMFR0", 36, 15)] },
  // BI32I32, I16I32
  { name: "SME2", requires: "SME", id: [id("PFR1", 24, 2), id("SMFR0", 56, 1), flag(33), id("SMFR0", 44, 5)], doc: "ZT0 only" },
  { name: "SME_FA64", requires: "SME and SVE", id: [flag(63)] },
  { name: "SME_F64F64", requires: "SME", id: [flag(48)] },
  { name: "SME_I16I64", requires: "SME", id: [id("SMFR0", 52, 15)] }
]
