/** Replays what QEMU made of random instructions of every family (test/conformance/record-instructions.ts records them). */
import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { differences } from "./conformance/differential/compare.ts"
import { GOLDEN } from "./conformance/differential/golden.ts"
import { createBench, dataOf, loadCases, runCase } from "./conformance/differential/machine.ts"
import { DATA_BYTES, RECORD } from "./conformance/differential/state.ts"
import { disassembler, machineUnderTest } from "./conformance/differential/under-test.ts"
import { decodeGolden, hashOf, randomData } from "./conformance/golden-cases.ts"

const isa = machineUnderTest()
const text = disassembler(isa)
const batches = decodeGolden(GOLDEN, gunzipSync(readFileSync(new URL("./golden/instructions.bin.gz", import.meta.url))))

/** Translating every instruction alone is slow, so that engine replays the first batches. */
const JIT_BATCHES = 3

describe.each([
  ["interp", batches],
  ["jit", batches.slice(0, JIT_BATCHES)]
] as const)("recorded instructions in %s", (engine, replayed) => {
  it.each(replayed)("batch $dataSeed", ({ dataSeed, cases, expected, dataHash }) => {
    const bench = createBench(isa, engine)
    loadCases(bench, cases, randomData(dataSeed))
    const record = new DataView(new ArrayBuffer(RECORD.BYTES))
    const wrong = cases.flatMap((test, i) => {
      runCase(bench, test, i, record)
      const found = differences(expected[i]!, record)
      return found.length === 0 ? [] : [`${test.word.toString(16)} seed ${test.seed} ${text(test.word)}: ${found.slice(0, 3).join("; ")}`]
    })
    expect(wrong).toEqual([])
    expect(hashOf(dataOf(bench, DATA_BYTES))).toBe(dataHash)
    if (bench.translated !== undefined) expect(bench.translated()).toBeGreaterThan(cases.length / 2)
  })
})

describe("the recording", () => {
  it("has at least 20,000 cases of at least 300 families", () => {
    const words = batches.flatMap((b) => b.cases.map((c) => c.word))
    expect(words.length).toBeGreaterThanOrEqual(20_000)
    expect(new Set(words.map((word) => isa.decode(word)?.name)).size).toBeGreaterThanOrEqual(300)
  })
})
