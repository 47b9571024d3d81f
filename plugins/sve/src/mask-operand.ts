/** The logical immediates of SVE: a pattern of 64 bits, shown as an element that repeats. */
import { bitmask, bitmaskFields, isCanonicalBitmask, type Operand } from "@eltwo/isa"

/** The logical immediate of SVE is that of 64 bits: N, immr and imms in one field. */
export interface MaskFields {
  readonly imm13: number
}
const partsOf = (imm13: number): readonly [N: number, immr: number, imms: number] => [imm13 >> 12, (imm13 >> 6) & 63, imm13 & 63]
const maskOf = ({ imm13 }: MaskFields): bigint | undefined => bitmask(...partsOf(imm13))
/** Element bits of the smallest element that repeats. */
export const maskBits = (mask: bigint): number =>
  [8, 16, 32].find((bits) => BigInt.asUintN(bits, mask) * (0xffff_ffff_ffff_ffffn / ((1n << BigInt(bits)) - 1n)) === mask) ?? 64
const LETTERS: Readonly<Record<string, number>> = { b: 8, h: 16, s: 32, d: 64 }
const letterOf = (bits: number): string => Object.keys(LETTERS).find((letter) => LETTERS[letter] === bits)!
/** What the text says before the number: the number needs it to be repeated. */
const MASK_BITS = "bits of imm13"
export const maskElement: Operand<MaskFields> = {
  print(f) {
    const mask = maskOf(f)
    return mask === undefined ? undefined : letterOf(maskBits(mask))
  },
  read(text, at) {
    const bits = LETTERS[text[at] ?? ""]
    return bits === undefined ? [] : [{ end: at + 1, fields: { [MASK_BITS]: bits } }]
  }
}
export const maskValue: Operand<MaskFields> = {
  print(f) {
    const mask = maskOf(f)
    if (mask === undefined) return undefined
    return `0x${BigInt.asUintN(maskBits(mask), mask).toString(16)}`
  },
  read(text, at, known) {
    const match = /^#?\s*(-?)(0x[0-9a-f]+|\d+)(?!\w)/.exec(text.slice(at))
    const bits = known[MASK_BITS]
    if (!match || bits === undefined) return []
    const value = BigInt(match[2]!) * (match[1] ? -1n : 1n)
    if (value >= 1n << BigInt(bits) || value < -(1n << BigInt(bits - 1))) return []
    const fields = bitmaskFields(BigInt.asUintN(bits, value) * (0xffff_ffff_ffff_ffffn / ((1n << BigInt(bits)) - 1n)), 64)
    return fields ? [{ end: at + match[0].length, fields: { imm13: (fields.N << 12) | (fields.immr << 6) | fields.imms } }] : []
  }
}
export const isMask = (f: MaskFields): boolean => maskOf(f) !== undefined
export const isRedundantMask = (f: MaskFields): boolean => !isCanonicalBitmask(...partsOf(f.imm13))
export const maskPattern = (imm13: number): bigint => maskOf({ imm13 })!
