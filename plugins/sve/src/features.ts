/** SVE features, and where the ID registers show them. */
import type { Feature, IdField } from "@eltwo/isa"

const id = (register: string, low: number, value: number): IdField => ({ register: `ID_AA64${register}_EL1`, low, value })

export const features: readonly Feature[] = [
  { name: "SVE", requires: "FP16", id: [id("PFR0", 32, 1)] },
  { name: "SVE2", requires: "SVE", id: [id("ZFR0", 0, 1)], byDefault: false, doc: "A few of its instructions only" },
  { name: "SVE2p1", requires: "SVE2", id: [id("ZFR0", 0, 2)], byDefault: false, doc: "A few of its instructions only" }
]
