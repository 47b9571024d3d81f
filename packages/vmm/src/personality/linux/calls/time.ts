import { ERRNO } from "../errno.ts"
import type { CallResult, Process } from "../process.ts"
import { int, size } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const SECOND = 1_000_000_000n
const CLOCK = { realtime: 0, monotonic: 1, process: 2, thread: 3, monotonicRaw: 4, realtimeCoarse: 5, monotonicCoarse: 6, boottime: 7 } as const

/** Nanoseconds of a clock; undefined for one that does not exist. All of them run on virtual time. */
const clock = (process: Process, id: number): bigint | undefined => {
  const now = process.cpu.nanoseconds()
  if (id === CLOCK.realtime || id === CLOCK.realtimeCoarse) return process.host.startTime + now
  return id >= CLOCK.monotonic && id <= CLOCK.boottime ? now : undefined
}
const writePair = (process: Process, at: bigint, first: bigint, second: bigint): number =>
  process.space.write(size(at), new Uint8Array(BigUint64Array.of(first, second).buffer)) === 16 ? 0 : -ERRNO.EFAULT
const readPair = (process: Process, at: bigint): readonly [bigint, bigint] | undefined => {
  const bytes = process.space.read(size(at), 16)
  if (bytes === undefined) return undefined
  const view = new DataView(bytes.buffer)
  return [view.getBigInt64(0, true), view.getBigInt64(8, true)]
}

const sleep = (process: Process, at: bigint, absolute: boolean, id: number): CallResult => {
  const time = readPair(process, at)
  if (time === undefined) return -ERRNO.EFAULT
  const [seconds, nanoseconds] = time
  if (seconds < 0n || nanoseconds < 0n || nanoseconds >= SECOND) return -ERRNO.EINVAL
  const length = seconds * SECOND + nanoseconds
  const now = process.cpu.nanoseconds()
  if (!absolute) return { wait: now + length, result: 0 }
  const reference = clock(process, id)
  return reference === undefined ? -ERRNO.EINVAL : { wait: now + (length > reference ? length - reference : 0n), result: 0 }
}

const setTimer = (process: Process, [which, next, old]: readonly bigint[]): number => {
  if (int(which!) !== 0) return -ERRNO.EINVAL
  const now = process.cpu.nanoseconds()
  const before = process.timer
  if (next !== 0n) {
    const interval = readPair(process, next!)
    const value = readPair(process, next! + 16n)
    if (interval === undefined || value === undefined) return -ERRNO.EFAULT
    const nanoseconds = ([s, us]: readonly [bigint, bigint]) => s * SECOND + us * 1000n
    const first = nanoseconds(value)
    process.timer = first > 0n ? { at: now + first, interval: nanoseconds(interval) } : undefined
  }
  if (old === 0n) return 0
  const left = before === undefined || before.at < now ? 0n : before.at - now
  const interval = before?.interval ?? 0n
  const fault = writePair(process, old!, interval / SECOND, (interval % SECOND) / 1000n)
  return fault || writePair(process, old! + 16n, left / SECOND, (left % SECOND) / 1000n)
}

export const timeCalls: SystemCalls = {
  101: { name: "nanosleep", run: (process, [at]) => sleep(process, at!, false, CLOCK.monotonic) },
  102: {
    name: "getitimer",
    run: (process, [which, at]) => {
      if (int(which!) !== 0) return -ERRNO.EINVAL
      return setTimer(process, [0n, 0n, at!])
    }
  },
  103: { name: "setitimer", run: setTimer },
  113: {
    name: "clock_gettime",
    run: (process, [id, at]) => {
      const time = clock(process, int(id!))
      return time === undefined ? -ERRNO.EINVAL : writePair(process, at!, time / SECOND, time % SECOND)
    }
  },
  114: {
    name: "clock_getres",
    run: (process, [id, at]) => (clock(process, int(id!)) === undefined ? -ERRNO.EINVAL : at === 0n ? 0 : writePair(process, at!, 0n, 1n))
  },
  115: { name: "clock_nanosleep", run: (process, [id, flags, at]) => sleep(process, at!, (int(flags!) & 1) !== 0, int(id!)) },
  153: {
    name: "times",
    run: (process, [at]) => {
      const ticks = process.cpu.nanoseconds() / 10_000_000n
      if (at !== 0n && (writePair(process, at!, ticks, 0n) !== 0 || writePair(process, at! + 16n, 0n, 0n) !== 0)) return -ERRNO.EFAULT
      return ticks
    }
  },
  169: {
    name: "gettimeofday",
    run: (process, [at]) => {
      const time = clock(process, CLOCK.realtime)!
      return at === 0n ? 0 : writePair(process, at!, time / SECOND, (time % SECOND) / 1000n)
    }
  }
}
