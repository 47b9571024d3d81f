/** Open files of the process: the standard streams and, under --root, files of the host's tree. No path leaves the tree: links and ".." are resolved here, inside it. */
import { ERRNO } from "./errno.ts"
import type { FileStatus, Host, HostTree } from "./host.ts"

export const O = {
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  DIRECTORY: 0o40000,
  NOFOLLOW: 0o100000,
  CLOEXEC: 0o2000000
} as const
const MAX_FILES = 1024
const MAX_LINKS = 40

export type OpenFile =
  | { readonly kind: "stream"; readonly stream: 0 | 1 | 2; flags: number }
  | { readonly kind: "file"; readonly path: string; position: number; flags: number }
  | { readonly kind: "directory"; readonly path: string; position: number; flags: number }
  | { readonly kind: "null"; readonly name: "null" | "zero" | "urandom"; flags: number }

/** A path inside the tree after all links; `last` tells whether it exists. A number is an errno. */
export const resolvePath = (tree: HostTree, from: string, path: string, followLast: boolean): string | number => {
  let rest = path.split("/")
  let at: string[] = path.startsWith("/") ? [] : from.split("/").filter((part) => part !== "")
  for (let links = 0; rest.length > 0; ) {
    const part = rest.shift()!
    if (part === "" || part === ".") continue
    if (part === "..") {
      at.pop()
      continue
    }
    if (part.length > 255) return ERRNO.ENAMETOOLONG
    const here = `/${[...at, part].join("/")}`
    const target = rest.length > 0 || followLast ? tree.readLink(here) : undefined
    if (target !== undefined) {
      if (++links > MAX_LINKS) return ERRNO.ELOOP
      if (target.startsWith("/")) at = []
      rest = [...target.split("/"), ...rest]
      continue
    }
    if (rest.some((p) => p !== "" && p !== ".") && tree.status(here)?.kind !== "directory")
      return tree.status(here) === undefined ? ERRNO.ENOENT : ERRNO.ENOTDIR
    at.push(part)
  }
  return `/${at.join("/")}`
}

export class Files {
  readonly #table = new Map<number, OpenFile>()
  readonly #host: Host
  workingDirectory = "/"

  constructor(host: Host) {
    this.#host = host
    for (const stream of [0, 1, 2] as const) this.#table.set(stream, { kind: "stream", stream, flags: stream === 0 ? 0 : O.WRONLY })
  }
  get(fd: number): OpenFile | undefined {
    return this.#table.get(fd)
  }
  get tree(): HostTree | undefined {
    return this.#host.tree
  }
  /** Lowest free descriptor from `from`; undefined when the table is full. */
  #lowest(from: number): number | undefined {
    for (let fd = from; fd < MAX_FILES; fd++) if (!this.#table.has(fd)) return fd
    return undefined
  }
  #add(file: OpenFile): number {
    const fd = this.#lowest(0)
    if (fd === undefined) return -ERRNO.EMFILE
    this.#table.set(fd, file)
    return fd
  }
  close(fd: number): number {
    return this.#table.delete(fd) ? 0 : -ERRNO.EBADF
  }
  /** dup, dup3 and F_DUPFD: both descriptors name one open file, position included. */
  duplicate(fd: number, to: { readonly exactly: number } | { readonly from: number }): number {
    const file = this.#table.get(fd)
    if (file === undefined) return -ERRNO.EBADF
    const target = "exactly" in to ? to.exactly : this.#lowest(to.from)
    if (target === undefined || target < 0 || target >= MAX_FILES) return -("exactly" in to ? ERRNO.EBADF : ERRNO.EMFILE)
    this.#table.set(target, file)
    return target
  }

  /** The path a system call names, relative to directory `dirfd`. */
  locate(dirfd: number, path: string, followLast: boolean): string | number {
    const tree = this.#host.tree
    if (path === "") return ERRNO.ENOENT
    if (tree === undefined) return ERRNO.ENOENT
    let from = this.workingDirectory
    if (!path.startsWith("/") && dirfd !== -100) {
      const directory = this.#table.get(dirfd)
      if (directory === undefined) return ERRNO.EBADF
      if (directory.kind !== "directory") return ERRNO.ENOTDIR
      from = directory.path
    }
    return resolvePath(tree, from, path, followLast)
  }

  open(dirfd: number, path: string, flags: number, mode: number): number {
    const device = /^\/dev\/(null|zero|urandom|random|stdin|stdout|stderr|tty)$/.exec(path)?.[1]
    if (device === "null" || device === "zero" || device === "urandom") return this.#add({ kind: "null", name: device, flags })
    if (device === "random") return this.#add({ kind: "null", name: "urandom", flags })
    if (device === "stdin" || device === "stdout" || device === "stderr")
      return this.duplicate(["stdin", "stdout", "stderr"].indexOf(device), { from: 0 })
    const full = this.locate(dirfd, path, (flags & O.NOFOLLOW) === 0)
    if (typeof full === "number") return -full
    const tree = this.#host.tree!
    const writes = (flags & (O.WRONLY | O.RDWR)) !== 0
    let status = tree.status(full)
    if (status === undefined) {
      if ((flags & O.CREAT) === 0) return -ERRNO.ENOENT
      if (tree.change === undefined) return -ERRNO.EROFS
      if (!tree.change.create(full, mode)) return -ERRNO.EACCES
      status = tree.status(full)
      if (status === undefined) return -ERRNO.EIO
    } else if ((flags & (O.CREAT | O.EXCL)) === (O.CREAT | O.EXCL)) return -ERRNO.EEXIST
    if (status.kind === "directory") return writes ? -ERRNO.EISDIR : this.#add({ kind: "directory", path: full, position: 0, flags })
    if ((flags & O.DIRECTORY) !== 0) return -ERRNO.ENOTDIR
    if (status.kind === "link") return -ERRNO.ELOOP
    if (status.kind !== "file") return -ERRNO.EACCES
    if (writes && tree.change === undefined) return -ERRNO.EROFS
    if (writes && (flags & O.TRUNC) !== 0 && !tree.change!.truncate(full, 0)) return -ERRNO.EACCES
    return this.#add({ kind: "file", path: full, position: 0, flags })
  }

  /** Reads at `offset`, or at the file's position when it is undefined. A number is a negative errno. */
  read(fd: number, bytes: number, offset?: number): Uint8Array | number {
    const file = this.#table.get(fd)
    if (file === undefined || (file.flags & O.WRONLY) !== 0) return -ERRNO.EBADF
    switch (file.kind) {
      case "stream":
        return offset === undefined ? this.#host.streams.readInput(bytes) : -ERRNO.ESPIPE
      case "directory":
        return -ERRNO.EISDIR
      case "null":
        return file.name === "null" ? new Uint8Array(0) : file.name === "zero" ? new Uint8Array(bytes) : this.#host.random(bytes)
      case "file": {
        const data = this.#host.tree!.read(file.path, offset ?? file.position, bytes)
        if (data === undefined) return -ERRNO.EIO
        if (offset === undefined) file.position += data.length
        return data
      }
    }
  }
  /** Bytes written, or a negative errno. */
  write(fd: number, bytes: Uint8Array, offset?: number): number {
    const file = this.#table.get(fd)
    if (file === undefined || (file.flags & (O.WRONLY | O.RDWR)) === 0) return -ERRNO.EBADF
    switch (file.kind) {
      case "stream":
        if (offset !== undefined) return -ERRNO.ESPIPE
        return file.stream !== 0 && this.#host.streams.writeOutput(file.stream, bytes) ? bytes.length : -ERRNO.EPIPE
      case "null":
        return bytes.length
      case "directory":
        return -ERRNO.EBADF
      case "file": {
        const tree = this.#host.tree!
        const at = offset ?? ((file.flags & O.APPEND) !== 0 ? (tree.status(file.path)?.size ?? 0) : file.position)
        if (!tree.change?.write(file.path, at, bytes)) return -ERRNO.EIO
        if (offset === undefined) file.position = at + bytes.length
        return bytes.length
      }
    }
  }
  seek(fd: number, offset: number, whence: number): number {
    const file = this.#table.get(fd)
    if (file === undefined) return -ERRNO.EBADF
    if (file.kind === "stream") return -ERRNO.ESPIPE
    if (file.kind === "null") return 0
    const size = file.kind === "file" ? (this.#host.tree!.status(file.path)?.size ?? 0) : 0
    const base = [0, file.position, size][whence]
    if (base === undefined || base + offset < 0 || base + offset > Number.MAX_SAFE_INTEGER) return -ERRNO.EINVAL
    file.position = base + offset
    return file.position
  }
  status(fd: number): FileStatus | number {
    const file = this.#table.get(fd)
    if (file === undefined) return -ERRNO.EBADF
    if (file.kind === "stream" || file.kind === "null") return { kind: "other", size: 0, mode: 0o620, inode: 3, modified: 0 }
    return this.#host.tree!.status(file.path) ?? -ERRNO.ENOENT
  }
  isTerminal(fd: number): boolean {
    const file = this.#table.get(fd)
    return file?.kind === "stream" && this.#host.streams.isTerminal(file.stream)
  }
}
