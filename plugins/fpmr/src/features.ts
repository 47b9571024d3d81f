/** Where the ID registers show FPMR and 8-bit floating point. */
import type { Feature, IdField } from "@eltwo/isa"

const id = (register: string, low: number, value: number, width = 4): IdField => ({ register: `ID_AA64${register}_EL1`, low, value, width })

export const features: readonly Feature[] = [
  { name: "FPMR", requires: "AdvSIMD", id: [id("PFR2", 32, 1)] },
  // F8CVT, F8E4M3, F8E5M2
  { name: "FP8", requires: "FPMR", id: [id("FPFR0", 31, 1, 1), id("FPFR0", 1, 1, 1), id("FPFR0", 0, 1, 1)], doc: "Conversions from it only" }
]
