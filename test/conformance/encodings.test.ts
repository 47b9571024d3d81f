/** Our decoder against the table of known encodings, if A64_ENCODINGS names one. */
import { describe, expect, it } from "vitest"
import { compareWords, describeDisagreement, featuresOf, isImplemented, rowWords, uniformWords } from "./encodings.ts"
import { everyInstruction, everyTable } from "./groups.ts"
import { encodingExceptions } from "./known-differences.ts"
import { KnownEncodings, knownEncodings } from "./known-encodings.ts"

const WORDS_PER_ROW = 50
const UNIFORM_WORDS = 1_000_000
const all = knownEncodings()
if (!all) console.log(`skipped 2 tests: A64_ENCODINGS does not name the table of known encodings`)

describe.skipIf(!all)("allocation", () => {
  const features = featuresOf(everyInstruction)
  /** Features that no declaration names are not implemented: their words are what they were before. */
  const known = new KnownEncodings((all?.all ?? []).filter((row) => isImplemented(row.feature, features)))

  it(`agrees on ${WORDS_PER_ROW} words of every encoding`, () => {
    const { words, unexplained, explained } = compareWords(everyTable, known, rowWords(known, WORDS_PER_ROW, 1), encodingExceptions)
    console.log(`${words} words of ${known.all.length} encodings; meant to differ: ${JSON.stringify([...explained])}`)
    expect(words).toBeGreaterThan(WORDS_PER_ROW * known.all.length * 0.99)
    expect(unexplained.map(describeDisagreement)).toEqual([])
  })
  it(`agrees on ${UNIFORM_WORDS} random words`, () => {
    const { allocated, unexplained, explained } = compareWords(everyTable, known, uniformWords(UNIFORM_WORDS, 2), encodingExceptions)
    console.log(`${allocated} of ${UNIFORM_WORDS} words allocated; meant to differ: ${JSON.stringify([...explained])}`)
    expect(allocated).toBeGreaterThan(UNIFORM_WORDS / 10)
    expect(unexplained.map(describeDisagreement)).toEqual([])
  })
})
