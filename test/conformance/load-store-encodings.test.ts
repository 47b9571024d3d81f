/** Loads, stores, atomics and memory copies: every known encoding is declared, or listed here as not implemented. */
import { loadStoreInstructions, randomFrom, Table } from "@eltwo/isa"
import { expect, test } from "vitest"
import { simdLoadStoreInstructions } from "../../plugins/fpsimd/src/insns/load-store.ts"
import { type KnownEncoding, knownEncodings } from "./known-encodings.ts"

const WORDS = 50
const NOT_IMPLEMENTED = new Set([
  "GCS",
  "LRCPC3",
  "LRCPC3&FP",
  "LS64",
  "LSCP",
  "LSFE",
  "LSUI",
  "LSUI&FP",
  "MOPS_GO",
  "MTE",
  "PAuth",
  "THE",
  "THE&D128"
])
/** Words whose meaning is constrained unpredictable; the table has them allocated, here they are UNDEFINED. */
const unpredictable = (known: KnownEncoding, word: number): boolean => {
  const [Rt2, Rn, Rt] = [(word >>> 16) & 31, (word >>> 5) & 31, word & 31]
  return known.feature === "MOPS" ? Rn === 31 : known.feature === "LSE128" && Rt === Rt2
}
const table = new Table([...loadStoreInstructions, ...simdLoadStoreInstructions])
const known = knownEncodings()
if (!known) console.log("skipped 1 test: A64_ENCODINGS does not name the table of known encodings")

test.skipIf(!known)(
  `${WORDS} random words of every encoding agree`,
  () => {
    const random = randomFrom(1)
    const differences: string[] = []
    let compared = 0
    for (const encoding of known!.all) {
      if (!encoding.path.startsWith("ldst/")) continue
      for (let i = 0; i < WORDS; i++) {
        const word = ((random() & ~encoding.mask) | encoding.value) >>> 0
        const expected = known!.decode(word)
        const found = table.decode(word)
        const implemented = expected?.path.startsWith("ldst/") && !NOT_IMPLEMENTED.has(expected.feature) && !unpredictable(expected, word)
        const say = (what: string) => differences.push(`${word.toString(16)} ${expected?.name ?? "unallocated"}: ${what}`)
        compared++
        if (!implemented) {
          if (found) say(`is ${found.name}`)
          continue
        }
        if (!found) {
          say("is not declared")
          continue
        }
        const mnemonic = table.disassemble(word, { address: 0x10000 })!.split(" ")[0]!
        const { feature = "base", access = "none" } = found.declaration
        if (mnemonic !== expected!.mnemonic && !expected!.aliases.includes(mnemonic)) say(`is ${mnemonic}`)
        if (feature.replaceAll(" and ", "&") !== expected!.feature) say(`has feature ${feature}`)
        if ((access === "none" ? "-" : access) !== expected!.access) say(`has access class ${String(access)}`)
      }
    }
    expect(differences).toEqual([])
    expect(compared).toBeGreaterThan(1000 * WORDS)
  },
  120_000
)
