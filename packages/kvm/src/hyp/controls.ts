/** Values of the hypervisor's control registers: HCR_EL2, HCRX_EL2, MDCR_EL2, CNTHCTL_EL2, the fine-grained traps. */
import type { CpuFeatures } from "../host/cpu-features.ts"

const bits = (...positions: readonly number[]): bigint => positions.reduce((all, p) => all | (1n << BigInt(p)), 0n)

/** HCR_EL2 bits by their architectural names. */
export const HCR = {
  VM: bits(0),
  SWIO: bits(1),
  PTW: bits(2),
  FMO: bits(3),
  IMO: bits(4),
  AMO: bits(5),
  VF: bits(6),
  VI: bits(7),
  VSE: bits(8),
  FB: bits(9),
  TWI: bits(13),
  TWE: bits(14),
  TID1: bits(16),
  TID2: bits(17),
  TID3: bits(18),
  TSC: bits(19),
  TIDCP: bits(20),
  TACR: bits(21),
  TSW: bits(22),
  TVM: bits(26),
  TGE: bits(27),
  RW: bits(31),
  E2H: bits(34),
  TLOR: bits(35),
  TERR: bits(36),
  TEA: bits(37),
  APK: bits(40),
  API: bits(41),
  FWB: bits(46),
  TID4: bits(49),
  ATA: bits(56),
  TID5: bits(58)
} as const

/** Host kernel at EL2 (VHE). */
export const HOST_VHE_HCR = HCR.RW | HCR.TGE | HCR.E2H | HCR.AMO | HCR.IMO | HCR.FMO
/** Host kernel at EL1, hyp code in the layouts of E2H or the classic ones. */
export const hostNvheHcr = (features: CpuFeatures, e2h = false): bigint =>
  HCR.RW | HCR.API | HCR.APK | (features.mte ? HCR.ATA : HCR.TID5) | (e2h ? HCR.E2H : 0n)

/** What every guest has. */
const GUEST_BASE =
  HCR.VM |
  HCR.SWIO |
  HCR.PTW |
  HCR.FMO |
  HCR.IMO |
  HCR.AMO |
  HCR.FB |
  HCR.TWI |
  HCR.TWE |
  HCR.TID1 |
  HCR.TID3 |
  HCR.TSC |
  HCR.TIDCP |
  HCR.TACR |
  HCR.TSW |
  HCR.RW |
  HCR.TLOR

/** HCR_EL2 of a vCPU that has not run yet: set by VCPU_INIT. */
export const initialGuestHcr = (features: CpuFeatures): bigint => GUEST_BASE | (features.stage2ForceWriteBack ? 0n : HCR.TVM)
/** What the first run adds. The guest's view of CTR_EL0 is the host's. */
export const firstRunHcr = (features: CpuFeatures): bigint =>
  (features.ras ? HCR.TEA | HCR.TERR : 0n) |
  (features.stage2ForceWriteBack ? HCR.FWB : 0n) |
  (features.enhancedTraps ? HCR.TID4 : HCR.TID2) |
  (features.mte ? 0n : HCR.TID5)

const HCRX = { MCE2: bits(10), MSCEn: bits(11), TCR2En: bits(14), SCTLR2En: bits(15), SMPME: bits(5), EnFPM: bits(23) } as const
/** HCRX_EL2 while the host runs. */
export const hostHcrx = (features: CpuFeatures): bigint =>
  (features.mops ? HCRX.MSCEn : 0n) | (features.tcr2 ? HCRX.TCR2En : 0n) | (features.fpmr ? HCRX.EnFPM : 0n)
/** A guest has what the host has of these. SMPME is written always: on a machine without SME it does not exist. */
export const guestHcrx = (features: CpuFeatures): bigint =>
  HCRX.SMPME |
  (features.mops ? HCRX.MSCEn | HCRX.MCE2 : 0n) |
  (features.tcr2 ? HCRX.TCR2En : 0n) |
  (features.sctlr2 ? HCRX.SCTLR2En : 0n) |
  (features.fpmr ? HCRX.EnFPM : 0n)

/** Fine-grained traps of HFGRTR_EL2 and HFGWTR_EL2 for what a guest lacks though the host has it, and the permissive bits of what it has. */
const FINE = { nPIR: bits(58, 57), SME: bits(55, 54), APKeys: bits(8, 7, 6, 5, 4) } as const
/** Fine-grained trap bits while the host runs. */
export const hostFineTraps = (features: CpuFeatures): bigint => (features.indirectPermissions ? FINE.nPIR : 0n) | (features.sme ? FINE.SME : 0n)
/** Fine-grained trap bits while a guest runs. */
export const guestFineTraps = (features: CpuFeatures): bigint => (features.indirectPermissions ? FINE.nPIR : 0n) | (features.pauth ? FINE.APKeys : 0n)

/** MDCR_EL2 bits by their architectural names. */
export const MDCR = {
  TPMCR: bits(5),
  TPM: bits(6),
  TDA: bits(9),
  TDOSA: bits(10),
  TDRA: bits(11),
  TPMS: bits(14),
  TTRF: bits(19),
  TDCC: bits(27)
} as const
/** MDCR_EL2 of a guest that does not own the debug registers; the host has no event counters (HPMN 0). */
export const GUEST_MDCR = MDCR.TPMCR | MDCR.TPM | MDCR.TDA | MDCR.TDOSA | MDCR.TDRA | MDCR.TPMS | MDCR.TTRF
/** MDCR_EL2 while the host runs. */
export const HOST_MDCR = 0n

/** HSTR_EL2: cp15 c15 traps. */
export const GUEST_HSTR = bits(15)

/** EL1PCTEN and EL1PTEN of CNTHCTL_EL2, which lie elsewhere under E2H. */
const COUNTER = { classic: { counter: bits(0), both: bits(0, 1) }, e2h: { counter: bits(10), both: bits(10, 11) } } as const
/** CNTHCTL_EL2: EL1 may use the physical counter and timer. */
export const counterAccess = (e2h: boolean): bigint => COUNTER[e2h ? "e2h" : "classic"].both
/** CNTHCTL_EL2 of a guest whose physical timer the host emulates: the counter is its own. */
export const emulatedTimerAccess = (e2h: boolean): bigint => COUNTER[e2h ? "e2h" : "classic"].counter
