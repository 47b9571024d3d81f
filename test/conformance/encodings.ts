/**
 * Which words are allocated, and as what: our decoder against a table of all A64 encodings that we did not write.
 *
 *   A64_ENCODINGS=a64-encodings.json npx tsx test/conformance/encodings.ts [WORDS] [SEED]
 *
 * The table holds one row per encoding: name, mnemonic, mask, value, fields, feature, group, access class, operands and extras
 * (constraints on fields, should-be bits, aliases). Only rows whose feature some declaration names are compared.
 */
import { readFileSync } from "node:fs"
import { bitmask, type Instruction, type Random, randomFrom, spellings, type Table } from "@eltwo/isa"

interface EncodingField {
  readonly low: number
  readonly width: number
}
/** A row of the table, ready to match words. */
export interface Encoding {
  readonly name: string
  /** What the text may begin with: the encoding's mnemonic and its aliases. */
  readonly mnemonics: readonly string[]
  readonly mask: number
  readonly value: number
  readonly shouldBe: number
  readonly feature: string
  readonly group: string
  readonly allows: (word: number) => boolean
}

type Row = readonly [string, string, string, string, string, number, number, string, string, Extras?]
interface Extras {
  readonly c?: readonly string[]
  readonly al?: readonly string[]
  readonly sb?: string
}
interface EncodingFile {
  readonly features: readonly string[]
  readonly paths: readonly string[]
  readonly encodings: readonly Row[]
}

/** The rows of the file named by A64_ENCODINGS, or of `file`; undefined when there is none. */
export const readEncodings = (file = process.env["A64_ENCODINGS"]): readonly Encoding[] | undefined => {
  if (file === undefined) return undefined
  const { features, paths, encodings } = JSON.parse(readFileSync(file, "utf8")) as EncodingFile
  return encodings.map(([name, mnemonic, mask, value, fieldText, feature, path, , , extras = {}]) => {
    const fields = fieldsOf(fieldText)
    const constraints = (extras.c ?? []).map((text) => constraint(text, fields))
    return {
      name,
      mnemonics: [mnemonic, ...(extras.al ?? [])],
      mask: Number.parseInt(mask, 16),
      value: Number.parseInt(value, 16),
      shouldBe: Number.parseInt(extras.sb ?? "0", 16),
      feature: features[feature]!,
      group: paths[path]!,
      allows: (word) => constraints.every((holds) => holds(word))
    }
  })
}
const fieldsOf = (text: string): ReadonlyMap<string, EncodingField> =>
  new Map(
    text
      .split(" ")
      .filter((part) => part !== "")
      .map((part) => {
        const [name, low, width] = part.split(":")
        return [name!, { low: Number(low), width: Number(width) }]
      })
  )
type Fields = ReadonlyMap<string, EncodingField>
type Test = (word: number) => boolean

/** A field's value, or the number itself. */
const reader = (name: string, fields: Fields): ((word: number) => number) => {
  const field = fields.get(name)
  if (!field) return () => Number(name)
  return (word) => (word >>> field.low) & (2 ** field.width - 1)
}
/** "1,4-7" as a test of numbers. */
const members = (text: string): ((value: number) => boolean) => {
  const ranges = text.split(",").map((range) => range.split("-").map(Number))
  return (value) => ranges.some(([first, last = first]) => value >= first! && value <= last!)
}
/** Constraints: `f!=1,4-7`, `a!=b`, `!(f in 1&g in 2|...)`, `bitmask(N:immr:imms)`. */
const constraint = (text: string, fields: Fields): Test => {
  const logical = /^bitmask\((.*)\)$/.exec(text)
  if (logical) return bitmaskTest(logical[1]!, fields)
  const excluded = /^!\((.*)\)$/.exec(text)
  if (excluded) {
    const alternatives = excluded[1]!.split("|").map((part) =>
      part.split("&").map((term): Test => {
        const [name, set] = term.split(" in ")
        const read = reader(name!, fields)
        const holds = members(set!)
        return (word) => holds(read(word))
      })
    )
    return (word) => !alternatives.some((terms) => terms.every((holds) => holds(word)))
  }
  const unequal = /^(\w+)!=(.*)$/.exec(text)
  if (!unequal) throw new Error(`cannot read the constraint '${text}'`)
  const left = reader(unequal[1]!, fields)
  if (fields.has(unequal[2]!)) {
    const right = reader(unequal[2]!, fields)
    return (word) => left(word) !== right(word)
  }
  const forbidden = members(unequal[2]!)
  return (word) => !forbidden(left(word))
}
const bitmaskTest = (operand: string, fields: Fields): Test => {
  if (!operand.includes(":")) {
    const whole = reader(operand, fields)
    return (word) => bitmask(whole(word) >> 12, (whole(word) >> 6) & 63, whole(word) & 63) !== undefined
  }
  const readers = operand.split(":").map((name) => reader(name, fields))
  return (word) => {
    const [N, immr, imms] = readers.map((read) => read(word))
    return bitmask(N!, immr!, imms!) !== undefined
  }
}

const bitCount = (n: number): number => n.toString(2).replaceAll("0", "").length
/** Decodes by the table's rule: most fixed bits wins; then once more without should-be bits. */
export class Reference {
  readonly #buckets: readonly (readonly Encoding[])[]

  constructor(readonly encodings: readonly Encoding[]) {
    const sorted = [...encodings].sort((a, b) => bitCount(b.mask) - bitCount(a.mask))
    this.#buckets = Array.from({ length: 2048 }, (_, high) =>
      sorted.filter(({ mask, value, shouldBe }) => (((high << 21) ^ value) & mask & ~shouldBe & 0xffe00000) === 0)
    )
  }
  decode(word: number): Encoding | undefined {
    const bucket = this.#buckets[word >>> 21]!
    return (
      bucket.find((row) => ((word ^ row.value) & row.mask) === 0 && row.allows(word)) ??
      bucket.find((row) => row.shouldBe !== 0 && ((word ^ row.value) & row.mask & ~row.shouldBe) === 0 && row.allows(word))
    )
  }
  /** Up to `count` random words that decode as this row. */
  words(row: Encoding, count: number, random: Random): readonly number[] {
    const words: number[] = []
    for (let tries = 0; words.length < count && tries < 20_000; tries++) {
      const word = ((random() & ~row.mask) | row.value) >>> 0
      if (this.decode(word) === row) words.push(word)
    }
    return words
  }
}

/** FEAT_ names of the declarations, and "base". */
export const featuresOf = (instructions: readonly Instruction[]): ReadonlySet<string> => {
  const names = instructions.flatMap(({ declaration }) => (declaration.feature ?? "").match(/\w+/g) ?? [])
  return new Set(["base", ...names.filter((name) => name !== "and" && name !== "or")])
}
/** `|` is or, `&` is and, `;`: some forms need the second. */
export const isImplemented = (feature: string, features: ReadonlySet<string>): boolean =>
  feature.split(/ ; |\|/).some((alternative) => alternative.split("&").every((name) => features.has(name)))

export interface Disagreement {
  readonly word: number
  readonly kind: "missing" | "extra" | "other instruction"
  readonly theirs: string | undefined
  readonly ours: string | undefined
}
/** A difference that is meant: rows (or our instructions) it concerns, and why. */
export interface Exception {
  readonly kind: Disagreement["kind"]
  readonly theirs?: RegExp
  readonly ours?: RegExp
  readonly reason: string
}
const explains = (exception: Exception, { kind, theirs, ours }: Disagreement): boolean =>
  exception.kind === kind && (exception.theirs?.test(theirs ?? "") ?? true) && (exception.ours?.test(ours ?? "") ?? true)

/** "b.eq" is B; a suffix that Q or the half chooses (2, B, T) is not part of the name. */
const stem = (mnemonic: string): string => mnemonic.replace(/\..*$/, "")
const sameMnemonic = (ours: string, theirs: string): boolean => ours === theirs || ours.replace(/[2bt]$/, "") === theirs.replace(/[2bt]$/, "")

export const compareWord = (table: Table, reference: Reference, word: number): Disagreement | undefined => {
  const row = reference.decode(word)
  const instruction = table.decode(word)
  if (!row && !instruction) return undefined
  if (!instruction) return { word, kind: "missing", theirs: row!.name, ours: undefined }
  if (!row) return { word, kind: "extra", theirs: undefined, ours: instruction.name }
  const names = spellings(instruction, word, { address: 0n }).map((text) => stem(/^\S*/.exec(text)![0]))
  const same = names.some((name) => row.mnemonics.some((mnemonic) => sameMnemonic(name, mnemonic)))
  return same ? undefined : { word, kind: "other instruction", theirs: row.name, ours: instruction.name }
}

export interface Comparison {
  readonly words: number
  /** Words that our decoder allocates. */
  readonly allocated: number
  readonly unexplained: readonly Disagreement[]
  /** Words per exception, by its reason. */
  readonly explained: ReadonlyMap<string, number>
}
export const compareWords = (table: Table, reference: Reference, words: Iterable<number>, exceptions: readonly Exception[]): Comparison => {
  const unexplained: Disagreement[] = []
  const explained = new Map<string, number>()
  let count = 0
  let allocated = 0
  for (const word of words) {
    count++
    if (table.decode(word)) allocated++
    const disagreement = compareWord(table, reference, word)
    if (!disagreement) continue
    const exception = exceptions.find((candidate) => explains(candidate, disagreement))
    if (exception) explained.set(exception.reason, (explained.get(exception.reason) ?? 0) + 1)
    else unexplained.push(disagreement)
  }
  return { words: count, allocated, unexplained, explained }
}
/** Random words of every row, of a length of the caller's choice. */
export const rowWords = (reference: Reference, perRow: number, seed: number): readonly number[] => {
  const random = randomFrom(seed)
  return reference.encodings.flatMap((row) => reference.words(row, perRow, random))
}
export function* uniformWords(count: number, seed: number): Generator<number> {
  const random = randomFrom(seed)
  for (let i = 0; i < count; i++) yield random()
}
export const describeDisagreement = ({ word, kind, theirs, ours }: Disagreement): string =>
  `${word.toString(16).padStart(8, "0")} ${kind}: theirs ${theirs ?? "-"}, ours ${ours ?? "-"}`
