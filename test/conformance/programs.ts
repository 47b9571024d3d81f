/**
 * Real programs against QEMU: every source of test/programs, built by gcc and clang at -O0, -O2 and -O3 (static, glibc), gives the same standard output and
 * the same exit status as under qemu-aarch64.
 *
 *     npx tsx test/conformance/programs.ts [--engine interp|jit] [--filter REGEXP] [--cli COMMAND] [--verbose] [FILE...]
 *
 * Needs the oracle (see oracle.ts). Binaries and expected outputs are kept in $ELTWO_CACHE, by default a folder in the system's temporary one.
 * With --cli the programs run under that command, as `COMMAND run --engine ENGINE PROGRAM -- ARGS`. FILEs are programs already built, for example
 * benchmarks: they run instead of test/programs. Exit status 1 when anything differs.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, extname, join } from "node:path"
import { parseArgs } from "node:util"
import { type EngineName, runLinux } from "./linux-guest.ts"
import { oracleTool, runTool } from "./oracle.ts"

const COMPILERS = ["gcc", "clang"] as const
const LEVELS = ["O0", "O2", "O3"] as const
const ARGS = ["one", "two"]
const INPUT = "a\nb\n"
const LIMIT = 5_000_000_000
const SECONDS = 600

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: "string", default: "jit" },
    filter: { type: "string", default: "" },
    cli: { type: "string" },
    verbose: { type: "boolean", default: false }
  }
})
const engine: EngineName = values.engine === "interp" ? "interp" : "jit"
const sources = new URL("../programs/", import.meta.url).pathname
const cache = process.env["ELTWO_CACHE"] ?? join(tmpdir(), "eltwo-programs")
mkdirSync(cache, { recursive: true })

interface Outcome {
  readonly output: Buffer
  readonly status: number | string
}
interface Program {
  readonly name: string
  readonly path: string
}

const digest = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part).update("\0")
  return hash.digest("hex").slice(0, 12)
}
/** The program built from a source, from the cache when it is there. */
const build = (source: string, compiler: (typeof COMPILERS)[number], level: (typeof LEVELS)[number]): Program => {
  const text = readFileSync(join(sources, source))
  const isCpp = extname(source) === ".cpp"
  const flags = ["-static", `-${level}`, "-w"]
  const name = `${basename(source, extname(source))}.${compiler}.${level}`
  const path = join(cache, `${name}.${digest(text, ...flags)}`)
  if (!existsSync(path)) {
    runTool(isCpp && compiler === "gcc" ? "g++" : compiler, [
      ...flags,
      "-o",
      `${path}.new`,
      join(sources, source),
      ...(isCpp ? ["-lstdc++"] : []),
      "-lm"
    ])
    renameSync(`${path}.new`, path)
  }
  return { name, path }
}
/** What QEMU makes of the program. */
const expectation = ({ path }: Program): Outcome => {
  const kept = `${path}.expected.${digest(INPUT, ...ARGS)}`
  if (!path.startsWith(cache) || !existsSync(kept)) {
    const { stdout, status, signal } = spawnSync(oracleTool("qemu-aarch64")!, ["-cpu", "max", path, ...ARGS], { input: INPUT, maxBuffer: 1 << 30 })
    const result = `${status ?? signal}\n`
    if (!path.startsWith(cache)) return { output: stdout, status: shellStatus(result.trim()) }
    writeFileSync(kept, Buffer.concat([Buffer.from(result), stdout]))
  }
  const bytes = readFileSync(kept)
  const line = bytes.indexOf(10)
  return { output: bytes.subarray(line + 1), status: shellStatus(bytes.subarray(0, line).toString()) }
}
const SIGNALS: Readonly<Record<string, number>> = { SIGILL: 4, SIGTRAP: 5, SIGABRT: 6, SIGBUS: 7, SIGFPE: 8, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 }
const shellStatus = (text: string): number | string => (text in SIGNALS ? 128 + SIGNALS[text]! : /^\d+$/.test(text) ? Number(text) : text)

const runInProcess = ({ path }: Program): Outcome & { readonly instructions: bigint } => {
  const { output, status, end, instructions } = runLinux({
    program: readFileSync(path),
    args: [path, ...ARGS],
    engine,
    input: Buffer.from(INPUT),
    limit: LIMIT
  })
  return { output, status: status ?? JSON.stringify(end), instructions }
}
const runCommand = ({ path }: Program): Outcome => {
  const [command = "", ...before] = values.cli!.split(" ")
  const args = [...before, "run", "--engine", engine, path, "--", ...ARGS]
  const { stdout, status, signal } = spawnSync(command, args, { input: INPUT, maxBuffer: 1 << 30, timeout: 1000 * SECONDS })
  return { output: stdout, status: status ?? shellStatus(String(signal)) }
}

if (oracleTool("qemu-aarch64") === undefined || oracleTool("gcc") === undefined) {
  console.log("no oracle (set ORACLE): 0 programs compared")
  process.exit(1)
}
const isChosen = (name: string) => new RegExp(values.filter).test(name)
function* programs(): Generator<Program> {
  if (positionals.length > 0) {
    for (const path of positionals) yield { name: basename(path), path }
    return
  }
  for (const source of readdirSync(sources).sort())
    for (const compiler of COMPILERS)
      for (const level of LEVELS) if (isChosen(`${basename(source, extname(source))}.${compiler}.${level}`)) yield build(source, compiler, level)
}

let agree = 0
const different: string[] = []
for (const program of programs()) {
  const expected = expectation(program)
  const before = performance.now()
  const got: Outcome & { readonly instructions?: bigint } = values.cli === undefined ? runInProcess(program) : runCommand(program)
  const same = got.output.equals(expected.output) && got.status === expected.status
  if (same) agree++
  else different.push(program.name)
  const at = got.output.findIndex((byte, i) => byte !== expected.output[i])
  const detail = same
    ? ""
    : ` status ${got.status}, expected ${expected.status}; ${got.output.length} bytes, expected ${expected.output.length}, first difference at ${at}`
  if (values.verbose || !same)
    console.log(
      `${same ? "same" : "DIFFERENT"} ${program.name.padEnd(22)} ${String(got.instructions ?? "").padStart(12)} instructions ${(performance.now() - before).toFixed(0).padStart(7)} ms${detail}`
    )
}
console.log(
  `${agree + different.length} programs (${engine}${values.cli === undefined ? "" : ", command"}): ${agree} agree, ${different.length} differ${different.length > 0 ? `: ${different.join(" ")}` : ""}`
)
process.exit(different.length === 0 && agree > 0 ? 0 : 1)
