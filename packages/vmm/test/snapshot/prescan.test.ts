/** The walk before unpacking, and the values that may be written. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runs } from "../../../../test/property.ts"
import { SnapshotError } from "../../src/errors.ts"
import { decode, encode, type Plain } from "../../src/snapshot/codec.ts"
import { prescan } from "../../src/snapshot/prescan.ts"
import { reading } from "../../src/snapshot/refusal.ts"

const LIMITS = { depth: 16, values: 1000 }
const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values)
const plain: fc.Arbitrary<Plain> = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger().map((n) => n || 0),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array(),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), tie("value"), { maxKeys: 5 }).map((entries) => ({ ...entries }))
  )
})).value

describe("values", () => {
  it("come back as they were, always in the same bytes", () => {
    fc.assert(
      fc.property(plain, (value) => {
        const written = encode(value)
        expect(prescan(written, LIMITS)).toBeUndefined()
        const read = decode(written, "test")
        expect(read).toEqual(value)
        expect(encode(read)).toEqual(written)
      }),
      runs(300)
    )
  })
  it.each([
    ["words", new Uint32Array(3)],
    ["doublewords", new BigUint64Array(1)],
    ["minus zero", -0],
    ["fractions", 1.5],
    ["not a number", Number.NaN],
    ["nothing", undefined],
    ["functions", () => 1],
    ["maps", new Map()],
    ["sets", new Set()],
    ["dates", new Date(0)],
    ["65 bits", 1n << 64n],
    ["depth", Array.from({ length: 20 }).reduce<unknown>((inner) => [inner], 1)]
  ])("that are %s are not written", (_, value) => {
    expect(() => encode(value as Plain)).toThrow(TypeError)
    expect(() => encode({ field: value } as Plain)).toThrow(TypeError)
  })
})

describe("the walk", () => {
  it.each([
    ["nothing", bytes()],
    ["a value and more", bytes(0xc0, 0xc0)],
    ["an extension", bytes(0xd4, 1, 0)],
    ["a record", bytes(0xd4, 0x72, 0x40)],
    ["the unused token", bytes(0xc1)],
    ["an array that ends early", bytes(0x93, 1, 2)],
    ["more elements than bytes", bytes(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ["a text that ends early", bytes(0xa5, 0x61)],
    ["a count that ends early", bytes(0xdc, 0)],
    ["a key twice", bytes(0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2)],
    ["a key that is a number", bytes(0x81, 1, 1)],
    ["too deep", new Uint8Array(40).fill(0x91)],
    ["too many values", bytes(0xdc, 0x10, 0, ...new Array<number>(4096).fill(0xc0))]
  ])("refuses %s, and says where", (_, value) => {
    expect(prescan(value, LIMITS)).toMatchObject({ at: expect.any(Number), expected: expect.any(String), actual: expect.any(String) })
    if (value.length < 1000) expect(reading(() => decode(value, "test"))).toBeInstanceOf(SnapshotError)
  })
  it("ends with any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (value) => {
        const result = reading(() => decode(value, "test"))
        return result instanceof SnapshotError || prescan(value, LIMITS) === undefined
      }),
      runs(3000)
    )
  })
  it("refuses numbers that are written by nobody: NaN, infinity, fractions, -0", () => {
    for (const number of [
      [0x7f, 0xf8],
      [0x7f, 0xf0],
      [0x3f, 0xe0],
      [0x80, 0x00]
    ] as const) {
      const result = reading(() => decode(bytes(0xcb, ...number, 0, 0, 0, 0, 0, 0), "test"))
      expect(result).toMatchObject({ code: "SNAPSHOT_ENCODING", path: "test" })
    }
  })
})
