/** One program run by QEMU's user emulation and by eltwo, and whether both did the same. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { constants } from "node:os"
import { isFileProblem } from "../../packages/vmm/src/platform.ts"
import { type EngineName, type MachineName, platform, runLinux } from "./linux-guest.ts"
import { oracleTool } from "./oracle.ts"

export interface Task {
  readonly name: string
  /** Path of the program, and what it sees as its name and arguments. */
  readonly program: string
  readonly args: readonly string[]
  readonly input: Uint8Array
  /** Folder that is "/" for eltwo's program and the working directory for QEMU's. */
  readonly root?: string
}
export interface Outcome {
  readonly output: Buffer
  /** As a shell sees it, or a text that says why there is none. */
  readonly status: number | string
  /** Instructions, where they are counted. */
  readonly instructions?: bigint
}
/** How eltwo runs a program: in this process, on the modelled KVM or without it, or as a command. */
export interface Way {
  readonly engine: EngineName
  readonly machine: MachineName
  readonly cli: string | undefined
}

const LARGEST = 1 << 30
const LIMIT = 20_000_000_000
const SECONDS = 300
/** The options that every comparison has. */
export const WAY_OPTIONS = {
  engine: { type: "string", default: "jit" },
  machine: { type: "string", default: "direct" },
  cli: { type: "string" },
  filter: { type: "string", default: "" }
} as const
export const wayOf = ({ engine, machine, cli }: { readonly engine: string; readonly machine: string; readonly cli?: string | undefined }): Way => ({
  engine: engine === "interp" ? "interp" : "jit",
  machine: machine === "kvm" ? "kvm" : "direct",
  cli
})
export const wayText = ({ engine, machine, cli }: Way): string => `${engine}, ${cli ?? machine}`

const finished = (stdout: Buffer, status: number | null, signal: NodeJS.Signals | null): Outcome => ({
  output: stdout,
  status: status ?? (signal === null ? "no status" : 128 + constants.signals[signal])
})
export const underQemu = ({ program, args, input, root }: Task): Outcome => {
  const { stdout, status, signal } = spawnSync(oracleTool("qemu-aarch64")!, ["-cpu", "max", program, ...args], {
    input,
    maxBuffer: LARGEST,
    timeout: 1000 * SECONDS,
    ...(root === undefined ? {} : { cwd: root })
  })
  return finished(stdout, status, signal)
}
const underCommand = ({ program, args, input, root }: Task, engine: EngineName, cli: string): Outcome => {
  const [command = "", ...before] = cli.split(" ")
  const options = ["--engine", engine, ...(root === undefined ? [] : ["--root", root])]
  const { stdout, status, signal } = spawnSync(command, [...before, "run", ...options, program, "--", ...args], {
    input,
    maxBuffer: LARGEST,
    timeout: 1000 * SECONDS
  })
  return finished(stdout, status, signal)
}
const inProcess = ({ program, args, input, root }: Task, { engine, machine }: Way): Outcome => {
  const tree = root === undefined ? undefined : platform.openTree(root, false)
  if (tree !== undefined && isFileProblem(tree)) throw new Error(tree.message)
  const run = runLinux({
    program: readFileSync(program),
    args: [program, ...args],
    engine,
    machine,
    input,
    limit: LIMIT,
    ...(tree === undefined ? {} : { tree })
  })
  return { output: run.output, status: run.status ?? JSON.stringify(run.end), instructions: run.instructions }
}
export const underEltwo = (task: Task, way: Way): Outcome => (way.cli === undefined ? inProcess(task, way) : underCommand(task, way.engine, way.cli))

/** Counts tasks that agree, prints those that do not. */
export class Tally {
  #agree = 0
  readonly #different: string[] = []
  readonly #way: Way
  readonly #verbose: boolean
  constructor(way: Way, verbose: boolean) {
    this.#way = way
    this.#verbose = verbose
  }
  /** Runs a task under eltwo and compares it with what was expected of it. */
  compare(task: Task, expected: Outcome): void {
    const before = performance.now()
    const got = underEltwo(task, this.#way)
    const milliseconds = performance.now() - before
    const same = got.output.equals(expected.output) && got.status === expected.status
    if (same) this.#agree++
    else this.#different.push(task.name)
    if (same && !this.#verbose) return
    const at = got.output.findIndex((byte, i) => byte !== expected.output[i])
    const numbers = `${String(got.instructions ?? "").padStart(12)} instructions ${milliseconds.toFixed(0).padStart(7)} ms`
    const detail = `status ${got.status}, expected ${expected.status}; ${got.output.length} bytes, expected ${expected.output.length}, first difference at ${at}`
    console.log(`${same ? "same     " : "DIFFERENT"} ${task.name.padEnd(24)} ${numbers}${same ? "" : ` ${detail}`}`)
  }
  /** Prints the totals; gives the exit status. */
  finish(what: string): number {
    const names = this.#different.length > 0 ? `: ${this.#different.join(" ")}` : ""
    const total = this.#agree + this.#different.length
    console.log(`${total} ${what} (${wayText(this.#way)}): ${this.#agree} agree, ${this.#different.length} differ${names}`)
    return this.#different.length === 0 && this.#agree > 0 ? 0 : 1
  }
}

/** Ends the process when there is nothing to compare with. */
export const requireOracle = (...tools: readonly string[]): void => {
  const missing = tools.filter((tool) => oracleTool(tool) === undefined)
  if (missing.length === 0) return
  console.log(`no ${missing.join(", ")} (set ORACLE): 0 programs compared`)
  process.exit(1)
}
