/** What bin/eltwo.js starts: answers that need no machine come at once, all else loads the command with what was kept of it when it was last compiled. */
import { readFileSync, statSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { Script } from "node:vm"
import { EXIT } from "./exit-codes.ts"
import { keptCodeFile, kindOf, readKeptCode, writeKeptCode } from "./kept-code.ts"
import { answerTo } from "./overview.ts"
import { writeAll } from "./write.ts"

type Command = typeof import("./bundle.ts")
type Wrapped = (require: NodeJS.Require, module: { exports: unknown }, exports: unknown) => void

/** V8 of Node 20. Others know these flags by other names, or do not need them. */
const MEASURED_V8 = "11.3."
/** Set before anything of the command is compiled, because compiled code that is kept depends on flags. */
const FLAGS = [
  "--experimental-wasm-relaxed-simd",
  // Else V8 optimizes, beside the start, much that is called for the start only: a fifth of the time of a short run. Loops of a long one are hot all the same.
  "--interrupt-budget=400000",
  // Else what the start has compiled is forgotten when a guest runs for long, and not there to be kept.
  "--no-flush-bytecode"
]
const setFlags = (): void => {
  if (process.versions.v8.startsWith(MEASURED_V8)) for (const flag of FLAGS) setFlagsFromString(flag)
}

/** A command that failed has not seen all of its code. */
const hasWorked = (status: number): boolean => status < EXIT.large && status !== EXIT.snapshot && status !== EXIT.internal

const load = (): Command => {
  const path = join(__dirname, "main.cjs")
  const file = keptCodeFile(path, statSync(path))
  const kept = readKeptCode(file)
  // The file is ASCII.
  const source = `(function (require, module, exports) {${readFileSync(path, "latin1")}\n})`
  const script = new Script(source, { filename: path, ...(kept && { cachedData: kept.code }) })
  const kinds = kept && script.cachedDataRejected !== true ? kept.kinds : []
  const kind = kindOf(process.argv.slice(2))
  if (kind !== undefined && !kinds.includes(kind))
    process.on("exit", (status) => {
      if (hasWorked(status)) writeKeptCode(file, { code: script.createCachedData(), kinds: [...kinds, kind] })
    })
  const module = { exports: {} }
  // Modules that look at the stack while they are loaded would have V8 read all of the source once more.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  ;(script.runInThisContext() as Wrapped)(createRequire(path), module, module.exports)
  Error.stackTraceLimit = stackTraceLimit
  return module.exports as Command
}

const line = process.argv.slice(2)
const answer = answerTo(line)
// An answer that cannot be written is left to the command, which says why.
if (answer === undefined || writeAll(1, answer) !== undefined) {
  setFlags()
  void load().start((specifier) => import(specifier) as Promise<object>)
}
