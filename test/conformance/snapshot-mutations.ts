/**
 * Gives mutated snapshots to the reader: `npx tsx test/conformance/snapshot-mutations.ts [COUNT] [FIRST] [RESTORE]`, 300000 from number 0 unless said. One in
 * RESTORE of those that the reader takes is restored and run, one in 20 unless said. Progress goes to standard error, and each that is wrong with its number as
 * soon as it is found: `... 1 NUMBER 1` gives it again alone. What was found so far is printed when the run is interrupted, too.
 */
import { writeSync } from "node:fs"
import { Worker } from "node:worker_threads"
import { attack, samples } from "../../packages/vmm/test/snapshot/hostile.ts"

const [count = 300_000, first = 0, restoreEvery = 20] = process.argv.slice(2).map(Number)
/** Mutants between two looks at signals, and between two lines of progress. */
const PIECE = 50
const PROGRESS = 5000
const MIB = 2 ** 20
const say = (text: string): void => void writeSync(2, `${text}\n`)

/** Says which mutant it is that takes long, while it does. */
const current = new Int32Array(new SharedArrayBuffer(8))
const watch = new Worker(
  `const { workerData: current } = require("node:worker_threads")
  let last = -1, since = 0
  setInterval(() => {
    const turn = Atomics.load(current, 1)
    if (turn !== last) [last, since] = [turn, Date.now()]
    else if (Date.now() - since > 5000) require("node:fs").writeSync(2, "still at mutant " + (Atomics.load(current, 0) >>> 0) + "\\n")
  }, 2500)`,
  { eval: true, workerData: current }
)
watch.unref()

let stopped: NodeJS.Signals | undefined
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => (stopped = signal))

const files = await samples()
const total = { refused: 0, accepted: 0, restored: 0, wrong: 0, byCode: new Map<string, number>(), rss: 0, heap: 0 }
let slowest: readonly [number, string] = [0, "none"]
let largest: readonly [number, string] = [0, "none"]
const begun = performance.now()
const summary = (done: number): string => {
  const { refused, accepted, restored, wrong, rss, heap } = total
  const seconds = ((performance.now() - begun) / 1000).toFixed(0)
  return [
    `${done} from ${first}: ${refused} refused, ${accepted} possible (${restored} restored), ${wrong} WRONG, ${seconds} s`,
    `  slowest ${slowest[0].toFixed(0)} ms: ${slowest[1]}`,
    `  memory: most for one ${Math.round(largest[0] / MIB)} MiB: ${largest[1]}; in all ${Math.round(rss / MIB)} MiB, heap and buffers ${Math.round(heap / MIB)} MiB`
  ].join("\n")
}
let done = 0
while (done < count && stopped === undefined) {
  const tally = await attack(files, {
    first: first + done,
    count: Math.min(PIECE, count - done),
    restoreEvery,
    onMutant: (number) => {
      Atomics.store(current, 0, number)
      Atomics.add(current, 1, 1)
    },
    onWrong: (line) => say(`WRONG ${line}`)
  })
  done += Math.min(PIECE, count - done)
  for (const key of ["refused", "accepted", "restored"] as const) total[key] += tally[key]
  total.wrong += tally.wrong.length
  for (const [code, n] of tally.byCode) total.byCode.set(code, (total.byCode.get(code) ?? 0) + n)
  if (tally.slowest[0] > slowest[0]) slowest = tally.slowest
  if (tally.largest[0] > largest[0]) largest = tally.largest
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  total.rss = Math.max(total.rss, rss)
  total.heap = Math.max(total.heap, heapUsed + arrayBuffers)
  if (done % PROGRESS === 0) say(summary(done))
  await new Promise((later) => setImmediate(later))
}
console.log(summary(done))
console.log(
  `  ${[...total.byCode]
    .sort()
    .map(([code, n]) => `${code} ${n}`)
    .join(", ")}`
)
if (stopped !== undefined) console.log(`  stopped by ${stopped}`)
process.exit(total.wrong > 0 || stopped !== undefined ? 1 : 0)
