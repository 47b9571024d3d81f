/** FPMR, and the bits that enable it. */
import { type FieldContribution, type RegisterTrap, type SystemRegister, trapBelow, trapEL0 } from "@eltwo/isa"

/** While one of these is 0, FPMR is out of reach: of EL0, and of EL1 and EL0. */
export const enables: readonly RegisterTrap[] = [trapEL0("SCTLR_EL1.EnFPM", "SCTLR_EL2.EnFPM"), trapBelow("HCRX_EL2.EnFPM", undefined, 0)]

export const FPMR: SystemRegister = {
  name: "FPMR",
  encoding: "3 3 4 4 2",
  feature: "FPMR",
  storage: "FPMR",
  access: "FP",
  traps: enables,
  fields: { LSCALE2: "37:32", NSCALE: "31:24", LSCALE: "22:16", OSC: 15, OSM: 14, F8D: "8:6", F8S2: "5:3", F8S1: "2:0" },
  doc: "Formats (0: E5M2, 1: E4M3), scales and overflow of 8-bit floating point. A change of streaming mode clears it"
}
export const registers: readonly SystemRegister[] = [FPMR]

export const contributions: readonly FieldContribution[] = [
  { register: "SCTLR_EL1", fields: { EnFPM: "34 if FPMR" } },
  { register: "SCTLR_EL2", e2h: { EnFPM: "34 if FPMR" } },
  { register: "HCRX_EL2", fields: { EnFPM: "23 if FPMR" } }
]
