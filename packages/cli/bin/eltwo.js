#!/usr/bin/env node
// Loads the command with what V8 compiled of it in an earlier run, which is a third of its start. That is kept beside it, for each version of Node; where
// it cannot be written, the command is compiled each time.
import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { Script } from "node:vm"

const file = fileURLToPath(new URL("../dist/main.cjs", import.meta.url))
const require = createRequire(file)
// Compiled code that was kept has no import() of its own.
globalThis[Symbol.for("eltwo.import")] = (specifier) => import(specifier)
// Flags are part of what compiled code depends on: this one is set before and not after.
if (process.versions.v8.startsWith("11.3.")) setFlagsFromString("--experimental-wasm-relaxed-simd")

const compiledFile = () => {
  try {
    const { mtimeMs, size } = statSync(file)
    return `${file}.${process.version}-${process.arch}-${Math.round(mtimeMs).toString(36)}-${size}.v8`
  } catch {
    process.stderr.write("eltwo: the command is not built (npm run build)\n")
    process.exit(125)
  }
}
const read = (path) => {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}
const path = compiledFile()
const cachedData = read(path)
const script = new Script(`(function (require, module, exports) {${readFileSync(file, "utf8")}\n})`, { filename: file, cachedData })
// A run compiles what every command needs.
if (cachedData === undefined && process.argv[2] === "run")
  process.on("exit", () => {
    try {
      const unfinished = `${path}.${process.pid}`
      writeFileSync(unfinished, script.createCachedData())
      renameSync(unfinished, path)
    } catch {
      // Nobody may write here: the next start is as slow as this one.
    }
  })
const module = { exports: {} }
script.runInThisContext()(require, module, module.exports)
