/** The words of a command line: which command they ask for, and what is wrong with them that no command needs to see. */
import type { OptionForm } from "./options.ts"
import { optionProblem } from "./usage.ts"

const COMMANDS = ["run", "restore", "snapshot", "asm", "disasm", "isa", "plugins", "help"]
const VERBS = ["create", "inspect", "show", "diff", "verify", "flatten"]
/** What there is help on beside commands. */
const TOPICS = ["exit-codes"]
/** Commands that give what follows `--` to a guest. */
const WITH_GUEST = ["run", "snapshot create"]
/** What @effect/cli answers without a command. */
const ANSWERS = ["--version", "--completions"]
const HELP = ["--help", "-h"]

export interface Line {
  /** "run", "snapshot show"; undefined: none is asked for. */
  readonly command: string | undefined
  /** What @effect/cli is to read. */
  readonly words: readonly string[]
}
/** A line as it can be read; a string says what is wrong, of which command. */
export const readLine = (
  own: readonly string[],
  guestArgs: readonly string[],
  optionsOf: (command: string) => readonly OptionForm[]
): Line | { readonly command: string | undefined; readonly problem: string } => {
  const [first = "", second = ""] = own
  if (first === "help" && [...COMMANDS, ...VERBS].includes(second)) return readLine([...own.slice(1), "--help"], guestArgs, optionsOf)
  if (first === "help" && second !== "" && !second.startsWith("-") && !TOPICS.includes(second))
    return { command: undefined, problem: `there is no help on '${second}'; there is on ${[...TOPICS, ...COMMANDS].join(", ")}` }
  if (ANSWERS.includes(first)) return { command: undefined, words: own }
  if (first.startsWith("-")) return { command: undefined, problem: "options come after a command" }
  if (!COMMANDS.includes(first)) return { command: undefined, problem: `there is no command '${first}'; there are ${COMMANDS.join(", ")}` }
  const names = first === "snapshot" && VERBS.includes(second) ? [first, second] : [first]
  const command = names.join(" ")
  if (own.some((word) => HELP.includes(word)) || (first === "snapshot" && second === "")) return { command, words: [...names, "--help"] }
  if (first === "snapshot" && names.length === 1)
    return { command, problem: `\`eltwo snapshot\` has no verb '${second}'; it has ${VERBS.join(", ")}` }
  if (guestArgs.length > 0 && !WITH_GUEST.includes(command)) return { command, problem: "only `eltwo run` takes arguments after --" }
  const problem = optionProblem(command, own.slice(names.length), optionsOf(names.at(-1)!))
  return problem === undefined ? { command, words: own } : { command, problem }
}
