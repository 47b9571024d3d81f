import { existsSync, readdirSync } from "node:fs"
import { defineConfig, type Options } from "tsup"

const folders = (parent: string) => readdirSync(parent).map((name) => `${parent}/${name}`)
const libraries = [...folders("packages"), ...folders("plugins")].filter((folder) => existsSync(`${folder}/src/index.ts`) && folder !== "packages/cli")

const common: Options = { format: "esm", target: "node20", sourcemap: true, clean: true, dts: false, silent: true }

export default defineConfig([
  // Libraries leave their dependencies outside, so that a service or schema exists once in a program that uses several.
  ...libraries.map((folder): Options => ({
    ...common,
    name: folder,
    entry: { index: `${folder}/src/index.ts` },
    outDir: `${folder}/dist`,
    platform: "neutral",
    external: [/^node:/, /^@eltwo\//],
    skipNodeModulesBundle: true
  })),
  // The command is one file: it starts in a fifth of the time.
  {
    ...common,
    name: "packages/cli",
    entry: { main: "packages/cli/src/main.ts" },
    outDir: "packages/cli/dist",
    platform: "node",
    noExternal: [/.*/],
    minify: true,
    banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' }
  }
])
