/** System calls about descriptors themselves: duplicating, closing, flags, terminals. */
import { ERRNO } from "../errno.ts"
import { O } from "../files.ts"
import type { Process } from "../process.ts"
import { give, int, size, unsigned } from "./arguments.ts"
import type { SystemCall, SystemCalls } from "./table.ts"

const FCNTL = { DUPFD: 0, GETFD: 1, SETFD: 2, GETFL: 3, SETFL: 4, GETLK: 5, SETLK: 6, SETLKW: 7, DUPFD_CLOEXEC: 1030 } as const
const FD_CLOEXEC = 1
const F_UNLCK = 2
/** Flags F_SETFL may change. */
const CHANGEABLE = O.APPEND | O.NONBLOCK

const fcntl = (process: Process, [fdBits, command, value]: readonly bigint[]): number => {
  const { files } = process
  const fd = int(fdBits!)
  const file = files.get(fd)
  if (file === undefined) return -ERRNO.EBADF
  switch (int(command!)) {
    case FCNTL.DUPFD:
      return files.duplicate(fd, { from: int(value!) })
    case FCNTL.DUPFD_CLOEXEC:
      return files.duplicate(fd, { from: int(value!) }, true)
    case FCNTL.GETFD:
      return files.closeOnExec(fd) ? FD_CLOEXEC : 0
    case FCNTL.SETFD:
      files.setCloseOnExec(fd, (int(value!) & FD_CLOEXEC) !== 0)
      return 0
    case FCNTL.GETFL:
      return file.flags & ~(O.CLOEXEC | O.CREAT | O.EXCL | O.TRUNC)
    case FCNTL.SETFL:
      file.flags = (file.flags & ~CHANGEABLE) | (int(value!) & CHANGEABLE)
      return 0
    case FCNTL.GETLK:
      // No other process exists that could hold a lock.
      return give(process, value!, Uint8Array.of(F_UNLCK, 0))
    case FCNTL.SETLK:
    case FCNTL.SETLKW:
      return 0
    default:
      return -ERRNO.EINVAL
  }
}

const IOCTL = { TCGETS: 0x5401, TIOCGWINSZ: 0x5413, FIONBIO: 0x5421, FIOCLEX: 0x5451, FIONCLEX: 0x5450 } as const
const WINDOW = Uint8Array.of(24, 0, 80, 0, 0, 0, 0, 0)
/** struct termios of a terminal that edits lines: ICRNL IXON; OPOST ONLCR; 38400 CS8 CREAD; ISIG ICANON ECHO ECHOE ECHOK IEXTEN. */
const TERMINAL = (): Uint8Array => {
  const bytes = new Uint8Array(36)
  new Uint32Array(bytes.buffer, 0, 4).set([0x500, 0x5, 0xbf, 0x8a3b])
  bytes.set([3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22], 17)
  return bytes
}
const ioctl = (process: Process, [fdBits, request, at]: readonly bigint[]): number => {
  const { files } = process
  const fd = int(fdBits!)
  const file = files.get(fd)
  if (file === undefined) return -ERRNO.EBADF
  switch (unsigned(request!)) {
    case IOCTL.TCGETS:
      return files.isTerminal(fd) ? give(process, at!, TERMINAL()) : -ERRNO.ENOTTY
    case IOCTL.TIOCGWINSZ:
      return files.isTerminal(fd) ? give(process, at!, WINDOW) : -ERRNO.ENOTTY
    case IOCTL.FIONBIO: {
      const on = process.space.read(size(at!), 4)
      if (on === undefined) return -ERRNO.EFAULT
      file.flags = on.some((byte) => byte !== 0) ? file.flags | O.NONBLOCK : file.flags & ~O.NONBLOCK
      return 0
    }
    case IOCTL.FIOCLEX:
    case IOCTL.FIONCLEX:
      files.setCloseOnExec(fd, unsigned(request!) === IOCTL.FIOCLEX)
      return 0
    default:
      return -ERRNO.ENOTTY
  }
}

/** Calls that have nothing to do for a descriptor that is open. */
const ofOpenFile = (name: string): SystemCall => ({ name, run: ({ files }, [fd]) => (files.get(int(fd!)) === undefined ? -ERRNO.EBADF : 0) })
const closeRange = ({ files }: Process, [from, to, flags]: readonly bigint[]): number => {
  const [first, last] = [unsigned(from!), unsigned(to!)]
  if (first > last || (int(flags!) & ~6) !== 0) return -ERRNO.EINVAL
  for (const fd of files.inUse(first, last))
    if ((int(flags!) & 4) !== 0) files.setCloseOnExec(fd, true)
    else files.close(fd)
  return 0
}

export const descriptorCalls: SystemCalls = {
  23: { name: "dup", run: ({ files }, [fd]) => files.duplicate(int(fd!), { from: 0 }) },
  24: {
    name: "dup3",
    run: ({ files }, [fd, to, flags]) =>
      int(fd!) === int(to!) || (int(flags!) & ~O.CLOEXEC) !== 0
        ? -ERRNO.EINVAL
        : files.duplicate(int(fd!), { exactly: int(to!) }, (int(flags!) & O.CLOEXEC) !== 0)
  },
  25: { name: "fcntl", run: fcntl },
  29: { name: "ioctl", run: ioctl },
  32: ofOpenFile("flock"),
  57: { name: "close", run: ({ files }, [fd]) => files.close(int(fd!)) },
  81: { name: "sync", run: () => 0 },
  82: ofOpenFile("fsync"),
  83: ofOpenFile("fdatasync"),
  223: ofOpenFile("fadvise64"),
  436: { name: "close_range", run: closeRange }
}
