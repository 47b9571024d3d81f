/** Text recorded from objdump (test/conformance/text.ts record): ours is the same, and our assembler reads it as the same word. */
import { readFileSync } from "node:fs"
import { fieldsOf } from "@eltwo/isa"
import { describe, expect, it } from "vitest"
import { everyTable, groups } from "./groups.ts"
import { normalised } from "./objdump.ts"

type Row = readonly [address: number, word: string, text: string]
const goldenOf = (group: string): readonly Row[] =>
  JSON.parse(readFileSync(new URL(`../golden/text-${group}.json`, import.meta.url), "utf8")) as Row[]

describe.each(groups.map(({ name }) => [name, goldenOf(name)] as const))("text of %s", (_name, rows) => {
  it("has enough words", () => expect(rows.length).toBeGreaterThan(3500))
  it("is printed", () => {
    const wrong = rows.filter(([address, word, text]) => normalised(everyTable.disassemble(Number.parseInt(word, 16), { address }) ?? "") !== text)
    expect(wrong).toEqual([])
  })
  it("is read", () => {
    const wrong = rows.filter(([address, hex, text]) => {
      const word = Number.parseInt(hex, 16)
      const instruction = everyTable.decode(word)!
      const back = everyTable.assemble(text, { address })
      return back !== word && !(back !== undefined && instruction.declaration.redundant?.(fieldsOf(instruction, word)))
    })
    expect(wrong).toEqual([])
  })
})
