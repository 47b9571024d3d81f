/** A binary interchange format: one sign bit, then biased exponent, then fraction. */
export interface Format {
  readonly exponentBits: number
  readonly fractionBits: number
  /** Whether the largest exponent field means infinity or NaN; false for the alternative half precision, where it is one more binade. */
  readonly specials: boolean
}

export type FormatName = 16 | 32 | 64 | "bfloat16"

export const formats: Readonly<Record<FormatName, Format>> = {
  16: { exponentBits: 5, fractionBits: 10, specials: true },
  32: { exponentBits: 8, fractionBits: 23, specials: true },
  64: { exponentBits: 11, fractionBits: 52, specials: true },
  bfloat16: { exponentBits: 8, fractionBits: 7, specials: true }
}

/** Half precision as conversions see it under FPCR.AHP. */
export const alternativeHalf: Format = { exponentBits: 5, fractionBits: 10, specials: false }
