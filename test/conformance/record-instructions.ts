/**
 * Records the golden vectors of test/instructions.test.ts from QEMU: random instructions of every family on random states.
 *
 *     ORACLE=DIRECTORY npx tsx test/conformance/record-instructions.ts [CASES] [SEED]
 */
import { writeFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { drawCases } from "./differential/cases.ts"
import { GOLDEN } from "./differential/golden.ts"
import { runOnQemu } from "./differential/qemu.ts"
import { RECORD } from "./differential/state.ts"
import { machineUnderTest } from "./differential/under-test.ts"
import { encodeGolden, type GoldenBatch, hashOf, randomData } from "./golden-cases.ts"

const total = Number(process.argv[2] ?? 24000)
const firstSeed = Number(process.argv[3] ?? 20260)
const BATCH = 2000
const isa = machineUnderTest()
const batches: GoldenBatch[] = []
for (let done = 0, seed = firstSeed; done < total; done += BATCH, seed++) {
  const cases = drawCases({ instructions: isa.instructions, decode: isa.decode }, Math.min(BATCH, total - done), seed)
  const { records, data } = runOnQemu(cases, randomData(seed))
  const expected = cases.map((_, i) => new DataView(records.buffer, records.byteOffset + i * RECORD.BYTES, RECORD.BYTES))
  batches.push({ dataSeed: seed, cases, expected, dataHash: hashOf(data) })
}
const file = gzipSync(encodeGolden(GOLDEN, batches), { level: 9 })
writeFileSync(new URL("../golden/instructions.bin.gz", import.meta.url), file)
console.log(`${batches.reduce((sum, b) => sum + b.cases.length, 0)} cases, ${file.length} bytes`)
