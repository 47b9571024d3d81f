// Type declarations of a package into its dist, before it is packed: node ../../scripts/declarations.mjs in the package's folder.
// They are compiled for all packages at once, and again only when a source is newer.
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const folder = relative(root, process.cwd())
const cache = join(root, ".cache/declarations")
const stamp = join(cache, "stamp")

const files = (path) =>
  readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? files(join(path, entry.name)) : [join(path, entry.name)]))
const sources = ["packages", "plugins"].flatMap((parent) =>
  readdirSync(join(root, parent))
    .map((name) => join(root, parent, name, "src"))
    .filter(existsSync)
    .flatMap(files)
)
const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs))
if (!existsSync(stamp) || statSync(stamp).mtimeMs < newest) {
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "tsconfig.declarations.json")], {
    stdio: "inherit"
  })
  writeFileSync(stamp, "")
}
const from = join(cache, folder, "src")
for (const file of files(from)) {
  const to = join(root, folder, "dist", relative(from, file))
  mkdirSync(dirname(to), { recursive: true })
  // Sources import each other as .ts; what is shipped is .js with .d.ts beside it.
  writeFileSync(to, readFileSync(file, "utf8").replace(/((?:from|import)\s*\(?\s*"\.[^"]*)\.ts"/g, '$1.js"'))
}
