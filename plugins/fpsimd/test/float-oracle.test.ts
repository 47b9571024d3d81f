/** Comparisons with objdump and with the table of known encodings; skipped, with a count, on machines that have none. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fieldsOf, legalWords, randomFrom, Table } from "@eltwo/isa"
import { expect, test } from "vitest"
import { type KnownEncoding, knownEncodings } from "../../../test/conformance/known-encodings.ts"
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

/** Floating-point encodings, those of features that are not offered left out. */
const isOurs = ({ name, path, feature }: KnownEncoding): boolean =>
  (path.startsWith("simd_dp/float") || (path.startsWith("simd_dp/as") && /^(B?F[A-Z\d]|[SU]CVTF|UR(ECP|SQRT)E)/.test(name))) &&
  !/FP8|F8F|F16F?32|F16MM/.test(feature)
/** 0 in bits 22:19 of the vector shift group is FMOV (vector, immediate) or another class, which the table does not say. */
const isModifiedImmediate = (word: number): boolean => (word & 0x9f800400) >>> 0 === 0x0f000400 && (word & 0x00780000) === 0

test("allocation, features and access classes are those of the known encodings", (context) => {
  const known = knownEncodings()
  if (!known) {
    console.log(`${floatInstructions.length} declarations not compared: no table of encodings`)
    return context.skip()
  }
  const random = randomFrom(3)
  const ours = known.all.filter(isOurs)
  const wrong: string[] = []
  for (const encoding of ours)
    for (let i = 0; i < 50; i++) {
      const word = ((random() & ~encoding.mask) | encoding.value) >>> 0
      if (isModifiedImmediate(word) || known.decode(word) !== (encoding.legal(word) ? encoding : undefined)) continue
      const instruction = table.decode(word)
      const hex = `${encoding.name} ${word.toString(16)}`
      if ((instruction !== undefined) !== encoding.legal(word)) wrong.push(`${hex}: ${instruction?.name}`)
      if (!instruction) continue
      const { access } = instruction.declaration
      if ((typeof access === "function" ? access(fieldsOf(instruction, word)) : access) !== encoding.access) wrong.push(`${hex}: access`)
      // Of a feature and its half-precision part the table often names one only.
      const feature = instruction.declaration.feature!.replace(" and ", "&")
      if (!encoding.feature.split(" ; ").includes(feature) && !/fixed-point, half/.test(instruction.name)) wrong.push(`${hex}: ${feature}`)
      const mnemonic = table.disassemble(word, { address: 0 })!.split(" ")[0]!
      if (mnemonic.replace(/[2bt]$/, "") !== encoding.mnemonic.replace(/[2bt]$/, "")) wrong.push(`${hex}: ${mnemonic}`)
    }
  expect(wrong).toEqual([])
  expect(ours.length).toBeGreaterThan(500)
})

test("what the declarations take is a known floating-point encoding", (context) => {
  const known = knownEncodings()
  if (!known) {
    console.log(`${floatInstructions.length} declarations not compared: no table of encodings`)
    return context.skip()
  }
  const random = randomFrom(4)
  const wrong = floatInstructions.flatMap((instruction) =>
    legalWords(table, instruction, 100, random)
      .filter((word) => !isModifiedImmediate(word) && !isOurs(known.decode(word) ?? { ...known.all[0]!, path: "" }))
      .map((word) => `${word.toString(16)}: ${instruction.name}`)
  )
  expect(wrong).toEqual([])
})
