/** Where the process begins: the command line to main(), its exit code to the shell. Output is written at once, so nothing is lost. */
import { isatty } from "node:tty"
import type { Distribution } from "@eltwo/vmm/node"
import type { Io } from "./context.ts"
import { main } from "./main.ts"
import { writeAll } from "./write.ts"

const { env } = process
const io: Io = {
  out: (text) => writeAll(1, text),
  error: (text) => writeAll(2, text),
  colours: isatty(1) && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb"
}
export const start = async (distribution: Distribution): Promise<never> => process.exit(await main(process.argv.slice(2), io, distribution))
