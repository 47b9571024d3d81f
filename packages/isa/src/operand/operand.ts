/** What an operand of assembly text is: it prints field values and reads them back. */

/** System-register names of a machine. An encoding is what `systemEncoding` gives. */
export interface SystemNames {
  readonly name: (encoding: number, access: SystemAccess) => string | undefined
  readonly encoding: (name: string, access: SystemAccess) => number | undefined
}
/** Which way a system register is accessed: some names mean two registers. */
export type SystemAccess = "read" | "write"

/** Where an instruction stands, and whose names its text uses. */
export interface Place {
  /** Its address; a number will do below 2^53. */
  readonly address: bigint | number
  /** Without it system registers are spelt S3_0_C1_C0_0. */
  readonly systemNames?: SystemNames
}
/** One way to read text: the index after the operand and the fields it determines. */
export interface Candidate {
  readonly end: number
  readonly fields: Readonly<Record<string, number>>
}
/** Fields known so far while a line is read from left to right. */
export type Known = Readonly<Record<string, number>>

/** An operand of assembly text. */
export interface Operand<F> {
  /** `undefined`: these field values have no such spelling, so the text they stand in does not apply. */
  readonly print: (fields: F, place: Place) => string | undefined
  /** All readings of `text` (lower case) at index `at`; none: not this operand. */
  readonly read: (text: string, at: number, known: Known, place: Place) => readonly Candidate[]
  /** Field values that an omitted optional group stands for. */
  readonly byDefault?: Partial<F>
  /** All words it prints or reads, "-" for reserved ones: an operand in the mnemonic must say so to be found quickly. */
  readonly spellings?: readonly string[]
}
/** Operands of a line by the names that stand in it. */
export type Operands<F> = { readonly [Name: string]: Operand<F> }

/** One field, or several joined, most significant first; joined ones say their width: `["imm9h:6", "imm9l:3"]`. */
export type Names<N extends string> = N | readonly N[]
/** The name in a name that says its width: "imm9h" of "imm9h:6". */
export type Bare<N extends string> = N extends `${infer Name}:${number}` ? Name : N
/** Field values that an operand needs, by name. */
export type With<N extends string> = { readonly [K in N]: number }

interface Part {
  readonly name: string
  readonly width: number
}
/** Fields read and written as one number. */
export interface Joined {
  readonly width: number
  readonly get: (fields: object) => number
  /** A value that does not fit leaves the first field out of its range, which the assembler refuses. */
  readonly set: (value: number) => Record<string, number>
}
/** Width 0 when a single field does not say its own. */
export const joinedFields = (names: Names<string>): Joined => {
  const parts: Part[] = (typeof names === "string" ? [names] : names).map((text) => {
    const [name, width] = text.split(":")
    return { name: name!, width: Number(width ?? 0) }
  })
  if (parts.length > 1 && parts.some((part) => part.width === 0)) throw new Error(`joined fields need a width each: ${String(names)}`)
  return {
    width: parts.reduce((sum, part) => sum + part.width, 0),
    get(fields) {
      let value = 0
      for (const part of parts) value = value * 2 ** part.width + (fields as Known)[part.name]!
      return value
    },
    set(value) {
      const fields: Record<string, number> = {}
      for (let i = parts.length - 1; i > 0; i--) {
        const { name, width } = parts[i]!
        fields[name] = value % 2 ** width
        value = Math.floor(value / 2 ** width)
      }
      fields[parts[0]!.name] = value
      return fields
    }
  }
}

/** Index of the first character at or after `at` that is not white space. */
export const skipSpace = (text: string, at: number): number => {
  while (text[at] === " " || text[at] === "\t") at++
  return at
}
/** Matches a sticky regular expression at an index. */
export const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | undefined => {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}
