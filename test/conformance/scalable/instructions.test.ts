/** Replays what QEMU made of random SVE, SME and FP8 instructions, VL 512 and SVL 256 (record.ts records them). */
import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { DATA_BYTES, OUTCOME } from "../differential/state.ts"
import { decodeGolden, hashOf, randomData } from "../golden-cases.ts"
import { createBench, dataOf, loadCases, runCase } from "./bench.ts"
import { differences } from "./compare.ts"
import { GOLDEN } from "./golden.ts"
import { scalableMachine, scalableTable } from "./machine.ts"
import { RECORD } from "./state.ts"

const batches = decodeGolden(GOLDEN, gunzipSync(readFileSync(new URL("../../golden/scalable.bin.gz", import.meta.url))))
/** Making a module of every instruction alone is slow, so that engine replays the first batch. */
const JIT_BATCHES = 1

describe.each([
  ["interp", batches],
  ["jit", batches.slice(0, JIT_BATCHES)]
] as const)("recorded scalable instructions in %s", (engine, replayed) => {
  it.each(replayed)("batch $dataSeed", ({ dataSeed, cases, expected, dataHash }) => {
    const bench = createBench(scalableMachine, engine)
    loadCases(bench, cases, randomData(dataSeed))
    const record = new DataView(new ArrayBuffer(RECORD.BYTES))
    const wrong = cases.flatMap((test, i) => {
      runCase(bench, test, i, record)
      const found = differences(expected[i]!, record)
      const text = scalableTable.disassemble(test.word, { address: 0 })
      return found.length === 0 ? [] : [`${test.word.toString(16)} seed ${test.seed} ${text}: ${found.slice(0, 3).join("; ")}`]
    })
    expect(wrong).toEqual([])
    expect(hashOf(dataOf(bench, DATA_BYTES))).toBe(dataHash)
    // Those of FP and Advanced SIMD, and what has the vector length for a number; the rest is left to the interpreter.
    if (bench.translated !== undefined) expect(bench.translated()).toBeGreaterThan(cases.length / 20)
  })
})

describe("the recording", () => {
  const all = batches.flatMap(({ cases, expected }) => cases.map((test, i) => ({ word: test.word, after: expected[i]! })))
  const outcome = (after: DataView): number => Number(after.getBigUint64(RECORD.OUTCOME, true))
  it("has at least 3000 cases of every family that a program may use", () => {
    expect(all.length).toBeGreaterThanOrEqual(3000)
    const seen = new Set(all.map(({ word }) => scalableMachine.decode(word)!.name))
    const missing = scalableMachine.instructions.filter((i) => /SVE|SME|FP8/.test(i.declaration.feature ?? "") && !seen.has(i.name))
    expect(missing.map((i) => i.name)).toEqual(["SMSTART, SMSTOP"])
  })
  it("has both modes, and few exceptions", () => {
    const streaming = all.filter(({ after }) => after.getUint32(RECORD.SM, true) === 1).length
    expect(streaming).toBeGreaterThan(all.length / 3)
    expect(streaming).toBeLessThan((2 * all.length) / 3)
    expect(all.filter(({ after }) => outcome(after) === OUTCOME.fault).length).toBeLessThan(all.length / 10)
  })
})
