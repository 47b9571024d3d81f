/**
 * Disassembly against objdump, and our assembler against our own text.
 *
 *   ORACLE=... npx tsx test/conformance/text.ts [WORDS] [SEED] [PATTERN]    compares WORDS random legal words of all instructions whose name matches
 *   ORACLE=... npx tsx test/conformance/text.ts record [SEED]               writes the golden files that npm test replays
 */
import { writeFileSync } from "node:fs"
import { fieldsOf, type Instruction, legalWords, randomFrom, type Table } from "@eltwo/isa"
import { everyInstruction, everyTable, groups } from "./groups.ts"
import { type TextException, textExceptions } from "./known-differences.ts"
import { normalised, objdump } from "./objdump.ts"
import { oracleTool } from "./oracle.ts"

/** Words of one objdump run. */
const BATCH = 50_000
const GOLDEN_WORDS = 4000
const goldenFile = (group: string): URL => new URL(`../golden/text-${group}.json`, import.meta.url)

interface Sample {
  readonly word: number
  readonly instruction: Instruction
}
const samplesOf = (table: Table, instructions: readonly Instruction[], words: number, seed: number): readonly Sample[] => {
  const random = randomFrom(seed)
  const each = Math.ceil(words / instructions.length)
  return instructions.flatMap((instruction) => legalWords(table, instruction, each, random).map((word) => ({ word, instruction })))
}
/** Words whose name chance seldom finds: hints, barriers, and maintenance with and without a register. */
const namedWords = (table: Table): readonly number[] => {
  const hints = Array.from({ length: 256 }, (_, i) => 0xd503201f + ((i & 127) << 5) + (i >> 7) * 0x1000)
  const maintenance = Array.from({ length: 2 ** 15 }, (_, i) => 0xd5080000 + ((i >> 1) << 5) + (i & 1 ? 31 : 5))
  return [...hints, ...maintenance.filter((word) => !/^sys /.test(table.disassemble(word, { address: 0 })!))].filter((word) => table.decode(word))
}
const exceptionFor = (sample: Sample, theirs: string): TextException | undefined =>
  textExceptions.find(
    ({ instruction, applies }) => instruction.test(sample.instruction.name) && applies(fieldsOf(sample.instruction, sample.word), theirs)
  )

/** Prints what differs; true when nothing does that is not meant to. */
const compare = (words: number, seed: number, pattern: RegExp): boolean => {
  const table = everyTable
  const samples = samplesOf(
    table,
    everyInstruction.filter(({ name }) => pattern.test(name)),
    words,
    seed
  )
  const explained = new Map<string, number>()
  const wrong = new Map<string, { count: number; readonly example: string }>()
  const note = (instruction: Instruction, example: string): void => {
    const known = wrong.get(instruction.name)
    if (known) known.count++
    else wrong.set(instruction.name, { count: 1, example })
  }
  let redundant = 0
  for (let at = 0; at < samples.length; at += BATCH) {
    const batch = samples.slice(at, at + BATCH)
    const lines = objdump(batch.map(({ word }) => word))
    batch.forEach((sample, i) => {
      const { word, instruction } = sample
      const place = { address: 4 * i }
      const ours = table.disassemble(word, place)!
      const theirs = normalised(lines[i]!)
      if (normalised(ours) !== theirs) {
        const exception = exceptionFor(sample, theirs)
        if (exception) explained.set(exception.reason, (explained.get(exception.reason) ?? 0) + 1)
        else note(instruction, `${word.toString(16).padStart(8, "0")} is '${theirs}', ours '${ours}'`)
      }
      const back = table.assemble(ours, place)
      if (back === word) return
      if (instruction.declaration.redundant?.(fieldsOf(instruction, word))) redundant++
      else note(instruction, `${word.toString(16).padStart(8, "0")} '${ours}' assembles to ${back?.toString(16)}`)
    })
  }
  for (const [name, { count, example }] of wrong) console.log(`${name}: ${count} words; ${example}`)
  console.log(`${samples.length} words of ${new Set(samples.map(({ instruction }) => instruction)).size} instructions`)
  console.log(`${redundant} words read back as an equivalent one; meant to differ:`, Object.fromEntries(explained))
  return wrong.size === 0
}

/** Writes, per group, address, word and text of objdump, where ours is the same (run the comparison first). */
const record = (seed: number): void => {
  const table = everyTable
  for (const { name, instructions } of groups) {
    const words = [...(name === "base" ? namedWords(table) : []), ...samplesOf(table, instructions, GOLDEN_WORDS, seed).map(({ word }) => word)]
    const lines = objdump(words)
    const rows = words.map((word, i) => [4 * i, word.toString(16).padStart(8, "0"), normalised(lines[i]!)] as const)
    const agreed = rows.filter(([address, , text], i) => normalised(table.disassemble(words[i]!, { address })!) === text)
    writeFileSync(goldenFile(name), `[\n${agreed.map((row) => JSON.stringify(row)).join(",\n")}\n]\n`)
    console.log(`${name}: ${agreed.length} of ${words.length} words recorded`)
  }
}

const [first, second, third] = process.argv.slice(2)
if (!oracleTool("objdump")) console.log("skipped: no objdump; set ORACLE to a directory whose bin/ has it")
else if (first === "record") record(Number(second ?? 1))
else if (!compare(Number(first ?? 100_000), Number(second ?? 1), new RegExp(third ?? "."))) process.exitCode = 1
