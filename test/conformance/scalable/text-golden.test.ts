/** Text recorded from objdump (text.ts record): ours is the same, and our assembler reads it as the same word. Lint over all declarations. */
import { readFileSync } from "node:fs"
import { fieldsOf, lint } from "@eltwo/isa"
import { describe, expect, it } from "vitest"
import { normalised } from "../objdump.ts"
import { scalableInstructions, scalableTable } from "./machine.ts"

type Row = readonly [address: number, word: string, text: string]
const rows = JSON.parse(readFileSync(new URL("../../golden/text-scalable.json", import.meta.url), "utf8")) as Row[]

describe("text of scalable instructions", () => {
  it("covers every instruction", () => {
    expect(rows.length).toBeGreaterThan(2500)
    const covered = new Set(rows.map(([, word]) => scalableTable.decode(Number.parseInt(word, 16))))
    expect(scalableInstructions.filter((instruction) => !covered.has(instruction)).map(({ name }) => name)).toEqual([])
  })
  it("is printed", () => {
    const wrong = rows.filter(([address, word, text]) => normalised(scalableTable.disassemble(Number.parseInt(word, 16), { address }) ?? "") !== text)
    expect(wrong).toEqual([])
  })
  it("is read", () => {
    const wrong = rows.filter(([address, hex, text]) => {
      const word = Number.parseInt(hex, 16)
      const back = scalableTable.assemble(text, { address })
      return (
        back !== word && !(back !== undefined && scalableTable.decode(word)!.declaration.redundant?.(fieldsOf(scalableTable.decode(word)!, word)))
      )
    })
    expect(wrong).toEqual([])
  })
})
describe("declarations of scalable instructions", () => {
  it("are clean", () => expect(lint(scalableInstructions)).toEqual([]))
  it("have names of their own among all instructions", () => {
    const names = scalableTable.rows.map(({ name }) => name)
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
  })
})
