/** An instruction is declared once: its encoding picture, its text and its meaning. */
import type { Cpu } from "./builder.ts"
import type { Operands } from "./operand/operand.ts"

type Tokens<Text extends string> = Text extends `${infer Head} ${infer Rest}` ? Head | Tokens<Rest> : Text
type FieldName<Token> = Token extends `${infer Name}:${number}` ? Name : Token extends `${"0" | "1" | "("}${string}` | "" ? never : Token
/** The fields of an encoding picture, as TypeScript types. */
export type Fields<Picture extends string> = { readonly [Name in FieldName<Tokens<Picture>> & string]: number }

/** Access classes: which enable bits, modes and state an instruction needs before it may execute. */
export type Access = "none" | "FP" | "SIMD" | "SVE" | "SM" | "ZA" | "SM+ZA" | "ZT0" | "SM+ZA+ZT0" | "SME" | "FPMR+SIMD" | "MOPS"

/** A second spelling of an instruction, tried before its `assembly` when printing. */
export interface Alias<F> {
  readonly text: string
  /** Field values that make the alias, fixed by its text. */
  readonly fields?: Partial<F>
  /** When the disassembler prefers it, beyond `fields` and its operands being printable; `false`: it is only read. Default: always. */
  readonly prefer?: boolean | ((fields: F) => boolean)
}
/** An instruction as it is declared: see instruction(). */
export interface Declaration<Picture extends string> {
  /** The manual's heading; variants separated by commas. */
  readonly name: string
  /** 32 bits, most significant first: digits, `field`, `field:width`, `(11111)` for should-be bits. */
  readonly encoding: Picture
  /** Which field values are allocated; the rest is UNDEFINED (or another declaration's). */
  readonly where?: (fields: Fields<Picture>) => boolean
  /** The preferred spelling without aliases. */
  readonly assembly: string
  readonly aliases?: readonly Alias<Fields<Picture>>[]
  readonly operands?: Operands<Fields<Picture>>
  /** FEAT_ names without the prefix, `and`, `or`, brackets; omitted: every A64 processor has it. */
  readonly feature?: string
  readonly access?: Access | ((fields: Fields<Picture>) => Access)
  /** It may change the PC or what translated code depends on: control registers, PSTATE, translations. */
  readonly endsBlock?: boolean
  /** Fields the meaning does not depend on: hints, prefetch operations, memory attributes we do not model. */
  readonly ignored?: readonly (keyof Fields<Picture> & string)[]
  /** Legal field values whose text reads back as another, equivalent word: a logical immediate rotated by more than its period. */
  readonly redundant?: (fields: Fields<Picture>) => boolean
  readonly execute: (cpu: Cpu, fields: Fields<Picture>) => void
}

/** A field of an encoding. */
export interface Field {
  readonly name: string
  /** Its least significant bit in the word. */
  readonly low: number
  /** In bits. */
  readonly width: number
}
/** A declaration with its picture read. Masks and values are unsigned 32-bit numbers. */
export interface Instruction {
  readonly name: string
  /** Bits with a fixed value, should-be bits included. */
  readonly mask: number
  readonly value: number
  /** Bits of `mask` that should have their value; a word where they do not is matched in a second pass. */
  readonly shouldBe: number
  readonly fields: readonly Field[]
  readonly declaration: Declaration<string>
}

/** Reads the picture of a declaration; a picture that cannot be read is a programming error and throws. */
export const instruction = <const Picture extends string>(declaration: Declaration<Picture>): Instruction => {
  const refuse = (problem: string): never => {
    throw new Error(`${declaration.name}: ${problem}`)
  }
  const fields: Field[] = []
  let position = 32
  let mask = 0
  let value = 0
  let shouldBe = 0
  for (const token of declaration.encoding.split(/\s+/)) {
    const named = /^([A-Za-z]\w*)(?::(\d+))?$/.exec(token)
    if (named) {
      const name = named[1]!
      const width = Number(named[2] ?? 1)
      if (width === 0) refuse(`field ${name} has no bits`)
      if (fields.some((field) => field.name === name)) refuse(`field ${name} twice`)
      position -= width
      fields.push({ name, low: position, width })
      continue
    }
    const soft = /^\(([01]+)\)$/.exec(token)
    const bits = soft ? soft[1]! : token
    if (!/^[01]+$/.test(bits)) refuse(`cannot read '${token}' in the encoding`)
    for (const bit of bits) {
      position--
      if (soft) shouldBe |= 1 << position
      mask |= 1 << position
      if (bit === "1") value |= 1 << position
    }
  }
  if (position !== 0) refuse(`encoding has ${32 - position} bits`)
  // The declaration is stored without the type of its picture: whoever calls it passes fields that were decoded with that picture.
  const erased = declaration as unknown as Declaration<string>
  return { name: declaration.name, mask: mask >>> 0, value: value >>> 0, shouldBe: shouldBe >>> 0, fields, declaration: erased }
}

/** Field values by name; what a declaration sees as `Fields` of its picture. */
export type FieldValues = Record<string, number>

const lowBits = (width: number): number => (width === 32 ? 0xffff_ffff : 2 ** width - 1)

/** The fields of `word`, read with the picture of `instruction`. */
export const fieldsOf = (instruction: Instruction, word: number): FieldValues => {
  const values: FieldValues = {}
  for (const { name, low, width } of instruction.fields) values[name] = ((word >>> low) & lowBits(width)) >>> 0
  return values
}

/** The word with these field values; missing ones are 0, excess bits are dropped. */
export const encode = (instruction: Instruction, values: FieldValues): number => {
  let word = instruction.value
  for (const { name, low, width } of instruction.fields) word |= ((values[name] ?? 0) & lowBits(width)) << low
  return word >>> 0
}

/** Whether the declaration allocates these field values. */
export const allocates = (instruction: Instruction, values: FieldValues): boolean => instruction.declaration.where?.(values) ?? true
