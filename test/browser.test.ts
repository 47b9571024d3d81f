/**
 * The packages and plugins in a browser: they bundle without a Node module, and a page runs guests, goes on with the command's snapshots and makes the same bytes
 * as the command. Chromium is used when there is one.
 */
import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { afterAll, describe, expect, it } from "vitest"
import { command, jsonLines } from "../packages/cli/test/command.ts"
import type { Done, Task } from "./browser/page.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "eltwo-browser-"))
// the browser's own processes may still be writing their profile
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }))
const LONGEST_VISIT = 90_000

const bundle = async (entry: { readonly file: string } | { readonly code: string }): Promise<string> => {
  const { outputFiles } = await build({
    ...("file" in entry ? { entryPoints: [entry.file] } : { stdin: { contents: entry.code, resolveDir: root, loader: "ts" } }),
    bundle: true,
    platform: "browser",
    format: "iife",
    target: "chrome110",
    write: false,
    logLevel: "silent",
    tsconfig: join(root, "tsconfig.json")
  })
  return outputFiles[0]!.text
}

const found = ["chromium", "chromium-browser", "google-chrome", "chrome"].flatMap((name) => {
  try {
    return [execFileSync("which", [name], { encoding: "utf8" }).trim()]
  } catch {
    return []
  }
})
const [chromium] = found
const GUESTS = [
  { name: "hello", at: 3000, options: {} },
  { name: "signals", at: 2000, options: { engine: "interp" } },
  { name: "hello-vm", at: 300, options: { mode: "pkvm", plugin: ["sve"] } },
  { name: "timer", at: 100, options: { seed: 7 } }
] as const
if (chromium === undefined) console.log(`no Chromium: ${GUESTS.length} guests of the browser test are skipped`)

describe("bundles for a browser", () => {
  const packages = ["isa", "cpu", "kvm", "vmm"].map((name) => `@eltwo/${name}`)
  const plugins = readdirSync(join(root, "plugins"))
    .filter((name) => existsSync(join(root, "plugins", name, "src/index.ts")))
    .map((name) => `@eltwo/plugin-${name}`)
  it.each([...packages, "@eltwo/vmm/promise", ...plugins])("%s needs nothing of Node", async (name) => {
    const text = await bundle({ code: `import * as it from ${JSON.stringify(name)}\nglobalThis.it = it` })
    expect(text.length).toBeGreaterThan(1000)
  })
  it("would notice a Node module", async () => {
    await expect(bundle({ code: 'import * as it from "@eltwo/vmm/node"\nglobalThis.it = it' })).rejects.toThrow(/node:/)
  })
})

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}
/** Serves the page until it answers. */
const visit = async (script: string, tasks: readonly Task[]): Promise<{ readonly done?: readonly Done[]; readonly error?: string }> => {
  let answered: (text: string) => void = () => {}
  const answer = new Promise<string>((done) => {
    answered = done
  })
  const pages: Readonly<Record<string, readonly [string, string]>> = {
    "/": ["text/html", '<!doctype html><meta charset="utf-8"><script src="/page.js"></script>'],
    "/page.js": ["text/javascript", script],
    "/tasks": ["application/json", JSON.stringify(tasks)]
  }
  const server = createServer((request, response) => {
    const page = pages[request.url ?? ""]
    if (request.method === "POST") void bodyOf(request).then(answered)
    response.writeHead(page === undefined && request.method === "GET" ? 404 : 200, { "content-type": page?.[0] ?? "text/plain" })
    response.end(page?.[1] ?? "")
  })
  await new Promise<void>((ready) => void server.listen(0, "127.0.0.1", ready))
  const { port } = server.address() as AddressInfo
  const options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${join(folder, "profile")}`]
  const browser = spawn(chromium!, [...options, `http://127.0.0.1:${port}/`], { stdio: "ignore" })
  const gone = new Promise<string>((done) => void browser.on("exit", (code) => done(JSON.stringify({ error: `the browser ended with ${code}` }))))
  const late = new Promise<string>(
    (done) => void setTimeout(() => done(JSON.stringify({ error: "the page does not answer" })), LONGEST_VISIT).unref()
  )
  try {
    return JSON.parse(await Promise.race([answer, gone, late])) as { readonly done?: readonly Done[] }
  } finally {
    browser.kill("SIGKILL")
    await gone
    server.close()
  }
}

const optionsOf = (options: object): readonly string[] => Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
/** What a guest printed in a run of the command with --json. */
const consoleOf = (out: string): string =>
  jsonLines(out)
    .filter(({ type }) => type === "console")
    .map(({ text }) => String(text))
    .join("")

describe.skipIf(chromium === undefined)("a page", () => {
  it("goes on with the command's snapshots, and makes the same bytes, with which the command goes on", { timeout: 120_000 }, async () => {
    const runs = await Promise.all(
      GUESTS.map(async ({ name, at, options }) => {
        const snapshot = join(folder, `${name}.el2`)
        const path = join(root, "guests", name)
        const given = ["--mem", "4M", ...optionsOf(options)]
        const saved = await command("run", "--json", ...given, "--snapshot-at", String(at), "-o", snapshot, "--stop", path)
        expect([saved.exit, saved.error]).toEqual([0, ""])
        const files = Object.fromEntries(readdirSync(path).map((file) => [`${path}/${file}`, readFileSync(join(path, file), "utf8")]))
        const task: Task = { guest: path, files, options: { mem: "4M", ...options }, at, snapshot: readFileSync(snapshot).toString("base64") }
        return { name, snapshot, task }
      })
    )
    const { done = [], error } = await visit(
      await bundle({ file: join(root, "test/browser/page.ts") }),
      runs.map(({ task }) => task)
    )
    expect(error).toBeUndefined()
    expect(done).toHaveLength(GUESTS.length)
    for (const [i, { name, snapshot, task }] of runs.entries()) {
      const { snapshot: own, output, forked, end, milliseconds } = done[i]!
      expect(own === task.snapshot, `${name}: the same bytes`).toBe(true)
      const fromBrowser = join(folder, `${name}-browser.el2`)
      writeFileSync(fromBrowser, Buffer.from(own, "base64"))
      const went = await command("restore", "--json", "--resume", fromBrowser)
      expect(consoleOf(went.out), name).toBe(output)
      expect(forked, name).toBe(output)
      expect(output.length, name).toBeGreaterThan(10)
      expect(JSON.parse(end)).toEqual({ kind: "exited", status: went.exit })
      expect(existsSync(snapshot)).toBe(true)
      console.log(`${name} in the browser: ${task.at} instructions in ${milliseconds.toFixed(1)} ms`)
    }
  })
})
