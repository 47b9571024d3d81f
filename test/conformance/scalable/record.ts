/**
 * Records the golden vectors of instructions.test.ts here from QEMU: random instructions of every family of SVE, SME and FP8.
 *
 *     ORACLE=DIRECTORY npx tsx test/conformance/scalable/record.ts [CASES] [SEED]
 */
import { writeFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { encodeGolden, type GoldenBatch, hashOf, randomData } from "../golden-cases.ts"
import { drawScalableCases } from "./cases.ts"
import { GOLDEN } from "./golden.ts"
import { runOnQemu } from "./qemu.ts"
import { RECORD } from "./state.ts"

const total = Number(process.argv[2] ?? 4000)
const firstSeed = Number(process.argv[3] ?? 30300)
const BATCH = 1000
const batches: GoldenBatch[] = []
for (let done = 0, seed = firstSeed; done < total; done += BATCH, seed++) {
  const cases = drawScalableCases(Math.min(BATCH, total - done), seed)
  const { records, data } = runOnQemu(cases, randomData(seed))
  const expected = cases.map((_, i) => new DataView(records.buffer, records.byteOffset + i * RECORD.BYTES, RECORD.BYTES))
  batches.push({ dataSeed: seed, cases, expected, dataHash: hashOf(data) })
}
const file = gzipSync(encodeGolden(GOLDEN, batches), { level: 9 })
writeFileSync(new URL("../../golden/scalable.bin.gz", import.meta.url), file)
console.log(`${batches.reduce((sum, b) => sum + b.cases.length, 0)} cases, ${file.length} bytes`)
