/** Effective vector lengths, and what a change of length or of PSTATE.SM and PSTATE.ZA does to the registers. */
import { PE } from "./layout.ts"
import type { Pe } from "./pe.ts"
import { isOpen } from "./trap-controls.ts"

const Z_BYTES = 256
const P_BYTES = 32
const SM = 1
const ZA = 2
/** FPSR after a change of PSTATE.SM: every cumulative flag. */
const FPSR_AFTER_SM = 0x0800009f

const ZCR = { el1: "ZCR_EL1", el2: "ZCR_EL2" } as const
const SMCR = { el1: "SMCR_EL1", el2: "SMCR_EL2" } as const
/** LEN that ZCR_ELx or SMCR_ELx ask for at the current exception level. */
const requested = ({ controls, el }: Pe, { el1, el2 }: typeof ZCR | typeof SMCR): number => {
  const limit = controls.low(controls.slot[el2]) & LEN
  const own = el === 2 || (el === 0 && controls.host) ? limit : controls.low(controls.slot[el1]) & LEN
  return Math.min(own, limit)
}
const LEN = 15
const V_BITS = 128
/** Length in bits by LEN: the largest implemented one not above, or the smallest one; 128 without any. */
const lengthTable = (lengths: readonly number[]): Uint16Array =>
  Uint16Array.from({ length: LEN + 1 }, (_, field) => {
    const below = lengths.filter((length) => length <= 128 * (field + 1))
    return below.length > 0 ? Math.max(...below) : lengths.length > 0 ? Math.min(...lengths) : V_BITS
  })
const tables = new WeakMap<readonly number[], Uint16Array>()
const implementedLength = (lengths: readonly number[], field: number): number => {
  let table = tables.get(lengths)
  if (!table) tables.set(lengths, (table = lengthTable(lengths)))
  return table[field]!
}

/** Sets `pe.vectorBits` and `pe.streamingVectorBits`; what a shorter length hides becomes zero. */
export const updateVectorLengths = (pe: Pe): void => {
  const { vectorLengths, streamingVectorLengths } = pe.board
  pe.streamingVectorBits = implementedLength(streamingVectorLengths, requested(pe, SMCR))
  const bits = pe.svcr & SM ? pe.streamingVectorBits : implementedLength(vectorLengths, requested(pe, ZCR))
  if (bits < pe.vectorBits && bits / 8 < pe.vectorsZeroFrom) {
    truncate(pe, bits / 8)
    pe.vectorsZeroFrom = bits / 8
  }
  pe.vectorBits = bits
  if (pe.el < pe.modelledEl) vectorsAreUsed(pe)
}
/** Code may run now, and fill vectors of the current length. */
export const vectorsAreUsed = (pe: Pe): void => {
  pe.vectorsZeroFrom = Math.max(pe.vectorsZeroFrom, pe.vectorBits / 8)
}
/** Z registers are longer than V, and open to the current exception level outside streaming mode. */
export const haveUpperBits = (pe: Pe): boolean => pe.vectorBits > V_BITS && !(pe.svcr & SM) && isOpen(pe, "fp") && isOpen(pe, "sve")
/** The exception level has changed from one where they were open: where FP is open and SVE closed, what is above V becomes zero. */
export const hideUpperBits = (pe: Pe): void => {
  if (isOpen(pe, "fp") && !isOpen(pe, "sve")) truncate(pe, V_BITS / 8)
}
const truncate = (pe: Pe, bytes: number): void => {
  keepLow(pe.words, PE.Z / 4, 32, Z_BYTES / 4, bytes / 4)
  keepLow(pe.halfwords, PE.P / 2, 17, P_BYTES / 2, bytes / 16)
}
const LOW = new Uint32Array((32 * Z_BYTES) / 4)
/** Of `count` registers the low `kept` elements stay, the others become zero: to fill all at once is much faster than each. */
const keepLow = (file: Uint32Array | Uint16Array, at: number, count: number, stride: number, kept: number): void => {
  for (let n = 0; n < count; n++) for (let i = 0; i < kept; i++) LOW[n * kept + i] = file[at + n * stride + i]!
  file.fill(0, at, at + count * stride)
  for (let n = 0; n < count; n++) for (let i = 0; i < kept; i++) file[at + n * stride + i] = LOW[n * kept + i]!
}

/** Writes PSTATE.SM and PSTATE.ZA. A change of SM clears Z, P, FFR and FPMR and sets the flags of FPSR; a change of ZA clears ZA and ZT0. */
export const writeSvcr = (pe: Pe, value: number): void => {
  const changed = (pe.svcr ^ value) & (SM | ZA)
  if (changed & SM) {
    pe.bytes.fill(0, PE.Z, PE.Z + 32 * Z_BYTES)
    pe.bytes.fill(0, PE.P, PE.P + 17 * P_BYTES)
    pe.fpsr = FPSR_AFTER_SM
    pe.doublewords[PE.FPMR >> 3] = 0n
  }
  if (changed & ZA) {
    pe.bytes.fill(0, PE.ZA, PE.ZA + Z_BYTES * Z_BYTES)
    pe.bytes.fill(0, PE.ZT0, PE.ZT0 + 64)
  }
  pe.svcr = value & (SM | ZA)
  updateVectorLengths(pe)
  pe.trapKeys.stale = true
}
