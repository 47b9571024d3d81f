/** Features of the base architecture and where the ID registers show them. One is listed here only if it is implemented. */
import type { Feature, IdField } from "../feature.ts"

const id = (register: string, low: number, value: number): IdField => ({ register: `ID_AA64${register}_EL1`, low, value })
const feature = (name: string, at?: IdField, requires?: string): Feature => ({ name, ...(at ? { id: [at] } : {}), ...(requires ? { requires } : {}) })

export const baseFeatures: readonly Feature[] = [
  // instructions
  feature("LSE", id("ISAR0", 20, 2)),
  feature("LSE128", id("ISAR0", 20, 3), "LSE"),
  feature("LSE2", id("MMFR2", 32, 1)),
  feature("CRC32", id("ISAR0", 16, 1)),
  feature("FlagM", id("ISAR0", 52, 1)),
  feature("FlagM2", id("ISAR0", 52, 2), "FlagM"),
  feature("RNG", id("ISAR0", 60, 1)),
  feature("LRCPC", id("ISAR1", 20, 1)),
  feature("LRCPC2", id("ISAR1", 20, 2), "LRCPC"),
  feature("SB", id("ISAR1", 36, 1)),
  feature("SPECRES", id("ISAR1", 40, 1)),
  feature("DPB", id("ISAR1", 0, 1)),
  feature("DPB2", id("ISAR1", 0, 2), "DPB"),
  feature("WFxT", id("ISAR2", 0, 2)),
  feature("MOPS", id("ISAR2", 16, 1)),
  feature("CSSC", id("ISAR2", 52, 1)),
  feature("HBC", id("ISAR2", 20, 1)),
  feature("XS", id("ISAR1", 56, 1)),
  feature("LOR", id("MMFR1", 16, 1)),
  // processor state
  feature("DIT", id("PFR0", 48, 1)),
  feature("SSBS", id("PFR1", 4, 1)),
  feature("SSBS2", id("PFR1", 4, 2), "SSBS"),
  feature("PAN", id("MMFR1", 20, 1)),
  feature("PAN2", id("MMFR1", 20, 2), "PAN"),
  feature("PAN3", id("MMFR1", 20, 3), "PAN2"),
  feature("UAO", id("MMFR2", 4, 1)),
  feature("IDST", id("MMFR2", 36, 1)),
  feature("RAS", id("PFR0", 28, 1)),
  // nothing here speculates
  feature("CSV2", id("PFR0", 56, 1)),
  feature("CSV3", id("PFR0", 60, 1)),
  feature("ECBHB", id("MMFR1", 60, 1)),
  feature("CLRBHB", id("ISAR2", 28, 1)),
  feature("DGH", id("ISAR1", 48, 1)),
  // translation
  feature("HPDS", id("MMFR1", 12, 1)),
  feature("TTCNP", id("MMFR2", 0, 1)),
  feature("TTST", id("MMFR2", 28, 1)),
  feature("TTL", id("MMFR2", 48, 1)),
  feature("E0PD", id("MMFR2", 60, 1)),
  feature("ASID16", id("MMFR0", 4, 2)),
  feature("TLBIOS", id("ISAR0", 56, 1)),
  feature("TLBIRANGE", id("ISAR0", 56, 2), "TLBIOS"),
  feature("TCR2", id("MMFR3", 0, 1)),
  feature("SCTLR2", id("MMFR3", 4, 1)),
  feature("S1PIE", id("MMFR3", 8, 1), "TCR2"),
  // interrupts
  feature("GICv3", id("PFR0", 24, 1)),
  // virtualization
  feature("VHE", id("MMFR1", 8, 1)),
  feature("VMID16", id("MMFR1", 4, 2)),
  feature("XNX", id("MMFR1", 28, 1)),
  feature("S2FWB", id("MMFR2", 40, 1)),
  feature("EVT", id("MMFR2", 56, 2)),
  feature("FGT", id("MMFR0", 56, 1)),
  feature("HCX", id("MMFR1", 40, 1))
]
