/**
 * Disassembly of SVE, SME and FP8 instructions against objdump, and our assembler against our own text.
 *
 *   ORACLE=... npx tsx test/conformance/scalable/text.ts [WORDS] [SEED]    compares WORDS random legal words
 *   ORACLE=... npx tsx test/conformance/scalable/text.ts record [SEED]     writes test/golden/text-scalable.json
 */
import { writeFileSync } from "node:fs"
import { fieldsOf, type Instruction, legalWords, randomFrom } from "@eltwo/isa"
import { normalised, objdump } from "../objdump.ts"
import { oracleTool } from "../oracle.ts"
import { scalableInstructions, scalableTable } from "./machine.ts"

const GOLDEN_WORDS = 3000
const [first, second] = process.argv.slice(2)

const samplesOf = (words: number, seed: number): readonly { readonly word: number; readonly instruction: Instruction }[] => {
  const random = randomFrom(seed)
  const each = Math.ceil(words / scalableInstructions.length)
  return scalableInstructions.flatMap((instruction) => legalWords(scalableTable, instruction, each, random).map((word) => ({ word, instruction })))
}
const hex = (word: number): string => word.toString(16).padStart(8, "0")

/** Prints what differs; true when nothing does. */
const compare = (words: number, seed: number): boolean => {
  const samples = samplesOf(words, seed)
  const lines = objdump(samples.map(({ word }) => word))
  const wrong = new Map<string, { count: number; readonly example: string }>()
  const note = (name: string, example: string): void => {
    const known = wrong.get(name)
    if (known) known.count++
    else wrong.set(name, { count: 1, example })
  }
  samples.forEach(({ word, instruction }, i) => {
    const place = { address: 4 * i }
    const ours = scalableTable.disassemble(word, place)!
    const theirs = normalised(lines[i]!)
    if (normalised(ours) !== theirs) note(instruction.name, `${hex(word)} is '${theirs}', ours '${ours}'`)
    const back = scalableTable.assemble(ours, place)
    if (back !== word && !instruction.declaration.redundant?.(fieldsOf(instruction, word)))
      note(instruction.name, `${hex(word)} '${ours}' assembles to ${back?.toString(16)}`)
    const read = scalableTable.assemble(theirs, place)
    if (read !== word && !instruction.declaration.redundant?.(fieldsOf(instruction, word)))
      note(instruction.name, `${hex(word)} objdump's '${theirs}' assembles to ${read?.toString(16)}`)
  })
  for (const [name, { count, example }] of wrong) console.log(`${name}: ${count} words; ${example}`)
  console.log(`${samples.length} words of ${scalableInstructions.length} instructions`)
  return wrong.size === 0
}
/** Writes address, word and text of objdump, where ours is the same (run the comparison first). */
const record = (seed: number): void => {
  const samples = samplesOf(GOLDEN_WORDS, seed)
  const lines = objdump(samples.map(({ word }) => word))
  const rows = samples.map(({ word }, i) => [4 * i, hex(word), normalised(lines[i]!)] as const)
  const agreed = rows.filter(([address, , text], i) => normalised(scalableTable.disassemble(samples[i]!.word, { address })!) === text)
  writeFileSync(new URL("../../golden/text-scalable.json", import.meta.url), `[\n${agreed.map((row) => JSON.stringify(row)).join(",\n")}\n]\n`)
  console.log(`${agreed.length} of ${samples.length} words recorded`)
}

if (!oracleTool("objdump")) console.log("skipped: no objdump; set ORACLE to a directory whose bin/ has it")
else if (first === "record") record(Number(second ?? 1))
else if (!compare(Number(first ?? 20_000), Number(second ?? 1))) process.exitCode = 1
