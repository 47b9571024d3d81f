import { existsSync, readdirSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { defineConfig, type Options } from "tsup"

const folders = (parent: string) => readdirSync(parent).map((name) => `${parent}/${name}`)
const plugins = folders("plugins").filter((folder) => existsSync(`${folder}/src/index.ts`))
const libraries = [...folders("packages"), ...plugins].filter((folder) => existsSync(`${folder}/src/index.ts`) && folder !== "packages/cli")
/** Entries of a package beside index.ts. */
const more: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "packages/vmm": { node: "packages/vmm/src/node.ts", promise: "packages/vmm/src/promise.ts" }
}

/** The module eltwo:modules of a bundle: packages by name, each initialised when it is asked for. */
const modulesOf = (folders: readonly string[]): NonNullable<Options["esbuildPlugins"]>[number] => ({
  name: "eltwo:modules",
  setup(build) {
    build.onResolve({ filter: /^eltwo:modules$/ }, ({ path }) => ({ path, namespace: "eltwo" }))
    build.onLoad({ filter: /.*/, namespace: "eltwo" }, () => {
      const entries = folders.map((folder) => {
        const { name } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as { name: string }
        return `${JSON.stringify(name)}: () => import(${JSON.stringify(resolve(`${folder}/src/index.ts`))})`
      })
      return { contents: `export const modules = { ${entries.join(", ")} }`, resolveDir: process.cwd() }
    })
  }
})

/** What a command never calls or seldom wants is left out, or loaded when it is called: generators of test data for schemas, and Node's larger modules. */
const withoutWhatIsSeldomCalled: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "eltwo:seldom",
  setup(build) {
    build.onResolve({ filter: /^fast-check$/ }, ({ path }) => ({ path, namespace: "eltwo:never", sideEffects: false }))
    build.onLoad({ filter: /.*/, namespace: "eltwo:never" }, () => ({ contents: "export {}" }))
    build.onResolve({ filter: /^node:(crypto|tty)$/ }, ({ path }) => ({ path, namespace: "eltwo:seldom", sideEffects: false }))
    build.onLoad({ filter: /.*/, namespace: "eltwo:seldom" }, async ({ path }) => {
      const functions = Object.entries((await import(path)) as object).filter(([name, value]) => typeof value === "function" && /^[a-z]/.test(name))
      const name = JSON.stringify(path.slice("node:".length))
      return { contents: functions.map(([called]) => `export const ${called} = (...values) => require(${name}).${called}(...values)`).join("\n") }
    })
  }
}

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
  // The command brings all it needs along, as one file that loader.cjs loads: it starts in a fifth of the time.
  {
    ...common,
    name: "packages/cli",
    entry: { main: "packages/cli/src/bundle.ts", loader: "packages/cli/src/loader.ts" },
    format: "cjs",
    outDir: "packages/cli/dist",
    platform: "node",
    noExternal: [/.*/],
    esbuildPlugins: [modulesOf(["packages/isa", "packages/kvm", ...plugins]), withoutWhatIsSeldomCalled],
    sourcemap: false,
    // Else tsup takes "node:" away before the plugins see it.
    removeNodeProtocol: false,
    minify: true
  }
])
