/** What a real kernel said to a small virtual machine monitor and its guests, in five modes, and what eltwo says. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { compare, type Recorded, recordedLines } from "./real-kernel/compare.ts"
import { DIFFERENCES, type Difference } from "./real-kernel/differences.ts"
import { GUESTS } from "./real-kernel/guests.ts"
import { MODES } from "./real-kernel/modes.ts"
import { ourLines } from "./real-kernel/ours.ts"

const recorded = JSON.parse(readFileSync(fileURLToPath(new URL("../golden/real-kernel.json", import.meta.url)), "utf8")) as Recorded
/** Sweeps over all system registers take long: here those that find registers, in one mode. real-kernel.ts runs all of them in all modes. */
const FRUITFUL = ["sweep-2-0", "sweep-2-3", "sweep-3-0", "sweep-3-1", "sweep-3-3"]
const guestsOf = (mode: string) => GUESTS.filter(({ name }) => !name.startsWith("sweep") || (mode === "vhe" && FRUITFUL.includes(name)))

describe("a real kernel and eltwo", () => {
  const used = new Set<Difference>()
  it.each(MODES)("say the same under $name", ({ name, mode }) => {
    const { unexplained, explainedBy, equalLines } = compare(name, recordedLines(recorded, name), ourLines(mode, guestsOf(name)))
    for (const difference of explainedBy) used.add(difference)
    expect(unexplained).toEqual([])
    expect(equalLines).toBeGreaterThan(name === "vhe" ? 1500 : 1300)
  })
  it("differ wherever a difference is explained", () => {
    expect(DIFFERENCES.filter((difference) => !used.has(difference)).map(({ why }) => why)).toEqual([])
  })
  it("are compared: any changed line is noticed", () => {
    const theirs = recordedLines(recorded, "vhe")
    const lines = [...theirs.values()].flat()
    expect(compare("vhe", theirs, lines).unexplained).toEqual([])
    const compared = lines.flatMap((line, i) => (DIFFERENCES.some((difference) => difference.lines.test(line)) ? [] : [i]))
    for (const i of compared.filter((_, n) => n % 53 === 0)) {
      const { unexplained } = compare("vhe", theirs, lines.with(i, `${lines[i]}7`))
      expect(unexplained).toContain(`+ ${lines[i]}7`)
    }
  })
  it("show guests the same ID registers but for features that only the other processor has", () => {
    const fields = (lines: readonly string[]) =>
      new Map(
        lines.flatMap((line) => {
          const [, register, value] = /^reg 0x603000000013(c0[23][0-9a-f]): (\S+)$/.exec(line) ?? []
          return register === undefined
            ? []
            : Array.from({ length: 16 }, (_, i) => [`${register} ${4 * i}`, (BigInt(value!) >> BigInt(4 * i)) & 15n] as const)
        })
      )
    const theirs = fields(recordedLines(recorded, "vhe").get("reg")!)
    const more = [...fields(ourLines(MODES[0]!.mode, []))].filter(([field, value]) => value > theirs.get(field)!).map(([field]) => field)
    // DoubleLock and TGran64: 15 is "not there"; CLRBHB and ECBHB of branch predictors
    expect(more).toEqual(["c028 36", "c032 28", "c038 24", "c039 60"])
  })
  it("were asked with at least 25 illegal calls, answered alike", () => {
    const calls = recordedLines(recorded, "vhe").get("call")!
    expect(calls.filter((line) => /: -\d+$/.test(line)).length).toBeGreaterThan(90)
  })
})
