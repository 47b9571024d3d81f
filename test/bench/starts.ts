/**
 * How long short commands take, from the start of the process to its end. Part of `npm run bench`; alone:
 *
 *     npx tsx test/bench/starts.ts [--runs N]
 *
 * Each number is the least of some runs, in milliseconds. A program of Node that does nothing is what no command can be below. Every command has run once
 * before: what V8 compiled of it is kept. QEMU is `qemu-aarch64 -cpu max` with the same program; `-` without it (found as test/conformance/oracle.ts says).
 */
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { oracleTool } from "../conformance/oracle.ts"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const command = path("../../packages/cli/bin/eltwo.js")
const built = existsSync(path("../../packages/cli/dist/loader.cjs"))
const [hello, helloVm] = [path("../../guests/hello"), path("../../guests/hello-vm")]

const spawned = (program: string, args: readonly string[]): number => {
  const begun = performance.now()
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`)
  return performance.now() - begun
}
const least = (runs: number, program: string, args: readonly string[]): number => {
  spawned(program, args)
  return Math.min(...Array.from({ length: runs }, () => spawned(program, args)))
}
const eltwo = (...args: readonly string[]): readonly string[] => [command, ...args]

/** Measures and prints a table in Markdown. */
export const benchStarts = (runs: number): void => {
  if (!built) return console.log("The command is not built (npm run build): its start is not measured.")
  const folder = mkdtempSync(join(tmpdir(), "eltwo-bench-"))
  try {
    const [program, snapshot] = [join(folder, "hello.elf"), join(folder, "hello.el2")]
    spawned(process.execPath, eltwo("asm", "-o", program, join(hello, "program.s")))
    chmodSync(program, 0o755)
    spawned(process.execPath, eltwo("run", "-q", "--snapshot-at", "20", "--stop", "-o", snapshot, helloVm))
    const qemu = oracleTool("qemu-aarch64")
    const rows: readonly (readonly [string, readonly string[], (readonly string[])?])[] = [
      ["Node alone (`node -e 0`)", ["-e", "0"]],
      ["`--version`", eltwo("--version")],
      ["`run --help`", eltwo("run", "--help")],
      ["`disasm d503201f`", eltwo("disasm", "d503201f")],
      ["`run hello.elf`, a Linux program", eltwo("run", "-q", program), ["-cpu", "max", program]],
      ["`run guests/hello`, assembled in process", eltwo("run", "-q", hello)],
      ["`run guests/hello-vm`", eltwo("run", "-q", helloVm)],
      ["`restore` of that, 20 instructions later", eltwo("restore", snapshot)]
    ]
    console.log(`${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}, least of ${runs} runs, milliseconds`)
    console.log("| start to end of a process | eltwo | QEMU |\n| --- | --- | --- |")
    for (const [name, ours, theirs] of rows) {
      const peer = theirs === undefined || qemu === undefined ? "-" : least(runs, qemu, theirs).toFixed(0)
      console.log(`| ${name} | ${least(runs, process.execPath, ours).toFixed(0)} | ${peer} |`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1]?.endsWith("starts.ts")) {
  const { values } = parseArgs({ options: { runs: { type: "string", default: "15" } } })
  benchStarts(Math.max(1, Number(values.runs) || 1))
}
