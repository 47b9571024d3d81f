#!/usr/bin/env node
// The command as `npm run build` makes it: dist/loader.cjs, and what that loads.
const { existsSync } = require("node:fs")
const { join } = require("node:path")

const loader = join(__dirname, "../dist/loader.cjs")
if (existsSync(loader)) require(loader)
else {
  process.stderr.write("eltwo: the command is not built (npm run build)\n")
  process.exitCode = 125
}
