import { EC } from "@eltwo/isa"

/** ISS bits of a data abort that describe the instruction. */
const ISV = 1 << 24
const sas = (size: number): number => size << 22
const SSE = 1 << 21
const srt = (Rt: number): number => Rt << 16
const SF = 1 << 15
const AR = 1 << 14

/**
 * What ISS says about the load or store `word` after a stage 2 data abort: size, sign extension, register and width, for the accesses of one general
 * register without write-back; 0 for all others.
 */
export const accessSyndrome = (word: number): number => {
  const size = word >>> 30
  const Rt = word & 31
  const opc = (word >>> 22) & 3
  const ordered = (word & 0x3f808000) >>> 0
  if (ordered === 0x08808000) return ISV | sas(size) | srt(Rt) | (size === 3 ? SF : 0) | AR
  const unsignedOffset = (word & 0x3f000000) === 0x39000000
  const unscaledOrUnprivileged = (word & 0x3f200400) === 0x38000000
  const registerOffset = (word & 0x3f200c00) === 0x38200800
  if (!unsignedOffset && !unscaledOrUnprivileged && !registerOffset) return 0
  if (opc >= 2 && size === 3) return 0
  const signed = opc >= 2
  const wide = signed ? opc === 2 : size === 3
  return ISV | sas(size) | (signed ? SSE : 0) | srt(Rt) | (wide ? SF : 0)
}
/** ISS bit S1PTW: the fault was on a stage 1 table walk, where nothing is known of the instruction. */
const S1PTW = 1 << 7
/** Whether a data abort is one whose ISS describes the instruction: taken from below to EL2. */
export const describesAccess = (exception: {
  readonly ec: number
  readonly target: number
  readonly iss: number
  readonly hpfar?: bigint
}): boolean => exception.ec === EC.DataAbortLower && exception.target === 2 && exception.hpfar !== undefined && (exception.iss & S1PTW) === 0
