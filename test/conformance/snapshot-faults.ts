/** Kills writers of snapshot files 500 times, at random moments, and looks at what is left: `npx tsx test/conformance/snapshot-faults.ts [COUNT] [SEED]`. */
import { join } from "node:path"
import { contentOf, killedAfter, namedIn, workplace } from "../../packages/vmm/test/snapshot/faults.ts"

const [count = 500, seed = 1] = process.argv.slice(2).map(Number)
let state = seed
const random = (below: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}
const place = workplace()
let wrong = 0
const seen = new Map<number, number>()
for (let i = 0; i < count; i++) {
  const path = join(place.folder, `file-${i % 8}.el2`)
  const two = random(3) === 0
  await killedAfter(
    place.writer,
    path,
    two
      ? [
          [1, 2],
          [3, 4]
        ]
      : [[1, 2, 3]],
    random(40)
  )
  if (!namedIn(place.folder).includes(`file-${i % 8}.el2`)) continue
  const content = contentOf(path)
  if (content === undefined) wrong++
  else seen.set(content, (seen.get(content) ?? 0) + 1)
}
place.remove()
console.log(`${count} times killed: ${wrong} files were neither old nor new; contents seen ${JSON.stringify(Object.fromEntries(seen))}`)
process.exitCode = wrong === 0 ? 0 : 1
