/** Open files of the process: the standard streams, a few devices and, under --root, files and directories of the host's tree. */
import { ERRNO } from "./errno.ts"
import type { FileStatus, Host, HostTree, LostOutput } from "./host.ts"
import { type Place, resolvePath } from "./paths.ts"

export const O = {
  WRONLY: 1,
  RDWR: 2,
  ACCMODE: 3,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: 0o40000,
  NOFOLLOW: 0o100000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  TMPFILE: 0o20000000
} as const
/** Descriptors a process can have (RLIMIT_NOFILE). */
export const MAX_FILES = 1024
/** dirfd of calls that mean the working directory. */
export const CURRENT_DIRECTORY = -100

export type Device = "null" | "zero" | "full" | "urandom"
const DEVICES: ReadonlyMap<string, Device> = new Map([
  ["/dev/null", "null"],
  ["/dev/zero", "zero"],
  ["/dev/full", "full"],
  ["/dev/urandom", "urandom"],
  ["/dev/random", "urandom"]
])
const STREAMS: ReadonlyMap<string, 0 | 1 | 2> = new Map([
  ["/dev/stdin", 0],
  ["/dev/stdout", 1],
  ["/dev/stderr", 2]
])

/** What descriptors refer to: duplicates share it, position included. */
export type OpenFile =
  | { readonly kind: "stream"; readonly stream: 0 | 1 | 2; flags: number }
  | { readonly kind: "device"; readonly device: Device; flags: number }
  | { readonly kind: "file"; readonly path: string; position: number; flags: number }
  | { readonly kind: "directory"; readonly path: string; position: number; flags: number; names?: readonly string[] }

const canRead = ({ flags }: OpenFile): boolean => (flags & O.WRONLY) === 0 && (flags & O.PATH) === 0
const canWrite = ({ flags }: OpenFile): boolean => (flags & (O.WRONLY | O.RDWR)) !== 0 && (flags & O.PATH) === 0

/** Bytes written, or a negative errno. */
const resultOf = (taken: boolean | LostOutput, bytes: number): number => {
  if (taken === true) return bytes
  return -{ gone: ERRNO.EPIPE, "no-space": ERRNO.ENOSPC, failed: ERRNO.EIO }[taken === false ? "gone" : taken]
}

export class Files {
  readonly #table = new Map<number, OpenFile>()
  readonly #closeOnExec = new Set<number>()
  readonly #host: Host
  /** The files there are; without --root an empty directory. */
  readonly tree: HostTree
  workingDirectory = "/"
  /** Bytes read and written so far. */
  moved = 0
  umask = 0o022
  /** Soft limit of descriptors. */
  limit = MAX_FILES

  constructor(host: Host) {
    this.#host = host
    this.tree = host.tree ?? EMPTY_TREE
    for (const stream of [0, 1, 2] as const) this.#table.set(stream, { kind: "stream", stream, flags: stream === 0 ? 0 : O.WRONLY })
  }
  get(fd: number): OpenFile | undefined {
    return this.#table.get(fd)
  }
  /** Descriptors with what they refer to (the same object where they share it), and those closed on exec. */
  get state(): { readonly table: ReadonlyMap<number, OpenFile>; readonly closeOnExec: ReadonlySet<number> } {
    return { table: this.#table, closeOnExec: this.#closeOnExec }
  }
  restore(table: ReadonlyMap<number, OpenFile>, closeOnExec: Iterable<number>): void {
    this.#table.clear()
    this.#closeOnExec.clear()
    for (const [fd, file] of table) this.#table.set(fd, file)
    for (const fd of closeOnExec) this.#closeOnExec.add(fd)
  }
  /** Descriptors in use, in [from, to]. */
  inUse(from: number, to: number): readonly number[] {
    return [...this.#table.keys()].filter((fd) => fd >= from && fd <= to)
  }
  /** Lowest free descriptor from `from`; undefined when the table is full. */
  #lowest(from: number): number | undefined {
    for (let fd = from; fd < this.limit; fd++) if (!this.#table.has(fd)) return fd
    return undefined
  }
  #put(fd: number, file: OpenFile, closeOnExec: boolean): number {
    this.#table.set(fd, file)
    this.setCloseOnExec(fd, closeOnExec)
    return fd
  }
  #add(file: OpenFile): number {
    const fd = this.#lowest(0)
    return fd === undefined ? -ERRNO.EMFILE : this.#put(fd, file, (file.flags & O.CLOEXEC) !== 0)
  }
  close(fd: number): number {
    this.#closeOnExec.delete(fd)
    return this.#table.delete(fd) ? 0 : -ERRNO.EBADF
  }
  closeOnExec(fd: number): boolean {
    return this.#closeOnExec.has(fd)
  }
  setCloseOnExec(fd: number, on: boolean): void {
    if (on) this.#closeOnExec.add(fd)
    else this.#closeOnExec.delete(fd)
  }
  /** dup, dup3 and F_DUPFD: both descriptors name one open file, position included. */
  duplicate(fd: number, to: { readonly exactly: number } | { readonly from: number }, closeOnExec = false): number {
    const file = this.#table.get(fd)
    if (file === undefined) return -ERRNO.EBADF
    if ("from" in to) {
      if (to.from < 0 || to.from >= this.limit) return -ERRNO.EINVAL
      const target = this.#lowest(to.from)
      return target === undefined ? -ERRNO.EMFILE : this.#put(target, file, closeOnExec)
    }
    if (to.exactly < 0 || to.exactly >= this.limit) return -ERRNO.EBADF
    return this.#put(to.exactly, file, closeOnExec)
  }

  /** The place a system call names, relative to directory `dirfd`. A number is an errno. */
  locate(dirfd: number, path: string, followLast: boolean): Place | number {
    if (path === "") return ERRNO.ENOENT
    let from = this.workingDirectory
    if (!path.startsWith("/") && dirfd !== CURRENT_DIRECTORY) {
      const directory = this.#table.get(dirfd)
      if (directory === undefined) return ERRNO.EBADF
      if (directory.kind !== "directory") return ERRNO.ENOTDIR
      from = directory.path
    }
    return resolvePath(this.tree, from, path, followLast)
  }

  open(dirfd: number, path: string, flags: number, mode: number): number {
    const device = DEVICES.get(path)
    if (device !== undefined) return (flags & O.DIRECTORY) !== 0 ? -ERRNO.ENOTDIR : this.#add({ kind: "device", device, flags })
    const stream = STREAMS.get(path)
    if (stream !== undefined) return this.duplicate(stream, { from: 0 }, (flags & O.CLOEXEC) !== 0)
    if ((flags & O.TMPFILE) !== 0) return -ERRNO.EOPNOTSUPP
    const exclusive = (flags & (O.CREAT | O.EXCL)) === (O.CREAT | O.EXCL)
    const place = this.locate(dirfd, path, (flags & O.NOFOLLOW) === 0 && !exclusive)
    if (typeof place === "number") return -place
    if (this.#lowest(0) === undefined) return -ERRNO.EMFILE
    if (place.status !== undefined) return exclusive ? -ERRNO.EEXIST : this.#openPlace(place.path, place.status, flags)
    if ((flags & O.CREAT) === 0) return -ERRNO.ENOENT
    return place.slash ? -ERRNO.EISDIR : this.#create(place.path, flags, mode)
  }
  #openPlace(path: string, status: FileStatus, flags: number): number {
    const { change } = this.tree
    const writes = (flags & (O.WRONLY | O.RDWR)) !== 0
    switch (status.kind) {
      case "directory":
        return writes || (flags & O.CREAT) !== 0 ? -ERRNO.EISDIR : this.#add({ kind: "directory", path, position: 0, flags })
      case "link":
        return -((flags & O.DIRECTORY) !== 0 ? ERRNO.ENOTDIR : ERRNO.ELOOP)
      case "file":
        break
      default:
        return -((flags & O.DIRECTORY) !== 0 ? ERRNO.ENOTDIR : ERRNO.ENXIO)
    }
    if ((flags & O.DIRECTORY) !== 0) return -ERRNO.ENOTDIR
    if ((flags & O.PATH) === 0) {
      if (writes && change === undefined) return -ERRNO.EROFS
      if ((flags & O.WRONLY) === 0 && this.tree.read(path, 0, 0) === undefined) return -ERRNO.EACCES
      if (writes && (flags & O.TRUNC) !== 0 && !change!.truncate(path, 0)) return -ERRNO.EACCES
    }
    return this.#add({ kind: "file", path, position: 0, flags })
  }
  #create(path: string, flags: number, mode: number): number {
    const { change } = this.tree
    if (change === undefined) return -ERRNO.EROFS
    if (!change.create(path, mode & 0o777 & ~this.umask)) return -ERRNO.EACCES
    return this.#add({ kind: "file", path, position: 0, flags })
  }

  /** Reads at `offset`, or at the file's position when it is undefined. A number is a negative errno; "later": there is no input yet. */
  read(fd: number, bytes: number, offset?: number): Uint8Array | number | "later" {
    const data = this.#read(fd, bytes, offset)
    if (typeof data === "object") this.moved += data.length
    return data
  }
  #read(fd: number, bytes: number, offset: number | undefined): Uint8Array | number | "later" {
    const file = this.#table.get(fd)
    if (file === undefined || !canRead(file)) return -ERRNO.EBADF
    switch (file.kind) {
      case "stream":
        if (offset !== undefined) return -ERRNO.ESPIPE
        return this.#host.streams.readInput(bytes) ?? ((file.flags & O.NONBLOCK) !== 0 ? -ERRNO.EAGAIN : "later")
      case "directory":
        return -ERRNO.EISDIR
      case "device":
        return file.device === "null" ? new Uint8Array(0) : file.device === "urandom" ? this.#host.random(bytes) : new Uint8Array(bytes)
      case "file": {
        const data = this.tree.read(file.path, offset ?? file.position, bytes)
        if (data === undefined) return -ERRNO.EIO
        if (offset === undefined) file.position += data.length
        return data
      }
    }
  }
  /** Bytes written, or a negative errno. */
  write(fd: number, bytes: Uint8Array, offset?: number): number {
    const file = this.#table.get(fd)
    this.moved += bytes.length
    if (file === undefined || !canWrite(file)) return -ERRNO.EBADF
    switch (file.kind) {
      case "stream":
        if (offset !== undefined) return -ERRNO.ESPIPE
        if (file.stream === 0) return -ERRNO.EPIPE
        return resultOf(this.#host.streams.writeOutput(file.stream, bytes), bytes.length)
      case "device":
        return file.device === "full" ? -ERRNO.ENOSPC : bytes.length
      case "directory":
        return -ERRNO.EBADF
      case "file": {
        const tree = this.tree
        const at = offset ?? ((file.flags & O.APPEND) !== 0 ? (tree.status(file.path)?.size ?? 0) : file.position)
        if (at + bytes.length > Number.MAX_SAFE_INTEGER) return -ERRNO.EFBIG
        if (bytes.length > 0 && !tree.change?.write(file.path, at, bytes)) return -ERRNO.EIO
        if (offset === undefined) file.position = at + bytes.length
        return bytes.length
      }
    }
  }
  seek(fd: number, offset: number, whence: number): number {
    const file = this.#table.get(fd)
    if (file === undefined || (file.flags & O.PATH) !== 0) return -ERRNO.EBADF
    if (file.kind === "stream") return -ERRNO.ESPIPE
    if (file.kind === "device") return whence >= 0 && whence <= 2 ? 0 : -ERRNO.EINVAL
    const size = file.kind === "file" ? (this.tree.status(file.path)?.size ?? 0) : 0
    // SEEK_DATA and SEEK_HOLE: the only hole is the one behind the end.
    if (whence === 3 || whence === 4) {
      if (offset < 0 || offset >= size) return -ERRNO.ENXIO
      file.position = whence === 3 ? offset : size
      return file.position
    }
    const base = [0, file.position, size][whence]
    if (base === undefined || base + offset < 0 || base + offset > Number.MAX_SAFE_INTEGER) return -ERRNO.EINVAL
    file.position = base + offset
    if (file.kind === "directory") delete file.names
    return file.position
  }

  /** What the device or stream of this name is; undefined for other names. */
  specialStatus(path: string): FileStatus | undefined {
    return DEVICES.has(path) || STREAMS.has(path) ? DEVICE_STATUS : undefined
  }
  status(fd: number): FileStatus | number {
    const file = this.#table.get(fd)
    if (file === undefined) return -ERRNO.EBADF
    if (file.kind === "device" || this.isTerminal(fd)) return DEVICE_STATUS
    if (file.kind === "stream") return { kind: "pipe", size: 0, mode: 0o600, inode: 4 + file.stream, modified: 0 }
    return this.tree.status(file.path) ?? -ERRNO.ENOENT
  }
  isTerminal(fd: number): boolean {
    const file = this.#table.get(fd)
    return file?.kind === "stream" && this.#host.streams.isTerminal(file.stream)
  }
}
const EMPTY_TREE: HostTree = {
  status: (path) => (path === "/" ? { kind: "directory", size: 0, mode: 0o755, inode: 1, modified: 0 } : undefined),
  readLink: () => undefined,
  read: () => undefined,
  list: (path) => (path === "/" ? [] : undefined)
}
const DEVICE_STATUS: FileStatus = { kind: "device", size: 0, mode: 0o666, inode: 3, modified: 0 }
