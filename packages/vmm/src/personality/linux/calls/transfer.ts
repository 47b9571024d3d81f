/** System calls that move bytes between files and memory. */
import { ERRNO } from "../errno.ts"
import type { CallResult, Process } from "../process.ts"
import { CODE, SIGNAL } from "../signals.ts"
import { CHUNK, giveWords, int, long, MAX_TRANSFER, size, view, whenInput, word } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const MAX_VECTORS = 1024
/** Bytes one sendfile moves at most: it needs no memory of the process, so nothing else bounds it. */
const MAX_SENT = 16 << 20

/** As many bytes as come for one range of memory, or a negative errno. Without an offset the file's position is used and moves. */
const readInto = (process: Process, fd: number, at: number, wanted: number, offset?: number): number | "later" => {
  // No byte is taken from the file that memory cannot take.
  const room = process.space.writable(at, Math.min(wanted, MAX_TRANSFER))
  if (room === 0) {
    const nothing = process.files.read(fd, 0, offset)
    return typeof nothing === "number" ? nothing : wanted > 0 ? -ERRNO.EFAULT : 0
  }
  let done = 0
  while (done < room) {
    const data = process.files.read(fd, Math.min(CHUNK, room - done), offset === undefined ? undefined : offset + done)
    if (data === "later" || typeof data === "number") return done > 0 ? done : data
    process.space.write(at + done, data)
    done += data.length
    // A stream gives what there is; another read could wait.
    if (data.length === 0 || process.files.get(fd)?.kind === "stream") break
  }
  return done
}
const writeFrom = (process: Process, fd: number, at: number, wanted: number, offset?: number): number => {
  const total = Math.min(wanted, MAX_TRANSFER)
  let done = 0
  do {
    const data = process.space.readSome(at + done, Math.min(CHUNK, total - done))
    if (data.length === 0 && total > 0) return done > 0 ? done : -ERRNO.EFAULT
    const written = process.files.write(fd, data, offset === undefined ? undefined : offset + done)
    if (written < 0) return done > 0 ? done : broken(process, written)
    done += written
    if (written < data.length) break
  } while (done < total)
  return done
}
/** A write that nobody reads any more also sends SIGPIPE. */
const broken = (process: Process, result: number): number => {
  if (result === -ERRNO.EPIPE) process.signals.send({ signal: SIGNAL.PIPE, code: CODE.user, process: process.id })
  return result
}

type Move = (base: number, bytes: number, done: number) => number | "later"
/** The ranges of an iovec table one after the other, until one is not moved in full. */
const vectors = (process: Process, at: bigint, count: bigint, move: Move): number | "later" => {
  const n = long(count)
  if (n < 0 || n > MAX_VECTORS) return -ERRNO.EINVAL
  const table = view(process, at, 16 * n)
  if (table === undefined) return -ERRNO.EFAULT
  const lengths = Array.from({ length: n }, (_, i) => table.getBigInt64(16 * i + 8, true))
  if (lengths.some((bytes) => bytes < 0n)) return -ERRNO.EINVAL
  let done = 0
  for (const [i, bytes] of lengths.entries()) {
    const wanted = Math.min(size(bytes), MAX_TRANSFER - done)
    if (wanted === 0 && n > 1) continue
    const moved = move(size(table.getBigUint64(16 * i, true)), wanted, done)
    if (moved === "later" || moved < 0) return done > 0 ? done : moved
    done += moved
    if (moved < wanted) break
  }
  return done
}

const sendfile = (process: Process, [out, input, offsetAt, count]: readonly bigint[]): number | "later" => {
  const given = offsetAt === 0n ? 0n : word(process, offsetAt!)
  if (given === undefined) return -ERRNO.EFAULT
  if (long(given) < 0) return -ERRNO.EINVAL
  const offset = offsetAt === 0n ? undefined : size(given)
  const wanted = Math.min(size(count!), MAX_SENT)
  let done = 0
  while (done < wanted) {
    const data = process.files.read(int(input!), Math.min(CHUNK, wanted - done), offset === undefined ? undefined : offset + done)
    if (data === "later" || typeof data === "number") {
      if (done === 0) return data
      break
    }
    if (data.length === 0) break
    const written = process.files.write(int(out!), data)
    if (written < 0) {
      if (done === 0) return broken(process, written)
      break
    }
    done += written
  }
  return offset === undefined ? done : giveWords(process, offsetAt!, BigInt(offset + done)) || done
}

const atOffset = (offset: bigint, move: (offset: number) => CallResult): CallResult => (long(offset) < 0 ? -ERRNO.EINVAL : move(size(offset)))

export const transferCalls: SystemCalls = {
  62: { name: "lseek", run: ({ files }, [fd, offset, whence]) => files.seek(int(fd!), long(offset!), int(whence!)) },
  63: { name: "read", resume: "again", run: (process, [fd, at, count]) => whenInput(() => readInto(process, int(fd!), size(at!), size(count!))) },
  64: { name: "write", run: (process, [fd, at, count]) => writeFrom(process, int(fd!), size(at!), size(count!)) },
  65: {
    name: "readv",
    resume: "again",
    run: (process, [fd, at, count]) => whenInput(() => vectors(process, at!, count!, (base, bytes) => readInto(process, int(fd!), base, bytes)))
  },
  66: {
    name: "writev",
    run: (process, [fd, at, count]) => whenInput(() => vectors(process, at!, count!, (base, bytes) => writeFrom(process, int(fd!), base, bytes)))
  },
  67: {
    name: "pread64",
    resume: "again",
    run: (process, [fd, at, count, offset]) =>
      atOffset(offset!, (from) => whenInput(() => readInto(process, int(fd!), size(at!), size(count!), from)))
  },
  68: {
    name: "pwrite64",
    run: (process, [fd, at, count, offset]) => atOffset(offset!, (to) => writeFrom(process, int(fd!), size(at!), size(count!), to))
  },
  69: {
    name: "preadv",
    resume: "again",
    run: (process, [fd, at, count, offset]) =>
      atOffset(offset!, (from) =>
        whenInput(() => vectors(process, at!, count!, (base, bytes, done) => readInto(process, int(fd!), base, bytes, from + done)))
      )
  },
  70: {
    name: "pwritev",
    run: (process, [fd, at, count, offset]) =>
      atOffset(offset!, (to) =>
        whenInput(() => vectors(process, at!, count!, (base, bytes, done) => writeFrom(process, int(fd!), base, bytes, to + done)))
      )
  },
  71: { name: "sendfile", resume: "again", run: (process, args) => whenInput(() => sendfile(process, args)) }
}
