// Instructions whose results the arithmetic of packages/cpu/src/softfloat must reproduce, each with the composition of operations it stands for.
import { environmentOf, FPSR, type Rounding, Soft, unsignedRecipEstimate, unsignedRecipSqrtEstimate } from "../src/softfloat/index.ts"
import {
  boundaryPartner,
  type FloatName,
  type FloatSource,
  floatOperand,
  fpcrOperand,
  integerOperand,
  type Random,
  relatedFloats,
  specialOperand,
  tinyOperand
} from "./softfloat-operands.ts"

/** The operation objects of one FPCR value; they share one set of exception flags. */
export interface Softs {
  readonly h: Soft
  readonly s: Soft
  readonly d: Soft
  readonly b: Soft
}

export function softsOf(fpcr: number): Softs {
  const environment = environmentOf(fpcr)
  return { h: new Soft(16, environment), s: new Soft(32, environment), d: new Soft(64, environment), b: new Soft("bfloat16", environment) }
}

interface FloatLane {
  readonly float: FloatName
  readonly count: number
}

/** What one lane of an operand register holds: floats of a format or an integer. */
type Lane = FloatLane | { readonly integer: number }

export interface Operation {
  readonly name: string
  /** Reads v1, v2, v3 (v0 holds a copy of v3) or w1/x1 (low part of v1); leaves its result in v0. */
  readonly assembly: string
  readonly operands: readonly Lane[]
  readonly resultBits: number
  readonly lanes: number
  /** One lane of the result. */
  readonly evaluate: (softs: Softs, x: bigint, y: bigint, z: bigint) => bigint
}

export interface Case {
  readonly fpcr: number
  /** v1, v2, v3 before the instruction. */
  readonly operands: readonly [bigint, bigint, bigint]
}

const BITS: Readonly<Record<FloatName, number>> = { h: 16, s: 32, d: 64, b: 16 }
const laneBits = (lane: Lane) => ("integer" in lane ? lane.integer : BITS[lane.float] * lane.count)
const repeat = <T>(n: number, make: (index: number) => T): T[] => Array.from({ length: n }, (_, index) => make(index))
const join = (parts: readonly bigint[], bits: number): bigint => parts.reduce((all, part, i) => all | (part << BigInt(i * bits)), 0n)
const part = (all: bigint, index: number, bits: number): bigint => BigInt.asUintN(bits, all >> BigInt(index * bits))

function drawLane(random: Random, lane: Lane, source: FloatSource): bigint {
  if ("integer" in lane) return integerOperand(random, lane.integer)
  return join(
    repeat(lane.count, () => source(random, lane.float)),
    BITS[lane.float]
  )
}

/** Operands of which the second, part by part, makes boundary cases of products with the first; the third is tiny. */
const boundaryLanes = (random: Random, lanes: readonly Lane[], first: bigint): bigint[] =>
  lanes.map((lane, n) => {
    if (n === 1 && "float" in lane) {
      return join(
        repeat(lane.count, (i) => boundaryPartner(random, lane.float, part(first, i, BITS[lane.float]))),
        BITS[lane.float]
      )
    }
    return n === 0 ? first : drawLane(random, lane, tinyOperand)
  })

function drawLanes(random: Random, lanes: readonly Lane[], source: FloatSource): bigint[] {
  const first = lanes[0]!
  if ("float" in first && lanes.length > 1 && (random() & 3) === 0) return boundaryLanes(random, lanes, drawLane(random, first, source))
  const related = "float" in first && lanes.every((lane) => "float" in lane && lane.float === first.float && lane.count === 1)
  if (related && source === floatOperand) return relatedFloats(random, first.float)
  return lanes.map((lane) => drawLane(random, lane, source))
}

/** One case in four has special operands only. */
export function drawCase(random: Random, operation: Operation): Case {
  const fpcr = fpcrOperand(random)
  const source = (random() & 3) === 0 ? specialOperand : floatOperand
  const lanes = repeat(operation.lanes, () => drawLanes(random, operation.operands, source))
  const operand = (n: number) => {
    const lane = operation.operands[n]
    return lane === undefined
      ? 0n
      : join(
          lanes.map((values) => values[n]!),
          laneBits(lane)
        )
  }
  return { fpcr, operands: [operand(0), operand(1), operand(2)] }
}

export interface Outcome {
  readonly result: bigint
  readonly flags: number
}

/** What our arithmetic makes of a case. */
export function evaluateCase(operation: Operation, { fpcr, operands }: Case): Outcome {
  const softs = softsOf(fpcr)
  const lane = (operand: number, index: number) => {
    const kind = operation.operands[operand]
    return kind === undefined ? 0n : part(operands[operand]!, index, laneBits(kind))
  }
  const results = repeat(operation.lanes, (i) => operation.evaluate(softs, lane(0, i), lane(1, i), lane(2, i)))
  return { result: join(results, operation.resultBits), flags: softs.s.environment.flags }
}

/** The exception bits of FPSR. */
export const FLAGS = Object.values(FPSR).reduce((all, bit) => all | bit, 0)

type Binary = (F: Soft, x: bigint, y: bigint, z: bigint) => bigint
const all = ["h", "s", "d"] as const
const float = (name: FloatName, count = 1): Lane => ({ float: name, count })
const mask = (bits: number, condition: boolean) => (condition ? (1n << BigInt(bits)) - 1n : 0n)
const scalar = (arity: number, mnemonic: string, run: Binary, precisions: readonly ("h" | "s" | "d")[] = all): Operation[] =>
  precisions.map((p) => ({
    name: `${mnemonic} ${p}`,
    assembly: `${mnemonic} ${repeat(arity + 1, (i) => `${p}${i}`).join(", ")}`,
    operands: repeat(arity, () => float(p)),
    resultBits: BITS[p],
    lanes: 1,
    evaluate: (softs, x, y, z) => run(softs[p], x, y, z)
  }))

const arithmetic = [
  ...scalar(2, "fadd", (F, x, y) => F.add(x, y)),
  ...scalar(2, "fsub", (F, x, y) => F.subtract(x, y)),
  ...scalar(2, "fmul", (F, x, y) => F.multiply(x, y)),
  ...scalar(2, "fdiv", (F, x, y) => F.divide(x, y)),
  ...scalar(2, "fnmul", (F, x, y) => F.negate(F.multiply(x, y))),
  ...scalar(2, "fabd", (F, x, y) => F.absolute(F.subtract(x, y))),
  ...scalar(2, "fmax", (F, x, y) => F.maximum(x, y)),
  ...scalar(2, "fmin", (F, x, y) => F.minimum(x, y)),
  ...scalar(2, "fmaxnm", (F, x, y) => F.maximumNumber(x, y)),
  ...scalar(2, "fminnm", (F, x, y) => F.minimumNumber(x, y)),
  ...scalar(2, "fmulx", (F, x, y) => F.mulExtended(x, y)),
  ...scalar(1, "fsqrt", (F, x) => F.squareRoot(x)),
  ...scalar(1, "fabs", (F, x) => F.absolute(x)),
  ...scalar(1, "fneg", (F, x) => F.negate(x)),
  ...scalar(3, "fmadd", (F, x, y, z) => F.multiplyAdd(z, x, y)),
  ...scalar(3, "fmsub", (F, x, y, z) => F.multiplyAdd(z, F.negate(x), y)),
  ...scalar(3, "fnmadd", (F, x, y, z) => F.multiplyAdd(F.negate(z), F.negate(x), y)),
  ...scalar(3, "fnmsub", (F, x, y, z) => F.multiplyAdd(F.negate(z), x, y))
]

const estimates = [
  ...scalar(1, "frecpe", (F, x) => F.recipEstimate(x)),
  ...scalar(1, "frsqrte", (F, x) => F.recipSqrtEstimate(x)),
  ...scalar(1, "frecpx", (F, x) => F.recipExponent(x)),
  ...scalar(2, "frecps", (F, x, y) => F.recipStep(x, y)),
  ...scalar(2, "frsqrts", (F, x, y) => F.recipSqrtStep(x, y))
]

const masks = (mnemonic: string, test: (F: Soft, x: bigint, y: bigint) => boolean) => scalar(2, mnemonic, (F, x, y) => mask(F.bits, test(F, x, y)))

const compares: Operation[] = [
  ...(["fcmp", "fcmpe"] as const).flatMap((mnemonic) =>
    all.map((p) => ({
      name: `${mnemonic} ${p}`,
      assembly: `${mnemonic} ${p}1, ${p}2; mrs x0, nzcv; lsr x0, x0, 28; fmov d0, x0`,
      operands: [float(p), float(p)],
      resultBits: 8,
      lanes: 1,
      evaluate: (softs: Softs, x: bigint, y: bigint) => BigInt(softs[p].compare(x, y, mnemonic === "fcmpe"))
    }))
  ),
  ...masks("fcmeq", (F, x, y) => F.equal(x, y)),
  ...masks("fcmge", (F, x, y) => F.greaterOrEqual(x, y)),
  ...masks("fcmgt", (F, x, y) => F.greater(x, y)),
  ...masks("facge", (F, x, y) => F.absoluteGreaterOrEqual(x, y)),
  ...masks("facgt", (F, x, y) => F.absoluteGreater(x, y))
]

const ROUNDINGS: readonly (readonly [string, Rounding])[] = [
  ["n", "nearestEven"],
  ["p", "up"],
  ["m", "down"],
  ["z", "zero"],
  ["a", "nearestAway"]
]

const integrals = [
  ...ROUNDINGS.flatMap(([letter, rounding]) => scalar(1, `frint${letter}`, (F, x) => F.roundToIntegral(x, rounding))),
  ...scalar(1, "frintx", (F, x) => F.roundToIntegral(x, F.environment.rounding, true)),
  ...scalar(1, "frinti", (F, x) => F.roundToIntegral(x)),
  ...([32, 64] as const).flatMap((bits) => [
    ...scalar(1, `frint${bits}z`, (F, x) => F.roundToInteger(x, bits, "zero"), ["s", "d"]),
    ...scalar(1, `frint${bits}x`, (F, x) => F.roundToInteger(x, bits), ["s", "d"])
  ])
]

const signs = [
  ["s", true],
  ["u", false]
] as const
const general = [
  ["w", 32],
  ["x", 64]
] as const

/** FCVTcs, FCVTcu to a general register, also fixed point; then the forms within SIMD registers. */
const toIntegers: Operation[] = signs.flatMap(([sign, signed]) =>
  all.flatMap((p) => [
    ...ROUNDINGS.flatMap(([letter, rounding]) =>
      general.map(([register, bits]) => ({
        name: `fcvt${letter}${sign} ${register} ${p}`,
        assembly: `fcvt${letter}${sign} ${register}0, ${p}1; fmov d0, x0`,
        operands: [float(p)],
        resultBits: bits,
        lanes: 1,
        evaluate: (softs: Softs, x: bigint) => softs[p].toInteger(x, bits, signed, rounding)
      }))
    ),
    ...general.flatMap(([register, bits]) =>
      [1, 9, bits - 1, bits].map((fraction) => ({
        name: `fcvtz${sign} ${register} ${p} ${fraction}`,
        assembly: `fcvtz${sign} ${register}0, ${p}1, ${fraction}; fmov d0, x0`,
        operands: [float(p)],
        resultBits: bits,
        lanes: 1,
        evaluate: (softs: Softs, x: bigint) => softs[p].toInteger(x, bits, signed, "zero", fraction)
      }))
    ),
    ...[0, 3, BITS[p]].map((fraction) => ({
      name: `fcvtz${sign} simd ${p} ${fraction}`,
      assembly: `fcvtz${sign} ${p}0, ${p}1${fraction === 0 ? "" : `, ${fraction}`}`,
      operands: [float(p)],
      resultBits: BITS[p],
      lanes: 1,
      evaluate: (softs: Softs, x: bigint) => softs[p].toInteger(x, BITS[p], signed, "zero", fraction)
    }))
  ])
)

const fromIntegers: Operation[] = signs.flatMap(([sign, signed]) =>
  all.flatMap((p) => {
    const value = (x: bigint, bits: number) => (signed ? BigInt.asIntN(bits, x) : x)
    return [
      ...general.flatMap(([register, bits]) =>
        [0, 5, bits].map((fraction) => ({
          name: `${sign}cvtf ${p} ${register} ${fraction}`,
          assembly: `${sign}cvtf ${p}0, ${register}1${fraction === 0 ? "" : `, ${fraction}`}`,
          operands: [{ integer: bits }],
          resultBits: BITS[p],
          lanes: 1,
          evaluate: (softs: Softs, x: bigint) => softs[p].fromInteger(value(x, bits), fraction)
        }))
      ),
      ...[0, 1, BITS[p]].map((fraction) => ({
        name: `${sign}cvtf simd ${p} ${fraction}`,
        assembly: `${sign}cvtf ${p}0, ${p}1${fraction === 0 ? "" : `, ${fraction}`}`,
        operands: [{ integer: BITS[p] }],
        resultBits: BITS[p],
        lanes: 1,
        evaluate: (softs: Softs, x: bigint) => softs[p].fromInteger(value(x, BITS[p]), fraction)
      }))
    ]
  })
)

const conversion = (mnemonic: string, from: "h" | "s" | "d", to: FloatName, rounding?: Rounding): Operation => ({
  name: `${mnemonic} ${to} ${from}`,
  assembly: `${mnemonic} ${to === "b" ? "h" : to}0, ${from}1`,
  operands: [float(from)],
  resultBits: BITS[to],
  lanes: 1,
  evaluate: (softs, x) => softs[to].convert(x, softs[from], rounding)
})

const conversions: Operation[] = [
  ...all.flatMap((from) => all.filter((to) => to !== from).map((to) => conversion("fcvt", from, to))),
  conversion("bfcvt", "s", "b"),
  conversion("fcvtxn", "d", "s", "odd"),
  {
    name: "fjcvtzs",
    assembly: "fjcvtzs w0, d1; mrs x9, nzcv; ubfx x9, x9, 30, 1; bfi x0, x9, 32, 32; fmov d0, x0",
    operands: [float("d")],
    resultBits: 64,
    lanes: 1,
    evaluate: ({ d }, x) => {
      const { result, exact } = d.jsConvert(x)
      return result | (exact ? 1n << 32n : 0n)
    }
  }
]

/** One complex element: real part in the low half. */
const complex = (p: "h" | "s" | "d", z: bigint) => [part(z, 0, BITS[p]), part(z, 1, BITS[p])] as const
const arrangement = { h: "8h", s: "4s", d: "2d" } as const

const complexOperations: Operation[] = all.flatMap((p) => {
  const forms = (mnemonic: string, rotation: number, run: (F: Soft, x: bigint, y: bigint, z: bigint) => readonly bigint[]): Operation => ({
    name: `${mnemonic} ${arrangement[p]} ${rotation}`,
    assembly: `${mnemonic} v0.${arrangement[p]}, v1.${arrangement[p]}, v2.${arrangement[p]}, ${rotation}`,
    operands: [float(p, 2), float(p, 2), float(p, 2)],
    resultBits: 2 * BITS[p],
    lanes: 64 / BITS[p],
    evaluate: (softs, x, y, z) => join(run(softs[p], x, y, z), BITS[p])
  })
  const add = (rotation: number) =>
    forms("fcadd", rotation, (F, x, y) => {
      const [real, imaginary] = complex(p, x)
      const [otherReal, otherImaginary] = complex(p, y)
      if (rotation === 90) return [F.add(real, F.negate(otherImaginary)), F.add(imaginary, otherReal)]
      return [F.add(real, otherImaginary), F.add(imaginary, F.negate(otherReal))]
    })
  const multiply = (rotation: number) =>
    forms("fcmla", rotation, (F, x, y, z) => {
      const odd = rotation === 90 || rotation === 270
      const factor = complex(p, x)[odd ? 1 : 0]!
      const [real, imaginary] = complex(p, y)
      const first = odd ? imaginary : real
      const second = odd ? real : imaginary
      const [sumReal, sumImaginary] = complex(p, z)
      return [
        F.multiplyAdd(sumReal, factor, rotation === 90 || rotation === 180 ? F.negate(first) : first),
        F.multiplyAdd(sumImaginary, factor, rotation === 180 || rotation === 270 ? F.negate(second) : second)
      ]
    })
  return [add(90), add(270), multiply(0), multiply(90), multiply(180), multiply(270)]
})

const bfloatMatrixElement = (s: Soft, addend: bigint, x: bigint, y: bigint) =>
  s.bfloatDot(s.bfloatDot(addend, part(x, 0, 32), part(y, 0, 32)), part(x, 1, 32), part(y, 1, 32))

const sums: Operation[] = [
  {
    name: "bfdot",
    assembly: "bfdot v0.4s, v1.8h, v2.8h",
    operands: [float("b", 2), float("b", 2), float("s")],
    resultBits: 32,
    lanes: 4,
    evaluate: ({ s }, x, y, z) => s.bfloatDot(z, x, y)
  },
  {
    name: "bfmmla",
    assembly: "bfmmla v0.4s, v1.8h, v2.8h",
    operands: [float("b", 8), float("b", 8), float("s", 4)],
    resultBits: 128,
    lanes: 1,
    evaluate: ({ s }, x, y, z) =>
      join(
        repeat(4, (i) => bfloatMatrixElement(s, part(z, i, 32), part(x, i >> 1, 64), part(y, i & 1, 64))),
        32
      )
  },
  ...(["b", "t"] as const).map(
    (half, index): Operation => ({
      name: `bfmlal${half}`,
      assembly: `bfmlal${half} v0.4s, v1.8h, v2.8h`,
      operands: [float("b", 2), float("b", 2), float("s")],
      resultBits: 32,
      lanes: 4,
      evaluate: ({ s }, x, y, z) => s.bfloatMultiplyAdd(z, part(x, index, 16), part(y, index, 16))
    })
  ),
  ...(["fmlal", "fmlsl"] as const).map(
    (mnemonic): Operation => ({
      name: mnemonic,
      assembly: `${mnemonic} v0.4s, v1.4h, v2.4h`,
      operands: [float("h"), float("h"), float("s")],
      resultBits: 32,
      lanes: 4,
      evaluate: ({ h, s }, x, y, z) => s.halfMultiplyAdd(z, mnemonic === "fmlsl" ? h.negate(x) : x, y)
    })
  )
]

const vector = (arity: number, mnemonic: string, run: Binary): Operation[] =>
  all.map((p) => ({
    name: `${mnemonic} ${arrangement[p]}`,
    assembly: `${mnemonic} ${repeat(Math.min(arity, 2) + 1, (i) => `v${i}.${arrangement[p]}`).join(", ")}`,
    operands: repeat(arity, () => float(p)),
    resultBits: BITS[p],
    lanes: 128 / BITS[p],
    evaluate: (softs, x, y, z) => run(softs[p], x, y, z)
  }))

const word: Lane = { integer: 32 }
const vectors: Operation[] = [
  ...vector(2, "fadd", (F, x, y) => F.add(x, y)),
  ...vector(2, "fdiv", (F, x, y) => F.divide(x, y)),
  ...vector(2, "fmax", (F, x, y) => F.maximum(x, y)),
  ...vector(2, "fminnm", (F, x, y) => F.minimumNumber(x, y)),
  ...vector(2, "famax", (F, x, y) => F.absoluteMaximum(x, y)),
  ...vector(2, "famin", (F, x, y) => F.absoluteMinimum(x, y)),
  ...vector(2, "fmulx", (F, x, y) => F.mulExtended(x, y)),
  ...vector(2, "frecps", (F, x, y) => F.recipStep(x, y)),
  ...vector(2, "facgt", (F, x, y) => mask(F.bits, F.absoluteGreater(x, y))),
  ...vector(3, "fmla", (F, x, y, z) => F.multiplyAdd(z, x, y)),
  ...vector(3, "fmls", (F, x, y, z) => F.multiplyAdd(z, F.negate(x), y)),
  ...vector(1, "fsqrt", (F, x) => F.squareRoot(x)),
  ...vector(1, "frecpe", (F, x) => F.recipEstimate(x)),
  ...vector(1, "frsqrte", (F, x) => F.recipSqrtEstimate(x)),
  ...vector(1, "frintx", (F, x) => F.roundToIntegral(x, F.environment.rounding, true)),
  ...vector(1, "fcvtas", (F, x) => F.toInteger(x, F.bits, true, "nearestAway")),
  {
    name: "urecpe",
    assembly: "urecpe v0.4s, v1.4s",
    operands: [word],
    resultBits: 32,
    lanes: 4,
    evaluate: (_, x) => unsignedRecipEstimate(x)
  },
  {
    name: "ursqrte",
    assembly: "ursqrte v0.4s, v1.4s",
    operands: [word],
    resultBits: 32,
    lanes: 4,
    evaluate: (_, x) => unsignedRecipSqrtEstimate(x)
  },
  {
    name: "fcvtn 4h",
    assembly: "fcvtn v0.4h, v1.4s",
    operands: [float("s")],
    resultBits: 16,
    lanes: 4,
    evaluate: ({ h, s }, x) => h.convert(x, s)
  },
  {
    name: "fcvtl 4s",
    assembly: "fcvtl v0.4s, v1.4h",
    operands: [float("h")],
    resultBits: 32,
    lanes: 4,
    evaluate: ({ h, s }, x) => s.convert(x, h)
  },
  {
    name: "bfcvtn 4h",
    assembly: "bfcvtn v0.4h, v1.4s",
    operands: [float("s")],
    resultBits: 16,
    lanes: 4,
    evaluate: ({ b, s }, x) => b.convert(x, s)
  },
  {
    name: "fcvtxn 2s",
    assembly: "fcvtxn v0.2s, v1.2d",
    operands: [float("d")],
    resultBits: 32,
    lanes: 2,
    evaluate: ({ s, d }, x) => s.convert(x, d, "odd")
  }
]

export const operations: readonly Operation[] = [
  ...arithmetic,
  ...estimates,
  ...compares,
  ...integrals,
  ...toIntegers,
  ...fromIntegers,
  ...conversions,
  ...complexOperations,
  ...sums,
  ...vectors
]
