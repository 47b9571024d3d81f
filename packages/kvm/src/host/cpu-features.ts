/** What the kernel learns about the processor from its ID registers at boot. */

import type { SupportedLengths } from "./vector-lengths.ts"

/** Reads an ID register by name; 0 where the machine has none. */
export type ReadId = (register: string) => bigint

/** What the host kernel found out about its processors at boot. */
export interface CpuFeatures extends SupportedLengths {
  readonly fp: boolean
  readonly sve: boolean
  readonly sme: boolean
  readonly sme2: boolean
  /** FEAT_SME_FA64: FFR and all of A64 in streaming mode. */
  readonly fa64: boolean
  readonly fpmr: boolean
  readonly ras: boolean
  /** System registers of a GICv3 CPU interface. */
  readonly gicv3: boolean
  /** FEAT_S2FWB: stage 2 decides cacheability alone. */
  readonly stage2ForceWriteBack: boolean
  /** FEAT_EVT level 2: TID4 and TTLBxS exist. */
  readonly enhancedTraps: boolean
  readonly mops: boolean
  readonly tcr2: boolean
  readonly sctlr2: boolean
  readonly indirectPermissions: boolean
  readonly hcrx: boolean
  readonly fineGrainedTraps: boolean
  readonly vmid16: boolean
  readonly vhe: boolean
  /** FEAT_ECV with CNTPOFF_EL2. */
  readonly counterOffset: boolean
  readonly pauth: boolean
  readonly mte: boolean
  readonly pan: boolean
  readonly ssbs: boolean
  readonly dit: boolean
  /** ID_AA64MMFR0_EL1.PARange, and in bits. */
  readonly physicalRange: number
  readonly physicalBits: number
}

const PHYSICAL_BITS = [32, 36, 40, 42, 44, 48, 52] as const
const NOT_IMPLEMENTED = 15

const NO_VECTORS: SupportedLengths = { sveVls: [], smeVls: [] }

/** Reads the ID registers as the kernel does. */
export const cpuFeatures = (read: ReadId, lengths = NO_VECTORS): CpuFeatures => {
  const field = (register: string, low: number): number => Number((read(`ID_AA64${register}_EL1`) >> BigInt(low)) & 15n)
  const has = (register: string, low: number, level = 1): boolean => field(register, low) >= level
  const physicalRange = field("MMFR0", 0)
  return {
    fp: field("PFR0", 16) !== NOT_IMPLEMENTED,
    sve: has("PFR0", 32),
    sme: has("PFR1", 24),
    sme2: has("PFR1", 24, 2),
    fa64: ((read("ID_AA64SMFR0_EL1") >> 63n) & 1n) === 1n,
    ...lengths,
    fpmr: has("PFR2", 32),
    ras: has("PFR0", 28),
    gicv3: has("PFR0", 24),
    stage2ForceWriteBack: has("MMFR2", 40),
    enhancedTraps: has("MMFR2", 56, 2),
    mops: has("ISAR2", 16),
    tcr2: has("MMFR3", 0),
    sctlr2: has("MMFR3", 4),
    indirectPermissions: has("MMFR3", 8),
    hcrx: has("MMFR1", 40),
    fineGrainedTraps: has("MMFR0", 56),
    vmid16: has("MMFR1", 4, 2),
    vhe: has("MMFR1", 8),
    counterOffset: has("MMFR0", 60, 2),
    pauth: has("ISAR1", 4) || has("ISAR1", 8) || has("ISAR2", 12),
    mte: has("PFR1", 8, 2),
    pan: has("MMFR1", 20),
    ssbs: has("PFR1", 4),
    dit: has("PFR0", 48),
    physicalRange,
    physicalBits: PHYSICAL_BITS[physicalRange] ?? 48
  }
}
