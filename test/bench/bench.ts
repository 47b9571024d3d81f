/**
 * How long programs and snapshots take here and under QEMU.
 *
 *     npm run bench [-- --runs N] [--filter REGEXP] [GUEST...]
 *
 * GUESTs are static Linux programs; without any, all `*.elf` of the directory ELTWO_BENCH_GUESTS except the small (`.small.elf`) and bare-metal ones
 * (`.bm.*`). For each it prints, in milliseconds and as the least of some runs:
 *
 * - `engine`: the engine alone, in this process: from the first instruction to the last, all translation included;
 * - `process`: the built command `eltwo run`, from its start to its end (`npm run build` makes it; `-` without it);
 * - `qemu`: `qemu-aarch64 -cpu max`, likewise the whole process (found as test/conformance/oracle.ts says; `-` without it),
 *
 * and how many times QEMU's time ours is. Exit status 1 when a program's output differs. The first run of the engine in a process also pays for the
 * host's compilation of the engine itself, so each program has a process of its own. Without GUESTs, what starts.ts, exits.ts and snapshots.ts measure
 * comes after them.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { cpus } from "node:os"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runLinux } from "../conformance/linux-guest.ts"
import { oracleTool } from "../conformance/oracle.ts"
import { benchExits } from "./exits.ts"
import { benchSnapshots } from "./snapshots.ts"
import { benchStarts } from "./starts.ts"

// Node 20 has relaxed SIMD behind a flag; later versions know the flag no more or ignore it.
setFlagsFromString("--experimental-wasm-relaxed-simd")

const command = fileURLToPath(new URL("../../packages/cli/bin/eltwo.js", import.meta.url))
const built = existsSync(fileURLToPath(new URL("../../packages/cli/dist/main.cjs", import.meta.url)))
const MEBIBYTE = 1 << 20

interface Run {
  readonly output: string
  readonly milliseconds: number
}
/** Also what a process of one measurement prints, as JSON. */
interface EngineRun extends Run {
  readonly instructions: number
}

const measureEngine = (path: string): EngineRun => {
  const { output, instructions, milliseconds } = runLinux({ program: readFileSync(path), args: [path], engine: "jit" })
  return { output: output.toString("latin1"), instructions: Number(instructions), milliseconds }
}
const spawned = (program: string, args: readonly string[]): Run => {
  const before = performance.now()
  const { stdout, error } = spawnSync(program, args, { maxBuffer: 64 * MEBIBYTE, encoding: "latin1" })
  if (error) throw error
  return { output: stdout, milliseconds: performance.now() - before }
}
const engineRun = (path: string): EngineRun => {
  const { stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), "--one", path], { encoding: "utf8" })
  if (!stdout.startsWith("{")) throw new Error(`${basename(path)}: ${stderr}`)
  return JSON.parse(stdout) as EngineRun
}
const best = <R extends Run>(runs: number, once: () => R): R => {
  let least = once()
  for (let i = 1; i < runs; i++) {
    const next = once()
    if (next.milliseconds < least.milliseconds) least = next
  }
  return least
}

const guestsOf = (positionals: readonly string[], filter: string): readonly string[] => {
  const folder = process.env["ELTWO_BENCH_GUESTS"]
  const found =
    positionals.length > 0 || folder === undefined
      ? positionals
      : readdirSync(folder)
          .filter((name) => name.endsWith(".elf") && !/\.(small|bm)\b/.test(name))
          .map((name) => join(folder, name))
  return found.filter((path) => new RegExp(filter).test(basename(path)))
}
const cell = (value: number | undefined, digits = 0): string => (value === undefined ? "-" : value.toFixed(digits)).padStart(9)

const main = async (): Promise<number> => {
  const options = {
    runs: { type: "string", default: "3" },
    filter: { type: "string", default: "" },
    one: { type: "string" }
  } as const
  const { values, positionals } = parseArgs({ allowPositionals: true, options })
  if (values.one !== undefined) {
    process.stdout.write(JSON.stringify(measureEngine(values.one)))
    return 0
  }
  const guests = guestsOf(positionals, values.filter)
  const runs = Math.max(1, Number(values.runs) || 1)
  const same = guests.length === 0 ? noGuests() : benchPrograms(guests, runs)
  if (positionals.length === 0 && values.filter === "") {
    benchStarts(runs)
    benchExits(runs)
    await benchSnapshots(runs)
  }
  return same ? 0 : 1
}
const noGuests = (): true => {
  console.log("No programs: name some, or a directory of them in ELTWO_BENCH_GUESTS.")
  return true
}
/** Whether every program's output was the same. */
const benchPrograms = (guests: readonly string[], runs: number): boolean => {
  const qemu = oracleTool("qemu-aarch64")
  let same = true
  console.log(`${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}, least of ${runs} runs, milliseconds`)
  console.log("guest           instructions    engine   process      qemu  ratio engine/process")
  for (const path of guests) {
    const engine = best(runs, () => engineRun(path))
    const whole = built ? best(runs, () => spawned(process.execPath, [command, "run", "--quiet", path])) : undefined
    const peer = qemu === undefined ? undefined : best(runs, () => spawned(qemu, ["-cpu", "max", path]))
    const agrees = [whole, peer].every((run) => run === undefined || run.output === engine.output)
    same &&= agrees
    const ratio = (ours: Run | undefined) => (ours && peer ? (peer.milliseconds / ours.milliseconds).toFixed(2) : "-")
    const times = [engine, whole, peer].map((run) => cell(run?.milliseconds)).join(" ")
    const name = basename(path)
      .replace(/\.elf$/, "")
      .padEnd(14)
    console.log(`${name} ${String(engine.instructions).padStart(13)} ${times}  ${ratio(engine)} / ${ratio(whole)}${agrees ? "" : "  OUTPUT DIFFERS"}`)
  }
  return same
}
process.exitCode = await main()
