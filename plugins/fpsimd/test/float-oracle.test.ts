/** Comparisons with an assembler's objdump; skipped, with a count, on machines that have none. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { legalWords, randomFrom, Table } from "@eltwo/isa"
import { expect, test } from "vitest"
import { oracleTool, runTool } from "../../../test/conformance/oracle.ts"
import { floatInstructions } from "../src/insns/float.ts"

const table = new Table(floatInstructions)
const WORDS_EACH = 200

/** objdump's lines, comments dropped and white space normalised. */
const objdumpText = (words: readonly number[]): readonly string[] => {
  const folder = mkdtempSync(join(tmpdir(), "eltwo-float-"))
  try {
    const [source, object] = [join(folder, "words.s"), join(folder, "words.o")]
    writeFileSync(source, words.map((word) => `.inst 0x${word.toString(16)}\n`).join(""))
    runTool("as", [source, "-o", object])
    const lines = runTool("objdump", ["-d", object]).toString().split("\n")
    const texts = lines.flatMap((line) => /^\s*[0-9a-f]+:\t[0-9a-f]{8} \t(.*)$/.exec(line)?.[1] ?? [])
    return texts.map((text) =>
      text
        .replace(/\/\/.*/, "")
        .replace(/\s+/g, " ")
        .trim()
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test("text equals objdump's", (context) => {
  const random = randomFrom(2)
  const words = floatInstructions.flatMap((instruction) => legalWords(table, instruction, WORDS_EACH, random))
  expect(words.length).toBe(WORDS_EACH * floatInstructions.length)
  if (!oracleTool("as") || !oracleTool("objdump")) {
    console.log(`${words.length} words not compared: no objdump for AArch64`)
    return context.skip()
  }
  const texts = objdumpText(words)
  expect(texts.length).toBe(words.length)
  const different = words.flatMap((word, i) => {
    const ours = table.disassemble(word, { address: 4 * i })
    return ours === texts[i] ? [] : [`${word.toString(16)}: ${ours} / ${texts[i]}`]
  })
  expect(different).toEqual([])
})
