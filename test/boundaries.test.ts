/** The arrows between packages: parses every import and fails on one that the architecture does not have. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const EXTENSIONS = ["fpsimd", "sve", "sme", "fpmr"]

/** What each folder may import, besides itself. */
const allowed = (folder: string): readonly string[] => {
  const packages: Readonly<Record<string, readonly string[]>> = {
    "packages/isa": [],
    "packages/cpu": ["@eltwo/isa"],
    "packages/kvm": ["@eltwo/isa", "@eltwo/cpu"],
    "packages/vmm": ["@eltwo/isa", "@eltwo/cpu", "@eltwo/kvm", "effect", "@effect/schema", "msgpackr", "@noble/hashes"],
    "packages/observe": ["@eltwo/isa", "@eltwo/cpu", "@eltwo/kvm", "@eltwo/vmm", "effect", "@effect/schema"],
    "packages/cli": ["@eltwo/*", "effect", "@effect/schema", "@effect/cli", "@effect/platform", "@effect/platform-node", "node:*", "eltwo:modules"]
  }
  const known = packages[folder]
  if (known !== undefined) return known
  const plugin = folder.replace("plugins/", "")
  return EXTENSIONS.includes(plugin) ? ["@eltwo/isa", ...EXTENSIONS.map((name) => `@eltwo/plugin-${name}`)] : ["@eltwo/isa", "@eltwo/kvm"]
}
/** The one file of vmm for files and loading. */
const NODE_FILES = ["packages/vmm/src/node.ts"]

const sources = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder).flatMap((name) => {
        const path = join(folder, name)
        return statSync(path).isDirectory() ? sources(path) : /\.tsx?$/.test(name) ? [path] : []
      })
    : []
const importsOf = (file: string): string[] => ts.preProcessFile(readFileSync(file, "utf8"), true, true).importedFiles.map((f) => f.fileName)
const packageOf = (specifier: string) => (specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : specifier.split("/")[0]!)

const folders = ["packages", "plugins"].flatMap((parent) => readdirSync(join(root, parent)).map((name) => `${parent}/${name}`))

describe("package boundaries", () => {
  it("covers every package and plugin", () => {
    expect(folders.filter((f) => sources(join(root, f, "src")).length > 0).length).toBeGreaterThanOrEqual(4)
  })
  it.each(folders)("%s imports only what it may", (folder) => {
    const may = allowed(folder)
    const wrong: string[] = []
    for (const file of sources(join(root, folder, "src"))) {
      const name = relative(root, file)
      for (const specifier of importsOf(file)) {
        if (specifier.startsWith(".")) {
          if (relative(join(root, folder), join(file, "..", specifier)).startsWith(".."))
            wrong.push(`${name} reaches out of its package: ${specifier}`)
          continue
        }
        const target = packageOf(specifier)
        const fine =
          may.includes(target) ||
          (target.startsWith("@eltwo/") && may.includes("@eltwo/*")) ||
          (specifier.startsWith("node:") && (may.includes("node:*") || NODE_FILES.includes(name)))
        if (!fine) wrong.push(`${name} imports ${specifier}`)
      }
    }
    expect(wrong).toEqual([])
  })
})
