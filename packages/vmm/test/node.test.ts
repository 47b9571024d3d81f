/** The folder a guest sees as "/", and other things of the host. */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeEach, describe, expect, it } from "vitest"
import { nodePlatform, runGuest } from "../src/node.ts"
import type { HostTree } from "../src/personality/linux/host.ts"
import { resolvePath } from "../src/personality/linux/paths.ts"
import { isFileProblem } from "../src/platform.ts"

const folder = mkdtempSync(join(tmpdir(), "eltwo-node-"))
const platform = nodePlatform()
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const tree = (writable: boolean): HostTree => {
  const opened = platform.openTree(join(folder, "root"), writable)
  if (isFileProblem(opened)) throw new Error(opened.message)
  return opened as HostTree
}
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString())

beforeEach(() => {
  rmSync(join(folder, "root"), { recursive: true, force: true })
  rmSync(join(folder, "outside"), { recursive: true, force: true })
  mkdirSync(join(folder, "root/sub"), { recursive: true })
  mkdirSync(join(folder, "outside"))
  writeFileSync(join(folder, "outside/secret"), "secret")
  writeFileSync(join(folder, "root/file"), "0123456789")
  writeFileSync(join(folder, "root/sub/inner"), "inner")
  symlinkSync("../file", join(folder, "root/sub/up"))
  symlinkSync(join(folder, "outside/secret"), join(folder, "root/leak"))
  symlinkSync(join(folder, "outside"), join(folder, "root/leaks"))
  symlinkSync("../../outside/secret", join(folder, "root/sub/relative-leak"))
})

describe("a folder as root", () => {
  it("shows files, folders and links", () => {
    const root = tree(false)
    expect(root.status("/file")).toMatchObject({ kind: "file", size: 10 })
    expect(root.status("/")).toMatchObject({ kind: "directory" })
    expect(root.status("/leak")).toMatchObject({ kind: "link" })
    expect(root.status("/nothing")).toBeUndefined()
    expect(root.readLink("/sub/up")).toBe("../file")
    expect(root.readLink("/file")).toBeUndefined()
    expect([...root.list("/sub")!].sort()).toEqual(["inner", "relative-leak", "up"])
    expect(root.list("/file")).toBeUndefined()
  })
  it("reads anywhere in a file", () => {
    const root = tree(false)
    expect(text(root.read("/file", 0, 100))).toBe("0123456789")
    expect(text(root.read("/file", 3, 4))).toBe("3456")
    expect(text(root.read("/sub/inner", 0, 9))).toBe("inner")
    expect(text(root.read("/file", 10, 4))).toBe("")
    expect(root.read("/sub", 0, 4)).toBeUndefined()
    expect(root.read("/nothing", 0, 4)).toBeUndefined()
  })
  it.each([
    "/leak",
    "/leaks/secret",
    "/sub/relative-leak",
    "/../outside/secret",
    "/sub/../../outside/secret",
    "/./../outside/secret",
    "file",
    "/file\0x",
    ""
  ])("gives nothing for %j", (path) => {
    const root = tree(true)
    expect(root.read(path, 0, 10)).toBeUndefined()
    expect(root.change!.write(path, 0, Uint8Array.of(65))).toBe(false)
    expect(root.change!.truncate(path, 0)).toBe(false)
    expect(root.change!.create(path, 0o644)).toBe(false)
    if (path !== "/leak" && path !== "/sub/relative-leak") {
      expect(root.change!.remove(path)).toBe(false)
      expect(root.change!.rename("/file", path)).toBe(false)
      expect(root.change!.setMode(path, 0o777)).toBe(false)
    }
    expect(readFileSync(join(folder, "outside/secret"), "utf8")).toBe("secret")
    expect(existsSync(join(folder, "outside/x"))).toBe(false)
  })
  it("does not let a guest's own link lead out, even when resolved by the personality", () => {
    const root = tree(true)
    for (const path of ["/leak", "/leaks/secret", "/sub/relative-leak", "/sub/../../outside/secret", "/leaks/../outside/secret"]) {
      const found = resolvePath(root, "/", path, true)
      if (typeof found === "object" && "path" in found) expect(root.read(found.path, 0, 10)).toBeUndefined()
    }
  })
  it("is not left through a folder that becomes a link", () => {
    const root = tree(true)
    expect(text(root.read("/sub/inner", 0, 5))).toBe("inner")
    rmSync(join(folder, "root/sub"), { recursive: true })
    symlinkSync(join(folder, "outside"), join(folder, "root/sub"))
    expect(root.status("/sub/secret")).toBeUndefined()
    expect(root.read("/sub/secret", 0, 6)).toBeUndefined()
    expect(root.change!.create("/sub/new", 0o644)).toBe(false)
  })
  it("does not change the mode of what a link points to, nor removes it", () => {
    const root = tree(true)
    expect(root.change!.setMode("/leak", 0o777)).toBe(false)
    expect(root.change!.remove("/leak")).toBe(true)
    expect(existsSync(join(folder, "outside/secret"))).toBe(true)
  })
  it("cannot be changed unless that is asked for", () => {
    expect(tree(false).change).toBeUndefined()
  })
  it("can be changed when it is", () => {
    const { change } = tree(true)
    expect(change!.create("/new", 0o600)).toBe(true)
    expect(change!.create("/new", 0o600)).toBe(false)
    expect(statSync(join(folder, "root/new")).mode & 0o777).toBe(0o600)
    expect(change!.write("/new", 4, Buffer.from("abc"))).toBe(true)
    expect(readFileSync(join(folder, "root/new"), "latin1")).toBe("\0\0\0\0abc")
    expect(change!.truncate("/new", 5)).toBe(true)
    expect(statSync(join(folder, "root/new")).size).toBe(5)
    expect(change!.makeDirectory("/deep", 0o755)).toBe(true)
    expect(change!.rename("/new", "/deep/old")).toBe(true)
    expect(change!.remove("/deep")).toBe(false)
    expect(change!.remove("/deep/old")).toBe(true)
    expect(change!.remove("/deep")).toBe(true)
    expect(change!.setModified("/file", 1_000_000_000_000)).toBe(true)
    expect(statSync(join(folder, "root/file")).mtimeMs).toBe(1_000_000_000_000)
    expect(change!.setMode("/file", 0o4640)).toBe(true)
    expect(statSync(join(folder, "root/file")).mode & 0o7777).toBe(0o640)
  })
  it("sees what it wrote after having read", () => {
    const root = tree(true)
    expect(text(root.read("/file", 0, 3))).toBe("012")
    expect(root.change!.write("/file", 0, Buffer.from("xyz"))).toBe(true)
    expect(text(root.read("/file", 0, 4))).toBe("xyz3")
    expect(root.change!.rename("/sub/inner", "/file")).toBe(true)
    expect(text(root.read("/file", 0, 10))).toBe("inner")
  })
  it("must be a folder", () => {
    expect(platform.openTree(join(folder, "root/file"), false)).toMatchObject({ problem: "refused" })
    expect(platform.openTree(join(folder, "nothing"), false)).toMatchObject({ problem: "missing" })
    symlinkSync(join(folder, "root"), join(folder, "root-link"))
    linkSync(join(folder, "root/file"), join(folder, "root/hard"))
    expect(isFileProblem(platform.openTree(join(folder, "root-link"), false))).toBe(false)
    expect(readlinkSync(join(folder, "root-link"))).toBe(join(folder, "root"))
  })
})

describe("files of the host", () => {
  it("are read whole, within a limit, and only regular ones", () => {
    expect(text(platform.readFile(join(folder, "root/file"), 10) as Uint8Array)).toBe("0123456789")
    expect(platform.readFile(join(folder, "root/file"), 9)).toMatchObject({ problem: "too-large" })
    expect(platform.readFile(join(folder, "root"), 9)).toMatchObject({ problem: "refused" })
    expect(platform.readFile("/dev/zero", 9)).toMatchObject({ problem: "refused" })
    expect(platform.readFile(join(folder, "nothing"), 9)).toMatchObject({ problem: "missing" })
    expect(platform.readFile(join(folder, "root/file/below"), 9)).toMatchObject({ problem: "missing" })
  })
  it.skipIf(process.getuid?.() === 0)("that may not be read are refused", () => {
    chmodSync(join(folder, "root/file"), 0)
    expect(platform.readFile(join(folder, "root/file"), 10)).toMatchObject({ problem: "refused" })
  })
})

describe("runGuest", () => {
  it("rejects with the typed error", async () => {
    await expect(runGuest({ guest: join(folder, "nothing") })).rejects.toMatchObject({ code: "GUEST_NOT_FOUND", _tag: "GuestNotFoundError" })
  })
  it("resolves with the end of the guest", async () => {
    const guest = join(folder, "exit.s")
    writeFileSync(guest, "_start: mov x0, #5\n mov x8, #93\n svc #0\n")
    expect(await runGuest({ guest })).toMatchObject({ end: { kind: "exited", status: 5 }, account: { systemCalls: 1 } })
  })
  it("can be given up", async () => {
    const guest = join(folder, "spin.s")
    writeFileSync(guest, "_start: b _start\n")
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 100)
    await expect(runGuest({ guest }, abort.signal)).rejects.toThrow()
  })
})
