/** Floating point and Advanced SIMD features, and where the ID registers show them. */
import type { Feature, IdField } from "@eltwo/isa"

const id = (register: string, low: number, value: number): IdField => ({ register: `ID_AA64${register}_EL1`, low, value })
const feature = (name: string, requires: string, ...at: readonly IdField[]): Feature => ({ name, requires, id: at })

export const features: readonly Feature[] = [
  { name: "FP", id: [id("PFR0", 16, 0)] },
  feature("AdvSIMD", "FP", id("PFR0", 20, 0)),
  feature("FP16", "AdvSIMD", id("PFR0", 16, 1), id("PFR0", 20, 1)),
  feature("RDM", "AdvSIMD", id("ISAR0", 28, 1)),
  feature("DotProd", "AdvSIMD", id("ISAR0", 44, 1)),
  feature("FHM", "FP16", id("ISAR0", 48, 1)),
  feature("FCMA", "AdvSIMD", id("ISAR1", 16, 1)),
  feature("JSCVT", "FP", id("ISAR1", 12, 1)),
  feature("FRINTTS", "AdvSIMD", id("ISAR1", 32, 1)),
  feature("BF16", "AdvSIMD", id("ISAR1", 44, 1)),
  feature("EBF16", "BF16", id("ISAR1", 44, 2)),
  feature("I8MM", "AdvSIMD", id("ISAR1", 52, 1)),
  feature("FPRCVT", "AdvSIMD", id("ISAR3", 28, 1)),
  feature("FAMINMAX", "AdvSIMD", id("ISAR3", 4, 1)),
  feature("AFP", "AdvSIMD", id("MMFR1", 44, 1)),
  feature("AES", "AdvSIMD", id("ISAR0", 4, 1)),
  feature("PMULL", "AES", id("ISAR0", 4, 2)),
  feature("SHA1", "AdvSIMD", id("ISAR0", 8, 1)),
  feature("SHA256", "SHA1", id("ISAR0", 12, 1)),
  feature("SHA512", "SHA256", id("ISAR0", 12, 2)),
  feature("SHA3", "SHA512", id("ISAR0", 32, 1)),
  feature("SM3", "AdvSIMD", id("ISAR0", 36, 1)),
  feature("SM4", "SM3", id("ISAR0", 40, 1))
]
