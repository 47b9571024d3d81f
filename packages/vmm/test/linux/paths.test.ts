import { describe, expect, it } from "vitest"
import { ERRNO } from "../../src/personality/linux/errno.ts"
import type { HostTree } from "../../src/personality/linux/host.ts"
import { resolvePath } from "../../src/personality/linux/paths.ts"
import { type Entries, fakeTree, randomFrom } from "./fixture.ts"

const TREE: Entries = {
  "/a/b/file": "text",
  "/a/up": { link: ".." },
  "/a/out": { link: "../../../../etc/passwd" },
  "/a/absolute": { link: "/a/b" },
  "/a/loop": { link: "loop" },
  "/a/ping": { link: "pong" },
  "/a/pong": { link: "ping" },
  "/a/dangling": { link: "nothing/here" },
  "/a/tofile": { link: "b/file" },
  "/a/empty": { link: "" },
  "/etc/passwd": "inside",
  "/x": "x"
}
const resolve = (path: string, from = "/", followLast = true): string => {
  const place = resolvePath(fakeTree(TREE), from, path, followLast)
  if (typeof place === "number") return Object.entries(ERRNO).find(([, number]) => number === place)![0]
  return place.status === undefined ? `${place.path} (nothing)` : place.path
}

describe("paths below the root", () => {
  it.each([
    ["/", "/"],
    ["", "ENOENT"],
    ["/a/b/file", "/a/b/file"],
    ["//a///b/.//file", "/a/b/file"],
    ["/../../..", "/"],
    ["/../a/../../a/b", "/a/b"],
    ["/a/b/file/", "ENOTDIR"],
    ["/a/b/file/.", "ENOTDIR"],
    ["/a/b/file/..", "ENOTDIR"],
    ["/a/b/file/x", "ENOTDIR"],
    ["/a/none/..", "ENOENT"],
    ["/a/none", "/a/none (nothing)"],
    ["/a/none/", "/a/none (nothing)"],
    ["/a/up", "/"],
    ["/a/up/up", "/up (nothing)"],
    ["/a/up/a/up/x", "/x"],
    ["/a/out", "/etc/passwd"],
    ["/a/absolute/file", "/a/b/file"],
    ["/a/absolute/../up", "/"],
    ["/a/loop", "ELOOP"],
    ["/a/ping/x", "ELOOP"],
    ["/a/dangling", "ENOENT"],
    ["/a/tofile", "/a/b/file"],
    ["/a/tofile/", "ENOTDIR"],
    ["/a/empty", "ENOENT"],
    [`/${"n".repeat(255)}`, `/${"n".repeat(255)} (nothing)`],
    [`/${"n".repeat(256)}`, "ENAMETOOLONG"],
    [`/${"ü".repeat(128)}`, "ENAMETOOLONG"],
    ["constructor", "/constructor (nothing)"],
    ["__proto__/x", "ENOENT"]
  ])("%s is %s", (path, expected) => {
    expect(resolve(path)).toBe(expected)
  })
  it("relative ones begin at the directory given, and the last link is followed only when asked to", () => {
    expect(resolve("file", "/a/b")).toBe("/a/b/file")
    expect(resolve("../../../x", "/a/b")).toBe("/x")
    expect(resolve("/a/out", "/", false)).toBe("/a/out")
    expect(resolve("/a/absolute/", "/", false)).toBe("/a/b")
    expect(resolve("/a/loop", "/", false)).toBe("/a/loop")
  })

  it("never ask the host for a path with '.', '..', an empty name or a link on the way", () => {
    const random = randomFrom(7)
    const parts = ["a", "b", "..", ".", "", "up", "out", "absolute", "loop", "file", "etc", "passwd", "...", "dangling", "tofile", "x"]
    const inner = fakeTree(TREE)
    const check = (path: string): string => {
      expect(path.startsWith("/")).toBe(true)
      const names = path === "/" ? [] : path.slice(1).split("/")
      expect(names.every((name) => name !== "" && name !== "." && name !== "..")).toBe(true)
      for (let i = 1; i < names.length; i++) expect(inner.readLink(`/${names.slice(0, i).join("/")}`)).toBeUndefined()
      return path
    }
    const watched: HostTree = {
      status: (path) => inner.status(check(path)),
      readLink: (path) => inner.readLink(check(path)),
      read: () => undefined,
      list: () => undefined
    }
    let found = 0
    for (let i = 0; i < 3000; i++) {
      const path = (random(2) ? "/" : "") + Array.from({ length: 1 + random(8) }, () => parts[random(parts.length)]).join("/")
      const place = resolvePath(watched, ["/", "/a", "/a/b"][random(3)]!, path, random(2) === 0)
      if (typeof place !== "number" && place.status !== undefined) found++
    }
    expect(found).toBeGreaterThan(100)
  })

  it("end for chains of links that grow", () => {
    const chain = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`/l${i}`, { link: `l${i + 1}/${"x/".repeat(500)}` }]))
    expect(resolvePath(fakeTree(chain), "/", "l0", true)).toBe(ERRNO.ELOOP)
    expect(resolvePath(fakeTree(chain), "/", `${"a/".repeat(2000)}b`, true)).toBe(ERRNO.ENOENT)
  })
})
