/**
 * One small virtual machine monitor on a real kernel and on eltwo: the C program and its port make the same calls and run the same guests, and every line they
 * print is compared, in each mode.
 *
 *   npx tsx test/conformance/real-kernel.ts [MODE...]          compares, and writes nothing
 *   npx tsx test/conformance/real-kernel.ts record             boots all modes and writes test/golden/real-kernel.json
 *
 * Needs the oracle: ORACLE names a directory with bin/gcc, bin/qemu-system-aarch64 and guest/vmlinuz (arm64 Linux with KVM); skips without it.
 */
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { oracleTool, runTool } from "./oracle.ts"
import { compare, record, recordedLines } from "./real-kernel/compare.ts"
import { GUESTS } from "./real-kernel/guests.ts"
import { initialFiles } from "./real-kernel/image.ts"
import { type ComparedMode, MODES } from "./real-kernel/modes.ts"
import { ourLines } from "./real-kernel/ours.ts"

const here = dirname(fileURLToPath(import.meta.url))
const GOLDEN = join(here, "../golden/real-kernel.json")
const kernel = join(process.env["ORACLE"] ?? "", "guest/vmlinuz")
const MACHINE = ["-M", "virt,virtualization=on,gic-version=3", "-cpu", "max", "-m", "1024", "-display", "none", "-monitor", "none", "-no-reboot"]
const MINUTES = 10
const MARK = "@ "

const buildFiles = (folder: string): string => {
  const program = join(folder, "init")
  runTool("gcc", ["-static", "-O1", "-o", program, join(here, "kvm-program.c")])
  const files = join(folder, "files")
  writeFileSync(files, initialFiles(readFileSync(program), GUESTS))
  return files
}
/** Boots the kernel with the program as its first process; the lines it printed. */
const bootKernel = async (folder: string, files: string, { name, commandLine }: ComparedMode): Promise<readonly string[]> => {
  const console = join(folder, `${name}.log`)
  const append = `console=ttyAMA0 quiet loglevel=4 panic=-1 ${commandLine}`
  const boot = ["-serial", `file:${console}`, "-kernel", kernel, "-initrd", files, "-append", append]
  await promisify(execFile)(oracleTool("qemu-system-aarch64")!, [...MACHINE, ...boot], { timeout: MINUTES * 60_000, killSignal: "SIGKILL" })
  const lines = readFileSync(console, "latin1").split(/\r?\n/)
  const marked = lines.filter((line) => line.startsWith(MARK)).map((line) => line.slice(MARK.length))
  if (marked.at(-1) !== "done") throw new Error(`${name}: the program did not end; its last line is '${marked.at(-1)}'`)
  return marked
}

const main = async (): Promise<number> => {
  if (!existsSync(kernel) || !oracleTool("gcc") || !oracleTool("qemu-system-aarch64")) {
    console.log("skipped: no oracle with gcc, qemu-system-aarch64 and an arm64 kernel")
    return 0
  }
  const wanted = process.argv.slice(2)
  const recording = wanted[0] === "record"
  const chosen = recording || wanted.length === 0 ? MODES : MODES.filter(({ name }) => wanted.includes(name))
  const folder = mkdtempSync(join(tmpdir(), "real-kernel-"))
  let different = 0
  try {
    const files = buildFiles(folder)
    const theirs = new Map<string, readonly string[]>()
    for (const mode of chosen) {
      theirs.set(mode.name, await bootKernel(folder, files, mode))
      const { unexplained, equalLines, explainedBy } = compare(mode.name, recordedLines(record("", theirs), mode.name), ourLines(mode.mode, GUESTS))
      different += unexplained.length
      console.log(`${mode.name}: ${equalLines} lines equal, ${explainedBy.size} explained differences, ${unexplained.length} other lines`)
      for (const line of unexplained.slice(0, 60)) console.log(`  ${line}`)
    }
    if (recording) writeFileSync(GOLDEN, `${JSON.stringify(record("Linux 7.2.13 (Debian), QEMU -cpu max", theirs), null, 1)}\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return different === 0 ? 0 : 1
}
process.exitCode = await main()
