/**
 * The optional oracle: an AArch64 toolchain and QEMU, found in $ORACLE/bin or on PATH. Nothing in `npm test` needs it.
 */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"

const NAMES: Readonly<Record<string, readonly string[]>> = {
  as: ["as", "aarch64-linux-gnu-as"],
  ld: ["ld", "aarch64-linux-gnu-ld"],
  gcc: ["gcc", "aarch64-linux-gnu-gcc"],
  "g++": ["g++", "aarch64-linux-gnu-g++"],
  clang: ["clang"],
  objdump: ["objdump", "aarch64-linux-gnu-objdump"],
  objcopy: ["objcopy", "aarch64-linux-gnu-objcopy"],
  "qemu-aarch64": ["qemu-aarch64", "qemu-aarch64-static"],
  "qemu-system-aarch64": ["qemu-system-aarch64"],
  "qemu-img": ["qemu-img"]
}

/** Path of a tool of the oracle, or undefined when this machine has none. A bare `as` or `gcc` on PATH is the host's, so PATH is searched for the prefixed names only. */
export const oracleTool = (name: keyof typeof NAMES & string): string | undefined => {
  const [inOracle, ...prefixed] = NAMES[name] ?? [name]
  const directory = process.env["ORACLE"]
  if (directory !== undefined && existsSync(join(directory, "bin", inOracle!))) return join(directory, "bin", inOracle!)
  const onPath = name.startsWith("qemu") ? [inOracle!, ...prefixed] : prefixed
  for (const candidate of onPath)
    for (const folder of (process.env["PATH"] ?? "").split(":")) if (existsSync(join(folder, candidate))) return join(folder, candidate)
  return undefined
}

/** Runs a tool and gives its standard output; throws with the tool's own message when it fails. */
export const runTool = (name: keyof typeof NAMES & string, args: readonly string[], maxBuffer = 1 << 30): Buffer => {
  const tool = oracleTool(name)
  if (tool === undefined) throw new Error(`${name} not found: set ORACLE to a directory whose bin/ has it`)
  return execFileSync(tool, args, { maxBuffer })
}
/** For programs that are nothing without these tools: says which are missing and ends. */
export const needTools = (...names: readonly (keyof typeof NAMES & string)[]): void => {
  const missing = names.filter((name) => oracleTool(name) === undefined)
  if (missing.length === 0) return
  console.log(`skipped: no ${missing.join(", ")}; set ORACLE to a directory whose bin/ has them`)
  process.exit(0)
}
