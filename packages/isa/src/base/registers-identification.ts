/** The ID space and the registers that describe the processor: read only, trapped to EL2 in groups. */
import { type SystemRegister, trapBelow, trapEL0, trapEL1 } from "../register.ts"

/** 48-bit physical addresses; 4 KiB granule only at both stages; little-endian; no mixed endianness. */
const MMFR0 = 0x5n | (0xfn << 24n) | (0x1n << 32n) | (0x1n << 36n)
/** EL0, EL1 and EL2 in AArch64 state only; no EL3. Without a plugin for them there is neither FP nor Advanced SIMD (0xf). */
const PFR0 = 0xff0111n
/** Armv8 debug with the least number of breakpoints and watchpoints (two of each); no double lock; no performance monitors, no trace. */
const DFR0 = 0x7n | (1n << 12n) | (1n << 20n) | (0xfn << 36n)

/** Registers of op1 = 0, CRn = 0 by CRm and op2; the rest of CRm 1..7 is reserved and reads as zero. */
const NAMES: Readonly<Record<string, { readonly name: string; readonly value?: bigint }>> = {
  "1 0": { name: "ID_PFR0_EL1" },
  "1 1": { name: "ID_PFR1_EL1" },
  "1 2": { name: "ID_DFR0_EL1" },
  "1 3": { name: "ID_AFR0_EL1" },
  "1 4": { name: "ID_MMFR0_EL1" },
  "1 5": { name: "ID_MMFR1_EL1" },
  "1 6": { name: "ID_MMFR2_EL1" },
  "1 7": { name: "ID_MMFR3_EL1" },
  "2 0": { name: "ID_ISAR0_EL1" },
  "2 1": { name: "ID_ISAR1_EL1" },
  "2 2": { name: "ID_ISAR2_EL1" },
  "2 3": { name: "ID_ISAR3_EL1" },
  "2 4": { name: "ID_ISAR4_EL1" },
  "2 5": { name: "ID_ISAR5_EL1" },
  "2 6": { name: "ID_MMFR4_EL1" },
  "2 7": { name: "ID_ISAR6_EL1" },
  "3 0": { name: "MVFR0_EL1" },
  "3 1": { name: "MVFR1_EL1" },
  "3 2": { name: "MVFR2_EL1" },
  "3 4": { name: "ID_PFR2_EL1" },
  "3 5": { name: "ID_DFR1_EL1" },
  "3 6": { name: "ID_MMFR5_EL1" },
  "4 0": { name: "ID_AA64PFR0_EL1", value: PFR0 },
  "4 1": { name: "ID_AA64PFR1_EL1" },
  "4 2": { name: "ID_AA64PFR2_EL1" },
  "4 4": { name: "ID_AA64ZFR0_EL1" },
  "4 5": { name: "ID_AA64SMFR0_EL1" },
  "4 7": { name: "ID_AA64FPFR0_EL1" },
  "5 0": { name: "ID_AA64DFR0_EL1", value: DFR0 },
  "5 1": { name: "ID_AA64DFR1_EL1" },
  "5 2": { name: "ID_AA64DFR2_EL1" },
  "5 4": { name: "ID_AA64AFR0_EL1" },
  "5 5": { name: "ID_AA64AFR1_EL1" },
  "6 0": { name: "ID_AA64ISAR0_EL1" },
  "6 1": { name: "ID_AA64ISAR1_EL1" },
  "6 2": { name: "ID_AA64ISAR2_EL1" },
  "6 3": { name: "ID_AA64ISAR3_EL1" },
  "7 0": { name: "ID_AA64MMFR0_EL1", value: MMFR0 },
  "7 1": { name: "ID_AA64MMFR1_EL1" },
  "7 2": { name: "ID_AA64MMFR2_EL1" },
  "7 3": { name: "ID_AA64MMFR3_EL1" },
  "7 4": { name: "ID_AA64MMFR4_EL1" }
}

const idSpace: readonly SystemRegister[] = Array.from({ length: 56 }, (_, i) => {
  const CRm = 1 + (i >> 3),
    op2 = i & 7,
    known = NAMES[`${CRm} ${op2}`]
  return {
    name: known?.name ?? `S3_0_C0_C${CRm}_${op2}`,
    encoding: `3 0 0 ${CRm} ${op2}`,
    identification: true,
    reset: known?.value ?? 0n,
    traps: [trapEL1("HCR_EL2.TID3", "read")]
  }
})

/** 64-byte lines, PIPT instruction cache; maintenance needed as on hardware without IDC and DIC. */
const CTR = 0x8444c004n
/** Unified level 2 after separate level 1 caches; coherency and unification points behind them. */
const CLIDR = 0x0a200023n

export const identificationRegisters: readonly SystemRegister[] = [
  ...idSpace,
  { name: "MIDR_EL1", encoding: "3 0 0 0 0", identification: true, reset: 0x000f0510n, virtual: "VPIDR_EL2", fine: { pair: "HFG", read: 25 } },
  { name: "MPIDR_EL1", encoding: "3 0 0 0 5", identification: true, reset: 0x80000000n, virtual: "VMPIDR_EL2", fine: { pair: "HFG", read: 26 } },
  { name: "REVIDR_EL1", encoding: "3 0 0 0 6", identification: true, traps: [trapEL1("HCR_EL2.TID1", "read")], fine: { pair: "HFG", read: 28 } },
  { name: "AIDR_EL1", encoding: "3 1 0 0 7", identification: true, traps: [trapEL1("HCR_EL2.TID1", "read")], fine: { pair: "HFG", read: 2 } },
  {
    name: "CCSIDR_EL1",
    encoding: "3 1 0 0 0",
    write: 3,
    storage: "CCSIDR",
    traps: [trapEL1("HCR_EL2.TID2"), trapEL1("HCR_EL2.TID4")],
    fine: { pair: "HFG", read: 9 },
    doc: "Geometry of the cache that CSSELR_EL1 selects"
  },
  {
    name: "CLIDR_EL1",
    encoding: "3 1 0 0 1",
    identification: true,
    reset: CLIDR,
    traps: [trapEL1("HCR_EL2.TID2"), trapEL1("HCR_EL2.TID4")],
    fine: { pair: "HFG", read: 10 }
  },
  {
    name: "CSSELR_EL1",
    encoding: "3 2 0 0 0",
    fields: { Level: "3:1", InD: 0 },
    traps: [trapEL1("HCR_EL2.TID2"), trapEL1("HCR_EL2.TID4")],
    fine: { pair: "HFG", read: 13, write: 13 }
  },
  {
    name: "CTR_EL0",
    encoding: "3 3 0 0 1",
    identification: true,
    reset: CTR,
    traps: [trapEL0("SCTLR_EL1.UCT", "SCTLR_EL2.UCT"), trapBelow("HCR_EL2.TID2")],
    fine: { pair: "HFG", read: 14 }
  },
  {
    name: "DCZID_EL0",
    encoding: "3 3 0 0 7",
    write: 3,
    storage: "DCZID",
    fine: { pair: "HFG", read: 15 },
    doc: "Block size of DC ZVA, and whether it is prohibited at this level"
  },
  { name: "VPIDR_EL2", encoding: "3 4 0 0 0", fields: { all: "31:0" }, reset: 0x000f0510n },
  { name: "VMPIDR_EL2", encoding: "3 4 0 0 5", fields: { Aff3: "39:32", U: 30, MT: 24, Aff: "23:0" }, ones: 0x80000000n, reset: 0x80000000n }
]
