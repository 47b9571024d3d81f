/**
 * The table of all known A64 encodings, an optional judge of allocation: the JSON file that $A64_ENCODINGS names. Nothing in `npm test` needs it.
 * A word belongs to the encoding with most fixed bits whose constraints hold; words that break should-be bits are matched only when no other does.
 */
import { existsSync, readFileSync } from "node:fs"
import { bitmask } from "@eltwo/isa"

export interface KnownEncoding {
  readonly name: string
  readonly mnemonic: string
  /** Mnemonics of preferred aliases. */
  readonly aliases: readonly string[]
  /** Bits with a fixed value, should-be bits included; unsigned 32-bit numbers. */
  readonly mask: number
  readonly value: number
  readonly shouldBe: number
  /** Feature expression with `&` and `|`; "base" for Armv8.0. */
  readonly feature: string
  /** Group of the Arm index, "ldst/ldstpair_off". */
  readonly path: string
  /** Access class, "-" for none. */
  readonly access: string
  readonly legal: (word: number) => boolean
}
/** Rows as the file has them; the last column is left out where it is empty. */
type Row = readonly [string, string, string, string, string, number, number, string, string, Extras?]
interface Extras {
  readonly c?: readonly string[]
  readonly al?: readonly string[]
  readonly sb?: string
}
interface File {
  readonly features: readonly string[]
  readonly paths: readonly string[]
  readonly encodings: readonly Row[]
}
type Field = (word: number) => number

const within = (ranges: string): ((value: number) => boolean) => {
  const bounds = ranges.split(",").map((range) => range.split("-").map(Number))
  return (value) => bounds.some(([low, high]) => value >= low! && value <= (high ?? low!))
}
/** A constraint as a predicate: `f!=1,4-7`, `a!=b`, `!(f in 3&g in 0-1|...)`, `bitmask(N:immr:imms)`, `bitmask(imm13)`. */
const constraint = (text: string, field: (name: string) => Field): ((word: number) => boolean) => {
  const [, name, excluded] = /^(\w+)!=(\w[\w,-]*)$/.exec(text) ?? []
  if (name !== undefined && /^\d/.test(excluded!)) {
    const [read, inside] = [field(name), within(excluded!)]
    return (word) => !inside(read(word))
  }
  if (name !== undefined) {
    const [first, second] = [field(name), field(excluded!)]
    return (word) => first(word) !== second(word)
  }
  const logical = /^bitmask\((.*)\)$/.exec(text)?.[1]
  if (logical !== undefined) return logicalImmediate(logical, field)
  const group = /^!\((.*)\)$/.exec(text)?.[1]
  if (group === undefined) throw new Error(`cannot read the constraint '${text}'`)
  const alternatives = group.split("|").map((terms) =>
    terms.split("&").map((term) => {
      const [of, ranges] = term.split(" in ")
      return { read: field(of!), inside: within(ranges!) }
    })
  )
  return (word) => !alternatives.some((terms) => terms.every(({ read, inside }) => inside(read(word))))
}
/** Whether the fields make a logical immediate: N, immr and imms, where N may be a number, or all three as one field. */
const logicalImmediate = (operand: string, field: (name: string) => Field): ((word: number) => boolean) => {
  const reads = operand.split(":").map((name) => (/^\d+$/.test(name) ? () => Number(name) : field(name)))
  if (reads.length === 1) {
    const whole = reads[0]!
    return (word) => bitmask(whole(word) >> 12, (whole(word) >> 6) & 63, whole(word) & 63) !== undefined
  }
  return (word) => bitmask(reads[0]!(word), reads[1]!(word), reads[2]!(word)) !== undefined
}
const encodingOf = (file: File, row: Row): KnownEncoding => {
  const [name, mnemonic, mask, value, fieldList, feature, path, access, , extras] = row
  const fields = new Map(
    fieldList
      .split(" ")
      .filter((text) => text !== "")
      .map((text) => {
        const [of, low, width] = text.split(":")
        return [of!, (word: number) => (word >>> Number(low)) & (2 ** Number(width) - 1)] as const
      })
  )
  const constraints = (extras?.c ?? []).map((text) => constraint(text, (of) => fields.get(of)!))
  return {
    name,
    mnemonic,
    aliases: extras?.al ?? [],
    mask: Number.parseInt(mask, 16),
    value: Number.parseInt(value, 16),
    shouldBe: Number.parseInt(extras?.sb ?? "0", 16),
    feature: file.features[feature]!,
    path: file.paths[path]!,
    access,
    legal: (word) => constraints.every((holds) => holds(word))
  }
}
const bitCount = (n: number): number => n.toString(2).replaceAll("0", "").length

export class KnownEncodings {
  readonly #byTop: readonly (readonly KnownEncoding[])[]

  constructor(readonly all: readonly KnownEncoding[]) {
    const sorted = [...all].sort((a, b) => bitCount(b.mask) - bitCount(a.mask))
    this.#byTop = Array.from({ length: 2048 }, (_, top) =>
      sorted.filter(({ mask, value, shouldBe }) => (((top << 21) ^ value) & mask & ~shouldBe) >>> 21 === 0)
    )
  }
  /** undefined: not allocated. */
  decode(word: number): KnownEncoding | undefined {
    const candidates = this.#byTop[word >>> 21]!
    const find = (strict: boolean) =>
      candidates.find(({ mask, value, shouldBe, legal }) => ((word ^ value) & (strict ? mask : mask & ~shouldBe)) === 0 && legal(word))
    return find(true) ?? find(false)
  }
}

/** The table, or undefined when this machine has none. */
export const knownEncodings = (): KnownEncodings | undefined => {
  const path = process.env["A64_ENCODINGS"]
  if (path === undefined || !existsSync(path)) return undefined
  const file = JSON.parse(readFileSync(path, "utf8")) as File
  return new KnownEncodings(file.encodings.map((row) => encodingOf(file, row)))
}
