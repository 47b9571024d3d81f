/** What the command says without doing anything: its version and its overview. Needs nothing else of it, so that both come at once. */
import { VERSION } from "./version.ts"

export const SUMMARY = "Runs AArch64 programs and machines, and shows what happens to their FP, SVE and SME registers."

const COMMANDS = [
  { usage: "run GUEST [-- ARGS]", summary: "runs a guest; its output and status are eltwo's" },
  { usage: "restore FILE [--resume]", summary: "goes on with a guest that was saved" },
  { usage: "snapshot VERB ...", summary: "create, inspect, show, diff, verify, flatten" },
  { usage: "asm SOURCE", summary: "assembles a file or a line" },
  { usage: "disasm FILE|HEX", summary: "disassembles a file or words" },
  { usage: "isa [--coverage]", summary: "lists features, instructions and registers" },
  { usage: "plugins", summary: "lists plugins and modes" },
  { usage: "help exit-codes", summary: "explains the exit codes" }
] as const

/** What `eltwo`, `eltwo --help` and `eltwo help` print. */
const overview = (): string => {
  const commands = COMMANDS.map(({ usage, summary }) => `  ${usage.padEnd(28)} ${summary}`)
  return [
    `eltwo ${VERSION}: ${SUMMARY}`,
    "",
    ...commands,
    "",
    "  eltwo run guests/hello                 a program from its source",
    "  eltwo run --json ./a.out -- --flag x   a static Linux program with arguments",
    "",
    "`eltwo COMMAND --help` lists its options; --version prints the version, --completions bash|zsh|fish|sh a completion script.",
    ""
  ].join("\n")
}

/** The answer to a command line (without the program's name and what follows `--`) that asks for nothing else; undefined for any other. */
export const answerTo = (line: readonly string[]): string | undefined => {
  if (line.length === 0) return overview()
  if (line.length > 1) return undefined
  if (["--help", "-h", "help"].includes(line[0]!)) return overview()
  return line[0] === "--version" ? `${VERSION}\n` : undefined
}
