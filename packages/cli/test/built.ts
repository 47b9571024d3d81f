/** The built command, for tests that run it as a process. */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const newest = (path: string): number =>
  Math.max(
    0,
    ...readdirSync(path, { withFileTypes: true }).map((entry) =>
      entry.isDirectory() ? newest(join(path, entry.name)) : statSync(join(path, entry.name)).mtimeMs
    )
  )
/** Builds when a source is newer than what is built. Gives the path of the command. */
export const builtCommand = (): string => {
  const command = join(root, "packages/cli/bin/eltwo.js")
  const built = join(root, "packages/cli/dist/main.cjs")
  const sources = ["packages", "plugins"]
    .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name, "src")))
    .filter(existsSync)
  if (existsSync(built) && statSync(built).mtimeMs > Math.max(...sources.map(newest))) return command
  execFileSync(process.execPath, [join(root, "node_modules/tsup/dist/cli-default.js")], { cwd: root, stdio: ["ignore", "ignore", "inherit"] })
  return command
}
