/** System calls that tell what files are: stat in its forms, directories, file systems. */
import { ERRNO } from "../errno.ts"
import { CURRENT_DIRECTORY } from "../files.ts"
import type { FileStatus } from "../host.ts"
import type { Process } from "../process.ts"
import { CHUNK, encode, give, int, size, withPath } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const AT = { SYMLINK_NOFOLLOW: 0x100, EACCESS: 0x200, NO_AUTOMOUNT: 0x800, EMPTY_PATH: 0x1000, STATX_SYNC: 0x6000 } as const
const STAT_FLAGS = AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT | AT.EMPTY_PATH
/** S_IFMT part of st_mode, and d_type. */
const TYPE: Readonly<Record<FileStatus["kind"], readonly [mode: number, entry: number]>> = {
  file: [0o100000, 8],
  directory: [0o040000, 4],
  link: [0o120000, 10],
  pipe: [0o010000, 1],
  device: [0o020000, 2],
  other: [0o140000, 12]
}
const USER = 1000
const BLOCK = 4096
/** Device numbers: of the tree, and of a terminal. */
const TREE_DEVICE = 1
const TERMINAL_DEVICE = { major: 136, minor: 1 } as const
const TERMINAL = (TERMINAL_DEVICE.major << 8) | TERMINAL_DEVICE.minor

const modeOf = ({ kind, mode }: FileStatus): number => TYPE[kind][0] | (mode & 0o7777)
const timeOf = ({ modified }: FileStatus): readonly [seconds: bigint, nanoseconds: number] => {
  const seconds = Math.floor(modified / 1000)
  return [BigInt(seconds), Math.floor(modified - 1000 * seconds) * 1_000_000]
}
/** struct stat of arm64: 128 bytes. */
const statBytes = (status: FileStatus): Uint8Array => {
  const view = new DataView(new ArrayBuffer(128))
  const [seconds, nanoseconds] = timeOf(status)
  view.setBigUint64(0, BigInt(TREE_DEVICE), true)
  view.setBigUint64(8, BigInt(status.inode), true)
  view.setUint32(16, modeOf(status), true)
  view.setUint32(20, 1, true)
  view.setUint32(24, USER, true)
  view.setUint32(28, USER, true)
  view.setBigUint64(32, status.kind === "device" ? BigInt(TERMINAL) : 0n, true)
  view.setBigUint64(48, BigInt(status.size), true)
  view.setUint32(56, BLOCK, true)
  view.setBigUint64(64, BigInt(Math.ceil(status.size / 512)), true)
  for (const at of [72, 88, 104]) {
    view.setBigUint64(at, seconds, true)
    view.setBigUint64(at + 8, BigInt(nanoseconds), true)
  }
  return new Uint8Array(view.buffer)
}
const STATX_BASIC = 0x7ff
/** struct statx: 256 bytes, the basic fields. */
const statxBytes = (status: FileStatus): Uint8Array => {
  const view = new DataView(new ArrayBuffer(256))
  const [seconds, nanoseconds] = timeOf(status)
  view.setUint32(0, STATX_BASIC, true)
  view.setUint32(4, BLOCK, true)
  view.setUint32(16, 1, true)
  view.setUint32(20, USER, true)
  view.setUint32(24, USER, true)
  view.setUint16(28, modeOf(status), true)
  view.setBigUint64(32, BigInt(status.inode), true)
  view.setBigUint64(40, BigInt(status.size), true)
  view.setBigUint64(48, BigInt(Math.ceil(status.size / 512)), true)
  for (const at of [64, 96, 112]) {
    view.setBigUint64(at, seconds, true)
    view.setUint32(at + 8, nanoseconds, true)
  }
  if (status.kind === "device") {
    view.setUint32(128, TERMINAL_DEVICE.major, true)
    view.setUint32(132, TERMINAL_DEVICE.minor, true)
  }
  view.setUint32(140, TREE_DEVICE, true)
  return new Uint8Array(view.buffer)
}

/** Status of what a path names, or a negative errno. */
const statusAt = (process: Process, dirfd: number, path: string, flags: number): FileStatus | number => {
  const { files } = process
  const special = files.specialStatus(path)
  if (special !== undefined) return special
  if (path === "" && (flags & AT.EMPTY_PATH) !== 0) return dirfd === CURRENT_DIRECTORY ? statusAt(process, dirfd, ".", 0) : files.status(dirfd)
  const place = files.locate(dirfd, path, (flags & AT.SYMLINK_NOFOLLOW) === 0)
  return typeof place === "number" ? -place : (place.status ?? -ERRNO.ENOENT)
}
const statPath = (process: Process, dirfd: bigint, at: bigint, flags: number, out: bigint, bytes: (status: FileStatus) => Uint8Array): number =>
  withPath(process, at, (path) => {
    const status = statusAt(process, int(dirfd), path, flags)
    return typeof status === "number" ? status : give(process, out, bytes(status))
  })

const W_OK = 2
const X_OK = 1
const access = (process: Process, dirfd: bigint, at: bigint, mode: number, flags: number): number => {
  if ((mode & ~7) !== 0 || (flags & ~(AT.SYMLINK_NOFOLLOW | AT.EACCESS | AT.EMPTY_PATH)) !== 0) return -ERRNO.EINVAL
  return withPath(process, at, (path) => {
    const status = statusAt(process, int(dirfd), path, flags & ~AT.EACCESS)
    if (typeof status === "number") return status
    if ((mode & X_OK) !== 0 && status.kind === "file" && (status.mode & 0o111) === 0) return -ERRNO.EACCES
    const readOnly = process.files.tree.change === undefined && (status.kind === "file" || status.kind === "directory")
    return (mode & W_OK) !== 0 && readOnly ? -ERRNO.EROFS : 0
  })
}

const getdents = (process: Process, [fd, at, count]: readonly bigint[]): number => {
  const directory = process.files.get(int(fd!))
  if (directory === undefined) return -ERRNO.EBADF
  if (directory.kind !== "directory") return -ERRNO.ENOTDIR
  const tree = process.files.tree
  directory.names ??= [".", "..", ...(tree.list(directory.path) ?? [])]
  const { names, path } = directory
  const out = new Uint8Array(Math.min(size(count!), CHUNK))
  const view = new DataView(out.buffer)
  let filled = 0
  let position = directory.position
  for (; position < names.length; position++) {
    const text = names[position]!
    const name = encode(text)
    const bytes = Math.ceil((19 + name.length + 1) / 8) * 8
    if (filled + bytes > out.length) break
    const status = position < 2 ? tree.status(path) : tree.status(`${path === "/" ? "" : path}/${text}`)
    view.setBigUint64(filled, BigInt(status?.inode ?? 1), true)
    view.setBigUint64(filled + 8, BigInt(position + 1), true)
    view.setUint16(filled + 16, bytes, true)
    out[filled + 18] = TYPE[status?.kind ?? "other"][1]
    out.set(name, filled + 19)
    filled += bytes
  }
  if (filled === 0 && position < names.length) return -ERRNO.EINVAL
  const fault = give(process, at!, out.subarray(0, filled))
  if (fault === 0) directory.position = position
  return fault || filled
}

/** struct statfs: a file system without limits worth telling. */
const statfsBytes = (): Uint8Array => {
  const words = new BigUint64Array(15)
  words.set([0x01021994n, BigInt(BLOCK), 1n << 30n, 1n << 29n, 1n << 29n, 1n << 20n, 1n << 19n, 0n, 255n, BigInt(BLOCK)])
  return new Uint8Array(words.buffer)
}

export const statusCalls: SystemCalls = {
  43: {
    name: "statfs",
    run: (process, [at, out]) =>
      withPath(process, at!, (path) => {
        const status = statusAt(process, CURRENT_DIRECTORY, path, 0)
        return typeof status === "number" ? status : give(process, out!, statfsBytes())
      })
  },
  44: {
    name: "fstatfs",
    run: (process, [fd, out]) => (process.files.get(int(fd!)) === undefined ? -ERRNO.EBADF : give(process, out!, statfsBytes()))
  },
  48: { name: "faccessat", run: (process, [dirfd, at, mode]) => access(process, dirfd!, at!, int(mode!), 0) },
  61: { name: "getdents64", run: getdents },
  79: {
    name: "newfstatat",
    run: (process, [dirfd, at, out, flags]) =>
      (int(flags!) & ~STAT_FLAGS) !== 0 ? -ERRNO.EINVAL : statPath(process, dirfd!, at!, int(flags!), out!, statBytes)
  },
  80: {
    name: "fstat",
    run: (process, [fd, out]) => {
      const status = process.files.status(int(fd!))
      return typeof status === "number" ? status : give(process, out!, statBytes(status))
    }
  },
  291: {
    name: "statx",
    run: (process, [dirfd, at, flags, , out]) =>
      (int(flags!) & ~(STAT_FLAGS | AT.STATX_SYNC)) !== 0 ? -ERRNO.EINVAL : statPath(process, dirfd!, at!, int(flags!), out!, statxBytes)
  },
  439: { name: "faccessat2", run: (process, [dirfd, at, mode, flags]) => access(process, dirfd!, at!, int(mode!), int(flags!)) }
}
