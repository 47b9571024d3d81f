/** AdvSIMD integer and cryptographic instructions: every known encoding is declared, and what is not allocated is not. */
import { type Instruction, randomFrom, Table } from "@eltwo/isa"
import { instructions } from "@eltwo/plugin-fpsimd"
import { expect, test } from "vitest"
import { cryptoInstructions } from "../../plugins/fpsimd/src/insns/crypto.ts"
import { simdInstructions } from "../../plugins/fpsimd/src/insns/simd.ts"
import { type KnownEncoding, knownEncodings } from "./known-encodings.ts"

const WORDS = 50
const isSimd = ({ path }: KnownEncoding): boolean => /^simd_dp\/(asimd|asisd|crypto)/.test(path)
/** Floating point of the same groups is declared, and compared, elsewhere. */
const isFloat = ({ name }: KnownEncoding): boolean => /^(B?F[A-Z\d]|[SU]CVTF|UR(ECP|SQRT)E)/.test(name)
const NOT_IMPLEMENTED = new Set(["LUT"])
/** Aliases that the table does not know, without the 2 of their upper-half forms. */
const PRINTED_AS: Readonly<Record<string, readonly string[]>> = { mov: ["dup", "umov"], sxtl: ["sshll"], uxtl: ["ushll"] }

const own = new Set<Instruction>([...simdInstructions, ...cryptoInstructions])
const table = new Table(instructions)
const known = knownEncodings()
if (!known) console.log("skipped 1 test: A64_ENCODINGS does not name the table of known encodings")

const mnemonics = new Set(known?.all.map(({ mnemonic }) => mnemonic))
/** The mnemonic without the 2 of its upper-half form; SHA256H2 and ZIP2 are names of their own. */
const withoutHalf = (name: string): string => (mnemonics.has(name) ? name : name.replace(/2$/, ""))
/** The table has one feature for both forms of PMULL. */
const featureOf = (encoding: KnownEncoding, word: number): string => {
  if (encoding.mnemonic !== "pmull") return encoding.feature
  return ((word >>> 22) & 3) === 3 ? "PMULL" : "AdvSIMD"
}
/** SMOV and UMOV of element 0 are legal wherever scalar floating point is: their access class depends on the word. */
const accessOf = ({ declaration: { access } }: Instruction): string => (typeof access === "function" ? "SIMDe0" : (access ?? "-"))

const differencesOf = (encoding: KnownEncoding, word: number): string[] => {
  const found = table.decode(word)
  if (!found || !own.has(found)) return [`is ${found?.name ?? "not declared"}`]
  const printed = withoutHalf(table.disassemble(word, { address: 0 })!.split(" ")[0]!)
  const spellings = [encoding.mnemonic, ...encoding.aliases].map(withoutHalf)
  const feature = (found.declaration.feature ?? "base").replaceAll(" and ", "&")
  return [
    ...([printed, ...(PRINTED_AS[printed] ?? [])].some((name) => spellings.includes(name)) ? [] : [`is printed as ${printed}`]),
    ...(feature === featureOf(encoding, word) ? [] : [`has feature ${feature}`]),
    ...(accessOf(found) === encoding.access ? [] : [`has access class ${accessOf(found)}`])
  ]
}

test.skipIf(!known)(`${WORDS} random words of every encoding agree`, () => {
  const random = randomFrom(11)
  const differences: string[] = []
  let declared = 0
  for (const encoding of known!.all) {
    if (!isSimd(encoding) || isFloat(encoding) || NOT_IMPLEMENTED.has(encoding.feature)) continue
    declared++
    let legal = 0
    for (let tries = 0; legal < WORDS && tries < 100 * WORDS; tries++) {
      const word = ((random() & ~encoding.mask) | encoding.value) >>> 0
      const expected = known!.decode(word)
      const found = expected === undefined ? table.decode(word) : undefined
      if (found && own.has(found)) differences.push(`${word.toString(16)} is not allocated, but ${found.name}`)
      if (expected !== encoding) continue
      legal++
      differences.push(...differencesOf(encoding, word).map((what) => `${word.toString(16)} ${encoding.name}: ${what}`))
    }
    expect(legal, encoding.name).toBeGreaterThan(0)
  }
  expect(differences).toEqual([])
  expect(declared).toBeGreaterThan(300)
})
