/** The state of one case: what both sides load before, and what is compared after. */
import { Random } from "./random.ts"

/** Offsets in a record, in bytes: X0..X30, SP, NZCV (bits 31:28), FPCR, FPSR, outcome, V0..V31. */
export const RECORD = { X: 0, SP: 248, NZCV: 256, FPCR: 264, FPSR: 272, OUTCOME: 280, V: 288, BYTES: 800 } as const
/** What became of the instruction. */
export const OUTCOME = { next: 0, taken: 1, fault: 2 } as const

/** Memory both sides see. The instruction of case i lies at slotAddress(i). */
export const TEXT = 0x400000
export const DATA = 0x10000000
export const DATA_BYTES = 256 * 1024
export const DATA_MIDDLE = DATA + 96 * 1024
export const CASE_BYTES = 36
export const SLOT_OFFSET = 24
/** Literal loads read from here: POOL_BYTES bytes of a fixed pattern just below the cases. */
export const POOL = TEXT - 4096
export const POOL_BYTES = 64
export const poolContents = (): Uint8Array => Uint8Array.from({ length: POOL_BYTES }, (_, i) => (i * 151 + 77) & 0xff)
export const slotAddress = (index: number): number => TEXT + index * CASE_BYTES + SLOT_OFFSET

export interface Case {
  readonly word: number
  readonly seed: number
}

const DOUBLES = [
  0n,
  0x7ff0000000000000n,
  0x7ff8000000000001n,
  0x7ff0000000000001n,
  0x0000000000000001n,
  0x000fffffffffffffn,
  0x0010000000000000n,
  0x3ff0000000000000n,
  0x7fefffffffffffffn,
  0x41dfffffffc00000n,
  0x43e0000000000000n,
  0x3fe0000000000000n,
  0x36a0000000000000n,
  0x47efffffe0000000n,
  0x3ca0000000000000n
]
const SINGLES = [
  0, 0x7f800000, 0x7fc00001, 0x7f800001, 1, 0x007fffff, 0x00800000, 0x3f800000, 0x7f7fffff, 0x4f000000, 0x5f000000, 0x3f000000, 0x33000000,
  0x477fe000, 0x38800000
]
const HALVES = [0, 0x7c00, 0x7e01, 0x7c01, 1, 0x03ff, 0x0400, 0x3c00, 0x7bff, 0x3800, 0x5c00, 0x7800, 0x1400]
const INTEGERS = [
  0n,
  1n,
  ~0n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x7fn,
  0x80n,
  0xff00ff00ff00ff00n,
  0x5555555555555555n,
  0x0000000100000000n,
  63n,
  32n
]

export const integer = (r: Random): bigint => (r.chance(40) ? r.pick(INTEGERS) : r.chance(30) ? BigInt(r.below(512)) : r.doubleword())

/** 16 bytes of a vector register: raw bits, integers with extremes, or numbers near 1 and special values of one of the three formats. */
export const vector = (r: Random, view: DataView, at: number): void => {
  const sign = () => r.below(2)
  switch (r.below(6)) {
    case 0:
      for (let i = 0; i < 16; i += 4) view.setUint32(at + i, r.word(), true)
      return
    case 1:
      for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, BigInt.asUintN(64, integer(r)), true)
      return
    case 2:
      for (let i = 0; i < 16; i += 8) {
        const special = r.chance(35)
        const exponent = BigInt(r.chance(80) ? 1023 - 6 + r.below(12) : r.below(2047))
        const bits = special ? r.pick(DOUBLES) : (exponent << 52n) | (r.doubleword() & 0xfffffffffffffn & (r.chance(50) ? ~0n : 0xff00000000000n))
        view.setBigUint64(at + i, BigInt.asUintN(64, bits | (BigInt(sign()) << 63n)), true)
      }
      return
    case 3:
      for (let i = 0; i < 16; i += 4) {
        const exponent = r.chance(80) ? 127 - 6 + r.below(12) : r.below(255)
        const bits = r.chance(35) ? r.pick(SINGLES) : (exponent << 23) | (r.word() & (r.chance(50) ? 0x7fffff : 0x780000))
        view.setUint32(at + i, (bits | (sign() << 31)) >>> 0, true)
      }
      return
    case 4:
      for (let i = 0; i < 16; i += 2) {
        const exponent = r.chance(80) ? 15 - 4 + r.below(8) : r.below(31)
        view.setUint16(at + i, (r.chance(35) ? r.pick(HALVES) : (exponent << 10) | r.below(1024)) | (sign() << 15), true)
      }
      return
    default:
      for (let i = 0; i < 16; i++) view.setUint8(at + i, r.chance(50) ? r.pick([0, 1, 0x7f, 0x80, 0xff, 0x55]) : r.below(256))
  }
}

const isLoadStore = (word: number): boolean => ((word >>> 25) & 0b0101) === 0b0100
const isLiteral = (word: number): boolean => ((word >>> 24) & 0b00111011) === 0b00011000
const isRegisterBranch = (word: number): boolean => word >>> 25 === 0b1101011

/** FPCR bits the cases draw from: AHP, DN, FZ, RMode, FZ16; and with EBF, NEP, AH, FIZ and what reads as zero. */
const FPCR_BITS = 0x07c80000
const ALL_FPCR_BITS = 0x07ff2007
/** FPSR with only the cumulative inexact bit: the state in which most programs run. */
const FPSR_INEXACT = 0x10
const FPSR_BITS = 0x0800009f
export const drawFpcr = (r: Random): number => (r.chance(55) ? 0 : r.word() & (r.chance(60) ? FPCR_BITS : ALL_FPCR_BITS))
export const drawFpsr = (r: Random): number => (r.chance(40) ? FPSR_INEXACT : r.chance(50) ? 0 : r.word() & FPSR_BITS)

/** Writes the state before case `index` into `record`. Bases of loads and stores point into the data, targets of register branches behind the slot. */
export const writeState = (test: Case, index: number, record: DataView): void => {
  const r = new Random(test.seed)
  const { word } = test
  for (let i = 0; i < 31; i++) record.setBigUint64(RECORD.X + 8 * i, BigInt.asUintN(64, integer(r)), true)
  record.setBigUint64(RECORD.SP, BigInt(DATA_MIDDLE + 16 * r.below(64)), true)
  record.setBigUint64(RECORD.NZCV, BigInt(r.below(16)) << 28n, true)
  record.setBigUint64(RECORD.FPCR, BigInt(drawFpcr(r) >>> 0), true)
  record.setBigUint64(RECORD.FPSR, BigInt(drawFpsr(r) >>> 0), true)
  record.setBigUint64(RECORD.OUTCOME, 0n, true)
  for (let i = 0; i < 32; i++) vector(r, record, RECORD.V + 16 * i)
  const setX = (n: number, value: bigint) => {
    if (n < 31) record.setBigUint64(RECORD.X + 8 * n, BigInt.asUintN(64, value), true)
  }
  const Rn = (word >>> 5) & 31
  if (isLoadStore(word) && !isLiteral(word)) {
    const offset = BigInt(r.below(512) - 256)
    setX((word >>> 16) & 31, r.chance(50) ? BigInt.asUintN(32, offset) | (r.doubleword() & 0xffffffff00000000n) : offset)
    setX(Rn, BigInt(DATA_MIDDLE + (r.chance(70) ? 16 * r.below(256) : r.below(4096))))
  }
  if (isRegisterBranch(word)) setX(Rn, BigInt(slotAddress(index) + 8))
}

/** Brings immediates of branches and literal loads of the case at `index` to targets that exist: the word behind the slot's successor, or the pool. */
export const tame = (word: number, index: number, r: Random): number => {
  const field = (low: number, width: number, value: number) => ((word & ~(((1 << width) - 1) << low)) | ((value & ((1 << width) - 1)) << low)) >>> 0
  if (((word >>> 26) & 0b11111) === 0b00101) return field(0, 26, 2)
  if (word >>> 25 === 0b0101010 || ((word >>> 25) & 0b111111) === 0b011010) return field(5, 19, 2)
  if (((word >>> 25) & 0b111111) === 0b011011) return field(5, 14, 2)
  if (isLiteral(word)) return field(5, 19, (POOL - slotAddress(index)) / 4 + r.below(8))
  return word
}

/** Instructions a case cannot hold: system instructions, exception generation, memory copy and set (their split between P, M and E is the implementation's choice). */
export const excluded = (word: number): boolean =>
  isSystem(word) || isException(word) || isMemoryCopy(word) || isUnbranchable(word) || word >>> 16 === 0
const isSystem = (word: number) => word >>> 22 === 0b1101010100
const isException = (word: number) => word >>> 24 === 0b11010100
const isMemoryCopy = (word: number) =>
  ((word >>> 24) & 0b00111011) === 0b00011001 &&
  ((word >>> 10) & 3) === 1 &&
  ((word >>> 21) & 1) === 0 &&
  (word >>> 30 === 0 || ((word >>> 22) & 3) === 3)
/** ERET, DRPS, and branches to XZR. */
const isUnbranchable = (word: number) => isRegisterBranch(word) && (((word >>> 21) & 15) > 2 || ((word >>> 5) & 31) === 31)
