/** binutils objdump as a judge of text. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runTool } from "./oracle.ts"

/** Its text of each word, the first at address 0, tabs as they come; a word it does not know reads ".inst ... ; undefined". */
export const objdump = (words: readonly number[]): readonly string[] => {
  const folder = mkdtempSync(join(tmpdir(), "eltwo-text-"))
  try {
    const file = join(folder, "words.bin")
    writeFileSync(file, new Uint8Array(Uint32Array.from(words).buffer))
    const listing = runTool("objdump", ["-D", "-z", "-b", "binary", "-m", "aarch64", file]).toString("utf8")
    // "   4:\td503201f \tnop": the address, the word, and the text, which may hold tabs itself.
    const lines = listing.split("\n").flatMap((line) => {
      const [address, word, ...text] = line.split("\t")
      return word !== undefined && /^\s*[0-9a-f]+:$/.test(address!) ? [text.join("\t")] : []
    })
    if (lines.length !== words.length) throw new Error(`objdump gave ${lines.length} lines for ${words.length} words`)
    return lines
  } finally {
    rmSync(folder, { recursive: true })
  }
}
/** Text without comments, symbol names and superfluous white space. */
export const normalised = (text: string): string =>
  text
    .replace(/\s*\/\/.*$/, "")
    .replace(/\s*<[^>]*>$/, "")
    .trim()
    .replace(/\s+/g, " ")
    .replace(/ ?, ?/g, ",")
    .toLowerCase()
