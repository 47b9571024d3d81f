/**
 * The kernel's self-test of FP/SIMD context switching, fpsimd-test, under eltwo with signals arriving: its handlers spoil vector registers, which the return
 * from them has to restore. It must report no error for as long as it runs.
 *
 *     KSELFTEST_FP=DIR npx tsx test/conformance/fpsimd-test.ts [--engine interp|jit] [--machine direct|kvm] [--cli COMMAND] [--seconds N]
 *
 * DIR is tools/testing/selftests/arm64/fp of a Linux source, for example of Debian's package linux-source. Needs the oracle's gcc (see oracle.ts).
 * In this process signals come at pseudo-random instruction counts; with --cli they are SIGUSR1 and SIGUSR2 of the host, sent to the command as fp-stress does.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { TraceListener } from "../../packages/vmm/src/Trace.ts"
import { requireOracle, WAY_OPTIONS, type Way, wayOf, wayText } from "./linux-compare.ts"
import { startLinux, statusOf } from "./linux-guest.ts"
import { runTool } from "./oracle.ts"

const { values } = parseArgs({ options: { ...WAY_OPTIONS, seconds: { type: "string", default: "10" } } })
const { SIGUSR1, SIGUSR2, SIGTERM } = constants.signals
/** Longest and shortest stretch between signals, in instructions. */
const STRETCH = { least: 1, most: 20_000 } as const
/** What it may still take to write its last words. */
const AFTERWORDS = 10_000_000

interface Report {
  readonly output: string
  readonly status: number | undefined
  /** Signals that reached it, as far as is known. It counts those whose handler no other signal interrupted. */
  readonly delivered: number | undefined
}

const inProcess = (program: string, { engine, machine }: Way, milliseconds: number): Report => {
  let delivered = 0
  const onEvent: TraceListener = (event) => {
    if (event.type === "signal" && event.signal !== SIGTERM) delivered++
  }
  const { process, output } = startLinux({ program: readFileSync(program), args: ["fpsimd-test"], engine, machine, onEvent })
  let state = 1
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  const end = performance.now() + milliseconds
  let stop = process.run(100_000)
  while (stop.kind === "limit" && performance.now() < end) {
    process.send(random() < 0.5 ? SIGUSR1 : SIGUSR2)
    // Short stretches are as likely as long ones, so that signals also find each other's handlers.
    stop = process.run(Math.ceil(STRETCH.least + STRETCH.most ** random()))
  }
  process.send(SIGTERM)
  if (stop.kind === "limit") stop = process.run(AFTERWORDS)
  return { output: output().toString(), status: statusOf(stop), delivered }
}
const underCommand = async (program: string, { engine, cli = "" }: Way, milliseconds: number): Promise<Report> => {
  const [command = "", ...before] = cli.split(" ")
  const child = spawn(command, [...before, "run", "--engine", engine, program], { stdio: ["ignore", "pipe", "inherit"] })
  const chunks: Buffer[] = []
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
  // Signals go out when it has said that it is ready for them.
  await new Promise((begun) => child.stdout.once("data", begun))
  let next = 0
  const sending = setInterval(() => child.kill([SIGUSR1, SIGUSR2][next++ % 2]!), 1)
  setTimeout(() => {
    clearInterval(sending)
    child.kill("SIGTERM")
  }, milliseconds)
  const status = await new Promise<number | null>((ended) => child.once("close", ended))
  clearInterval(sending)
  return { output: Buffer.concat(chunks).toString(), status: status ?? undefined, delivered: undefined }
}

requireOracle("gcc")
const sources = process.env["KSELFTEST_FP"]
if (sources === undefined || !existsSync(join(sources, "fpsimd-test.S"))) {
  console.log("no sources of fpsimd-test (set KSELFTEST_FP): not run")
  process.exit(1)
}
const folder = mkdtempSync(join(tmpdir(), "eltwo-fpsimd-"))
const way = wayOf(values)
const milliseconds = 1000 * Number(values.seconds)
try {
  const program = join(folder, "fpsimd-test")
  runTool("gcc", ["-nostdlib", "-static", "-no-pie", "-o", program, join(sources, "fpsimd-test.S"), join(sources, "asm-utils.S")])
  const { output, status, delivered } = way.cli === undefined ? inProcess(program, way, milliseconds) : await underCommand(program, way, milliseconds)
  console.log(output.trimEnd())
  const [, iterations, signals] = /Terminated by signal 15, no error, iterations=(\d+), signals=(\d+)/.exec(output) ?? []
  const good = status === 0 && Number(iterations) > 0 && Number(signals) > 0 && (delivered === undefined || Number(signals) <= delivered)
  console.log(
    `fpsimd-test (${wayText(way)}) for ${values.seconds} s: ${good ? "no error" : `FAILED, status ${status}, ${delivered ?? "some"} signals delivered`}`
  )
  process.exitCode = good ? 0 : 1
} finally {
  rmSync(folder, { recursive: true })
}
