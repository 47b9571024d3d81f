/** The hard declarations of the language: they type-check, lint finds nothing, and text reads back as the same word. */
import { describe, expect, it } from "vitest"
import { loadStoreInstructions } from "../../src/base/load-store.ts"
import { Table } from "../../src/decode.ts"
import { lint } from "../../src/lint.ts"
import { legalWords, randomFrom } from "../../src/sample.ts"
import { smeDeclarations } from "./declarations-sme.ts"
import { sveDeclarations } from "./declarations-sve.ts"

const memoryCopies = loadStoreInstructions.filter((instruction) => instruction.declaration.feature?.includes("MOPS"))
const declarations = [...sveDeclarations, ...smeDeclarations, ...memoryCopies]
const table = new Table(declarations)
const WORDS = 1000

describe("the language", () => {
  it("has memory copies among its declarations", () => expect(memoryCopies.length).toBeGreaterThan(0))
  it("finds nothing to complain about", () => expect(lint(declarations)).toEqual([]))

  it.each(declarations.map((declaration) => [declaration.name, declaration] as const))("reads its own text: %s", (_name, declaration) => {
    const words = legalWords(table, declaration, WORDS, randomFrom(declaration.value))
    expect(words.length).toBe(WORDS)
    for (const word of words) {
      const place = { address: 0x1000 }
      const text = table.disassemble(word, place)!
      expect(table.read(text, place), text).toEqual({ word })
    }
  })
})
