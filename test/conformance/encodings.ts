/**
 * Which words are allocated, and as what, with which feature: our decoder against the table of known encodings. Every group of
 * test/conformance/groups.ts goes through the same comparison; what is meant to differ is named in known-differences.ts.
 */
import { alternatives, fieldsOf, type Instruction, type Random, randomFrom, spellings, type Table } from "@eltwo/isa"
import type { KnownEncoding, KnownEncodings } from "./known-encodings.ts"

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
  readonly kind: "missing" | "extra" | "other instruction" | "feature" | "access"
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

const sorted = (lists: readonly (readonly string[])[]): string =>
  lists
    .map((names) => [...names].sort().join("&"))
    .sort()
    .join("|")
/** Ours against theirs, or against one side of theirs where some forms need another feature. */
const sameFeature = (ours: string | undefined, theirs: string): boolean => {
  const own = sorted(alternatives(ours ?? "base"))
  return theirs.split(" ; ").some((side) => sorted(side.split("|").map((names) => names.split("&"))) === own)
}
/** Our access classes and the table's, which knows no enables of MOPS, splits what SME needs, and tells what is not legal in streaming mode. */
const accessClasses: Readonly<Record<string, readonly string[]>> = {
  none: ["-"],
  MOPS: ["-"],
  SVE: ["SVE", "SVEns"],
  "FPMR+SIMD": ["SIMD"],
  ZA: ["SME+ZA"],
  ZT0: ["SME+ZA+ZT0"]
}
const sameAccess = (instruction: Instruction, word: number, theirs: string): boolean => {
  const { access = "none" } = instruction.declaration
  if (typeof access === "function" && theirs === "SIMDe0") return true
  const ours = typeof access === "function" ? access(fieldsOf(instruction, word)) : access
  return (accessClasses[ours] ?? [ours]).includes(theirs)
}

export const compareWord = (table: Table, known: KnownEncodings, word: number): Disagreement | undefined => {
  const row = known.decode(word)
  const instruction = table.decode(word)
  if (!row && !instruction) return undefined
  if (!instruction) return { word, kind: "missing", theirs: row!.name, ours: undefined }
  if (!row) return { word, kind: "extra", theirs: undefined, ours: instruction.name }
  const names = spellings(instruction, word, { address: 0n }).map((text) => stem(/^\S*/.exec(text)![0]))
  const same = names.some((name) => [row.mnemonic, ...row.aliases].some((mnemonic) => sameMnemonic(name, mnemonic)))
  if (!same) return { word, kind: "other instruction", theirs: row.name, ours: instruction.name }
  if (!sameFeature(instruction.declaration.feature, row.feature)) return { word, kind: "feature", theirs: row.name, ours: instruction.name }
  return sameAccess(instruction, word, row.access) ? undefined : { word, kind: "access", theirs: row.name, ours: instruction.name }
}

export interface Comparison {
  readonly words: number
  /** Words that our decoder allocates. */
  readonly allocated: number
  readonly unexplained: readonly Disagreement[]
  /** Words per exception, by its reason. */
  readonly explained: ReadonlyMap<string, number>
}
export const compareWords = (table: Table, known: KnownEncodings, words: Iterable<number>, exceptions: readonly Exception[]): Comparison => {
  const unexplained: Disagreement[] = []
  const explained = new Map<string, number>()
  let count = 0
  let allocated = 0
  for (const word of words) {
    count++
    if (table.decode(word)) allocated++
    const disagreement = compareWord(table, known, word)
    if (!disagreement) continue
    const exception = exceptions.find((candidate) => explains(candidate, disagreement))
    if (exception) explained.set(exception.reason, (explained.get(exception.reason) ?? 0) + 1)
    else unexplained.push(disagreement)
  }
  return { words: count, allocated, unexplained, explained }
}
/** Up to `count` random words that are this row's, and as many that its constraints leave to others or to nothing. */
const wordsOf = (known: KnownEncodings, row: KnownEncoding, count: number, random: Random): readonly number[] => {
  const own: number[] = []
  const others: number[] = []
  for (let tries = 0; own.length < count && tries < 20_000; tries++) {
    const word = ((random() & ~row.mask) | row.value) >>> 0
    if (known.decode(word) === row) own.push(word)
    else if (others.length < count) others.push(word)
  }
  return [...own, ...others]
}
/** Random words of every row. */
export const rowWords = (known: KnownEncodings, perRow: number, seed: number): readonly number[] => {
  const random = randomFrom(seed)
  return known.all.flatMap((row) => wordsOf(known, row, perRow, random))
}
export function* uniformWords(count: number, seed: number): Generator<number> {
  const random = randomFrom(seed)
  for (let i = 0; i < count; i++) yield random()
}
export const describeDisagreement = ({ word, kind, theirs, ours }: Disagreement): string =>
  `${word.toString(16).padStart(8, "0")} ${kind}: theirs ${theirs ?? "-"}, ours ${ours ?? "-"}`
