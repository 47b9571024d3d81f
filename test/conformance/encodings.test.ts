/** Our decoder against a table of all A64 encodings, if A64_ENCODINGS names one. */
import { describe, expect, it } from "vitest"
import { compareWords, describeDisagreement, featuresOf, isImplemented, Reference, readEncodings, rowWords, uniformWords } from "./encodings.ts"
import { everyInstruction, everyTable } from "./groups.ts"
import { encodingExceptions } from "./known-differences.ts"

const encodings = readEncodings()
const WORDS_PER_ROW = 50
const UNIFORM_WORDS = 1_000_000
if (!encodings) console.log(`skipped: ${WORDS_PER_ROW} words of every encoding and ${UNIFORM_WORDS} random words; A64_ENCODINGS names no table`)

describe.skipIf(!encodings)("allocation", () => {
  const table = everyTable
  const features = featuresOf(everyInstruction)
  const reference = new Reference((encodings ?? []).filter((row) => isImplemented(row.feature, features)))

  it(`agrees on ${WORDS_PER_ROW} words of every encoding`, () => {
    const { words, unexplained, explained } = compareWords(table, reference, rowWords(reference, WORDS_PER_ROW, 1), encodingExceptions)
    console.log(`${words} words of ${reference.encodings.length} encodings; meant to differ: ${JSON.stringify([...explained])}`)
    expect(words).toBeGreaterThan(25_000)
    expect(unexplained.map(describeDisagreement)).toEqual([])
  })
  it(`agrees on ${UNIFORM_WORDS} random words`, () => {
    const { allocated, unexplained, explained } = compareWords(table, reference, uniformWords(UNIFORM_WORDS, 2), encodingExceptions)
    console.log(`${allocated} of ${UNIFORM_WORDS} words allocated; meant to differ: ${JSON.stringify([...explained])}`)
    expect(allocated).toBeGreaterThan(UNIFORM_WORDS / 10)
    expect(unexplained.map(describeDisagreement)).toEqual([])
  })
})
