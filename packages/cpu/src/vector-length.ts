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
/** Length that ZCR_ELx or SMCR_ELx ask for at the current exception level, in bits. */
const requested = ({ controls, el }: Pe, { el1, el2 }: typeof ZCR | typeof SMCR): number => {
  const limit = controls.low(controls.slot[el2]) & LEN
  const own = el === 2 || (el === 0 && controls.host) ? limit : controls.low(controls.slot[el1]) & LEN
  return 128 * (Math.min(own, limit) + 1)
}
const LEN = 15
/** The largest implemented length not above `request`; the smallest one when there is none. */
const implementedLength = (lengths: readonly number[], request: number): number => {
  let below = 0
  let smallest = Number.POSITIVE_INFINITY
  for (const length of lengths) {
    if (length <= request && length > below) below = length
    if (length < smallest) smallest = length
  }
  return below || smallest
}

/** Sets `pe.vectorBits` and `pe.streamingVectorBits`; what a shorter length hides becomes zero. */
export const updateVectorLengths = (pe: Pe): void => {
  const { vectorLengths, streamingVectorLengths } = pe.board
  const streaming = pe.svcr & SM
  pe.streamingVectorBits = streamingVectorLengths.length > 0 ? implementedLength(streamingVectorLengths, requested(pe, SMCR)) : 128
  const plain = vectorLengths.length > 0 ? implementedLength(vectorLengths, requested(pe, ZCR)) : 128
  const bits = streaming ? pe.streamingVectorBits : plain
  if (bits < pe.vectorBits) truncate(pe, bits / 8)
  pe.vectorBits = bits
}
const V_BITS = 128
/** Z registers are longer than V, and open to the current exception level outside streaming mode. */
export const haveUpperBits = (pe: Pe): boolean => pe.vectorBits > V_BITS && !(pe.svcr & SM) && isOpen(pe, "fp") && isOpen(pe, "sve")
/** The exception level has changed from one where they were open: where FP is open and SVE closed, what is above V becomes zero. */
export const hideUpperBits = (pe: Pe): void => {
  if (isOpen(pe, "fp") && !isOpen(pe, "sve")) truncate(pe, V_BITS / 8)
}
const truncate = (pe: Pe, bytes: number): void => {
  for (let n = 0; n < 32; n++) pe.bytes.fill(0, PE.Z + n * Z_BYTES + bytes, PE.Z + (n + 1) * Z_BYTES)
  for (let n = 0; n < 17; n++) pe.bytes.fill(0, PE.P + n * P_BYTES + bytes / 8, PE.P + (n + 1) * P_BYTES)
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
