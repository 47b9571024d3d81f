/** ID registers as Linux shows them to EL0: some fields as they are, others with a value that promises nothing. */

/** op0 = 3, op1 = 0, CRn = 0, and these CRm and op2. */
const id = (crm: number, op2: number): number => 0xc000 | (crm << 3) | op2
export const MIDR = id(0, 0)
const MPIDR = id(0, 5)
const REVIDR = id(0, 6)

interface UserView {
  /** Low bits of the 4-bit fields that are shown; all of the register when left out. */
  readonly fields?: readonly number[]
  /** What the other fields read as, in place. */
  readonly fixed?: bigint
}
/** By encoding; a register that is not here reads as zero. */
const VIEWS: Readonly<Record<number, UserView>> = {
  [MIDR]: {},
  [MPIDR]: { fields: [], fixed: 0x8000_0000n },
  // PFR0: DIT, SVE, AdvSIMD, FP; EL1 and EL0 are AArch64. PFR1: GCS, SME, MTE, SSBS, BT. PFR2: FPMR.
  [id(4, 0)]: { fields: [48, 32, 20, 16], fixed: 0x11n },
  [id(4, 1)]: { fields: [44, 24, 8, 4, 0] },
  [id(4, 2)]: { fields: [32] },
  // ZFR0, SMFR0, FPFR0: they have nothing that is not for programs.
  [id(4, 4)]: {},
  [id(4, 5)]: {},
  [id(4, 7)]: {},
  // DFR0: debug architecture 8.
  [id(5, 0)]: { fields: [], fixed: 6n },
  // ISAR0 to ISAR3: all instructions but those of the kernel.
  [id(6, 0)]: { fields: [60, 52, 48, 44, 40, 36, 32, 28, 20, 16, 12, 8, 4] },
  [id(6, 1)]: { fields: [60, 52, 48, 44, 36, 32, 28, 24, 20, 16, 12, 8, 4, 0] },
  [id(6, 2)]: { fields: [56, 52, 48, 20, 16, 12, 8, 4, 0] },
  [id(6, 3)]: { fields: [28, 16, 4] },
  // MMFR0: ECV; no granule is promised. MMFR1: AFP. MMFR2: AT.
  [id(7, 0)]: { fields: [60], fixed: 0xff00_0000n },
  [id(7, 1)]: { fields: [44] },
  [id(7, 2)]: { fields: [32] }
}

/** Registers that EL0 may read with MRS; others are UNDEFINED there. */
export const isUserIdRegister = (encoding: number): boolean => {
  const crm = (encoding >> 3) & 15
  return encoding === MIDR || encoding === MPIDR || encoding === REVIDR || (crm >= 2 && crm <= 7)
}
/** What EL0 sees of a register that holds `value`. */
export const userIdRegister = (encoding: number, value: bigint): bigint => {
  const view = VIEWS[encoding]
  if (view === undefined) return 0n
  const mask = view.fields === undefined ? (1n << 64n) - 1n : view.fields.reduce((bits, low) => bits | (15n << BigInt(low)), 0n)
  return (value & mask) | (view.fixed ?? 0n)
}
