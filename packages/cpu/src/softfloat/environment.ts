/**
 * What an inexact result becomes. The first four are FPCR.RMode; "nearestAway" (ties away from zero) and "odd" (to the neighbour whose last
 * bit is one) come from instructions. "odd" overflows to the largest number, "oddToInfinity" to infinity.
 */
export type Rounding = "nearestEven" | "up" | "down" | "zero" | "nearestAway" | "odd" | "oddToInfinity"

/** The cumulative exception bits at their FPSR positions. */
export const FPSR = { IOC: 1 << 0, DZC: 1 << 1, OFC: 1 << 2, UFC: 1 << 3, IXC: 1 << 4, IDC: 1 << 7 } as const

/**
 * The settings one floating-point operation obeys, and the exceptions it has met. Everything but `flags` is fixed for the life of the object:
 * an operation object may keep what it derived from it. Another FPCR value needs another environment.
 */
export interface FpEnvironment {
  readonly rounding: Rounding
  /** FZ: denormal single and double results (and, unless `alternate`, operands) become zero. */
  readonly flushToZero: boolean
  /** FZ16: the same for half precision, except in conversions to another precision. Never reports IDC. */
  readonly flushToZero16: boolean
  /** FIZ: denormal single and double operands become zero without IDC. */
  readonly flushInputsOnly: boolean
  /** DN: every NaN result is the default NaN. */
  readonly defaultNaN: boolean
  /** AH (FEAT_AFP). */
  readonly alternate: boolean
  /** AHP: conversions take half precision as a format without infinities and NaNs. */
  readonly alternativeHalf: boolean
  /** EBF: BFDOT and BFMMLA obey FPCR and round the sum of a pair once. */
  readonly extendedBfloat: boolean
  /** Cumulative FPSR bits (see `FPSR`); operations only ever set bits. */
  flags: number
  /** Whether operations may touch `flags`. */
  readonly recordFlags: boolean
}

const ROUNDING_MODES = ["nearestEven", "up", "down", "zero"] as const

/** The environment FPCR describes, with no exception recorded. NEP does not concern arithmetic and is not looked at. */
export function environmentOf(fpcr: number): FpEnvironment {
  const bit = (n: number) => ((fpcr >>> n) & 1) === 1
  return {
    rounding: ROUNDING_MODES[(fpcr >>> 22) & 3]!,
    flushToZero: bit(24),
    flushToZero16: bit(19),
    flushInputsOnly: bit(0),
    defaultNaN: bit(25),
    alternate: bit(1),
    alternativeHalf: bit(26),
    extendedBfloat: bit(13),
    flags: 0,
    recordFlags: true
  }
}

/** Names of the environments instructions choose from; "standard" is FPCR as it stands. */
export type EnvironmentName = "standard" | "za" | "bfloat16"

/** The environment of that name under the FPCR settings of `standard`. Only "standard" itself records exceptions. */
export function derivedEnvironment(standard: FpEnvironment, name: EnvironmentName): FpEnvironment {
  const silent = { ...standard, defaultNaN: true, recordFlags: false, flags: 0 }
  if (name === "za") return silent
  if (name === "bfloat16") return { ...silent, rounding: "oddToInfinity", flushToZero: true, flushInputsOnly: true }
  return standard
}

/**
 * What FPCR.AH = 1 puts in place of the environment for reciprocal estimates and steps, and for conversions to and multiplications of bfloat16:
 * round to nearest, flush single and double, record nothing. With AH = 0 the environment itself.
 */
export function estimateEnvironment(environment: FpEnvironment): FpEnvironment {
  if (!environment.alternate) return environment
  return { ...environment, rounding: "nearestEven", flushToZero: true, flushInputsOnly: true, recordFlags: false, flags: 0 }
}
