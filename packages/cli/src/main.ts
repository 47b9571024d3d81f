/** The command: reads its line with @effect/cli, runs one command, ends with its exit code. */
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import type { Distribution } from "@eltwo/vmm/node"
import * as Cause from "effect/Cause"
import type * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { asm } from "./commands/asm.ts"
import { disasm } from "./commands/disasm.ts"
import { help } from "./commands/help.ts"
import { isa } from "./commands/isa.ts"
import { plugins } from "./commands/plugins.ts"
import { restore } from "./commands/restore.ts"
import { run } from "./commands/run.ts"
import { snapshot } from "./commands/snapshot.ts"
import { type Context, fail, type Io } from "./context.ts"
import { environment } from "./environment.ts"
import { helpText, plain } from "./help-text.ts"
import { readLine } from "./line.ts"
import { optionsOf } from "./options.ts"
import { answerTo, SUMMARY } from "./overview.ts"
import { internalReport, usageReport } from "./report.ts"
import { VERSION } from "./version.ts"

/** @effect/cli prints help, versions and completion scripts through this; its errors are reported by us. */
const consoleOf = ({ out, colours }: Io, command: string | undefined): Console.Console => {
  const shown = (text: string) => {
    const shown = colours ? text : plain(text)
    return command === undefined ? shown.trimEnd() : helpText(shown, command)
  }
  const print = (...texts: readonly unknown[]) => Effect.sync(() => out(`${shown(texts.join(" "))}\n`))
  // Only these two are used.
  return { log: print, error: () => Effect.void } as unknown as Console.Console
}
/** Runs one command line (without the program's name); gives the exit code. */
export const main = async (argv: readonly string[], io: Io, distribution?: Distribution): Promise<number> => {
  const end = argv.indexOf("--")
  const own = end < 0 ? argv : argv.slice(0, end)
  const context: Context = { io, guestArgs: end < 0 ? [] : argv.slice(end + 1), json: own.includes("--json"), distribution, exit: 0 }
  const answer = answerTo(own)
  if (answer !== undefined) {
    io.out(answer)
    return context.exit
  }
  const eltwo = Command.make("eltwo").pipe(
    Command.withDescription(SUMMARY),
    Command.withSubcommands([
      run(context),
      restore(context),
      snapshot(context),
      asm(context),
      disasm(context),
      isa(context),
      plugins(context),
      help(context)
    ])
  )
  const read = readLine(own, context.guestArgs, optionsOf)
  context.command = read.command
  if ("problem" in read) {
    fail(context, usageReport(read.problem))
    return context.exit
  }
  const program = Command.run(eltwo, { name: "eltwo", version: VERSION })(["node", "eltwo", ...read.words])
  const result = await Effect.runPromiseExit(program.pipe(Effect.provide(environment), Effect.withConsole(consoleOf(io, read.command))))
  if (Exit.isFailure(result)) {
    const error = Cause.squash(result.cause)
    fail(
      context,
      ValidationError.isValidationError(error)
        ? usageReport(plain(HelpDoc.toAnsiText(error.error)).trim().replace(/\s+/g, " "))
        : internalReport(error)
    )
  }
  return context.exit
}
