/** Gives mutated snapshots to the reader: `npx tsx test/conformance/snapshot-mutations.ts [COUNT] [FIRST]`, 300000 from 0 unless said. */
import { attack, samples } from "../../packages/vmm/test/snapshot/hostile.ts"

const [count = 300_000, first = 0] = process.argv.slice(2).map(Number)
const PIECE = 10_000
const files = await samples()
let failed = false
for (let done = 0; done < count; done += PIECE) {
  const begun = performance.now()
  const { refused, accepted, wrong, slowest, byCode } = await attack(files, first + done, Math.min(PIECE, count - done), 500)
  failed ||= wrong.length > 0
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  const memory = Math.round(process.memoryUsage().rss / 2 ** 20)
  console.log(`${done + refused + accepted}: ${refused} refused, ${accepted} possible, slowest ${slowest.toFixed(0)} ms, ${seconds} s, ${memory} MiB`)
  if (done === 0) console.log(`  ${[...byCode].map(([code, n]) => `${code} ${n}`).join(", ")}`)
  for (const line of wrong) console.log(`  WRONG ${line}`)
}
process.exitCode = failed ? 1 : 0
