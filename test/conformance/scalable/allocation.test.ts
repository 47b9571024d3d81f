/** The declared SVE, SME and FP8 encodings against the table of known ones, if A64_ENCODINGS names it: whole encodings, and nothing beside them. */
import { describe, expect, it } from "vitest"
import { compareWord, describeDisagreement, rowWords } from "../encodings.ts"
import { type KnownEncoding, KnownEncodings, knownEncodings } from "../known-encodings.ts"
import { scalableInstructions, scalableTable } from "./machine.ts"

const WORDS_PER_ROW = 50
/** SVE and SME below 2^30 words of their own, and where FP8 lies. */
const PATHS = /^(sve|sme)|FP8/
const all = knownEncodings()
if (!all) console.log("skipped 1 test: A64_ENCODINGS does not name the table of known encodings")

describe.skipIf(!all)("allocation of scalable instructions", () => {
  it("has an encoding as a whole or not at all", () => {
    const rows = (all?.all ?? []).filter((row) => PATHS.test(row.path) || PATHS.test(row.feature))
    const known = new KnownEncodings(all?.all ?? [])
    const own = new Set(scalableInstructions)
    const declared = new Set<KnownEncoding>()
    /** By what disagrees: one word of it. */
    const wrong = new Map<string, string>()
    for (const row of rows) {
      const words = rowWords(new KnownEncodings([row]), WORDS_PER_ROW, row.value)
      const legal = words.filter((word) => known.decode(word)?.name === row.name)
      const found = legal.filter((word) => scalableTable.decode(word) !== undefined)
      if (found.length > 0) declared.add(row)
      const expected = found.length > 0 ? words : words.filter((word) => !legal.includes(word))
      for (const word of expected) {
        const disagreement = compareWord(scalableTable, known, word)
        const undeclared = disagreement?.kind === "missing" && !legal.includes(word)
        if (!disagreement || undeclared) continue
        const { kind, theirs, ours } = disagreement
        wrong.set(`${kind} ${theirs} ${ours}`, describeDisagreement(disagreement))
      }
    }
    console.log(`${declared.size} of ${rows.length} known encodings are declared, by ${own.size} instructions`)
    expect([...wrong.values()]).toEqual([])
    expect(declared.size).toBeGreaterThan(300)
  })
})
