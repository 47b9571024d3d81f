/** System calls that open, make, rename and remove files and directories, and change what is known about them. */
import { ERRNO } from "../errno.ts"
import { CURRENT_DIRECTORY, O } from "../files.ts"
import type { HostTree } from "../host.ts"
import type { Place } from "../paths.ts"
import type { Process } from "../process.ts"
import { encode, give, int, long, size, view, withPath } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const REMOVE_DIRECTORY = 0x200
const SYMLINK_NOFOLLOW = 0x100
const RENAME_NOREPLACE = 1
const UTIME = { NOW: 0x3fff_ffffn, OMIT: 0x3fff_fffen } as const

type Change = NonNullable<HostTree["change"]>
/** A change of the tree at a path: what a call would be refused for whatever the path is comes first. */
const change = (process: Process, dirfd: number, at: bigint, follow: boolean, act: (change: Change, place: Place) => number): number =>
  withPath(process, at, (path) => {
    const place = process.files.locate(dirfd, path, follow)
    if (typeof place === "number") return -place
    const { change } = process.files.tree
    return change === undefined ? -(missing(place) ?? ERRNO.EROFS) : act(change, place)
  })
const missing = ({ status }: Place): number | undefined => (status === undefined ? ERRNO.ENOENT : undefined)
const done = (success: boolean): number => (success ? 0 : -ERRNO.EACCES)

const makeDirectory = (process: Process, [dirfd, at, mode]: readonly bigint[]): number =>
  withPath(process, at!, (path) => {
    const place = process.files.locate(int(dirfd!), path, false)
    if (typeof place === "number") return -place
    if (place.status !== undefined) return -ERRNO.EEXIST
    const { change } = process.files.tree
    return change === undefined ? -ERRNO.EROFS : done(change.makeDirectory(place.path, int(mode!) & 0o777 & ~process.files.umask))
  })

const unlink = (process: Process, [dirfd, at, flags]: readonly bigint[]): number => {
  const wantsDirectory = (int(flags!) & REMOVE_DIRECTORY) !== 0
  if ((int(flags!) & ~REMOVE_DIRECTORY) !== 0) return -ERRNO.EINVAL
  return change(process, int(dirfd!), at!, false, (change, { path, status }) => {
    if (status === undefined) return -ERRNO.ENOENT
    const isDirectory = status.kind === "directory"
    if (isDirectory !== wantsDirectory) return isDirectory ? -ERRNO.EISDIR : -ERRNO.ENOTDIR
    if (isDirectory && (process.files.tree.list(path)?.length ?? 0) > 0) return -ERRNO.ENOTEMPTY
    return done(change.remove(path))
  })
}

const rename = (process: Process, [fromFd, from, toFd, to]: readonly bigint[], replaces: boolean): number =>
  withPath(process, to!, (path) => {
    const target = process.files.locate(int(toFd!), path, false)
    if (typeof target === "number") return -target
    return change(process, int(fromFd!), from!, false, (change, source) => {
      if (source.status === undefined) return -ERRNO.ENOENT
      if (target.status !== undefined && !replaces) return -ERRNO.EEXIST
      const isDirectory = source.status.kind === "directory"
      if (isDirectory && `${target.path}/`.startsWith(`${source.path}/`) && target.path !== source.path) return -ERRNO.EINVAL
      if (target.status !== undefined && (target.status.kind === "directory") !== isDirectory) return isDirectory ? -ERRNO.ENOTDIR : -ERRNO.EISDIR
      if (isDirectory && target.status !== undefined && (process.files.tree.list(target.path)?.length ?? 0) > 0) return -ERRNO.ENOTEMPTY
      return done(change.rename(source.path, target.path))
    })
  })

const truncate = (
  change: Change,
  place: { readonly path: string; readonly status: { readonly kind: string } | undefined },
  length: bigint
): number => {
  if (place.status === undefined) return -ERRNO.ENOENT
  if (place.status.kind === "directory") return -ERRNO.EISDIR
  return place.status.kind === "file" ? done(change.truncate(place.path, size(length))) : -ERRNO.EINVAL
}
const truncateOpen = (process: Process, [fd, length]: readonly bigint[]): number => {
  const file = process.files.get(int(fd!))
  if (file === undefined) return -ERRNO.EBADF
  if (file.kind !== "file" || (file.flags & O.ACCMODE) === 0 || long(length!) < 0) return -ERRNO.EINVAL
  const tree = process.files.tree
  return truncate(tree.change!, { path: file.path, status: tree.status(file.path) }, length!)
}

/** A change of what is known about an open file. */
const changeOpen = (process: Process, fd: bigint, act: (change: Change, path: string) => boolean): number => {
  const file = process.files.get(int(fd))
  if (file === undefined || (file.flags & O.PATH) !== 0) return -ERRNO.EBADF
  if (file.kind === "stream" || file.kind === "device") return -ERRNO.EPERM
  const { change } = process.files.tree
  return change === undefined ? -ERRNO.EROFS : act(change, file.path) ? 0 : -ERRNO.EPERM
}
const setMode = (process: Process, dirfd: bigint, at: bigint, mode: bigint): number =>
  change(process, int(dirfd), at, true, (change, { path, status }) =>
    status === undefined ? -ERRNO.ENOENT : change.setMode(path, int(mode) & 0o777) ? 0 : -ERRNO.EPERM
  )
/** Owners do not exist in the tree: only a change to the one there is succeeds. */
const ownerIsOurs = (user: bigint, group: bigint): boolean => [int(user), int(group)].every((id) => id === -1 || id === 1000)

/** Modification time in milliseconds that utimensat asks for; undefined: leave it. A negative errno otherwise. */
const wantedTime = (process: Process, times: bigint): number | undefined | { readonly errno: number } => {
  const now = () => Number((process.host.startTime + process.cpu.nanoseconds()) / 1_000_000n)
  if (times === 0n) return now()
  const time = view(process, times + 16n, 16)
  if (time === undefined) return { errno: -ERRNO.EFAULT }
  const nanoseconds = time.getBigInt64(8, true)
  if (nanoseconds === UTIME.NOW) return now()
  if (nanoseconds === UTIME.OMIT) return undefined
  if (nanoseconds < 0n || nanoseconds > 999_999_999n) return { errno: -ERRNO.EINVAL }
  return Number(time.getBigInt64(0, true)) * 1000 + Number(nanoseconds) / 1e6
}
const setTimes = (process: Process, [dirfd, at, times, flags]: readonly bigint[]): number => {
  const time = wantedTime(process, times!)
  if (typeof time === "object") return time.errno
  const set = (change: Change, path: string) => time === undefined || change.setModified(path, time)
  if (at === 0n) return changeOpen(process, dirfd!, set)
  return change(process, int(dirfd!), at!, (int(flags!) & SYMLINK_NOFOLLOW) === 0, (change, { path, status }) =>
    status === undefined ? -ERRNO.ENOENT : set(change, path) ? 0 : -ERRNO.EPERM
  )
}

const changeDirectory = (process: Process, at: bigint): number =>
  withPath(process, at, (path) => {
    const place = process.files.locate(CURRENT_DIRECTORY, path, true)
    if (typeof place === "number") return -place
    if (place.status?.kind !== "directory") return place.status === undefined ? -ERRNO.ENOENT : -ERRNO.ENOTDIR
    process.files.workingDirectory = place.path
    return 0
  })

const giveText = (process: Process, at: bigint, room: bigint, text: string): number => {
  const bytes = encode(text).subarray(0, size(room))
  return give(process, at, bytes) || bytes.length
}
/** A path as from "/", without "." and "..". */
const absolute = (path: string): string => {
  const names: string[] = []
  for (const name of path.split("/")) {
    if (name === "..") names.pop()
    else if (name !== "" && name !== ".") names.push(name)
  }
  return `/${names.join("/")}`
}
const readLink = (process: Process, [dirfd, at, buffer, room]: readonly bigint[]): number => {
  if (int(room!) <= 0) return -ERRNO.EINVAL
  return withPath(process, at!, (path) => {
    if (path === "/proc/self/exe") return giveText(process, buffer!, room!, absolute(process.options.path))
    const place = process.files.locate(int(dirfd!), path, false)
    if (typeof place === "number") return -place
    const target = place.status?.kind === "link" ? process.files.tree.readLink(place.path) : undefined
    if (target === undefined) return -(missing(place) ?? ERRNO.EINVAL)
    return giveText(process, buffer!, room!, target)
  })
}

export const nameCalls: SystemCalls = {
  17: {
    name: "getcwd",
    run: (process, [at, room]) => {
      const path = encode(`${process.files.workingDirectory}\0`)
      return size(room!) < path.length ? -ERRNO.ERANGE : give(process, at!, path) || path.length
    }
  },
  34: { name: "mkdirat", run: makeDirectory },
  35: { name: "unlinkat", run: unlink },
  38: { name: "renameat", run: (process, args) => rename(process, args, true) },
  45: {
    name: "truncate",
    run: (process, [at, length]) =>
      long(length!) < 0 ? -ERRNO.EINVAL : change(process, CURRENT_DIRECTORY, at!, true, (change, place) => truncate(change, place, length!))
  },
  46: { name: "ftruncate", run: truncateOpen },
  49: { name: "chdir", run: (process, [at]) => changeDirectory(process, at!) },
  50: {
    name: "fchdir",
    run: ({ files }, [fd]) => {
      const file = files.get(int(fd!))
      if (file?.kind !== "directory") return file === undefined ? -ERRNO.EBADF : -ERRNO.ENOTDIR
      files.workingDirectory = file.path
      return 0
    }
  },
  52: { name: "fchmod", run: (process, [fd, mode]) => changeOpen(process, fd!, (change, path) => change.setMode(path, int(mode!) & 0o777)) },
  53: { name: "fchmodat", run: (process, [dirfd, at, mode]) => setMode(process, dirfd!, at!, mode!) },
  54: {
    name: "fchownat",
    run: (process, [dirfd, at, user, group]) =>
      change(process, int(dirfd!), at!, true, (_, { status }) =>
        status === undefined ? -ERRNO.ENOENT : ownerIsOurs(user!, group!) ? 0 : -ERRNO.EPERM
      )
  },
  55: { name: "fchown", run: (process, [fd, user, group]) => changeOpen(process, fd!, () => ownerIsOurs(user!, group!)) },
  56: {
    name: "openat",
    run: (process, [dirfd, at, flags, mode]) => withPath(process, at!, (path) => process.files.open(int(dirfd!), path, int(flags!), int(mode!)))
  },
  78: { name: "readlinkat", run: readLink },
  88: { name: "utimensat", run: setTimes },
  166: {
    name: "umask",
    run: ({ files }, [mask]) => {
      const before = files.umask
      files.umask = int(mask!) & 0o777
      return before
    }
  },
  276: {
    name: "renameat2",
    run: (process, args) =>
      (int(args[4]!) & ~RENAME_NOREPLACE) !== 0 ? -ERRNO.EINVAL : rename(process, args, (int(args[4]!) & RENAME_NOREPLACE) === 0)
  }
}
