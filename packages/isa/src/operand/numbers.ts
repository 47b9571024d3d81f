/** Operands that are words of a list, numbers or branch targets. */
import { type Bare, type Candidate, joinedFields, type Known, matchAt, type Names, type Operand, type With } from "./operand.ts"

/** One word out of a list, indexed by a field or by several joined; "-" marks a reserved value. */
export const choice = <const N extends string>(names: Names<N>, words: string | readonly string[], byDefault?: number): Operand<With<Bare<N>>> => {
  const field = joinedFields(names)
  const spellings = typeof words === "string" ? words.split(" ") : words
  const longestFirst = spellings.map((word, value) => ({ word: word.toLowerCase(), value })).filter(({ word }) => word !== "-")
  longestFirst.sort((a, b) => b.word.length - a.word.length)
  return {
    spellings,
    print(fields) {
      const word = spellings[field.get(fields)]
      return word === "-" ? undefined : word
    },
    read: (text, at) =>
      longestFirst.filter(({ word }) => text.startsWith(word, at)).map(({ word, value }) => ({ end: at + word.length, fields: field.set(value) })),
    ...(byDefault === undefined ? {} : { byDefault: field.set(byDefault) as With<Bare<N>> })
  }
}

const NUMBER = /#?\s*(-?)(0x[0-9a-f]+|\d+)(?![0-9a-z_])/y
/** The number written at an index, with or without `#`. */
const numberAt = (text: string, at: number): { readonly value: bigint; readonly end: number } | undefined => {
  const match = matchAt(NUMBER, text, at)
  if (!match) return undefined
  const magnitude = BigInt(match[2]!)
  return { value: match[1] ? -magnitude : magnitude, end: at + match[0].length }
}
const spell = (value: bigint | number, hex: boolean): string => {
  if (!hex) return `${value}`
  return value < 0 ? `-0x${(-BigInt(value)).toString(16)}` : `0x${value.toString(16)}`
}

/** How a number and the fields it stands for determine each other; `undefined` on either side: not of this form. */
export interface Codec<F> {
  readonly print: (fields: F) => number | bigint | undefined
  /** `known` holds the fields read so far, which may be fewer than all. */
  readonly parse: (value: bigint, known: F) => { readonly [K in keyof F]?: number } | undefined
  /** Printed as 0x1f. Default: decimal. */
  readonly hex?: boolean
  readonly byDefault?: Partial<F>
}
/** A number computed from fields and back. */
export const computed = <F>(codec: Codec<F>): Operand<F> => ({
  print(fields) {
    const value = codec.print(fields)
    return value === undefined ? undefined : spell(value, codec.hex === true)
  },
  read(text, at, known) {
    const number = numberAt(text, at)
    const fields = number && codec.parse(number.value, known as F)
    return fields ? [{ end: number.end, fields: fields as Known }] : []
  },
  ...(codec.byDefault === undefined ? {} : { byDefault: codec.byDefault })
})

/** How a number stands in text and in its field. */
export interface NumberOptions {
  /** The text shows field * scale + offset. */
  readonly scale?: number
  readonly offset?: number
  /** As the text shows it. */
  readonly default?: number
  readonly hex?: boolean
}
const scaledNumber = <N extends string>(names: Names<N>, options: NumberOptions, signedBits: number): Operand<With<Bare<N>>> => {
  const field = joinedFields(names)
  const scale = options.scale ?? 1
  const offset = options.offset ?? 0
  const modulus = 2 ** signedBits
  const limit = signedBits === 0 ? Number.POSITIVE_INFINITY : modulus / 2
  const fieldsOf = (value: number): Record<string, number> | undefined => {
    const n = (value - offset) / scale
    if (!Number.isSafeInteger(n) || n >= limit || n < (signedBits === 0 ? 0 : -limit)) return undefined
    return field.set(n < 0 ? n + modulus : n)
  }
  return computed<With<Bare<N>>>({
    print(fields) {
      const n = field.get(fields)
      return (n >= limit ? n - modulus : n) * scale + offset
    },
    parse: (value) => fieldsOf(Number(value)) as With<Bare<N>> | undefined,
    ...(options.hex === undefined ? {} : { hex: options.hex }),
    ...(options.default === undefined ? {} : { byDefault: fieldsOf(options.default) as With<Bare<N>> })
  })
}
/** A number from 0 up. */
export const unsigned = <const N extends string>(names: Names<N>, options: NumberOptions = {}): Operand<With<Bare<N>>> =>
  scaledNumber(names, options, 0)
/** A two's complement number: every field says its width. */
export const signed = <const N extends string>(names: Names<`${N}:${number}`>, options: NumberOptions = {}): Operand<With<N>> =>
  // The names without their widths are N again, which the compiler cannot see through the template.
  scaledNumber(names, options, joinedFields(names).width) as unknown as Operand<With<N>>

const TARGET = /(0x[0-9a-f]+|\d+)(?![0-9a-z_])|\.(?:\s*([+-])\s*(0x[0-9a-f]+|\d+))?/y
const SYMBOLIC = /(?:0x)?([0-9a-f]+) <[^>]*>/y
/** The address written at an index: 0x1000, 4096, `.`, `. + 8`, or objdump's `1000 <name>`. */
export const addressAt = (text: string, at: number, here: bigint): { readonly value: bigint; readonly end: number } | undefined => {
  const symbolic = matchAt(SYMBOLIC, text, at)
  if (symbolic) return { value: BigInt(`0x${symbolic[1]}`), end: at + symbolic[0].length }
  const match = matchAt(TARGET, text, at)
  if (!match) return undefined
  const end = at + match[0].length
  if (match[1] !== undefined) return { value: BigInt(match[1]), end }
  const distance = BigInt(match[3] ?? 0)
  return { value: match[2] === "-" ? here - distance : here + distance, end }
}
/** An address as text: 64 bits, wrapping. */
export const spellAddress = (address: bigint): string => `0x${BigInt.asUintN(64, address).toString(16)}`

/** A branch target: a signed offset from this instruction in units of `scale` bytes. */
export const label = <const N extends string>(field: `${N}:${number}`, scale = 4): Operand<With<N>> => {
  const offset = joinedFields(field)
  const step = BigInt(scale)
  return {
    print: (fields, place) => spellAddress(BigInt(place.address) + BigInt.asIntN(offset.width, BigInt(offset.get(fields))) * step),
    read(text, at, _known, place): readonly Candidate[] {
      const here = BigInt(place.address)
      const target = addressAt(text, at, here)
      const distance = target && BigInt.asIntN(64, target.value - here)
      if (distance === undefined || distance % step !== 0n) return []
      const n = distance / step
      if (BigInt.asIntN(offset.width, n) !== n) return []
      return [{ end: target!.end, fields: offset.set(Number(BigInt.asUintN(offset.width, n))) }]
    }
  }
}
