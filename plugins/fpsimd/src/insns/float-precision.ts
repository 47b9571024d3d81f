/** The precisions of floating-point instructions: what encodings, text and features of one family differ in. */

/**
 * `ftype` is the field of scalar instructions, `same` bits 22:21 and 15:14 of the three-same group around Rm, `misc` bits 22:17 of the
 * two-register group; `T` the arrangements for Q = 0 and 1.
 */
export const half = {
  bits: 16,
  name: "half precision",
  letter: "H",
  ftype: "11",
  same: ["10", "00"],
  misc: "111100",
  T: "4h 8h",
  scalar: "FP16",
  vector: "AdvSIMD and FP16"
} as const
export const single = {
  bits: 32,
  name: "single precision",
  letter: "S",
  ftype: "00",
  same: ["01", "11"],
  misc: "010000",
  T: "2s 4s",
  scalar: "FP",
  vector: "AdvSIMD"
} as const
export const double = {
  bits: 64,
  name: "double precision",
  letter: "D",
  ftype: "01",
  same: ["11", "11"],
  misc: "110000",
  T: "- 2d",
  scalar: "FP",
  vector: "AdvSIMD"
} as const
export type Precision = typeof half | typeof single | typeof double
export const precisions: readonly Precision[] = [half, single, double]

/** Whether a vector of Q + 1 doublewords holds more than one element: there is no arrangement 1d. */
export const hasLanes = (p: Precision, Q: number): boolean => p.bits < 64 || Q === 1
export const vectorBits = (Q: number): number => (Q ? 128 : 64)
