/** Where the process begins: the command line to main(), its exit code to the shell. Output is written at once, so nothing is lost. */
import { isatty } from "node:tty"
import type { Distribution } from "@eltwo/vmm/node"
import type { Io } from "./context.ts"
import { EXIT } from "./exit-codes.ts"
import { reasonOf } from "./failure.ts"
import { main } from "./main.ts"
import { renderReport } from "./report.ts"
import { writeAll } from "./write.ts"

const { env } = process
/** What standard output failed with first. */
let failure: Error | undefined
const io: Io = {
  out: (text) => {
    failure ??= writeAll(1, text)
  },
  error: (text) => void writeAll(2, text),
  colours: isatty(1) && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb"
}
export const start = async (distribution: Distribution): Promise<never> => {
  const argv = process.argv.slice(2)
  const exit = await main(argv, io, distribution)
  if (failure === undefined) process.exit(exit)
  const message = `standard output cannot be written: ${reasonOf(failure.message)}`
  const report = { code: "FILE", message, hint: "What was written of the result is not all of it." }
  io.error(renderReport(report, argv.includes("--json")))
  process.exit(EXIT.cannotRun)
}
