import { readFileSync } from "node:fs"
import { type Instruction, randomFrom, Table } from "@eltwo/isa"
import { describe, expect, test } from "vitest"
import { instructions } from "../src/index.ts"
import { cryptoInstructions } from "../src/insns/crypto.ts"
import { simdInstructions } from "../src/insns/simd.ts"

/** A list of all A64 encodings to compare with: a JSON file of rows name, mnemonic, mask, value, fields, feature, class, access, text, extras. */
const list = process.env["A64_ENCODINGS"]

interface Row {
  readonly name: string
  readonly mnemonics: readonly string[]
  readonly mask: number
  readonly value: number
  readonly feature: string
  readonly access: string
  /** Whether a word that matches meets the constraints on its fields. */
  readonly allows: (word: number) => boolean
}
type RawRow = [string, string, string, string, string, number, number, string, string, { c?: string[]; al?: string[] }?]

const within = (value: number, ranges: string): boolean =>
  ranges.split(",").some((range) => {
    const [low, high = low] = range.split("-").map(Number)
    return value >= low! && value <= high!
  })
/** "f!=1,4-7": values a field does not take; "!(f in 1&g in 2)": pairs that do not go together. */
const constraint = (text: string, field: (name: string, word: number) => number) => {
  const [, single, ranges] = /^(\w+)!=([\d,-]+)$/.exec(text) ?? []
  if (single) return (word: number) => !within(field(single, word), ranges!)
  const [, f, a, g, b] = /^!\((\w+) in ([\d,-]+)&(\w+) in ([\d,-]+)\)$/.exec(text) ?? []
  if (!f) throw new Error(`cannot read the constraint ${text}`)
  return (word: number) => !(within(field(f, word), a!) && within(field(g!, word), b!))
}
const rowOf = (features: readonly string[], [name, mnemonic, mask, value, fields, feature, , access, , extras]: RawRow): Row => {
  const places = new Map(fields.split(" ").map((text) => [text.split(":")[0]!, text.split(":").slice(1).map(Number)] as const))
  const field = (of: string, word: number): number => (word >>> places.get(of)![0]!) & (2 ** places.get(of)![1]! - 1)
  const constraints = (extras?.c ?? []).map((text) => constraint(text, field))
  const spellings = [mnemonic, ...(extras?.al ?? [])]
  return {
    name,
    mnemonics: [...spellings, ...spellings.map((word) => `${word}2`)],
    mask: Number.parseInt(mask, 16),
    value: Number.parseInt(value, 16),
    feature: features[feature]!.replace(/&/g, " and "),
    access,
    allows: (word) => constraints.every((holds) => holds(word))
  }
}
const bitCount = (n: number): number => n.toString(2).replace(/0/g, "").length
const rowsOf = (path: string): readonly Row[] => {
  const { features, paths, encodings } = JSON.parse(readFileSync(path, "utf8")) as { features: string[]; paths: string[]; encodings: RawRow[] }
  return encodings
    .filter((row) => /^simd_dp\/(asimd|asisd|crypto)/.test(paths[row[6]]!))
    .map((row) => rowOf(features, row))
    .sort((a, b) => bitCount(b.mask) - bitCount(a.mask))
}
/** Floating-point instructions of these classes are declared, and tested, elsewhere. */
const isFloat = (row: Row): boolean => /^(B?F[A-Z\d]|[SU]CVTF|UR(ECP|SQRT)E)/.test(row.name)
/** Aliases that the list does not know, and what they stand for. */
const PRINTED_AS: Readonly<Record<string, readonly string[]>> = { mov: ["dup", "umov"], sxtl: ["sshll"], uxtl: ["ushll"] }
/** Not offered. */
const MISSING = ["LUT"]

describe.skipIf(list === undefined)("AdvSIMD and cryptographic encodings against a list (path in A64_ENCODINGS)", () => {
  const rows = list === undefined ? [] : rowsOf(list)
  const own = new Set<Instruction>([...simdInstructions, ...cryptoInstructions])
  const table = new Table(instructions)
  const rowFor = (word: number): Row | undefined => rows.find((row) => (word & row.mask) >>> 0 === row.value && row.allows(word))

  test("every one is declared, with its feature and access, and unallocated words are not", () => {
    const random = randomFrom(11)
    const wrong: string[] = []
    let compared = 0
    let declared = 0
    for (const row of rows) {
      if (isFloat(row) || MISSING.includes(row.feature)) continue
      declared++
      for (let legal = 0, tries = 0; legal < 50 && tries < 5000; tries++) {
        const word = ((random() & ~row.mask) | row.value) >>> 0
        const expected = rowFor(word)
        if (expected !== undefined && expected !== row) continue
        const instruction = table.decode(word)
        compared++
        if (expected === undefined) {
          if (instruction && own.has(instruction)) wrong.push(`${word.toString(16)} is not allocated, but ${instruction.name}`)
          continue
        }
        legal++
        if (!instruction || !own.has(instruction)) {
          wrong.push(`${word.toString(16)} is ${row.name}, but ${instruction?.name}`)
          continue
        }
        const [mnemonic] = table.disassemble(word, { address: 0 })!.split(" ")
        const names = [mnemonic!, ...(PRINTED_AS[mnemonic!.replace(/2$/, "")] ?? [])]
        if (!names.some((one) => row.mnemonics.includes(one))) wrong.push(`${word.toString(16)} is ${row.name}, but prints as ${mnemonic}`)
        const { feature, access } = instruction.declaration
        const expectedFeature = row.name.startsWith("PMULL") ? (((word >>> 22) & 3) === 3 ? "PMULL" : "AdvSIMD") : row.feature
        if (feature !== expectedFeature) wrong.push(`${row.name} needs ${expectedFeature}, not ${feature}`)
        if ((row.access === "SIMDe0") !== (typeof access === "function") || (row.access === "SIMD" && access !== "SIMD"))
          wrong.push(`${row.name}: access`)
      }
    }
    console.log(`${declared} encodings, ${compared} words compared`)
    expect(declared).toBeGreaterThan(290)
    expect(wrong).toEqual([])
  })
})
