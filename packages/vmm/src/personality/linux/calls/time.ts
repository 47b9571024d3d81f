/** System calls that tell the time and set timers. All clocks run on virtual time. */
import { ERRNO } from "../errno.ts"
import { TIMERS } from "../interval-timers.ts"
import type { Process } from "../process.ts"
import { give, giveTimespec, giveWords, int, view } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const SECOND = 1_000_000_000n
const MICROSECOND = 1000n
/** One tick of times(2): AT_CLKTCK is 100. */
const TICK = SECOND / 100n
/** Resolution of the coarse clocks (HZ = 250). */
const COARSE = 4_000_000n
const CLOCK = {
  realtime: 0,
  monotonic: 1,
  process: 2,
  thread: 3,
  monotonicRaw: 4,
  realtimeCoarse: 5,
  monotonicCoarse: 6,
  boottime: 7,
  tai: 11
} as const

/** Nanoseconds of a clock; undefined for one that does not exist. */
export const clock = (process: Process, id: number): bigint | undefined => {
  const now = process.cpu.nanoseconds()
  switch (id) {
    case CLOCK.realtime:
    case CLOCK.realtimeCoarse:
    case CLOCK.tai:
      return process.host.startTime + now
    case CLOCK.monotonic:
    case CLOCK.monotonicRaw:
    case CLOCK.monotonicCoarse:
    case CLOCK.boottime:
      return now
    case CLOCK.process:
    case CLOCK.thread:
      return process.cpu.retired()
    default:
      return undefined
  }
}
const resolution = (process: Process, id: number): bigint | undefined =>
  clock(process, id) === undefined ? undefined : id === CLOCK.realtimeCoarse || id === CLOCK.monotonicCoarse ? COARSE : 1n

/** struct timeval. */
const giveTimeval = (process: Process, at: bigint, nanoseconds: bigint): number =>
  giveWords(process, at, nanoseconds / SECOND, (nanoseconds % SECOND) / MICROSECOND)
const timeval = (data: DataView, at: number): bigint | undefined => {
  const seconds = data.getBigInt64(at, true)
  const microseconds = data.getBigInt64(at + 8, true)
  return seconds < 0n || microseconds < 0n || microseconds >= 1_000_000n ? undefined : seconds * SECOND + microseconds * MICROSECOND
}

const giveTimer = (process: Process, which: number, at: bigint): number => {
  const timer = process.timers.get(which)
  const left = timer === undefined ? 0n : timer.at - process.timers.now(which)
  // A timer about to ring never reads as stopped.
  const shown = timer !== undefined && left < MICROSECOND ? MICROSECOND : left
  return giveTimeval(process, at, timer?.interval ?? 0n) || giveTimeval(process, at + 16n, shown)
}
const setTimer = (process: Process, [whichBits, next, old]: readonly bigint[]): number => {
  const which = int(whichBits!)
  if (which < 0 || which >= TIMERS) return -ERRNO.EINVAL
  const data = next === 0n ? new DataView(new ArrayBuffer(32)) : view(process, next!, 32)
  if (data === undefined) return -ERRNO.EFAULT
  const interval = timeval(data, 0)
  const first = timeval(data, 16)
  if (interval === undefined || first === undefined) return -ERRNO.EINVAL
  const fault = old === 0n ? 0 : giveTimer(process, which, old!)
  if (fault !== 0) return fault
  process.timers.set(which, first > 0n ? { at: process.timers.now(which) + first, interval } : undefined)
  return 0
}

export const timeCalls: SystemCalls = {
  102: {
    name: "getitimer",
    run: (process, [which, at]) => (int(which!) < 0 || int(which!) >= TIMERS ? -ERRNO.EINVAL : giveTimer(process, int(which!), at!))
  },
  103: { name: "setitimer", run: setTimer },
  112: { name: "clock_settime", run: () => -ERRNO.EPERM },
  113: {
    name: "clock_gettime",
    run: (process, [id, at]) => {
      const time = clock(process, int(id!))
      return time === undefined ? -ERRNO.EINVAL : giveTimespec(process, at!, time)
    }
  },
  114: {
    name: "clock_getres",
    run: (process, [id, at]) => {
      const step = resolution(process, int(id!))
      return step === undefined ? -ERRNO.EINVAL : at === 0n ? 0 : giveTimespec(process, at!, step)
    }
  },
  153: {
    name: "times",
    run: (process, [at]) => {
      const fault = at === 0n ? 0 : giveWords(process, at!, process.cpu.retired() / TICK, 0n, 0n, 0n)
      return fault || process.cpu.nanoseconds() / TICK
    }
  },
  165: {
    name: "getrusage",
    run: (process, [who, at]) => {
      if (int(who!) < -1 || int(who!) > 1) return -ERRNO.EINVAL
      const fault = give(process, at!, new Uint8Array(144))
      return fault || (int(who!) === -1 ? 0 : giveTimeval(process, at!, process.cpu.retired()))
    }
  },
  169: { name: "gettimeofday", run: (process, [at]) => (at === 0n ? 0 : giveTimeval(process, at!, clock(process, CLOCK.realtime)!)) }
}
