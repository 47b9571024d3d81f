/** A folder of the host as the guest's root: nothing outside of it is read, written or even seen to exist. */
import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { nodePlatform } from "../../src/node.ts"
import { SYSTEM_CALLS } from "../../src/personality/linux/calls/table.ts"
import type { HostTree } from "../../src/personality/linux/host.ts"
import { DATA_AT, fakeProcess } from "./fixture.ts"

let folder = ""
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "eltwo-root-")))
  mkdirSync(join(folder, "root/deep/er"), { recursive: true })
  mkdirSync(join(folder, "outside"))
  writeFileSync(join(folder, "outside/secret"), "secret")
  writeFileSync(join(folder, "root/file"), "inside")
  writeFileSync(join(folder, "root/deep/er/file"), "deeper")
  for (const [name, target] of [
    ["file-link", "../outside/secret"],
    ["absolute-link", `${folder}/outside/secret`],
    ["folder-link", "../outside"],
    ["absolute-folder", `${folder}/outside`],
    ["up", ".."],
    ["system", "/etc"],
    ["inner", "deep/er"],
    ["rooted", "/deep"]
  ] as const)
    symlinkSync(target, join(folder, "root", name))
  linkSync(join(folder, "root/file"), join(folder, "root/deep/same"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const openTree = (writable: boolean): HostTree => {
  const tree = nodePlatform().openTree(join(folder, "root"), writable)
  if ("problem" in tree) throw new Error(tree.message)
  return tree
}
/** What a program reads from a path: the text, or an error number. */
const contentsOf = (tree: HostTree, path: string): string | number => {
  const { process } = fakeProcess(tree)
  const run = (number: number, ...args: readonly (number | bigint)[]) =>
    Number(SYSTEM_CALLS[number]!.run(process, [...args.map((a) => BigInt.asUintN(64, BigInt(a))), 0n, 0n, 0n, 0n, 0n, 0n].slice(0, 6)))
  process.space.write(DATA_AT, new TextEncoder().encode(`${path}\0`))
  const fd = run(56, -100, DATA_AT, 0)
  if (fd < 0) return fd
  const bytes = run(63, fd, DATA_AT + 8192, 100)
  return bytes < 0 ? bytes : new TextDecoder().decode(process.space.read(DATA_AT + 8192, bytes)!)
}

describe("a folder as root", () => {
  it.each([
    ["/file", "inside"],
    ["deep/er/file", "deeper"],
    ["inner/file", "deeper"],
    ["/rooted/er/file", "deeper"],
    ["/inner/../same", "inside"],
    ["/up/up/up/file", "inside"],
    ["/../../file", "inside"],
    ["/file-link", -2],
    ["/absolute-link", -2],
    ["/folder-link/secret", -2],
    ["/absolute-folder/secret", -2],
    ["/up/outside/secret", -2],
    ["../outside/secret", -2],
    ["deep/../../outside/secret", -2],
    ["/system/passwd", -2],
    ["/etc/passwd", -2],
    ["/proc/self/environ", -2],
    ["/deep", -21]
  ])("%s", (path, expected) => {
    for (const writable of [false, true]) expect(contentsOf(openTree(writable), path)).toBe(expected)
  })

  it("refuses links even when it is asked for them directly, as if one had just been made", () => {
    const tree = openTree(true)
    const paths = [
      "/file-link",
      "/absolute-link",
      "/folder-link/secret",
      "/absolute-folder/secret",
      "/up/outside/secret",
      "/../outside/secret",
      "/deep/../../outside/secret"
    ]
    for (const path of paths) {
      expect(tree.read(path, 0, 10), path).toBeUndefined()
      expect(tree.change!.write(path, 0, Uint8Array.of(1)), path).toBe(false)
      expect(tree.change!.truncate(path, 0), path).toBe(false)
      expect(tree.change!.create(path, 0o644), path).toBe(false)
      expect(tree.change!.setMode(path, 0o777), path).toBe(false)
      expect(tree.change!.rename("/file", path) && !path.endsWith("-link"), path).toBe(false)
    }
    for (const path of paths.filter((path) => path.endsWith("/secret"))) {
      expect(tree.status(path), path).toBeUndefined()
      expect(tree.change!.remove(path), path).toBe(false)
      expect(tree.change!.makeDirectory(path.replace("secret", "new"), 0o755), path).toBe(false)
    }
    expect(tree.list("/folder-link")).toBeUndefined()
    expect(readFileSync(join(folder, "outside/secret"), "utf8")).toBe("secret")
    expect(readdirSync(join(folder, "outside"))).toEqual(["secret"])
  })

  it("is not written to unless that is allowed", () => {
    expect(openTree(false).change).toBeUndefined()
    expect(existsSync(join(folder, "root/new"))).toBe(false)
    const tree = openTree(true)
    expect(tree.change!.create("/new", 0o644)).toBe(true)
    expect(tree.change!.write("/new", 2, new TextEncoder().encode("text"))).toBe(true)
    expect(readFileSync(join(folder, "root/new"), "latin1")).toBe("\0\0text")
    expect(tree.change!.remove("/new")).toBe(true)
  })
})
