/** Path names inside the tree that the host gives. No path leaves it: links and ".." are resolved here, never by the host. */
import { ERRNO } from "./errno.ts"
import type { FileStatus, HostTree } from "./host.ts"

const MAX_LINKS = 40
const MAX_NAME = 255

/** A path without links, "." and "..", and what is there; its parent is a directory. */
export interface Place {
  readonly path: string
  readonly status: FileStatus | undefined
  /** The name ended with a slash. */
  readonly slash: boolean
}

/** Resolves `path`, which is relative to the directory `from`. A number is an errno. */
export const resolvePath = (tree: HostTree, from: string, path: string, followLast: boolean): Place | number => {
  if (path === "") return ERRNO.ENOENT
  const at = path.startsWith("/") ? [] : namesOf(from)
  // The names still to be gone through, the next one last.
  const rest = path.split("/").reverse()
  const slash = path.endsWith("/")
  let links = 0
  while (rest.length > 0) {
    const name = rest.pop()!
    if (name === "" || name === ".") continue
    if (name === "..") {
      at.pop()
      continue
    }
    if (new TextEncoder().encode(name).length > MAX_NAME) return ERRNO.ENAMETOOLONG
    const here = `/${[...at, name].join("/")}`
    const status = tree.status(here)
    const isLast = rest.every((part) => part === "")
    if (status?.kind === "link" && (!isLast || followLast || slash)) {
      const target = tree.readLink(here)
      if (target === undefined || target === "") return ERRNO.ENOENT
      if (++links > MAX_LINKS) return ERRNO.ELOOP
      if (target.startsWith("/")) at.length = 0
      rest.push(...target.split("/").reverse())
      continue
    }
    if (!isLast && status?.kind !== "directory") return status === undefined ? ERRNO.ENOENT : ERRNO.ENOTDIR
    if (slash && status !== undefined && status.kind !== "directory") return ERRNO.ENOTDIR
    at.push(name)
  }
  const full = `/${at.join("/")}`
  return { path: full, status: tree.status(full), slash }
}
const namesOf = (path: string): string[] => path.split("/").filter((name) => name !== "")
