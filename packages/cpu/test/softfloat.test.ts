import { describe, expect, it } from "vitest"
import {
  derivedEnvironment,
  environmentOf,
  estimateEnvironment,
  FPSR,
  Soft,
  specialOperations,
  unsignedRecipEstimate
} from "../src/softfloat/index.ts"
import { randomWords, relatedFloats } from "./softfloat-operands.ts"

const bits = (x: number): bigint => {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, x)
  return view.getBigUint64(0)
}
const DEFAULT_NAN = 0x7ff8000000000000n

describe("environment", () => {
  it("decodes every FPCR field", () => {
    expect(environmentOf(0)).toEqual({
      rounding: "nearestEven",
      flushToZero: false,
      flushToZero16: false,
      flushInputsOnly: false,
      defaultNaN: false,
      alternate: false,
      alternativeHalf: false,
      extendedBfloat: false,
      flags: 0,
      recordFlags: true
    })
    expect([1, 2, 3].map((mode) => environmentOf(mode << 22).rounding)).toEqual(["up", "down", "zero"])
    const fields = [
      [26, "alternativeHalf"],
      [25, "defaultNaN"],
      [24, "flushToZero"],
      [19, "flushToZero16"],
      [13, "extendedBfloat"],
      [1, "alternate"],
      [0, "flushInputsOnly"]
    ] as const
    for (const [bit, field] of fields) expect(environmentOf(2 ** bit)).toEqual({ ...environmentOf(0), [field]: true })
  })

  it("ignores NEP and the reserved bits", () => {
    expect(environmentOf(0xffff_ffff & ~0x07c8_2003)).toEqual(environmentOf(0))
  })

  it("is itself the standard one, and is kept apart from the derived ones", () => {
    const standard = environmentOf((2 << 22) | (1 << 24))
    expect(derivedEnvironment(standard, "standard")).toBe(standard)
    const za = derivedEnvironment(standard, "za")
    expect(za).toMatchObject({ rounding: "down", flushToZero: true, defaultNaN: true, recordFlags: false })
    expect(new Soft(64, za).divide(bits(-1), bits(3))).toBe(bits(-1 / 3) + 1n)
    expect(new Soft(64, za).multiply(0x7ff0000000000123n, bits(1))).toBe(DEFAULT_NAN)
    expect([za.flags, standard.flags]).toEqual([0, 0])
    expect(derivedEnvironment(standard, "bfloat16")).toMatchObject({
      rounding: "oddToInfinity",
      flushToZero: true,
      defaultNaN: true,
      recordFlags: false
    })
  })

  it("differs for estimates only under AH", () => {
    const plain = environmentOf(1 << 22)
    expect(estimateEnvironment(plain)).toBe(plain)
    expect(estimateEnvironment(environmentOf((1 << 22) | 2))).toMatchObject({ rounding: "nearestEven", flushToZero: true, flushInputsOnly: true })
  })
})

describe("exceptions", () => {
  const flagsOf = (fpcr: number, run: (F: Soft) => unknown) => {
    const environment = environmentOf(fpcr)
    run(new Soft(64, environment))
    return environment.flags
  }
  const { IOC, DZC, OFC, UFC, IXC, IDC } = FPSR
  const largest = bits(Number.MAX_VALUE)
  const smallest = bits(2 ** -1022)

  it.each([
    ["1 + 1", 0, (F: Soft) => F.add(bits(1), bits(1)), 0],
    ["1 / 3", 0, (F: Soft) => F.divide(bits(1), bits(3)), IXC],
    ["1 / 0", 0, (F: Soft) => F.divide(bits(1), 0n), DZC],
    ["0 / 0", 0, (F: Soft) => F.divide(0n, 0n), IOC],
    ["overflow", 0, (F: Soft) => F.add(largest, largest), OFC | IXC],
    ["exact denormal", 0, (F: Soft) => F.multiply(smallest, bits(0.5)), 0],
    ["inexact denormal", 0, (F: Soft) => F.multiply(1n, bits(0.5)), UFC | IXC],
    ["flushed result", 1 << 24, (F: Soft) => F.multiply(smallest, bits(0.5)), UFC],
    ["flushed result under AH", (1 << 24) | 2, (F: Soft) => F.multiply(smallest, bits(0.5)), UFC | IXC],
    ["flushed operand", 1 << 24, (F: Soft) => F.add(1n, bits(1)), IDC],
    ["operand flushed by FIZ", 1, (F: Soft) => F.add(1n, bits(1)), 0],
    ["denormal operand under AH", 2, (F: Soft) => F.add(1n, 1n), IDC],
    ["signalling NaN", 0, (F: Soft) => F.add(0x7ff0000000000001n, bits(1)), IOC],
    ["quiet NaN", 0, (F: Soft) => F.add(DEFAULT_NAN, bits(1)), 0]
  ] as const)("%s", (_name, fpcr, run, flags) => {
    expect(flagsOf(fpcr, run)).toBe(flags)
  })

  it("accumulate", () => {
    const environment = environmentOf(0)
    const F = new Soft(64, environment)
    F.divide(bits(1), 0n)
    F.squareRoot(bits(-1))
    F.add(bits(1), bits(1))
    expect(environment.flags).toBe(DZC | IOC)
  })
})

describe("arithmetic", () => {
  it("is the host's in the default mode", () => {
    const F = new Soft(64, environmentOf(0))
    const view = new DataView(new ArrayBuffer(8))
    const value = (x: bigint) => {
      view.setBigUint64(0, x)
      return view.getFloat64(0)
    }
    const random = randomWords(7)
    for (let n = 0; n < 20_000; n++) {
      const [x, y] = relatedFloats(random, "d")
      const [a, b] = [value(x), value(y)]
      const pairs = [
        [F.add(x, y), a + b],
        [F.subtract(x, y), a - b],
        [F.multiply(x, y), a * b],
        [F.divide(x, y), a / b],
        [F.squareRoot(x), Math.sqrt(a)]
      ] as const
      for (const [ours, host] of pairs) expect(Object.is(value(ours), host)).toBe(true)
    }
  })

  it("keeps the payload of the first signalling NaN, then of the first quiet one", () => {
    const F = new Soft(32, environmentOf(0))
    expect(F.add(0x7fc00001n, 0xff800002n)).toBe(0xffc00002n)
    expect(F.add(0x7fc00001n, 0xffc00002n)).toBe(0x7fc00001n)
    expect(new Soft(32, environmentOf(2)).add(0x7fc00001n, 0xff800002n)).toBe(0x7fc00001n)
    expect(new Soft(32, environmentOf(1 << 25)).add(0x7fc00001n, 0xff800002n)).toBe(0x7fc00000n)
  })

  it("rounds a fused multiplication once", () => {
    const F = new Soft(64, environmentOf(0))
    const x = bits(1 + 2 ** -30)
    expect(F.multiplyAdd(bits(-(1 + 2 ** -29)), x, x)).toBe(bits(2 ** -60))
  })
})

describe("named operations", () => {
  it("have the instruction language's operand order", () => {
    const F = new Soft(32, environmentOf(0))
    const [one, two, three] = [0x3f800000n, 0x40000000n, 0x40400000n]
    expect(specialOperations.reciprocalStep(F, one, two)).toBe(0n)
    expect(specialOperations.reciprocalSquareRootStep(F, one, one)).toBe(one)
    expect(specialOperations.multiplyAddHalf(F, one, 0x3c00n, 0x4000n)).toBe(three)
    expect(specialOperations.multiplyAddBfloat16(F, one, 0x3f80n, 0x4000n)).toBe(three)
    expect(specialOperations.bfloat16Dot(F, one, 0x3f80_3f80n, 0x0000_4000n)).toBe(three)
    expect(specialOperations.roundToInt32Zero(F, 0x7f800000n)).toBe(0xcf000000n)
    expect(specialOperations.multiplyExtended(F, 0n, 0xff800000n)).toBe(0xc0000000n)
    expect(specialOperations.javascriptConvert(new Soft(64, environmentOf(0)), bits(-1))).toBe(0x1_ffff_ffffn)
    expect(specialOperations.javascriptConvert(new Soft(64, environmentOf(0)), bits(2 ** 32 + 5.5))).toBe(5n)
    expect(unsignedRecipEstimate(0x80000000n)).toBe(0xff800000n)
  })
})
