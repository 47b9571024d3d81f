/** The built command, for tests that run it as a process. */
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const root = fileURLToPath(new URL("../../..", import.meta.url))
/** There while somebody builds: tests run beside each other. */
const lock = join(root, ".cache/building")
const LONGEST_BUILD = 100_000

const newest = (path: string): number =>
  Math.max(
    0,
    ...readdirSync(path, { withFileTypes: true }).map((entry) =>
      entry.isDirectory() ? newest(join(path, entry.name)) : statSync(join(path, entry.name)).mtimeMs
    )
  )
const isFresh = (): boolean => {
  const built = join(root, "packages/cli/dist/main.cjs")
  const sources = ["packages", "plugins"]
    .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name, "src")))
    .filter(existsSync)
  return existsSync(built) && statSync(built).mtimeMs > Math.max(...sources.map(newest))
}
const isLocked = (): boolean => {
  try {
    mkdirSync(lock)
    return false
  } catch {
    return (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0) > Date.now() - LONGEST_BUILD
  }
}
/** Builds when a source is newer than what is built. Gives the path of the command. */
export const builtCommand = async (): Promise<string> => {
  mkdirSync(join(root, ".cache"), { recursive: true })
  while (isLocked()) await sleep(200)
  try {
    // the test runner wants to hear from a test while this takes its time
    if (!isFresh()) await promisify(execFile)(process.execPath, [join(root, "node_modules/tsup/dist/cli-default.js")], { cwd: root })
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
  return join(root, "packages/cli/bin/eltwo.js")
}
