import { ERRNO } from "../errno.ts"
import type { FileStatus } from "../host.ts"
import type { CallResult, Process } from "../process.ts"
import { int, long, MAX_PATH, MAX_TRANSFER, size } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const CURRENT_DIRECTORY = -100
const AT = { SYMLINK_NOFOLLOW: 0x100, REMOVEDIR: 0x200, EMPTY_PATH: 0x1000 } as const
const FCNTL = { DUPFD: 0, GETFD: 1, SETFD: 2, GETFL: 3, SETFL: 4, DUPFD_CLOEXEC: 1030 } as const
const MODE = { file: 0o100000, directory: 0o040000, link: 0o120000, other: 0o020000 } as const
const MAX_VECTORS = 1024
/** Bytes moved between host and guest at a time: no system call makes a larger buffer. */
const CHUNK = 1 << 20
const encoder = new TextEncoder()

const withPath = (process: Process, at: bigint, use: (path: string) => number): number => {
  const path = process.space.readString(size(at), MAX_PATH)
  if (path === undefined) return -ERRNO.EFAULT
  return path === "too-long" ? -ERRNO.ENAMETOOLONG : use(path)
}

/** read, pread and readv over one range of memory: as many bytes as come, or a negative errno. */
const readInto = (process: Process, fd: number, at: bigint, count: bigint, offset?: number): number => {
  const wanted = Math.min(size(count), MAX_TRANSFER)
  let done = 0
  while (done < wanted) {
    const data = process.files.read(fd, Math.min(CHUNK, wanted - done), offset === undefined ? undefined : offset + done)
    if (typeof data === "number") return done > 0 ? done : data
    if (data.length === 0) break
    const written = process.space.write(size(at) + done, data)
    done += written
    if (written < data.length) return done > 0 ? done : -ERRNO.EFAULT
    if (process.files.get(fd)?.kind === "stream") break
  }
  if (wanted === 0) {
    const probe = process.files.read(fd, 0, offset)
    if (typeof probe === "number") return probe
  }
  return done
}
const writeFrom = (process: Process, fd: number, at: bigint, count: bigint, offset?: number): number => {
  const wanted = Math.min(size(count), MAX_TRANSFER)
  if (wanted === 0) return process.files.write(fd, new Uint8Array(0), offset)
  let done = 0
  while (done < wanted) {
    const data = process.space.read(size(at) + done, Math.min(CHUNK, wanted - done))
    if (data === undefined) return done > 0 ? done : -ERRNO.EFAULT
    const written = process.files.write(fd, data, offset === undefined ? undefined : offset + done)
    if (written < 0) return done > 0 ? done : broken(process, written)
    done += written
    if (written < data.length) break
  }
  return done
}
/** A write nobody reads any more also sends SIGPIPE. */
const broken = (process: Process, result: number): number => {
  if (result === -ERRNO.EPIPE) process.send(13)
  return result
}

const vectors = (process: Process, at: bigint, count: bigint, move: (base: bigint, bytes: bigint, done: number) => number): number => {
  const n = int(count)
  if (n < 0 || n > MAX_VECTORS) return -ERRNO.EINVAL
  const table = process.space.read(size(at), 16 * n)
  if (table === undefined) return -ERRNO.EFAULT
  const view = new DataView(table.buffer)
  let done = 0
  for (let i = 0; i < n; i++) {
    const bytes = view.getBigUint64(16 * i + 8, true)
    if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) return done > 0 ? done : -ERRNO.EINVAL
    if (bytes === 0n) continue
    const moved = move(view.getBigUint64(16 * i, true), bytes, done)
    if (moved < 0) return done > 0 ? done : moved
    done += moved
    if (BigInt(moved) < bytes) break
  }
  return done
}

/** struct stat of arm64: 128 bytes. */
const statBytes = (status: FileStatus, character: boolean): Uint8Array => {
  const view = new DataView(new ArrayBuffer(128))
  view.setBigUint64(0, 1n, true)
  view.setBigUint64(8, BigInt(status.inode), true)
  view.setUint32(16, MODE[status.kind] | (status.mode & 0o7777), true)
  view.setUint32(20, 1, true)
  view.setUint32(24, 1000, true)
  view.setUint32(28, 1000, true)
  view.setBigUint64(32, character ? 0x8801n : 0n, true)
  view.setBigUint64(48, BigInt(status.size), true)
  view.setUint32(56, 4096, true)
  view.setBigUint64(64, BigInt(Math.ceil(status.size / 512)), true)
  for (const at of [72, 88, 104]) {
    view.setBigUint64(at, BigInt(Math.floor(status.modified / 1000)), true)
    view.setBigUint64(at + 8, BigInt(Math.floor(status.modified % 1000)) * 1_000_000n, true)
  }
  return new Uint8Array(view.buffer)
}
/** struct statx: 256 bytes, the basic fields. */
const statxBytes = (status: FileStatus): Uint8Array => {
  const view = new DataView(new ArrayBuffer(256))
  view.setUint32(0, 0x7ff, true)
  view.setUint32(4, 4096, true)
  view.setUint32(16, 1, true)
  view.setUint32(20, 1000, true)
  view.setUint32(24, 1000, true)
  view.setUint16(28, MODE[status.kind] | (status.mode & 0o7777), true)
  view.setBigUint64(32, BigInt(status.inode), true)
  view.setBigUint64(40, BigInt(status.size), true)
  view.setBigUint64(48, BigInt(Math.ceil(status.size / 512)), true)
  for (const at of [64, 96, 112]) view.setBigUint64(at, BigInt(Math.floor(status.modified / 1000)), true)
  return new Uint8Array(view.buffer)
}
const statusOf = (process: Process, dirfd: number, path: string, flags: number): FileStatus | number => {
  if (path === "" && (flags & AT.EMPTY_PATH) !== 0) return process.files.status(dirfd)
  const full = process.files.locate(dirfd, path, (flags & AT.SYMLINK_NOFOLLOW) === 0)
  if (typeof full === "number") return -full
  return process.files.tree?.status(full) ?? -ERRNO.ENOENT
}
const give = (process: Process, at: bigint, bytes: Uint8Array): number => (process.space.write(size(at), bytes) === bytes.length ? 0 : -ERRNO.EFAULT)

const fcntl = (process: Process, [fdBits, command, value]: readonly bigint[]): number => {
  const fd = int(fdBits!)
  const file = process.files.get(fd)
  if (file === undefined) return -ERRNO.EBADF
  switch (int(command!)) {
    case FCNTL.DUPFD:
    case FCNTL.DUPFD_CLOEXEC:
      return process.files.duplicate(fd, { from: int(value!) })
    case FCNTL.GETFD:
    case FCNTL.SETFD:
      return 0
    case FCNTL.GETFL:
      return file.flags & ~0o2000000
    case FCNTL.SETFL:
      file.flags = (file.flags & 3) | (int(value!) & ~3)
      return 0
    default:
      return -ERRNO.EINVAL
  }
}

const IOCTL = { TCGETS: 0x5401, TIOCGWINSZ: 0x5413 } as const
const ioctl = (process: Process, [fd, request, at]: readonly bigint[]): number => {
  if (process.files.get(int(fd!)) === undefined) return -ERRNO.EBADF
  if (!process.files.isTerminal(int(fd!))) return -ERRNO.ENOTTY
  if (int(request!) === IOCTL.TCGETS) return give(process, at!, new Uint8Array(36))
  if (int(request!) === IOCTL.TIOCGWINSZ) return give(process, at!, Uint8Array.of(24, 0, 80, 0, 0, 0, 0, 0))
  return -ERRNO.ENOTTY
}

const getdents = (process: Process, [fd, at, count]: readonly bigint[]): number => {
  const directory = process.files.get(int(fd!))
  if (directory === undefined) return -ERRNO.EBADF
  if (directory.kind !== "directory") return -ERRNO.ENOTDIR
  const tree = process.files.tree!
  const names = [".", "..", ...(tree.list(directory.path) ?? [])]
  const out: number[] = []
  const room = Math.min(size(count!), CHUNK)
  for (; directory.position < names.length; directory.position++) {
    const name = encoder.encode(names[directory.position]!)
    const bytes = Math.ceil((19 + name.length + 1) / 8) * 8
    if (out.length + bytes > room) break
    const status = tree.status(`${directory.path === "/" ? "" : directory.path}/${names[directory.position]}`)
    const view = new DataView(new ArrayBuffer(bytes))
    view.setBigUint64(0, BigInt(status?.inode ?? 1), true)
    view.setBigUint64(8, BigInt(directory.position + 1), true)
    view.setUint16(16, bytes, true)
    view.setUint8(18, { file: 8, directory: 4, link: 10, other: 2 }[status?.kind ?? "directory"])
    new Uint8Array(view.buffer).set(name, 19)
    out.push(...new Uint8Array(view.buffer))
  }
  if (out.length === 0 && directory.position < names.length) return -ERRNO.EINVAL
  return give(process, at!, Uint8Array.from(out)) || out.length
}

const sendfile = (process: Process, [out, input, offsetAt, count]: readonly bigint[]): number => {
  let offset: number | undefined
  if (offsetAt !== 0n) {
    const bytes = process.space.read(size(offsetAt!), 8)
    if (bytes === undefined) return -ERRNO.EFAULT
    offset = size(new DataView(bytes.buffer).getBigUint64(0, true))
  }
  const wanted = Math.min(size(count!), MAX_TRANSFER)
  let done = 0
  while (done < wanted) {
    const data = process.files.read(int(input!), Math.min(CHUNK, wanted - done), offset === undefined ? undefined : offset + done)
    if (typeof data === "number") return done > 0 ? done : data
    if (data.length === 0) break
    const written = process.files.write(int(out!), data)
    if (written < 0) return done > 0 ? done : broken(process, written)
    done += written
  }
  if (offset !== undefined) process.space.write(size(offsetAt!), new Uint8Array(BigUint64Array.of(BigInt(offset + done)).buffer))
  return done
}

/** poll: files are always ready. */
const poll = (process: Process, [at, count]: readonly bigint[]): number => {
  const n = size(count!)
  if (n > 1024) return -ERRNO.EINVAL
  const table = process.space.read(size(at!), 8 * n)
  if (table === undefined) return -ERRNO.EFAULT
  const view = new DataView(table.buffer)
  let ready = 0
  for (let i = 0; i < n; i++) {
    const fd = view.getInt32(8 * i, true)
    const events = fd < 0 ? 0 : process.files.get(fd) === undefined ? 0x20 : view.getInt16(8 * i + 4, true) & 5
    view.setInt16(8 * i + 6, events, true)
    if (events !== 0) ready++
  }
  return give(process, at!, table) || ready
}

const change = (process: Process, dirfd: bigint, at: bigint, act: (path: string) => boolean, mustExist: boolean): number =>
  withPath(process, at, (path) => {
    const full = process.files.locate(int(dirfd), path, false)
    if (typeof full === "number") return -full
    const tree = process.files.tree!
    if (tree.change === undefined) return -ERRNO.EROFS
    const exists = tree.status(full) !== undefined
    if (exists !== mustExist) return mustExist ? -ERRNO.ENOENT : -ERRNO.EEXIST
    return act(full) ? 0 : -ERRNO.EACCES
  })

const access = (process: Process, [dirfd, at, mode]: readonly bigint[]): number =>
  withPath(process, at!, (path) => {
    const status = statusOf(process, int(dirfd!), path, 0)
    if (typeof status === "number") return status
    return (int(mode!) & 2) !== 0 && process.files.tree?.change === undefined ? -ERRNO.EROFS : 0
  })

const truncateFile = (process: Process, path: string, length: bigint): number => {
  const tree = process.files.tree
  if (tree?.change === undefined) return -ERRNO.EROFS
  if (long(length) < 0) return -ERRNO.EINVAL
  return tree.change.truncate(path, size(length)) ? 0 : -ERRNO.EACCES
}

export const fileCalls: SystemCalls = {
  17: {
    name: "getcwd",
    run: (process, [at, room]) => {
      const path = encoder.encode(`${process.files.workingDirectory}\0`)
      if (size(room!) < path.length) return -ERRNO.ERANGE
      return give(process, at!, path) || path.length
    }
  },
  23: { name: "dup", run: ({ files }, [fd]) => files.duplicate(int(fd!), { from: 0 }) },
  24: { name: "dup3", run: ({ files }, [fd, to]) => (fd === to ? -ERRNO.EINVAL : files.duplicate(int(fd!), { exactly: int(to!) })) },
  25: { name: "fcntl", run: fcntl },
  29: { name: "ioctl", run: ioctl },
  34: {
    name: "mkdirat",
    run: (process, [dirfd, at, mode]) => change(process, dirfd!, at!, (path) => process.files.tree!.change!.makeDirectory(path, int(mode!)), false)
  },
  35: { name: "unlinkat", run: (process, [dirfd, at]) => change(process, dirfd!, at!, (path) => process.files.tree!.change!.remove(path), true) },
  38: {
    name: "renameat",
    run: (process, [fromFd, from, toFd, to]) =>
      withPath(process, to!, (path) => {
        const target = process.files.locate(int(toFd!), path, false)
        if (typeof target === "number") return -target
        return change(process, fromFd!, from!, (source) => process.files.tree!.change!.rename(source, target), true)
      })
  },
  45: {
    name: "truncate",
    run: (process, [at, length]) =>
      withPath(process, at!, (path) => {
        const full = process.files.locate(CURRENT_DIRECTORY, path, true)
        return typeof full === "number" ? -full : truncateFile(process, full, length!)
      })
  },
  46: {
    name: "ftruncate",
    run: (process, [fd, length]) => {
      const file = process.files.get(int(fd!))
      if (file === undefined) return -ERRNO.EBADF
      return file.kind === "file" && (file.flags & 3) !== 0 ? truncateFile(process, file.path, length!) : -ERRNO.EINVAL
    }
  },
  48: { name: "faccessat", run: access },
  49: {
    name: "chdir",
    run: (process, [at]) =>
      withPath(process, at!, (path) => {
        const full = process.files.locate(CURRENT_DIRECTORY, path, true)
        if (typeof full === "number") return -full
        const status = process.files.tree?.status(full)
        if (status?.kind !== "directory") return status === undefined ? -ERRNO.ENOENT : -ERRNO.ENOTDIR
        process.files.workingDirectory = full
        return 0
      })
  },
  52: {
    name: "fchmod",
    run: (process, [fd]) => (process.files.get(int(fd!)) === undefined ? -ERRNO.EBADF : process.files.tree?.change ? 0 : -ERRNO.EROFS)
  },
  55: {
    name: "fchown",
    run: (process, [fd]) => (process.files.get(int(fd!)) === undefined ? -ERRNO.EBADF : process.files.tree?.change ? 0 : -ERRNO.EROFS)
  },
  56: {
    name: "openat",
    run: (process, [dirfd, at, flags, mode]) => withPath(process, at!, (path) => process.files.open(int(dirfd!), path, int(flags!), int(mode!)))
  },
  57: { name: "close", run: ({ files }, [fd]) => files.close(int(fd!)) },
  61: { name: "getdents64", run: getdents },
  62: { name: "lseek", run: ({ files }, [fd, offset, whence]) => files.seek(int(fd!), long(offset!), int(whence!)) },
  63: { name: "read", run: (process, [fd, at, count]) => readInto(process, int(fd!), at!, count!) },
  64: { name: "write", run: (process, [fd, at, count]) => writeFrom(process, int(fd!), at!, count!) },
  65: { name: "readv", run: (process, [fd, at, count]) => vectors(process, at!, count!, (base, bytes) => readInto(process, int(fd!), base, bytes)) },
  66: {
    name: "writev",
    run: (process, [fd, at, count]) => vectors(process, at!, count!, (base, bytes) => writeFrom(process, int(fd!), base, bytes))
  },
  67: {
    name: "pread64",
    run: (process, [fd, at, count, offset]) => (long(offset!) < 0 ? -ERRNO.EINVAL : readInto(process, int(fd!), at!, count!, size(offset!)))
  },
  68: {
    name: "pwrite64",
    run: (process, [fd, at, count, offset]) => (long(offset!) < 0 ? -ERRNO.EINVAL : writeFrom(process, int(fd!), at!, count!, size(offset!)))
  },
  71: { name: "sendfile", run: sendfile },
  73: { name: "ppoll", run: poll },
  78: {
    name: "readlinkat",
    run: (process, [dirfd, at, buffer, room]): CallResult =>
      withPath(process, at!, (path) => {
        if (path === "/proc/self/exe") return giveText(process, buffer!, room!, process.options.path)
        const full = process.files.locate(int(dirfd!), path, false)
        if (typeof full === "number") return -full
        const target = process.files.tree!.readLink(full)
        if (target === undefined) return process.files.tree!.status(full) === undefined ? -ERRNO.ENOENT : -ERRNO.EINVAL
        return giveText(process, buffer!, room!, target)
      })
  },
  79: {
    name: "newfstatat",
    run: (process, [dirfd, at, out, flags]) =>
      withPath(process, at!, (path) => {
        const status = statusOf(process, int(dirfd!), path, int(flags!))
        return typeof status === "number" ? status : give(process, out!, statBytes(status, status.kind === "other"))
      })
  },
  80: {
    name: "fstat",
    run: (process, [fd, out]) => {
      const status = process.files.status(int(fd!))
      return typeof status === "number" ? status : give(process, out!, statBytes(status, process.files.isTerminal(int(fd!))))
    }
  },
  82: { name: "fsync", run: ({ files }, [fd]) => (files.get(int(fd!)) === undefined ? -ERRNO.EBADF : 0) },
  83: { name: "fdatasync", run: ({ files }, [fd]) => (files.get(int(fd!)) === undefined ? -ERRNO.EBADF : 0) },
  88: { name: "utimensat", run: (process) => (process.files.tree?.change ? 0 : -ERRNO.EROFS) },
  166: { name: "umask", run: () => 0o022 },
  223: { name: "fadvise64", run: ({ files }, [fd]) => (files.get(int(fd!)) === undefined ? -ERRNO.EBADF : 0) },
  276: {
    name: "renameat2",
    run: (process, args) => (args[4] !== 0n ? -ERRNO.EINVAL : fileCalls[38]!.run(process, args))
  },
  291: {
    name: "statx",
    run: (process, [dirfd, at, flags, , out]) =>
      withPath(process, at!, (path) => {
        const status = statusOf(process, int(dirfd!), path, int(flags!))
        return typeof status === "number" ? status : give(process, out!, statxBytes(status))
      })
  },
  439: { name: "faccessat2", run: access }
}

const giveText = (process: Process, at: bigint, room: bigint, text: string): number => {
  const bytes = encoder.encode(text).subarray(0, size(room))
  return give(process, at, bytes) || bytes.length
}
