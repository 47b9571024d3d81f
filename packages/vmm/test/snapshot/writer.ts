/** A process that writes snapshots-like files over and over, to be killed: `node writer.mjs PATH BYTES BYTE...`; it says "ready" before it begins. */
import { writeFileWhole } from "../../src/node.ts"

const [path, bytes, ...contents] = process.argv.slice(2)
const files = contents.map((byte) => new Uint8Array(Number(bytes)).fill(Number(byte)))
process.stdout.write("ready\n")
for (let i = 0; ; i++) {
  const problem = await writeFileWhole(path!, files[i % files.length]!, { force: true })
  if (problem !== undefined) {
    process.stdout.write(`${problem.code}: ${problem.message}\n`)
    process.exit(3)
  }
}
