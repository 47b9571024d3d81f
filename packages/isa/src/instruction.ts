import type { Cpu } from "./builder.ts"
import type { Operands } from "./operands.ts"

type Tokens<Text extends string> = Text extends `${infer Head} ${infer Rest}` ? Head | Tokens<Rest> : Text
type FieldName<Token> = Token extends `${infer Name}:${number}` ? Name : Token extends `${"0" | "1" | "("}${string}` | "" ? never : Token
/** The fields of an encoding picture, as TypeScript types. */
export type Fields<Picture extends string> = { readonly [Name in FieldName<Tokens<Picture>> & string]: number }

/** Access classes: which enable bits, modes and state an instruction needs before it may execute. */
export type Access = "none" | "FP" | "SIMD" | "SVE" | "SM" | "ZA" | "SM+ZA" | "ZT0" | "SM+ZA+ZT0" | "SME"

export interface Alias<F> {
  readonly text: string
  /** Field values that make the alias, fixed by its text. */
  readonly fields?: Partial<F>
  /** When the disassembler prefers it, beyond `fields` and its operands being printable. Default: always. */
  readonly prefer?: boolean | ((fields: F) => boolean)
}
export interface Declaration<Picture extends string> {
  readonly name: string
  readonly encoding: Picture
  readonly where?: (fields: Fields<Picture>) => boolean
  readonly assembly: string
  readonly aliases?: readonly Alias<Fields<Picture>>[]
  readonly operands?: Operands<Fields<Picture>>
  readonly feature?: string
  readonly access?: Access | ((fields: Fields<Picture>) => Access)
  readonly endsBlock?: boolean
  readonly execute: (cpu: Cpu, fields: Fields<Picture>) => void
}
export interface Instruction {
  readonly name: string
  readonly mask: number
  readonly value: number
  readonly shouldBe: number
  readonly fields: readonly { readonly name: string; readonly low: number; readonly width: number }[]
  readonly declaration: Declaration<string>
}
export const instruction = <const Picture extends string>(declaration: Declaration<Picture>): Instruction => {
  let position = 32,
    mask = 0,
    value = 0,
    shouldBe = 0
  const fields: { name: string; low: number; width: number }[] = []
  for (const token of declaration.encoding.split(/\s+/)) {
    const named = /^([A-Za-z]\w*)(?::(\d+))?$/.exec(token)
    if (named) {
      const width = Number(named[2] ?? 1)
      position -= width
      if (fields.some((f) => f.name === named[1])) throw new Error(`${declaration.name}: field ${named[1]} twice`)
      fields.push({ name: named[1]!, low: position, width })
      continue
    }
    const soft = /^\(([01]+)\)$/.exec(token),
      bits = soft ? soft[1]! : token
    if (!/^[01]+$/.test(bits)) throw new Error(`${declaration.name}: cannot read '${token}' in the encoding`)
    for (const bit of bits) {
      position--
      if (soft) shouldBe |= 1 << position
      mask |= 1 << position
      if (bit === "1") value |= 1 << position
    }
  }
  if (position !== 0) throw new Error(`${declaration.name}: encoding has ${32 - position} bits`)
  return {
    name: declaration.name,
    mask: mask >>> 0,
    value: value >>> 0,
    shouldBe: shouldBe >>> 0,
    fields,
    declaration: declaration as unknown as Declaration<string>
  }
}
export type FieldValues = Record<string, number>
export const fieldsOf = (i: Instruction, word: number): FieldValues => {
  const out: FieldValues = {}
  for (const { name, low, width } of i.fields) out[name] = width === 32 ? word >>> 0 : (word >>> low) & ((1 << width) - 1)
  return out
}
export const encode = (i: Instruction, fields: FieldValues): number => {
  let word = i.value
  for (const { name, low, width } of i.fields) word |= ((fields[name] ?? 0) & ((1 << width) - 1)) << low
  return word >>> 0
}
