/** Writing files while things go wrong: for a test and for a longer script. */
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { buildSync } from "esbuild"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** A folder with the writer as one file of JavaScript; `remove` takes both away. */
export const workplace = () => {
  const folder = mkdtempSync(join(tmpdir(), "eltwo-faults-"))
  const writer = join(folder, "writer.mjs")
  buildSync({
    entryPoints: [here("./writer.ts")],
    outfile: writer,
    bundle: true,
    platform: "node",
    format: "esm",
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
    alias: {
      "@eltwo/isa": here("../../../isa/src/index.ts"),
      "@eltwo/cpu": here("../../../cpu/src/index.ts"),
      "@eltwo/kvm": here("../../../kvm/src/index.ts")
    },
    logLevel: "silent"
  })
  return { folder, writer, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
const FILE_BYTES = 300_000
/** Runs writers of these contents and kills them all `milliseconds` after they are ready; gives what they said. */
export const killedAfter = async (writer: string, path: string, contents: readonly (readonly number[])[], milliseconds: number): Promise<void> => {
  const children = contents.map((bytes) =>
    spawn(process.execPath, [writer, path, String(FILE_BYTES), ...bytes.map(String)], { stdio: ["ignore", "pipe", "ignore"] })
  )
  await Promise.all(children.map((child) => new Promise((ready) => child.stdout!.once("data", ready))))
  await new Promise((later) => setTimeout(later, milliseconds))
  await Promise.all(
    children.map(
      (child) =>
        new Promise((gone) => {
          child.once("exit", gone)
          child.kill("SIGKILL")
        })
    )
  )
}
/** The byte that all of a whole file consists of; undefined when it is anything else. */
export const contentOf = (path: string): number | undefined => {
  const bytes = readFileSync(path)
  return bytes.length === FILE_BYTES && bytes.every((byte) => byte === bytes[0]) ? bytes[0] : undefined
}
/** Files of a folder that were given a name, not those of writers that were killed. */
export const namedIn = (folder: string): readonly string[] => readdirSync(folder).filter((name) => !name.startsWith(".") && name !== "writer.mjs")
