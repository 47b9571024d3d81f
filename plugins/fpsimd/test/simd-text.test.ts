import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { disassemble, legalWords, randomFrom, Table } from "@eltwo/isa"
import { describe, expect, test } from "vitest"
import { oracleTool, runTool } from "../../../test/conformance/oracle.ts"
import { cryptoInstructions } from "../src/insns/crypto.ts"
import { simdInstructions } from "../src/insns/simd.ts"

const instructions = [...simdInstructions, ...cryptoInstructions]
const table = new Table(instructions)
const here = { address: 0 }
const bare = (text: string): string => text.replace(/\s+/g, "")

describe("text of AdvSIMD and cryptographic instructions", () => {
  // One word of each encoding, and what GNU objdump 2.47 makes of it.
  const samples = readFileSync(new URL("simd-text.txt", import.meta.url), "utf8")
    .trim()
    .split("\n")
  test("one word of each encoding, as GNU objdump prints it", () => {
    expect(samples.length).toBeGreaterThan(300)
    const printed = samples.map((line) => {
      const word = Number.parseInt(line.slice(0, 8), 16)
      const text = table.disassemble(word, here)
      return { line: bare(line.slice(9)), text: text && bare(text), back: text && table.assemble(text, here) === word }
    })
    expect(printed.filter(({ line, text, back }) => line !== text || !back)).toEqual([])
  })
  test("random words read back from their own text", () => {
    const random = randomFrom(2)
    const words = instructions.flatMap((instruction) => legalWords(table, instruction, 40, random))
    expect(words.length).toBe(40 * instructions.length)
    expect(words.filter((word) => table.assemble(table.disassemble(word, here)!, here) !== word)).toEqual([])
  })
  test.each([
    ["ins v1.b[2], w3", "mov v1.b[2], w3"],
    ["ins v1.s[2], v3.s[1]", "mov v1.s[2], v3.s[1]"],
    ["umov x1, v2.d[1]", "mov x1, v2.d[1]"],
    ["dup h1, v2.h[7]", "mov h1, v2.h[7]"],
    ["orr v1.16b, v2.16b, v2.16b", "mov v1.16b, v2.16b"],
    ["not v1.8b, v2.8b", "mvn v1.8b, v2.8b"],
    ["sshll v1.8h, v2.8b, #0", "sxtl v1.8h, v2.8b"],
    ["ushll2 v1.2d, v2.4s, #0", "uxtl2 v1.2d, v2.4s"],
    ["movi v1.4s, #0x12, lsl #0", "movi v1.4s, #0x12"],
    ["tbl v1.8b, {v31.16b, v0.16b}, v2.8b", "tbl v1.8b, {v31.16b-v0.16b}, v2.8b"],
    ["MOVI V1.2D, 0xff000000000000ff", "movi v1.2d, #0xff000000000000ff"]
  ])("%s is read, and printed as %s", (text, preferred) => {
    const word = table.assemble(text, here)
    expect(word).toBeDefined()
    expect(bare(table.disassemble(word!, here)!)).toBe(bare(preferred))
  })
  test.each([
    "add v0.1d, v1.1d, v2.1d",
    "add d0, s1, d2",
    "mul v0.2d, v1.2d, v2.2d",
    "sqdmulh v0.8b, v1.8b, v2.8b",
    "mla v0.4h, v1.4h, v16.h[0]",
    "mla v0.4h, v1.4h, v2.h[8]",
    "shl v0.8b, v1.8b, #8",
    "sshr v0.8b, v1.8b, #0",
    "ssra d0, d1, #65",
    "shrn v0.8b, v1.4s, #1",
    "sqshrn b0, s1, #1",
    "dup v0.8b, v1.b[16]",
    "dup v0.1d, x1",
    "mov v0.s[0], x1",
    "smov w0, v1.s[0]",
    "movi v0.4s, #256",
    "movi v0.2d, #0x0102030405060708",
    "movi v0.8h, #1, lsl #16",
    "ext v0.8b, v1.8b, v2.8b, #8",
    "addv d0, v1.2d",
    "tbl v0.8b, {v1.16b, v3.16b}, v2.8b",
    "sha256h q0, q1, v32.4s"
  ])("%s is refused", (text) => {
    expect(table.assemble(text, here)).toBeUndefined()
  })
  test.skipIf(oracleTool("objdump") === undefined)("30,000 random words as objdump prints them (needs an oracle)", () => {
    const random = randomFrom(3)
    const words = instructions.flatMap((instruction) => legalWords(table, instruction, 300, random).map((word) => ({ instruction, word })))
    expect(words.length).toBeGreaterThan(30_000)
    const folder = mkdtempSync(join(tmpdir(), "eltwo-text-"))
    try {
      const file = join(folder, "words.bin")
      writeFileSync(file, new Uint8Array(Uint32Array.from(words, ({ word }) => word).buffer))
      const printed = runTool("objdump", ["-D", "-b", "binary", "-m", "aarch64", file])
        .toString()
        .split("\n")
        .flatMap((line) => /^\s+[0-9a-f]+:\t[0-9a-f]{8} \t(.*)$/.exec(line)?.[1]?.replace(/\/\/.*/, "") ?? [])
      expect(printed.length).toBe(words.length)
      expect(
        words.flatMap(({ instruction, word }, i) => {
          const text = disassemble(instruction, word, here)
          return bare(text) === bare(printed[i]!) ? [] : [`${text} is printed as ${printed[i]}`]
        })
      ).toEqual([])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
