/** Operands of vector instructions: arrangements, scalar registers by size, elements, shifts by immediate. */
import { choice, computed, type Operand } from "@eltwo/isa"

/** What `where` needs to know of a whole-vector instruction: 64-bit elements exist only in the 128-bit form. */
export const fitsVector = (f: { readonly size: number; readonly Q: number }): boolean => f.size !== 3 || f.Q === 1

/** Arrangement of a vector whose element size is a field; the second half of each pair is the 128-bit form. */
export const arrangement = choice(["size:2", "Q:1"], "8b 16b 4h 8h 2s 4s - 2d")
/** Elements of twice the size: the long side of widening and narrowing instructions, always 128 bits. */
export const wideArrangement = choice("size", "8h 4s 2d -")
/** Elements of twice the size in as many bits: the result of adding pairs. */
export const pairArrangement = choice(["size:2", "Q:1"], "4h 8h 2s 4s 1d 2d - -")
export const byteArrangement = choice("Q", "8b 16b")

type FieldReader = (match: RegExpExecArray, known: Readonly<Record<string, number>>) => Record<string, number> | undefined
/** An operand read by a pattern; `fields` gives what the match stands for, or undefined when it does not fit. */
export const spelled = <F>(print: (f: F) => string | undefined, pattern: RegExp, fields: FieldReader): Operand<F> => {
  const sticky = new RegExp(pattern.source, "iy")
  return {
    print,
    read: (text, at, known) => {
      sticky.lastIndex = at
      const match = sticky.exec(text)
      const found = match ? fields(match, known) : undefined
      return match && found ? [{ end: at + match[0].length, fields: found }] : []
    }
  }
}
/** A register number in a pattern. */
export const NUMBER = "(3[01]|[12]?\\d)(?!\\w)"

/** A scalar register whose letter a field chooses: `sizedScalar("Rd", "size")` is b, h, s or d. */
export const sizedScalar = <const R extends string, const B extends string>(
  field: R,
  by: B,
  letters = "bhsd"
): Operand<{ readonly [K in R | B]: number }> =>
  spelled(
    (f) => {
      const letter = letters[f[by]]
      return letter === undefined || letter === "-" ? undefined : `${letter}${f[field]}`
    },
    new RegExp(`([${letters.replace(/-/g, "")}])${NUMBER}`),
    (m) => ({ [by]: letters.indexOf(m[1]!.toLowerCase()), [field]: Number(m[2]) })
  )

/** The fields that choose one element of the second source in "by element" encodings. */
export interface ElementFields {
  readonly L: number
  readonly M: number
  readonly Rm: number
  readonly H: number
}
/** Register and index of that element; `size` is 1 for 16, 2 for 32, 3 for 64 bits. */
export const elementRegister = (size: number, f: ElementFields): number => (size === 1 ? f.Rm : (f.M << 4) | f.Rm)
export const elementIndex = (size: number, f: ElementFields): number =>
  size === 1 ? (f.H << 2) | (f.L << 1) | f.M : size === 2 ? (f.H << 1) | f.L : f.H
/** The element operand: `sizeOf` gives its size from the fields known so far, `names` how that size is spelt. */
export const element = <F>(sizeOf: (f: F) => number, names: readonly string[] = ["-", "h", "s", "d"]): Operand<F & ElementFields> =>
  spelled(
    (f) => `v${elementRegister(sizeOf(f), f)}.${names[sizeOf(f)]}[${elementIndex(sizeOf(f), f)}]`,
    /v(\d+)\.(\w+)\[(\d)\]/,
    (m, known) => {
      const size = sizeOf(known as F)
      const register = Number(m[1])
      const index = Number(m[3])
      if (m[2]!.toLowerCase() !== names[size] || register > (size === 1 ? 15 : 31) || index >= 8 >> (size - 1)) return undefined
      if (size === 1) return { Rm: register, M: index & 1, L: (index >> 1) & 1, H: index >> 2 }
      return { Rm: register & 15, M: register >> 4, ...(size === 2 ? { L: index & 1, H: index >> 1 } : { L: 0, H: index }) }
    }
  )

/** Log2 of the element's bytes from `immh`: the position of its highest one. */
export const shiftSize = (immh: number): number => 31 - Math.clz32(immh)
/** What shift operands tell each other while reading: the size is known before `immh` is. */
const SIZE_NOTE = "size of immh"
const noting = (operand: Operand<{ readonly size: number; readonly Q: number }>): Operand<{ readonly immh: number; readonly Q: number }> => ({
  print: (f, place) => operand.print({ size: shiftSize(f.immh), Q: f.Q }, place),
  read: (text, at, known, place) =>
    operand.read(text, at, known, place).map(({ end, fields: { size, ...rest } }) => ({ end, fields: { ...rest, [SIZE_NOTE]: size! } }))
})
/** Arrangements of shifts by immediate. */
export const shiftArrangement = noting(arrangement)
const wideNoting = choice("size", "8h 4s 2d -")
export const wideShiftArrangement: Operand<{ readonly immh: number }> = {
  print: (f, place) => wideNoting.print({ size: shiftSize(f.immh) }, place),
  read: (text, at, known, place) =>
    wideNoting.read(text, at, known, place).map(({ end, fields }) => ({ end, fields: { [SIZE_NOTE]: fields["size"]! } }))
}
/** A scalar register of a shift by immediate; `wider` 1 names the source of a narrowing shift. */
export const shiftScalar = <const R extends string>(field: R, wider: 0 | 1 = 0): Operand<{ readonly [K in R | "immh"]: number }> =>
  spelled(
    (f) => `${"bhsd"[shiftSize(f.immh) + wider]}${f[field]}`,
    new RegExp(`([bhsd])${NUMBER}`),
    (m) => {
      const size = "bhsd".indexOf(m[1]!.toLowerCase()) - wider
      return size < 0 ? undefined : { [SIZE_NOTE]: size, [field]: Number(m[2]) }
    }
  )
/** Amount of a right shift, 1 to the element's bits. */
export const rightAmount = (immh: number, immb: number): number => (16 << shiftSize(immh)) - ((immh << 3) | immb)
/** Amount of a left shift, 0 to the element's bits - 1. */
export const leftAmount = (immh: number, immb: number): number => ((immh << 3) | immb) - (8 << shiftSize(immh))
interface ShiftFields {
  readonly immh: number
  readonly immb: number
}
export const shiftAmount = (direction: "left" | "right"): Operand<ShiftFields> =>
  computed<ShiftFields>({
    print: (f) => (direction === "right" ? rightAmount : leftAmount)(f.immh, f.immb),
    parse: (value, known) => {
      const size = (known as unknown as Record<string, number>)[SIZE_NOTE]
      if (size === undefined) return undefined
      const bits = 8 << size
      const joined = direction === "right" ? 2 * bits - Number(value) : bits + Number(value)
      return joined < bits || joined >= 2 * bits ? undefined : { immh: joined >> 3, immb: joined & 7 }
    }
  })
/** The shift by 0 that an alias leaves out: it prints nothing, and its size is the one noted. */
export const noShift: Operand<ShiftFields> = {
  print: (f) => (leftAmount(f.immh, f.immb) === 0 ? "" : undefined),
  read: (_text, at, known) => [{ end: at, fields: { immh: 1 << known[SIZE_NOTE]!, immb: 0 } }]
}
