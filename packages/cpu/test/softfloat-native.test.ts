import { describe, expect, it } from "vitest"
import { environmentOf, FPSR, nativeDouble, nativeNarrow, nativeSingle, nativeWiden, Soft } from "../src/softfloat/index.ts"
import { type FloatName, fpcrOperand, integerOperand, type Random, randomWords, relatedFloats } from "./softfloat-operands.ts"

const CASES = 30_000

interface Subject {
  readonly name: string
  /** Bits of x, y, z and an integer; undefined when the host's arithmetic declines. */
  readonly native: (environment: ReturnType<typeof environmentOf>, x: bigint, y: bigint, z: bigint, integer: bigint) => bigint | number | undefined
  readonly exact: (F: Soft, other: Soft, x: bigint, y: bigint, z: bigint, integer: bigint) => bigint | number
  readonly operands: FloatName
}

const big = (bits: number | undefined) => (bits === undefined ? undefined : BigInt(bits))

const doubles: Subject[] = [
  { name: "add", operands: "d", native: (e, x, y) => nativeDouble.add(e, x, y), exact: (F, _, x, y) => F.add(x, y) },
  { name: "subtract", operands: "d", native: (e, x, y) => nativeDouble.subtract(e, x, y), exact: (F, _, x, y) => F.subtract(x, y) },
  { name: "multiply", operands: "d", native: (e, x, y) => nativeDouble.multiply(e, x, y), exact: (F, _, x, y) => F.multiply(x, y) },
  { name: "divide", operands: "d", native: (e, x, y) => nativeDouble.divide(e, x, y), exact: (F, _, x, y) => F.divide(x, y) },
  { name: "squareRoot", operands: "d", native: (e, x) => nativeDouble.squareRoot(e, x), exact: (F, _, x) => F.squareRoot(x) },
  {
    name: "multiplyAdd",
    operands: "d",
    native: (e, x, y, z) => nativeDouble.multiplyAdd(e, z, x, y),
    exact: (F, _, x, y, z) => F.multiplyAdd(z, x, y)
  },
  { name: "compare", operands: "d", native: (_, x, y) => nativeDouble.compare(x, y), exact: (F, _, x, y) => F.compare(x, y, true) },
  {
    name: "truncate to s32",
    operands: "d",
    native: (e, x) => nativeDouble.truncate(e, x, 32, true),
    exact: (F, _, x) => F.toInteger(x, 32, true, "zero")
  },
  {
    name: "truncate to u32",
    operands: "d",
    native: (e, x) => nativeDouble.truncate(e, x, 32, false),
    exact: (F, _, x) => F.toInteger(x, 32, false, "zero")
  },
  {
    name: "truncate to s64",
    operands: "d",
    native: (e, x) => nativeDouble.truncate(e, x, 64, true),
    exact: (F, _, x) => F.toInteger(x, 64, true, "zero")
  },
  {
    name: "truncate to u64",
    operands: "d",
    native: (e, x) => nativeDouble.truncate(e, x, 64, false),
    exact: (F, _, x) => F.toInteger(x, 64, false, "zero")
  },
  {
    name: "from integer",
    operands: "d",
    native: (e, _x, _y, _z, i) => nativeDouble.fromInteger(e, i),
    exact: (F, _, _x, _y, _z, i) => F.fromInteger(i)
  },
  { name: "narrow", operands: "d", native: (e, x) => big(nativeNarrow(e, x)), exact: (F, other, x) => other.convert(x, F) }
]

const singles: Subject[] = [
  { name: "add", operands: "s", native: (e, x, y) => big(nativeSingle.add(e, Number(x), Number(y))), exact: (F, _, x, y) => F.add(x, y) },
  {
    name: "subtract",
    operands: "s",
    native: (e, x, y) => big(nativeSingle.subtract(e, Number(x), Number(y))),
    exact: (F, _, x, y) => F.subtract(x, y)
  },
  {
    name: "multiply",
    operands: "s",
    native: (e, x, y) => big(nativeSingle.multiply(e, Number(x), Number(y))),
    exact: (F, _, x, y) => F.multiply(x, y)
  },
  { name: "divide", operands: "s", native: (e, x, y) => big(nativeSingle.divide(e, Number(x), Number(y))), exact: (F, _, x, y) => F.divide(x, y) },
  { name: "squareRoot", operands: "s", native: (e, x) => big(nativeSingle.squareRoot(e, Number(x))), exact: (F, _, x) => F.squareRoot(x) },
  {
    name: "multiplyAdd",
    operands: "s",
    native: (e, x, y, z) => big(nativeSingle.multiplyAdd(e, Number(z), Number(x), Number(y))),
    exact: (F, _, x, y, z) => F.multiplyAdd(z, x, y)
  },
  { name: "compare", operands: "s", native: (_, x, y) => nativeSingle.compare(Number(x), Number(y)), exact: (F, _, x, y) => F.compare(x, y, true) },
  {
    name: "truncate to s32",
    operands: "s",
    native: (e, x) => nativeSingle.truncate(e, Number(x), 32, true),
    exact: (F, _, x) => F.toInteger(x, 32, true, "zero")
  },
  {
    name: "truncate to u64",
    operands: "s",
    native: (e, x) => nativeSingle.truncate(e, Number(x), 64, false),
    exact: (F, _, x) => F.toInteger(x, 64, false, "zero")
  },
  {
    name: "from integer",
    operands: "s",
    native: (e, _x, _y, _z, i) => big(nativeSingle.fromInteger(e, i)),
    exact: (F, _, _x, _y, _z, i) => F.fromInteger(i)
  },
  { name: "widen", operands: "s", native: (_, x) => nativeWiden(Number(x)), exact: (F, other, x) => other.convert(x, F) }
]

/** FPCR and FPSR before an operation: mostly the default rounding, half of the time with IXC already set. */
function environmentFor(random: Random) {
  const fpcr = fpcrOperand(random)
  const environment = environmentOf((random() & 3) === 0 ? fpcr : fpcr & ~(3 << 22))
  environment.flags = random() & 1 ? FPSR.IXC : 0
  return environment
}

/** How many of the cases the host's arithmetic answered; every answer must be the exact one. */
function answered({ native, exact, operands }: Subject, seed: number): number {
  const random = randomWords(seed)
  let answers = 0
  for (let n = 0; n < CASES; n++) {
    const environment = environmentFor(random)
    const [x, y, z] = relatedFloats(random, operands)
    const unsigned = integerOperand(random, 64)
    const integer = random() & 1 ? unsigned : BigInt.asIntN(64, unsigned)
    const before = environment.flags
    const result = native(environment, x, y, z, integer)
    const flags = environment.flags
    if (result === undefined && flags === before) continue
    environment.flags = before
    const F = new Soft(operands === "d" ? 64 : 32, environment)
    const other = new Soft(operands === "d" ? 32 : 64, environment)
    const expected = exact(F, other, x, y, z, integer)
    const show = (bits: bigint | number | undefined) => bits?.toString(16)
    if (result !== expected || flags !== environment.flags) {
      expect.fail(`${[x, y, z, integer].map(show)}: ${show(result)} flags ${flags}, exactly ${show(expected)} flags ${environment.flags}`)
    }
    answers++
  }
  return answers
}

describe.each([
  ["double", doubles],
  ["single", singles]
] as const)("host arithmetic, %s precision", (_, subjects) => {
  it.each(subjects.map((subject, n) => [subject.name, subject, n] as const))(
    "%s agrees with the exact arithmetic where it answers",
    (_name, subject, n) => {
      expect(answered(subject, 100 + n)).toBeGreaterThan(CASES / 10)
    }
  )
})

describe("host truncation", () => {
  const view = new DataView(new ArrayBuffer(8))
  const limits = [31, 32, 63, 64].flatMap((n) => [2 ** n, -(2 ** n)])
  const around = limits.flatMap((x) => [-2, -1, -0.5, 0, 0.5, 1, 2].map((step) => x + step))

  it.each([32, 64] as const)("respects the limits of %i bits", (bits) => {
    for (const [n, signed] of [...around, -1, -0.5, 0].flatMap((x) => [[x, true] as const, [x, false] as const])) {
      view.setFloat64(0, n)
      const environment = environmentOf(0)
      const result = nativeDouble.truncate(environment, view.getBigUint64(0), bits, signed)
      const exactly = environmentOf(0)
      const expected = new Soft(64, exactly).toInteger(view.getBigUint64(0), bits, signed, "zero")
      if (result !== undefined) expect([n, result, environment.flags]).toEqual([n, expected, exactly.flags])
      else expect([n, exactly.flags]).toEqual([n, FPSR.IOC])
    }
  })
})

describe("host arithmetic declines", () => {
  const one = 0x3ff0000000000000n
  const defaults = () => environmentOf(0)

  it("what is not a zero or a clearly normal number", () => {
    for (const bits of [0x7ff0000000000000n, 0x7ff8000000000001n, 1n, 0x800fffffffffffffn]) {
      expect(nativeDouble.add(defaults(), bits, one)).toBeUndefined()
      expect(nativeDouble.compare(one, bits)).toBeUndefined()
    }
    expect(nativeDouble.multiply(defaults(), 0x0010000000000000n, 0x3fe0000000000000n)).toBeUndefined()
    expect(nativeSingle.multiply(defaults(), 0x7f000000, 0x7f000000)).toBeUndefined()
    expect(nativeDouble.divide(defaults(), one, 0n)).toBeUndefined()
  })

  it("every rounding mode but nearest", () => {
    for (const mode of [1, 2, 3]) expect(nativeDouble.add(environmentOf(mode << 22), one, one)).toBeUndefined()
  })

  it("without touching the flags", () => {
    const environment = defaults()
    nativeDouble.divide(environment, one, 0n)
    nativeSingle.add(environment, 0x7fc00000, 0)
    expect(environment.flags).toBe(0)
  })
})
