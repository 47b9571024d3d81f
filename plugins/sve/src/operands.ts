/** Operands of SVE instructions: element sizes, predicate patterns, immediates with a shift, several fields that name one register. */
import { choice, type Operand, register, type With } from "@eltwo/isa"

/** Feature expression of what both SVE and streaming mode have. */
export const SVE = "SVE or SME"
/** Element sizes as the `size` field has them. */
export const T = choice("size", "b h s d")
/** The same for floating point, where 0 is not allocated. */
export const FLOAT_T = choice("size", "- h s d")
/** Formats by `size`; 0 is not used. */
export const FORMATS = [16, 16, 32, 64] as const
export const signExtend = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits)

/** One register that several fields must name: an alias shows it once. */
export const sameRegister = <const N extends string>(letter: string, ...names: readonly N[]): Operand<With<N>> => {
  const one = register(letter, names[0]!)
  return {
    print: (fields, place) => (names.every((name) => fields[name] === fields[names[0]!]) ? one.print(fields, place) : undefined),
    read: (text, at, known, place) =>
      one.read(text, at, known, place).map(({ end, fields }) => ({ end, fields: Object.fromEntries(names.map((n) => [n, fields[names[0]!]!])) }))
  }
}
/** A scalar register whose letter is the element size: `sizedScalar("Vd")` is b, h, s or d. */
export const sizedScalar = <const R extends string>(field: R, letters = "bhsd"): Operand<With<R | "size">> => ({
  print: (fields) => (letters[fields.size] === "-" ? undefined : `${letters[fields.size]}${fields[field]}`),
  read(text, at) {
    const [, letter, number] = /^([bhsd])(3[01]|[12]?\d)(?!\w)/.exec(text.slice(at)) ?? []
    const size = letter === undefined ? -1 : letters.indexOf(letter)
    return size < 0 ? [] : [{ end: at + 1 + number!.length, fields: { [field]: Number(number), size } }]
  }
})
/** A general register that holds an element, whose size the text says before: X for doublewords, W for less. */
export const elementRegister = <const R extends string>(field: R, stackPointer = false): Operand<With<R | "size">> => {
  const [W, X] = (["w", "x"] as const).map((letter) =>
    register(letter, field, { zero: stackPointer ? (letter === "w" ? "wsp" : "sp") : `${letter}zr` })
  )
  return {
    print: (fields, place) => (fields.size === 3 ? X! : W!).print(fields, place),
    read: (text, at, known, place) => (known["size"] === 3 ? X! : W!).read(text, at, known, place)
  }
}

const PATTERNS = [
  "pow2",
  ...Array.from({ length: 8 }, (_, i) => `vl${i + 1}`),
  ...[16, 32, 64, 128, 256].map((n) => `vl${n}`),
  ...Array.from({ length: 15 }, (_, i) => `#${i + 14}`),
  "mul4",
  "mul3",
  "all"
]
const ALL = 31
/** How many elements a predicate constraint takes. */
export const pattern: Operand<With<"pattern">> = choice("pattern", PATTERNS, ALL)
/** Elements of a vector of `lanes` that the pattern takes; 0 when there are fewer than it wants, or when it has no name. */
export const patternCount = (field: number, lanes: number): number => {
  if (field === 0) return 1 << (31 - Math.clz32(lanes))
  if (field < 14) {
    const wanted = field <= 8 ? field : 16 << (field - 9)
    return wanted <= lanes ? wanted : 0
  }
  return field < 29 ? 0 : field === 29 ? lanes - (lanes % 4) : field === 30 ? lanes - (lanes % 3) : lanes
}

const SHIFTED = /#?\s*(-?(?:0x[0-9a-f]+|\d+))(?:,\s*lsl\s*#?(8|0)(?!\d))?(?![\w.])/y
/** An 8-bit immediate that may be shifted by 8, spelt as its value; zero shifted is spelt out. */
export const shiftedImmediate = (isSigned: boolean): Operand<With<"sh" | "imm8">> => ({
  print({ sh, imm8 }) {
    if (sh === 1 && imm8 === 0) return "0, lsl #8"
    return `${(isSigned ? signExtend(imm8, 8) : imm8) * (sh ? 256 : 1)}`
  },
  read(text, at) {
    SHIFTED.lastIndex = at
    const match = SHIFTED.exec(text)
    if (!match) return []
    const value = Number(match[1])
    const forms =
      match[2] === "8"
        ? [{ sh: 1, byte: value }]
        : match[2] === "0"
          ? [{ sh: 0, byte: value }]
          : [0, 1].map((sh) => ({ sh, byte: value / (sh ? 256 : 1) }))
    const [low, high] = isSigned ? [-128, 127] : [0, 255]
    return forms
      .filter(({ sh, byte }) => Number.isInteger(byte) && byte >= low! && byte <= high! && !(match[2] === undefined && sh === 1 && value === 0))
      .map(({ sh, byte }) => ({ end: at + match[0].length, fields: { sh, imm8: byte & 0xff } }))
  }
})
/** The value of such an immediate. */
export const shiftedValue = ({ sh, imm8 }: With<"sh" | "imm8">, isSigned: boolean): number => (isSigned ? signExtend(imm8, 8) : imm8) * (sh ? 256 : 1)
/** Bytes cannot be shifted by 8. */
export const shiftFits = (f: With<"size" | "sh">): boolean => f.size !== 0 || f.sh === 0
