/** System calls that wait: for time to pass, for files, for a word of memory to change. */
import { ERRNO } from "../errno.ts"
import type { CallResult, Pause, Process } from "../process.ts"
import { give, giveTimespec, int, size, timespec, unsigned, view, word } from "./arguments.ts"
import type { SystemCall, SystemCalls } from "./table.ts"
import { clock } from "./time.ts"

const TIMER_ABSTIME = 1
const sleep = (process: Process, request: bigint, remaining: bigint, absolute: boolean, id: number): CallResult => {
  const length = timespec(process, request)
  if (typeof length === "number") return length
  const now = process.cpu.nanoseconds()
  const reference = clock(process, id)
  if (reference === undefined) return -ERRNO.EINVAL
  const until = absolute ? now + (length > reference ? length - reference : 0n) : now + length
  const interrupted = (): number => {
    const left = until - process.cpu.nanoseconds()
    return (!absolute && remaining !== 0n && giveTimespec(process, remaining, left > 0n ? left : 0n)) || -ERRNO.EINTR
  }
  return { for: "signal", until, end: (reason) => (reason === "time" ? 0 : interrupted()), restarts: false }
}

const FUTEX = { WAIT: 0, WAKE: 1, REQUEUE: 3, CMP_REQUEUE: 4, WAKE_OP: 5, WAIT_BITSET: 9, WAKE_BITSET: 10, COMMAND: 0x7f, REALTIME: 0x100 } as const
/** Only the waits of a single thread exist: nobody else can wake it. */
const futex = (process: Process, [at, operation, value, timeout]: readonly bigint[]): CallResult => {
  if ((at! & 3n) !== 0n) return -ERRNO.EINVAL
  const command = int(operation!) & FUTEX.COMMAND
  switch (command) {
    case FUTEX.WAKE:
    case FUTEX.WAKE_BITSET:
    case FUTEX.REQUEUE:
    case FUTEX.CMP_REQUEUE:
    case FUTEX.WAKE_OP:
      return 0
    case FUTEX.WAIT:
    case FUTEX.WAIT_BITSET:
      break
    default:
      return -ERRNO.ENOSYS
  }
  const current = view(process, at!, 4)
  if (current === undefined) return -ERRNO.EFAULT
  if (current.getUint32(0, true) !== unsigned(value!)) return -ERRNO.EAGAIN
  if (timeout === 0n) return onFutex(undefined)
  const length = timespec(process, timeout!)
  if (typeof length === "number") return length
  const now = process.cpu.nanoseconds()
  if (command === FUTEX.WAIT) return onFutex(now + length)
  const reference = (int(operation!) & FUTEX.REALTIME) !== 0 ? process.host.startTime + now : now
  return onFutex(now + (length > reference ? length - reference : 0n))
}
const to = (until: bigint | undefined) => (until === undefined ? {} : { until })
const onFutex = (until: bigint | undefined): Pause => ({
  for: "signal",
  ...to(until),
  end: (reason) => -(reason === "time" ? ERRNO.ETIMEDOUT : ERRNO.EINTR),
  restarts: true
})

/** Waits with another signal mask, when one is given, until the timeout; nothing else ends it. A zero timespec address means forever. */
const waitForNothing = (process: Process, timeout: bigint, mask: bigint | undefined): CallResult => {
  const length = timeout === 0n ? undefined : timespec(process, timeout)
  if (typeof length === "number") return length
  const { signals } = process
  if (mask !== undefined) signals.suspendWith(mask)
  return onNothing(process, length === undefined ? undefined : process.cpu.nanoseconds() + length)
}
const onNothing = ({ signals }: Process, until: bigint | undefined): Pause => {
  const end = (reason: "time" | "signal"): number => {
    if (reason === "signal") return -ERRNO.EINTR
    signals.resumeMask()
    return 0
  }
  return { for: "signal", ...to(until), end, restarts: false }
}
/** The signal mask a call brings along; undefined when none, a number when it is bad. */
const givenMask = (process: Process, at: bigint, bytes: bigint): bigint | undefined | number =>
  at === 0n ? undefined : bytes !== 8n ? -ERRNO.EINVAL : (word(process, at) ?? -ERRNO.EFAULT)

const POLL = { IN: 1, OUT: 4, INVALID: 0x20, RDNORM: 0x40, WRNORM: 0x100 } as const
const READY = POLL.IN | POLL.OUT | POLL.RDNORM | POLL.WRNORM
/** ppoll: files are always ready. */
const poll = (process: Process, [at, count, timeout, maskAt, maskBytes]: readonly bigint[]): CallResult => {
  const n = unsigned(count!)
  if (n > process.files.limit) return -ERRNO.EINVAL
  const table = view(process, at!, 8 * n)
  if (table === undefined) return -ERRNO.EFAULT
  const mask = givenMask(process, maskAt!, maskBytes!)
  if (typeof mask === "number") return mask
  let ready = 0
  for (let i = 0; i < n; i++) {
    const fd = table.getInt32(8 * i, true)
    const events = fd < 0 ? 0 : process.files.get(fd) === undefined ? POLL.INVALID : table.getInt16(8 * i + 4, true) & READY
    table.setInt16(8 * i + 6, events, true)
    if (events !== 0) ready++
  }
  return give(process, at!, new Uint8Array(table.buffer)) || ready || waitForNothing(process, timeout!, mask)
}

/** pselect6: files are always ready to be read and written, and have no exceptions. */
const select = (process: Process, [count, readAt, writeAt, exceptAt, timeout, maskAt]: readonly bigint[]): CallResult => {
  if (int(count!) < 0) return -ERRNO.EINVAL
  const n = Math.min(int(count!), process.files.limit)
  const bytes = 8 * Math.ceil(n / 64)
  let mask: bigint | undefined
  if (maskAt !== 0n) {
    const pair = view(process, maskAt!, 16)
    if (pair === undefined) return -ERRNO.EFAULT
    const given = givenMask(process, pair.getBigUint64(0, true), pair.getBigUint64(8, true))
    if (typeof given === "number") return given
    mask = given
  }
  const sets = [readAt!, writeAt!, exceptAt!].map((at) => (at === 0n ? new Uint8Array(bytes) : process.space.read(size(at), bytes)))
  if (sets.some((set) => set === undefined)) return -ERRNO.EFAULT
  let ready = 0
  for (let fd = 0; fd < n; fd++) {
    const isIn = sets.map((set) => ((set![fd >> 3]! >> (fd & 7)) & 1) === 1)
    if (isIn.some((is) => is) && process.files.get(fd) === undefined) return -ERRNO.EBADF
    if (isIn[0]) ready++
    if (isIn[1]) ready++
  }
  sets[2]!.fill(0)
  for (const [i, at] of [readAt!, writeAt!, exceptAt!].entries()) if (at !== 0n && give(process, at, sets[i]!) !== 0) return -ERRNO.EFAULT
  return ready || waitForNothing(process, timeout!, mask)
}

const forNothing: SystemCall["resume"] = (process) => onNothing(process, undefined)

export const waitingCalls: SystemCalls = {
  72: { name: "pselect6", run: select, resume: forNothing },
  73: { name: "ppoll", run: poll, resume: forNothing },
  98: { name: "futex", run: futex, resume: () => onFutex(undefined) },
  101: { name: "nanosleep", run: (process, [request, remaining]) => sleep(process, request!, remaining!, false, 1) },
  115: {
    name: "clock_nanosleep",
    run: (process, [id, flags, request, remaining]) => sleep(process, request!, remaining!, (int(flags!) & TIMER_ABSTIME) !== 0, int(id!))
  }
}
