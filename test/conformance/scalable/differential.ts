/**
 * Differential test of SVE, SME and FP8 instructions against QEMU: random instructions on random states, in streaming mode and outside it.
 *
 *     ORACLE=... npx tsx test/conformance/scalable/differential.ts [--cases N] [--seed N] [--family REGEXP] [--engine interp|jit]
 *
 * Prints the first differences and a count per family; exit status 1 when there is one.
 */
import { parseArgs } from "node:util"
import { DATA_BYTES, OUTCOME } from "../differential/state.ts"
import { randomData } from "../golden-cases.ts"
import { needTools } from "../oracle.ts"
import { createBench, dataOf, loadCases, runCase } from "./bench.ts"
import { drawScalableCases } from "./cases.ts"
import { differences } from "./compare.ts"
import { scalableMachine, scalableTable } from "./machine.ts"
import { runOnQemu } from "./qemu.ts"
import { RECORD } from "./state.ts"

needTools("as", "ld", "qemu-aarch64")
const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "4000" },
    seed: { type: "string", default: "1" },
    family: { type: "string", default: "" },
    show: { type: "string", default: "30" },
    engine: { type: "string", default: "interp" }
  }
})
const BATCH = 1000
const [failed, ran] = [new Map<string, number>(), new Map<string, number>()]
const count = (map: Map<string, number>, name: string) => map.set(name, (map.get(name) ?? 0) + 1)
let [shown, faults, done] = [0, 0, 0]
for (let seed = Number(values.seed); done < Number(values.cases); seed++) {
  const cases = drawScalableCases(Math.min(BATCH, Number(values.cases) - done), seed, new RegExp(values.family, "i"))
  if (cases.length === 0) break
  const data = randomData(seed)
  const expected = runOnQemu(cases, data)
  const bench = createBench(scalableMachine, values.engine === "jit" ? "jit" : "interp")
  loadCases(bench, cases, data)
  const record = new DataView(new ArrayBuffer(RECORD.BYTES))
  cases.forEach((test, i) => {
    const name = scalableMachine.decode(test.word)!.name
    count(ran, name)
    runCase(bench, test, i, record)
    const wanted = new DataView(expected.records.buffer, expected.records.byteOffset + i * RECORD.BYTES, RECORD.BYTES)
    if (wanted.getBigUint64(RECORD.OUTCOME, true) === BigInt(OUTCOME.fault)) faults++
    const found = differences(wanted, record)
    if (found.length === 0) return
    count(failed, name)
    if (shown++ < Number(values.show))
      console.log(
        `${test.word.toString(16).padStart(8, "0")} seed ${test.seed} ${scalableTable.disassemble(test.word, { address: 0 })}\n    ${found.slice(0, 4).join("\n    ")}`
      )
  })
  const memory = dataOf(bench, DATA_BYTES)
  const at = memory.findIndex((byte, i) => byte !== expected.data[i])
  if (at >= 0) {
    count(failed, "memory")
    console.log(`memory differs at offset 0x${at.toString(16)} after the batch of seed ${seed}: ${memory[at]}, expected ${expected.data[at]}`)
  }
  done += cases.length
}
const sum = (map: Map<string, number>): number => [...map.values()].reduce((total, n) => total + n, 0)
for (const [name, n] of [...failed].sort((a, b) => b[1] - a[1])) console.log(`${String(n).padStart(6)} of ${ran.get(name) ?? 1}  ${name}`)
console.log(`${sum(ran)} cases of ${ran.size} families (${faults} of them faults): ${sum(failed)} differ`)
process.exit(sum(failed) === 0 ? 0 : 1)
