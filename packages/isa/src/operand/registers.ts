/** Operands that are registers or lists of them. */
import { type Bare, type Candidate, joinedFields, type Known, matchAt, type Names, type Operand, type Place, type With } from "./operand.ts"

/** How the number 31 is read, and what else a register name may be. */
export interface RegisterOptions {
  /** How 31 is spelt; the names then end at 30. */
  readonly zero?: string
  /** The name's number is field * scale + offset. */
  readonly scale?: number
  readonly offset?: number
  /** The largest number of a name. Default: 31. */
  readonly limit?: number
}
/** Names that GNU as also reads. */
const nicknames: Readonly<Record<string, number>> = { ip0: 16, ip1: 17, fp: 29, lr: 30 }

/** A register by number: letter, field, and how 31 is spelt. */
export const register = <const N extends string>(letter: string, field: N, options: RegisterOptions = {}): Operand<With<N>> => {
  const scale = options.scale ?? 1
  const offset = options.offset ?? 0
  const limit = options.zero === undefined ? (options.limit ?? 31) : 30
  const pattern = new RegExp(`${letter.toLowerCase()}(\\d+)(?![0-9a-z_])`, "y")
  const special = /(xzr|wzr|wsp|sp|ip0|ip1|fp|lr)(?![0-9a-z_])/y
  const numberAt = (text: string, at: number): { readonly number: number; readonly end: number } | undefined => {
    const match = matchAt(pattern, text, at)
    if (match) {
      const number = Number(match[1])
      return number <= limit ? { number, end: at + match[0].length } : undefined
    }
    const word = matchAt(special, text, at)?.[1]
    if (word === undefined) return undefined
    const number = word === options.zero ? 31 : letter === "x" ? nicknames[word] : undefined
    return number === undefined ? undefined : { number, end: at + word.length }
  }
  return {
    print(fields) {
      const number = fields[field] * scale + offset
      return number === 31 && options.zero !== undefined ? options.zero : `${letter}${number}`
    },
    read(text, at) {
      const found = numberAt(text, at)
      if (!found) return []
      const value = (found.number - offset) / scale
      return Number.isInteger(value) && value >= 0 ? [{ end: found.end, fields: { [field]: value } }] : []
    }
  }
}

/** A general register of 64 bits, or of 32: register 31 is the zero register, or the stack pointer. */
export const general = <const N extends string>(width: 64 | 32, field: N, stackPointer = false): Operand<With<N>> =>
  width === 64 ? register("x", field, { zero: stackPointer ? "sp" : "xzr" }) : register("w", field, { zero: stackPointer ? "wsp" : "wzr" })

/** A general register whose width another field chooses: 1 is 64 bits. */
export const sized = <const N extends string, const By extends string>(field: N, by: By, stackPointer = false): Operand<With<N | By>> => {
  const operands = [general(32, field, stackPointer), general(64, field, stackPointer)] as const
  return {
    print: (fields, place) => operands[fields[by] ? 1 : 0].print(fields, place),
    read: (text, at, known, place) =>
      operands.flatMap((operand, size) => operand.read(text, at, known, place).map(({ end, fields }) => ({ end, fields: { ...fields, [by]: size } })))
  }
}

/** Which registers a list may have, and how they are written. */
export interface ListOptions<F> {
  /** The first register's number is field * scale. */
  readonly scale?: number
  /** Distance between the registers of the list; numbers wrap at 32. */
  readonly stride?: number
  /** Replaces field * scale: the first register's number from several fields, and back. */
  readonly offset?: (fields: F) => number
  readonly parse?: (first: number) => Record<string, number> | undefined
}
const LIST = /\{\s*([^}]*?)\s*\}/y

/** A list in braces: consecutive registers, or `stride` apart; read in either spelling, "{a, b}" or "{a - b}". */
export const registerList = <const N extends string, S = unknown, F = unknown>(
  letter: string,
  field: Names<N>,
  count: number,
  suffix: Operand<S> | string,
  options: ListOptions<F> = {}
): Operand<With<Bare<N>> & S & F> => {
  const stride = options.stride ?? 1
  const scale = options.scale ?? 1
  const own = joinedFields(field)
  const element = new RegExp(`^${letter}(\\d+)(?:\\.(\\w+))?$`)
  const firstOf = (fields: With<Bare<N>> & S & F): number => (options.offset ? options.offset(fields) : own.get(fields) * scale)
  const fieldsOf = (first: number): Record<string, number> | undefined =>
    options.parse ? options.parse(first) : first % scale === 0 ? own.set(first / scale) : undefined

  /** The number of the first register and the suffix of all, if the list is this operand's. */
  const readList = (inside: string): { readonly first: number; readonly suffix: string } | undefined => {
    const range = inside.includes("-")
    const parts = inside.split(/\s*[,-]\s*/).map((name) => element.exec(name))
    const numbers = parts.map((part) => Number(part?.[1]))
    const first = numbers[0]!
    if (parts.some((part) => !part || part[2] !== parts[0]![2]) || numbers.some((number) => number > 31)) return undefined
    const inOrder = range
      ? parts.length === 2 && (first + (count - 1) * stride) % 32 === numbers[1]
      : parts.length === count && numbers.every((number, i) => number === (first + i * stride) % 32)
    return inOrder ? { first, suffix: parts[0]![2] ?? "" } : undefined
  }
  const suffixCandidates = (text: string, known: Known, place: Place): readonly Known[] => {
    if (typeof suffix === "string") return text === suffix ? [{}] : []
    return suffix
      .read(text, 0, known, place)
      .filter((candidate) => candidate.end === text.length)
      .map((candidate) => candidate.fields)
  }
  return {
    print(fields, place) {
      const shape = typeof suffix === "string" ? suffix : suffix.print(fields, place)
      if (shape === undefined) return undefined
      const first = firstOf(fields)
      const names = Array.from({ length: count }, (_, i) => `${letter}${(first + i * stride) % 32}${shape && `.${shape}`}`)
      return count > 1 && stride === 1 ? `{${names[0]}-${names[count - 1]}}` : `{${names.join(", ")}}`
    },
    read(text, at, known, place): readonly Candidate[] {
      const match = matchAt(LIST, text, at)
      const list = match && readList(match[1]!)
      const fields = list && fieldsOf(list.first)
      if (!match || !fields) return []
      return suffixCandidates(list.suffix, known, place).map((more) => ({ end: at + match[0].length, fields: { ...fields, ...more } }))
    }
  }
}
