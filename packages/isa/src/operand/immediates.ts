/** Operands whose few bits stand for a wide pattern: logical immediates and floating-point immediates. */
import { computed } from "./numbers.ts"
import { type Bare, joinedFields, matchAt, type Operand, type With } from "./operand.ts"

/** Element size in bits that N and imms encode, and the length of its run of ones; `undefined` for reserved values. */
const runOf = (N: number, imms: number): { readonly size: number; readonly ones: number } | undefined => {
  const key = (N << 6) | (~imms & 0x3f)
  if (key < 2) return undefined
  const size = 1 << (31 - Math.clz32(key))
  const ones = (imms & (size - 1)) + 1
  return ones === size ? undefined : { size, ones }
}
const onesOf = (bits: number): bigint => (1n << BigInt(bits)) - 1n

/** The pattern of `bits` bits a logical immediate stands for; `undefined` for reserved values. */
export const bitmask = (N: number, immr: number, imms: number, bits = 64): bigint | undefined => {
  const run = runOf(N, imms)
  if (!run || run.size > bits) return undefined
  const { size, ones } = run
  const rotation = immr & (size - 1)
  const element = ((onesOf(ones) >> BigInt(rotation)) | (onesOf(ones) << BigInt(size - rotation))) & onesOf(size)
  let pattern = 0n
  for (let at = 0; at < bits; at += size) pattern |= element << BigInt(at)
  return pattern
}
/** Whether the rotation is less than the element size: only then does the pattern read back as the same fields. */
export const isCanonicalBitmask = (N: number, immr: number, imms: number): boolean => immr < (runOf(N, imms)?.size ?? 0)

/** Fields of a bitmask immediate. */
export interface BitmaskFields {
  readonly N: number
  readonly immr: number
  readonly imms: number
}
/** The fields of the logical immediate that stands for a pattern of `bits` bits, if there is one. */
export const bitmaskFields = (pattern: bigint, bits: number): BitmaskFields | undefined => {
  const value = BigInt.asUintN(bits, pattern)
  let size = bits
  while (size > 2 && (value & onesOf(size / 2)) === ((value >> BigInt(size / 2)) & onesOf(size / 2))) size /= 2
  const element = value & onesOf(size)
  const text = element.toString(2).padStart(size, "0")
  const ones = text.replaceAll("0", "").length
  if (ones === 0 || ones === size) return undefined
  // Doubled, the element shows its run of ones unbroken; where the run starts says how far it was rotated.
  const start = `${text}${text}`.indexOf(`0${"1".repeat(ones)}`)
  if (start < 0) return undefined
  const end = (start + 1 + ones) % size
  return { N: size === 64 ? 1 : 0, immr: end, imms: ((~(2 * size - 1) & 0x3f) | (ones - 1)) & 0x3f }
}
/** Logical immediate of the base instructions: `sf` chooses 32 or 64 bits. */
export const bitmaskOperand: Operand<BitmaskFields & { readonly sf: number }> = computed({
  hex: true,
  print: ({ sf, N, immr, imms }: BitmaskFields & { readonly sf: number }) => bitmask(N, immr, imms, sf ? 64 : 32),
  parse(value, { sf }) {
    const bits = sf ? 64 : 32
    const fits = value < 1n << BigInt(bits) && value >= -(1n << BigInt(bits - 1))
    return fits ? bitmaskFields(value, bits) : undefined
  }
})

/** The number an 8-bit floating-point immediate stands for: sign, 3-bit exponent, 4-bit fraction. */
export const float8Value = (immediate: number): number => {
  const exponent = (immediate >> 4) & 7
  const magnitude = ((16 + (immediate & 15)) / 16) * 2 ** (exponent < 4 ? exponent + 1 : exponent - 7)
  return immediate & 0x80 ? -magnitude : magnitude
}
/** Its bit pattern as a number of 16, 32 or 64 bits. */
export const float8Bits = (immediate: number, bits: number): bigint => {
  const exponentBits = bits === 64 ? 11 : bits === 32 ? 8 : 5
  const fractionBits = bits - 1 - exponentBits
  const top = (immediate >> 6) & 1
  const exponent = ((1 - top) << (exponentBits - 1)) | (top ? ((1 << (exponentBits - 3)) - 1) << 2 : 0) | ((immediate >> 4) & 3)
  const sign = BigInt(immediate >> 7) << BigInt(bits - 1)
  return sign | (BigInt(exponent) << BigInt(fractionBits)) | (BigInt(immediate & 15) << BigInt(fractionBits - 4))
}
const DECIMAL = /#?\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?![0-9a-z_.])/y

/** Floating-point immediate in one field or several joined ones, printed exactly. */
export const floatImmediate = <const N extends string>(...names: readonly N[]): Operand<With<Bare<N>>> => {
  const field = joinedFields(names)
  return {
    print: (fields) =>
      float8Value(field.get(fields))
        .toExponential(18)
        .replace(/e([+-])(\d)$/, "e$10$2"),
    read(text, at) {
      const match = matchAt(DECIMAL, text, at)
      if (!match) return []
      const value = Number(match[1])
      for (let i = 0; i < 256; i++) if (float8Value(i) === value) return [{ end: at + match[0].length, fields: field.set(i) }]
      return []
    }
  }
}
