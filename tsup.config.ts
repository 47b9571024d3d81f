import { existsSync, readdirSync } from "node:fs"
import { defineConfig, type Options } from "tsup"

const folders = (parent: string) => readdirSync(parent).map((name) => `${parent}/${name}`)
const plugins = folders("plugins").filter((folder) => existsSync(`${folder}/src/index.ts`))
const libraries = [...folders("packages"), ...plugins].filter((folder) => existsSync(`${folder}/src/index.ts`) && folder !== "packages/cli")
/** Entries of a package beside index.ts. */
const more: Readonly<Record<string, Readonly<Record<string, string>>>> = { "packages/vmm": { node: "packages/vmm/src/node.ts" } }

const common: Options = { format: "esm", target: "node20", sourcemap: true, clean: true, dts: false, silent: true }

export default defineConfig([
  // Libraries leave their dependencies outside, so that a service or schema exists once in a program that uses several.
  ...libraries.map(
    (folder): Options => ({
      ...common,
      name: folder,
      entry: { index: `${folder}/src/index.ts`, ...more[folder] },
      outDir: `${folder}/dist`,
      platform: "neutral",
      // Without the paths of tsconfig.json, which mean sources: what they match would be bundled.
      tsconfig: "tsconfig.libraries.json",
      skipNodeModulesBundle: true
    })
  ),
  // The command brings all it needs along and starts in a fifth of the time. Plugins stay modules of their own beside it, loaded by name like any other;
  // those from outside find the packages they import as isa.js and kvm.js: one copy of each.
  {
    ...common,
    name: "packages/cli",
    entry: {
      main: "packages/cli/src/start.ts",
      isa: "packages/isa/src/index.ts",
      kvm: "packages/kvm/src/index.ts",
      ...Object.fromEntries(plugins.map((folder) => [folder, `${folder}/src/index.ts`]))
    },
    outDir: "packages/cli/dist",
    platform: "node",
    noExternal: [/.*/],
    splitting: true,
    sourcemap: false,
    minify: true
  }
])
