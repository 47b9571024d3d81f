/**
 * Unmodified busybox (static, arm64) against QEMU: applets over a file of 2 MB, given as standard input and by name below --root, write the same bytes and
 * end with the same status as under qemu-aarch64.
 *
 *     BUSYBOX=FILE npx tsx test/conformance/busybox.ts [--engine interp|jit] [--machine direct|kvm] [--filter REGEXP] [--cli COMMAND] [--bytes N]
 *
 * Needs QEMU (see oracle.ts). The inputs are made from a fixed seed; those that are compressed are compressed by this machine's zlib, bzip2 and xz, and their
 * cases are left out, with a count, where a tool is missing.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { gzipSync } from "node:zlib"
import { requireOracle, Tally, type Task, underQemu, WAY_OPTIONS, wayOf } from "./linux-compare.ts"

const { values } = parseArgs({ options: { ...WAY_OPTIONS, bytes: { type: "string", default: String(2 << 20) } } })
const program = process.env["BUSYBOX"]
const bytes = Number(values.bytes)

let state = 2463534242
const random = (below: number): number => {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % below
}
const WORDS = "vector register lane predicate tile stream gather scatter fault trap guest host page table exit enter save restore".split(" ")
const fill = (line: () => string): Buffer => {
  const lines: string[] = []
  for (let length = 0; length < bytes; ) {
    const text = `${line()}\n`
    lines.push(text)
    length += text.length
  }
  return Buffer.from(lines.join("").slice(0, bytes - 1) + "\n")
}
const text = fill(
  () => `${random(1_000_000)} ${WORDS[random(WORDS.length)]} ${(random(1_000_000) / 1000).toFixed(3)} ${WORDS[random(WORDS.length)]}-${random(50)}`
)
/** Sums short enough for every line to be one calculation. */
const sums = fill(() => `${random(1_000_000)} * ${random(1_000_000)} + ${random(1000)} / ${1 + random(99)}`)
const compressed = (command: string): Buffer | undefined => {
  try {
    return execFileSync(command, ["-c"], { input: text, maxBuffer: 1 << 30, stdio: ["pipe", "pipe", "ignore"] })
  } catch {
    return undefined
  }
}

interface Case {
  readonly name: string
  readonly args: readonly string[]
  /** Name of the file below the root, and what is in it; undefined: it could not be made. */
  readonly file: string
  readonly contents: Buffer | undefined
}
const TEXT = { file: "text", contents: text }
const AWK =
  '{ count[$2]++; sum += $3; if ($1 > most) most = $1 } END { for (word in count) print word, count[word] | "cat"; printf "%.6f %d\\n", sum, most }'
const CASES: readonly Case[] = [
  { name: "sha256sum", args: ["sha256sum"], ...TEXT },
  { name: "md5sum", args: ["md5sum"], ...TEXT },
  { name: "sort", args: ["sort", "-rn"], ...TEXT },
  { name: "awk", args: ["awk", AWK.replace(' | "cat"', "")], ...TEXT },
  { name: "awk-fields", args: ["awk", "-F", "[ -]", "{ print toupper($2) substr($4, 2, 3), length($0), int($3 * 7) % 13 }"], ...TEXT },
  { name: "gzip", args: ["gzip", "-c"], ...TEXT },
  { name: "bzip2", args: ["bzip2", "-c"], ...TEXT },
  { name: "sed", args: ["sed", "-e", "s/\\([a-z]*\\)-\\([0-9]*\\)$/\\2:\\1/", "-e", "/tile/d", "-e", "y/abc/ABC/"], ...TEXT },
  { name: "wc", args: ["wc"], ...TEXT },
  { name: "od", args: ["od", "-A", "x", "-t", "x1"], ...TEXT },
  { name: "od-words", args: ["od", "-t", "o4"], ...TEXT },
  { name: "bc", args: ["bc"], file: "sums", contents: sums },
  { name: "gunzip", args: ["gunzip", "-c"], file: "text.gz", contents: gzipSync(text) },
  { name: "bunzip2", args: ["bunzip2", "-c"], file: "text.bz2", contents: compressed("bzip2") },
  { name: "xz", args: ["xz", "-d", "-c"], file: "text.xz", contents: compressed("xz") }
]
/** tr reads nothing but its input. */
const FROM_INPUT_ONLY: readonly Case[] = [
  { name: "tr", args: ["tr", "a-z", "b-za"], ...TEXT },
  { name: "tr-squeeze", args: ["tr", "-cs", "0-9\\n", " "], ...TEXT }
]

requireOracle("qemu-aarch64")
if (program === undefined) {
  console.log("no busybox (set BUSYBOX): 0 applets compared")
  process.exit(1)
}
const root = mkdtempSync(join(tmpdir(), "eltwo-busybox-"))
let leftOut = 0
const tally = new Tally(wayOf(values), true)
const compare = (task: Task): void => {
  if (new RegExp(values.filter).test(task.name)) tally.compare(task, underQemu(task))
}
try {
  for (const { name, args, file, contents } of [...CASES, ...FROM_INPUT_ONLY]) {
    if (contents === undefined) {
      leftOut++
      continue
    }
    writeFileSync(join(root, file), contents)
    compare({ name: `${name} < file`, program, args, input: contents })
    if (FROM_INPUT_ONLY.every((other) => other.name !== name))
      compare({ name: `${name} file`, program, args: [...args, file], input: Buffer.alloc(0), root })
  }
} finally {
  rmSync(root, { recursive: true })
}
if (leftOut > 0) console.log(`${leftOut} applets left out: their input could not be made`)
process.exit(tally.finish("applet runs"))
