/** Arguments of system calls: registers are 64 bits, C types are not; structures lie in the process's memory. */
import { ERRNO } from "../errno.ts"
import type { CallResult, Process } from "../process.ts"

/** An address or size: values beyond 2^53 become 2^53, which is never valid. */
export const size = (value: bigint): number => (value > 1n << 53n ? 2 ** 53 : Number(value))
export const int = (value: bigint): number => Number(BigInt.asIntN(32, value))
export const unsigned = (value: bigint): number => Number(BigInt.asUintN(32, value))
export const long = (value: bigint): number => Number(BigInt.asIntN(64, value))
/** Largest count of bytes one read or write moves (MAX_RW_COUNT). */
export const MAX_TRANSFER = 0x7fff_f000
/** Bytes moved between host and guest at a time: no system call makes a larger buffer. */
export const CHUNK = 1 << 20
/** PATH_MAX, the final zero included. */
const MAX_PATH = 4096

const encoder = new TextEncoder()
export const encode = (text: string): Uint8Array => encoder.encode(text)

/** Copies a result out: 0 or -EFAULT. */
export const give = (process: Process, at: bigint, bytes: Uint8Array): number =>
  process.space.write(size(at), bytes) === bytes.length ? 0 : -ERRNO.EFAULT
export const giveWords = (process: Process, at: bigint, ...words: readonly bigint[]): number =>
  give(process, at, new Uint8Array(BigUint64Array.from(words).buffer))
export const giveInts = (process: Process, at: bigint, ...ints: readonly number[]): number =>
  give(process, at, new Uint8Array(Int32Array.from(ints).buffer))
/** `bytes` bytes of the process; undefined: EFAULT. */
export const view = (process: Process, at: bigint, bytes: number): DataView | undefined => {
  const data = process.space.read(size(at), bytes)
  return data && new DataView(data.buffer)
}
export const word = (process: Process, at: bigint): bigint | undefined => view(process, at, 8)?.getBigUint64(0, true)

const SECOND = 1_000_000_000n
/** A timespec in nanoseconds; otherwise a negative errno. */
export const timespec = (process: Process, at: bigint): bigint | number => {
  const time = view(process, at, 16)
  if (time === undefined) return -ERRNO.EFAULT
  const seconds = time.getBigInt64(0, true)
  const nanoseconds = time.getBigInt64(8, true)
  return seconds < 0n || nanoseconds < 0n || nanoseconds >= SECOND ? -ERRNO.EINVAL : seconds * SECOND + nanoseconds
}
export const giveTimespec = (process: Process, at: bigint, nanoseconds: bigint): number =>
  giveWords(process, at, nanoseconds / SECOND, nanoseconds % SECOND)

/** The path at an address; a number is a negative errno. Names are UTF-8: others exist nowhere. */
const pathAt = (process: Process, at: bigint): string | number => {
  const bytes = process.space.readString(size(at), MAX_PATH - 1)
  if (bytes === undefined) return -ERRNO.EFAULT
  if (bytes === "too-long") return -ERRNO.ENAMETOOLONG
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return -ERRNO.ENOENT
  }
}
export const withPath = (process: Process, at: bigint, use: (path: string) => number): number => {
  const path = pathAt(process, at)
  return typeof path === "number" ? path : use(path)
}

/** A call that may have to wait for input: `attempt` is made again when there may be some. */
export const whenInput = (attempt: () => number | "later"): CallResult => {
  const first = attempt()
  if (first !== "later") return first
  const ready = () => {
    const result = attempt()
    return result === "later" ? undefined : result
  }
  return { for: "input", ready, end: () => -ERRNO.EINTR, restarts: true }
}
