/** HCR_EL2 and MDCR_EL2 of hyp code's own vCPUs, when they are made. */
import { type CpuFeatures, firstRunHcr, HCR, initialGuestHcr, MDCR } from "@eltwo/kvm"
import type { ReadId } from "./id-registers.ts"

/** What the host may choose of HCR_EL2: at load and each run whether waits trap; at each run that a virtual SError is pending. */
export const WAIT_TRAPS = HCR.TWI | HCR.TWE
export const HOST_CHOICES = WAIT_TRAPS | HCR.VSE

interface Request {
  readonly features: CpuFeatures
  readonly e2h: boolean
  /** The vCPU has pointer authentication. */
  readonly pauth: boolean
}
/** What ordinary and protected vCPUs have in common. Whether waits trap comes with the first load. */
const base = ({ features, e2h, pauth }: Request): bigint =>
  (initialGuestHcr(features) | firstRunHcr(features) | (e2h ? HCR.E2H : 0n) | (pauth ? HCR.API | HCR.APK : 0n)) & ~(HCR.TVM | HCR.TID5) & ~WAIT_TRAPS

/** The host of an ordinary VM is trusted with it: no trap beyond those of KVM. */
export const ordinaryHcr = (request: Request): bigint => base(request) | (request.features.mte ? HCR.ATA : 0n)

/** Traps that a protected vCPU has whatever the host wants, but for memory tags, which no protected VM has. */
const FORCED = HCR.RW | HCR.TACR | HCR.TIDCP | HCR.TID3 | HCR.TID1 | HCR.TID5 | HCR.TLOR
export const protectedHcr = (request: Request): bigint => (base(request) | FORCED) & ~HCR.ATA

/** Fields of ID_AA64DFR0_EL1 and ID_AA64MMFR0_EL1 whose absence in the VM's registers means a trap, with its bits. */
interface Absence {
  readonly register: string
  readonly low: number
  readonly traps: bigint
}
const DFR0 = "ID_AA64DFR0_EL1"
const ABSENCES: readonly Absence[] = [
  { register: DFR0, low: 8, traps: MDCR.TPM | MDCR.TPMCR }, // PMUVer
  { register: DFR0, low: 0, traps: MDCR.TDRA | MDCR.TDA }, // DebugVer
  { register: DFR0, low: 36, traps: MDCR.TDOSA }, // DoubleLock
  { register: DFR0, low: 32, traps: MDCR.TPMS }, // PMSVer
  { register: DFR0, low: 40, traps: MDCR.TTRF }, // TraceFilt
  { register: "ID_AA64MMFR0_EL1", low: 56, traps: MDCR.TDCC } // FGT
]
/** DoubleLock and PMUVer have another way to say it than 0. */
const isAbsent = (value: number): boolean => value === 0 || value === 15
/** MDCR_EL2 of a protected vCPU by the VM's own ID registers. The first run puts the host's value in its place. */
export const protectedMdcr = (idRegister: ReadId): bigint =>
  ABSENCES.filter(({ register, low }) => isAbsent(Number((idRegister(register) >> BigInt(low)) & 15n))).reduce((all, { traps }) => all | traps, 0n)
