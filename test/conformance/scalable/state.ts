/** The state of one case with scalable registers: what both sides load before, and what is compared after. */
import { Random } from "../differential/random.ts"
import { type Case, DATA_MIDDLE, drawFpcr, drawFpsr, integer, vector } from "../differential/state.ts"

/** Vector lengths in bytes: what a program starts with on the other side. ZA has as many rows as a streaming vector has bytes. */
export const VL = 64
export const SVL = 32
export const VECTORS = 32
/** P0 to P15 and FFR. */
export const PREDICATES = 17
export const PL = VL / 8

/** Offsets in a record, in bytes. X0..X30; SM says in which mode the case runs; Z, P and ZA are as long as VL and SVL say. */
export const RECORD = {
  X: 0,
  SP: 248,
  NZCV: 256,
  FPCR: 264,
  FPSR: 272,
  FPMR: 280,
  SM: 288,
  OUTCOME: 296,
  Z: 320,
  P: 320 + VECTORS * VL,
  ZA: 2560,
  ZT0: 2560 + SVL * SVL,
  BYTES: 3712
} as const

/** Bytes of a vector in the mode of a record. */
export const vectorBytes = (record: DataView): number => (record.getUint32(RECORD.SM, true) ? SVL : VL)

const isMemory = (word: number): boolean => [0b1000010, 0b1010010, 0b1110010, 0b1110000].includes(word >>> 25)
const isAdvSimdMemory = (word: number): boolean => ((word >>> 25) & 0b0101) === 0b0100
/** The other side keeps what follows the last active element of a vertical slice, where a load should clear it: these load everything. */
const isVerticalLoad = (word: number): boolean => word >>> 25 === 0b1110000 && ((word >>> 15) & 1) === 1 && ((word >>> 21) & 1) === 0
const isWhile = (word: number): boolean => word >>> 24 === 0b00100101 && ((word >>> 21) & 1) === 1 && ((word >>> 13) & 7) === 0

/** 8 bytes of a predicate: all, nothing, elements of one size, or anything. */
const predicate = (r: Random, view: DataView, at: number, bytes: number, kind: number): void => {
  const size = r.below(4)
  for (let i = 0; i < bytes * 8; i++) {
    const isElement = i % (1 << size) === 0
    const bit =
      kind === 0
        ? true
        : kind === 1
          ? isElement
          : kind === 2
            ? isElement && r.chance(60)
            : kind === 3
              ? i < 8 * r.below(bytes)
              : r.chance(kind === 4 ? 50 : 15)
    if (bit) view.setUint8(at + (i >> 3), view.getUint8(at + (i >> 3)) | (1 << (i & 7)))
  }
}
const FORMATS = [0, 1, 0, 1, 0, 1, 2, 7]
const drawFpmr = (r: Random): bigint => {
  const scales = r.chance(50) ? 0n : (BigInt(r.below(64)) << 32n) | (BigInt(r.below(256)) << 24n) | (BigInt(r.below(128)) << 16n)
  return scales | BigInt(r.below(4) << 14) | BigInt((r.pick(FORMATS) << 6) | (r.pick(FORMATS) << 3) | r.pick(FORMATS))
}

/** Writes the state before a case into `record`, which is cleared first. */
export const writeState = (test: Case, record: DataView): void => {
  const r = new Random(test.seed)
  const { word } = test
  new Uint8Array(record.buffer, record.byteOffset, RECORD.BYTES).fill(0)
  const streaming = r.below(2)
  record.setBigUint64(RECORD.SM, BigInt(streaming), true)
  const bytes = vectorBytes(record)
  for (let i = 0; i < 31; i++) record.setBigUint64(RECORD.X + 8 * i, BigInt.asUintN(64, integer(r)), true)
  record.setBigUint64(RECORD.SP, BigInt(DATA_MIDDLE + 16 * r.below(64)), true)
  record.setBigUint64(RECORD.NZCV, BigInt(r.below(16)) << 28n, true)
  record.setBigUint64(RECORD.FPCR, BigInt(drawFpcr(r) >>> 0), true)
  record.setBigUint64(RECORD.FPSR, BigInt(drawFpsr(r) >>> 0), true)
  record.setBigUint64(RECORD.FPMR, drawFpmr(r), true)
  for (let n = 0; n < VECTORS; n++) for (let at = 0; at < bytes; at += 16) vector(r, record, RECORD.Z + VL * n + at)
  for (let n = 0; n < PREDICATES; n++) predicate(r, record, RECORD.P + PL * n, bytes / 8, isVerticalLoad(word) ? 0 : r.below(6))
  for (let at = 0; at < SVL * SVL; at += 16) vector(r, record, RECORD.ZA + at)
  for (let at = 0; at < 64; at += 16) vector(r, record, RECORD.ZT0 + at)
  const setX = (n: number, value: bigint) => {
    if (n < 31) record.setBigUint64(RECORD.X + 8 * n, BigInt.asUintN(64, value), true)
  }
  const [Rn, Rm] = [(word >>> 5) & 31, (word >>> 16) & 31]
  if (isMemory(word) || isAdvSimdMemory(word)) {
    setX(Rm, BigInt(r.below(256) - 128))
    setX(Rn, BigInt(DATA_MIDDLE + (r.chance(70) ? 16 * r.below(256) : r.below(4096))))
  }
  if (isWhile(word) && r.chance(80)) {
    const start = record.getBigUint64(RECORD.X + 8 * Math.min(Rn, 30), true)
    setX(Rm, start + BigInt(r.below(2 * VL) - 8))
  }
}
