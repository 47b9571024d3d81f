/**
 * Differential test against QEMU: random instructions of every declared family on random states, one by one, in one data area.
 *
 *     npm run test:differential -- [--cases N] [--seed N] [--family REGEXP] [--batch N] [--engine interp|jit]
 *
 * Needs the oracle (see oracle.ts). Prints the first differences and a count per family; exit status 1 when there is one.
 */
import { parseArgs } from "node:util"
import type { Instruction } from "@eltwo/isa"
import { drawCases } from "./differential/cases.ts"
import { differences } from "./differential/compare.ts"
import { createBench, dataOf, loadCases, runCase } from "./differential/machine.ts"
import { runOnQemu } from "./differential/qemu.ts"
import { Random } from "./differential/random.ts"
import { DATA_BYTES, RECORD } from "./differential/state.ts"
import { disassembler, machineUnderTest } from "./differential/under-test.ts"
import { needTools } from "./oracle.ts"

needTools("as", "ld", "qemu-aarch64")
const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    family: { type: "string", default: "" },
    batch: { type: "string", default: "4000" },
    show: { type: "string", default: "40" },
    engine: { type: "string", default: "interp" }
  }
})
const total = Number(values.cases)
const batchSize = Number(values.batch)
const isa = machineUnderTest()
const chosen = isa.instructions.filter((i: Instruction) => new RegExp(values.family, "i").test(i.name))
const text = disassembler(isa)
const failed = new Map<string, number>()
const ran = new Map<string, number>()
let shown = 0
let faults = 0
for (let done = 0, seed = Number(values.seed); done < total; seed++) {
  const cases = drawCases({ instructions: chosen, decode: isa.decode }, Math.min(batchSize, total - done), seed)
  if (cases.length === 0) break
  const data = new Uint8Array(DATA_BYTES)
  const random = new Random(seed)
  for (let i = 0; i < data.length; i++) data[i] = random.word()
  const expected = runOnQemu(cases, data)
  const bench = createBench(isa, values.engine === "jit" ? "jit" : "interp")
  loadCases(bench, cases, data)
  const record = new DataView(new ArrayBuffer(RECORD.BYTES))
  cases.forEach((test, i) => {
    const name = isa.decode(test.word)!.name
    ran.set(name, (ran.get(name) ?? 0) + 1)
    runCase(bench, test, i, record)
    const wanted = new DataView(expected.records.buffer, expected.records.byteOffset + i * RECORD.BYTES, RECORD.BYTES)
    if (wanted.getBigUint64(RECORD.OUTCOME, true) === 2n) faults++
    const found = differences(wanted, record)
    if (found.length === 0) return
    failed.set(name, (failed.get(name) ?? 0) + 1)
    if (shown++ < Number(values.show))
      console.log(`${test.word.toString(16).padStart(8, "0")} seed ${test.seed} ${text(test.word)}\n    ${found.slice(0, 4).join("\n    ")}`)
  })
  const memory = dataOf(bench, DATA_BYTES)
  const at = memory.findIndex((byte, i) => byte !== expected.data[i])
  if (at >= 0 && failed.size === 0) {
    failed.set("memory", (failed.get("memory") ?? 0) + 1)
    console.log(`memory differs at offset 0x${at.toString(16)} after the batch of seed ${seed}: ${memory[at]}, expected ${expected.data[at]}`)
  }
  done += cases.length
  if (process.stderr.isTTY) process.stderr.write(`\r${done} / ${total}`)
}
const count = [...ran.values()].reduce((sum, n) => sum + n, 0)
const bad = [...failed.values()].reduce((sum, n) => sum + n, 0)
for (const [name, n] of [...failed].sort((a, b) => b[1] - a[1])) console.log(`${String(n).padStart(6)} of ${ran.get(name) ?? 1}  ${name}`)
console.log(`${count} cases of ${ran.size} families (${faults} of them faults): ${count - bad} agree, ${bad} differ`)
process.exit(bad === 0 ? 0 : 1)
