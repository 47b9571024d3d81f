// Seeded operands for the arithmetic tests. The golden results belong to exactly these sequences: any change here needs a new recording.

/** 32-bit random numbers from a seed (the mulberry32 scheme). */
export function randomWords(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return (x ^ (x >>> 14)) >>> 0
  }
}

export type Random = () => number

const below = (random: Random, n: number) => random() % n
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!
const wide = (random: Random, bits: number): bigint => BigInt.asUintN(bits, (BigInt(random()) << 32n) | BigInt(random()))

export type FloatName = "h" | "s" | "d" | "b"

interface Layout {
  readonly exponentBits: number
  readonly fractionBits: number
}

const LAYOUTS: Readonly<Record<FloatName, Layout>> = {
  h: { exponentBits: 5, fractionBits: 10 },
  s: { exponentBits: 8, fractionBits: 23 },
  d: { exponentBits: 11, fractionBits: 52 },
  b: { exponentBits: 8, fractionBits: 7 }
}

/** Unbiased exponents at which some format or integer width begins, ends or becomes denormal. */
const EDGES = [
  0, 0, 0, -1, 1, 10, 15, 16, 23, 24, 31, 32, 52, 53, 63, 64, 127, 128, -14, -15, -24, -25, -64, -126, -127, -134, -149, -150, 1023, -1022
]

const compose = ({ exponentBits, fractionBits }: Layout, sign: number, field: number, fraction: bigint): bigint =>
  (BigInt(sign) << BigInt(exponentBits + fractionBits)) | (BigInt(field) << BigInt(fractionBits)) | fraction

/** Exponents of the powers of two, and of the fractions full of ones, that limit the range of some format or integer. */
const LIMIT_EXPONENTS = [-15, -15, -127, -127, -1023, -1, 15, 30, 31, 62, 63, 127]

/** A fraction of which only the ends are set: what lies on or beside a rounding boundary of some narrower format. */
function sparseFraction(random: Random, bits: number): bigint {
  const kept = below(random, bits + 1)
  const top = (wide(random, bits) >> BigInt(bits - kept)) << BigInt(bits - kept)
  const half = kept < bits && random() & 1 ? 1n << BigInt(bits - kept - 1) : 0n
  const last = pick(random, [0n, 0n, 0n, 1n])
  return pick(random, [top | half | last, BigInt.asUintN(bits, (top | half) - last), (1n << BigInt(bits)) - 1n - last])
}

function specialFloat(random: Random, layout: Layout): bigint {
  const { exponentBits, fractionBits } = layout
  const sign = random() & 1
  const infinite = 2 ** exponentBits - 1
  const quiet = 1n << BigInt(fractionBits - 1)
  const payload = wide(random, fractionBits - 1)
  switch (below(random, 10)) {
    case 0:
    case 1:
      return compose(layout, sign, 0, 0n)
    case 2:
      return compose(layout, sign, infinite, 0n)
    case 3:
      return compose(layout, sign, infinite, quiet | payload)
    case 4:
      return compose(layout, sign, infinite, payload | 1n)
    case 5:
      return compose(layout, sign, 0, pick(random, [1n, 2n, quiet, quiet >> 1n, 2n * quiet - 1n, payload, quiet | payload]))
    case 6:
      return compose(layout, sign, 1, pick(random, [0n, 0n, 1n, payload]))
    case 7:
      return compose(layout, sign, infinite - 1, pick(random, [2n * quiet - 1n, 2n * quiet - 2n, payload]))
    default:
      return compose(layout, sign, (infinite >> 1) + pick(random, [0, 0, 1, 1, 2, -1]), pick(random, [0n, 0n, quiet, quiet >> 1n, 1n]))
  }
}

/** A number at the lower end of the normal range, or a denormal one. */
export function tinyOperand(random: Random, name: FloatName): bigint {
  const layout = LAYOUTS[name]
  return compose(layout, random() & 1, below(random, 3), sparseFraction(random, layout.fractionBits))
}

/** A zero, an infinity, a NaN, an extreme or a simple value of that format. */
export const specialOperand = (random: Random, name: FloatName): bigint => specialFloat(random, LAYOUTS[name])

/** One operand of that format: special values, values at boundaries, mid-range values, or any bits. */
export function floatOperand(random: Random, name: FloatName): bigint {
  const layout = LAYOUTS[name]
  const { exponentBits, fractionBits } = layout
  const bias = 2 ** (exponentBits - 1) - 1
  const fraction = random() & 1 ? wide(random, fractionBits) : sparseFraction(random, fractionBits)
  const sign = random() & 1
  const field = (exponent: number) => Math.min(Math.max(bias + exponent, 0), 2 * bias)
  switch (below(random, 9)) {
    case 0:
    case 1:
      return specialFloat(random, layout)
    case 8: {
      const ones = (1n << BigInt(fractionBits)) - (1n << BigInt(below(random, fractionBits)))
      return compose(layout, sign, field(pick(random, LIMIT_EXPONENTS)), pick(random, [0n, ones]))
    }
    case 2:
    case 3:
      return compose(layout, sign, field(pick(random, EDGES) + below(random, 5) - 2), fraction)
    case 4:
    case 5:
    case 6:
      return compose(layout, sign, field(below(random, 13) - 6), fraction)
    default:
      return wide(random, 1 + exponentBits + fractionBits)
  }
}

export function integerOperand(random: Random, bits: number): bigint {
  const limit = 1n << BigInt(bits - 1)
  const narrow = wide(random, bits) >> BigInt(below(random, bits))
  const value = pick(random, [0n, 1n, limit - 1n, limit, limit + 1n, wide(random, bits), narrow, narrow, narrow, sparseFraction(random, bits)])
  return BigInt.asUintN(bits, random() & 1 ? value : -value)
}

const view = new DataView(new ArrayBuffer(8))

/** Single or double bits as a number, and back. */
const valueAs = (bits: bigint, name: "s" | "d"): number => {
  if (name === "d") view.setBigUint64(0, bits)
  else view.setUint32(0, Number(bits))
  return name === "d" ? view.getFloat64(0) : view.getFloat32(0)
}
const bitsAs = (value: number, name: "s" | "d"): bigint => {
  if (name === "d") view.setFloat64(0, value)
  else view.setFloat32(0, value)
  return name === "d" ? view.getBigUint64(0) : BigInt(view.getUint32(0))
}

export type FloatSource = (random: Random, name: FloatName) => bigint

/** A partner for `x` such that their product lies about where the format overflows or its normal numbers begin. */
export function boundaryPartner(random: Random, name: FloatName, x: bigint): bigint {
  const layout = LAYOUTS[name]
  const { exponentBits, fractionBits } = layout
  const largest = 2 ** exponentBits - 1
  const bias = largest >> 1
  const field = Number(x >> BigInt(fractionBits)) & largest
  // Fields add up to this plus the bias in a product whose fraction does not carry.
  const wanted = pick(random, [largest, largest - 1, 2, 1, 0, -1, -fractionBits]) + bias - field
  const fraction = pick(random, [wide(random, fractionBits), sparseFraction(random, fractionBits)])
  return compose(layout, random() & 1, Math.min(Math.max(wanted, 0), largest - 1), fraction)
}

/** Three operands of one format, often chosen to nearly cancel in a sum or in a fused multiplication. */
export function relatedFloats(random: Random, name: FloatName): [bigint, bigint, bigint] {
  const x = floatOperand(random, name)
  const bits = 1 + LAYOUTS[name].exponentBits + LAYOUTS[name].fractionBits
  const near = BigInt.asUintN(bits, x + BigInt(below(random, 7) - 3))
  const y = pick(random, [
    () => near ^ (BigInt(random() & 1) << BigInt(bits - 1)),
    () => boundaryPartner(random, name, x),
    () => floatOperand(random, name),
    () => floatOperand(random, name)
  ])()
  const z = floatOperand(random, name)
  if (below(random, 4) !== 0 || name === "h" || name === "b") return [x, y, z]
  const product = -valueAs(x, name) * valueAs(y, name)
  if (!Number.isFinite(product)) return [x, y, z]
  return [x, y, BigInt.asUintN(bits, bitsAs(product, name) + BigInt(below(random, 5) - 2))]
}

const FPCR = { AHP: 26, DN: 25, FZ: 24, RMode: 22, FZ16: 19, EBF: 13, NEP: 2, AH: 1, FIZ: 0 } as const

/** An FPCR value: any RMode, FZ, FZ16, DN, AHP; half of the time also any EBF, NEP, AH, FIZ. */
export function fpcrOperand(random: Random): number {
  const r = random()
  const bit = (n: number, at: number) => ((r >>> n) & 1) << at
  const base = (((r >>> 10) & 3) << FPCR.RMode) | bit(0, FPCR.FZ) | bit(1, FPCR.FZ16) | bit(2, FPCR.DN) | bit(3, FPCR.AHP)
  if (r >>> 31 === 0) return base
  return base | bit(4, FPCR.EBF) | bit(5, FPCR.NEP) | bit(6, FPCR.AH) | bit(7, FPCR.FIZ)
}
