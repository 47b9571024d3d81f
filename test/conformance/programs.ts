/**
 * Real programs against QEMU: every source of test/programs, built by gcc and clang at -O0, -O2 and -O3 (static, glibc), gives the same standard output and
 * the same exit status as under qemu-aarch64.
 *
 *     npx tsx test/conformance/programs.ts [--engine interp|jit] [--machine direct|kvm] [--filter REGEXP] [--cli COMMAND] [--verbose] [FILE...]
 *
 * Needs the oracle (see oracle.ts). Binaries and expected outputs are kept in $ELTWO_CACHE, by default a folder in the system's temporary one.
 * With --cli the programs run under that command, as `COMMAND run --engine ENGINE PROGRAM -- ARGS`. FILEs are programs already built, for example
 * benchmarks: they run instead of test/programs. Exit status 1 when anything differs.
 */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, extname, join } from "node:path"
import { parseArgs } from "node:util"
import { type Outcome, requireOracle, Tally, type Task, underQemu, WAY_OPTIONS, wayOf } from "./linux-compare.ts"
import { runTool } from "./oracle.ts"

const COMPILERS = ["gcc", "clang"] as const
const LEVELS = ["O0", "O2", "O3"] as const
const ARGS = ["one", "two"]
const INPUT = Buffer.from("a\nb\n")

const { values, positionals } = parseArgs({ allowPositionals: true, options: { ...WAY_OPTIONS, verbose: { type: "boolean", default: false } } })
const sources = new URL("../programs/", import.meta.url).pathname
const cache = process.env["ELTWO_CACHE"] ?? join(tmpdir(), "eltwo-programs")

const digest = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part).update("\0")
  return hash.digest("hex").slice(0, 12)
}
const nameOf = (source: string, compiler: string, level: string): string => `${basename(source, extname(source))}.${compiler}.${level}`
/** The program built from a source, from the cache when it is there. */
const build = (source: string, compiler: (typeof COMPILERS)[number], level: (typeof LEVELS)[number]): Task => {
  const isCpp = extname(source) === ".cpp"
  const flags = ["-static", `-${level}`, "-w"]
  const name = nameOf(source, compiler, level)
  const program = join(cache, `${name}.${digest(readFileSync(join(sources, source)), ...flags)}`)
  if (!existsSync(program)) {
    const libraries = isCpp ? ["-lstdc++", "-lm"] : ["-lm"]
    runTool(isCpp && compiler === "gcc" ? "g++" : compiler, [...flags, "-o", `${program}.new`, join(sources, source), ...libraries])
    renameSync(`${program}.new`, program)
  }
  return { name, program, args: ARGS, input: INPUT }
}
/** What QEMU makes of the program, from the cache when it is there. */
const expectation = (task: Task): Outcome => {
  const kept = `${task.program}.expected.${digest(INPUT, ...ARGS)}`
  if (!existsSync(kept)) {
    const { status, output } = underQemu(task)
    writeFileSync(kept, Buffer.concat([Buffer.from(`${status}\n`), output]))
  }
  const bytes = readFileSync(kept)
  const line = bytes.indexOf("\n")
  return { status: Number(bytes.subarray(0, line)), output: bytes.subarray(line + 1) }
}

requireOracle("qemu-aarch64", "gcc", "clang")
mkdirSync(cache, { recursive: true })
const tally = new Tally(wayOf(values), values.verbose)
for (const program of positionals) {
  const task = { name: basename(program), program, args: ARGS, input: INPUT }
  tally.compare(task, underQemu(task))
}
for (const source of positionals.length > 0 ? [] : readdirSync(sources).sort())
  for (const compiler of COMPILERS)
    for (const level of LEVELS) {
      if (!new RegExp(values.filter).test(nameOf(source, compiler, level))) continue
      const task = build(source, compiler, level)
      tally.compare(task, expectation(task))
    }
process.exit(tally.finish("programs"))
