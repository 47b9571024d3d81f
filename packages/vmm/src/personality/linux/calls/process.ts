import { ERRNO } from "../errno.ts"
import type { Process } from "../process.ts"
import { STACK_BYTES } from "../program.ts"
import { int, size } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const encoder = new TextEncoder()
const UNAME = ["Linux", "eltwo", "7.2.0-eltwo", "#1 SMP", "aarch64", "(none)"] as const
const UNAME_FIELD = 65
const LIMIT = { stack: 3, files: 7 } as const
const INFINITY = (1n << 64n) - 1n
const PR = { SET_PDEATHSIG: 1, GET_DUMPABLE: 3, SET_DUMPABLE: 4, SET_NAME: 15, GET_NAME: 16, SET_NO_NEW_PRIVS: 38, GET_NO_NEW_PRIVS: 39 } as const

const limitOf = (resource: number): readonly [bigint, bigint] => {
  if (resource === LIMIT.stack) return [BigInt(STACK_BYTES), INFINITY]
  if (resource === LIMIT.files) return [1024n, 1024n]
  return [INFINITY, INFINITY]
}
const writeLimit = (process: Process, resource: bigint, at: bigint): number => {
  if (int(resource) < 0 || int(resource) > 15) return -ERRNO.EINVAL
  if (at === 0n) return 0
  return process.space.write(size(at), new Uint8Array(BigUint64Array.from(limitOf(int(resource))).buffer)) === 16 ? 0 : -ERRNO.EFAULT
}

const uname = (process: Process, [at]: readonly bigint[]): number => {
  const bytes = new Uint8Array(UNAME_FIELD * UNAME.length)
  UNAME.forEach((text, i) => bytes.set(encoder.encode(text), i * UNAME_FIELD))
  return process.space.write(size(at!), bytes) === bytes.length ? 0 : -ERRNO.EFAULT
}

const prctl = (process: Process, [option, value]: readonly bigint[]): number => {
  switch (int(option!)) {
    case PR.SET_NAME: {
      const name = process.space.readString(size(value!), 15)
      if (name === undefined) return -ERRNO.EFAULT
      if (name !== "too-long") process.name = name
      return 0
    }
    case PR.GET_NAME: {
      const bytes = new Uint8Array(16)
      bytes.set(encoder.encode(process.name).subarray(0, 15))
      return process.space.write(size(value!), bytes) === 16 ? 0 : -ERRNO.EFAULT
    }
    case PR.GET_DUMPABLE:
      return 1
    case PR.SET_PDEATHSIG:
    case PR.SET_DUMPABLE:
    case PR.SET_NO_NEW_PRIVS:
    case PR.GET_NO_NEW_PRIVS:
      return 0
    default:
      return -ERRNO.EINVAL
  }
}

const getrandom = (process: Process, [at, count]: readonly bigint[]): number => {
  const bytes = process.host.random(Math.min(size(count!), 256 * 1024))
  const written = process.space.write(size(at!), bytes)
  return written > 0 || bytes.length === 0 ? written : -ERRNO.EFAULT
}

/** Only the waits of a single thread exist: nobody else can wake it. */
const futex = (process: Process, [at, operation, value, timeout]: readonly bigint[]) => {
  const command = int(operation!) & 0x7f
  if (command === 1 || command === 3 || command === 4 || command === 10) return 0
  if (command !== 0 && command !== 9) return -ERRNO.ENOSYS
  const word = process.space.read(size(at!), 4)
  if (word === undefined) return -ERRNO.EFAULT
  if (new DataView(word.buffer).getUint32(0, true) !== Number(value! & 0xffffffffn)) return -ERRNO.EAGAIN
  if (timeout === 0n) return { wait: "signal", result: -ERRNO.EINTR } as const
  const time = process.space.read(size(timeout!), 16)
  if (time === undefined) return -ERRNO.EFAULT
  const view = new DataView(time.buffer)
  const length = view.getBigInt64(0, true) * 1_000_000_000n + view.getBigInt64(8, true)
  const now = process.cpu.nanoseconds()
  return { wait: command === 9 ? (length > now ? length : now) : now + length, result: -ERRNO.ETIMEDOUT } as const
}

const affinity = (process: Process, [, bytes, at]: readonly bigint[]): number => {
  if (size(bytes!) < 8) return -ERRNO.EINVAL
  return process.space.write(size(at!), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)) === 8 ? 8 : -ERRNO.EFAULT
}

const sysinfo = (process: Process, [at]: readonly bigint[]): number => {
  const view = new DataView(new ArrayBuffer(112))
  view.setBigUint64(0, process.cpu.nanoseconds() / 1_000_000_000n, true)
  view.setBigUint64(32, BigInt(process.cpu.memory.bytes.length), true)
  view.setBigUint64(40, BigInt(process.cpu.memory.bytes.length), true)
  view.setUint16(80, 1, true)
  view.setUint32(104, 1, true)
  return process.space.write(size(at!), new Uint8Array(view.buffer)) === 112 ? 0 : -ERRNO.EFAULT
}

const user = { run: () => 1000 }
export const processCalls: SystemCalls = {
  90: { name: "capget", run: () => -ERRNO.EINVAL },
  93: { name: "exit", run: (_, [status]) => ({ exit: int(status!) }) },
  94: { name: "exit_group", run: (_, [status]) => ({ exit: int(status!) }) },
  96: { name: "set_tid_address", run: ({ id }) => id },
  98: { name: "futex", run: futex },
  99: { name: "set_robust_list", run: () => 0 },
  123: { name: "sched_getaffinity", run: affinity },
  124: { name: "sched_yield", run: () => 0 },
  155: { name: "getpgid", run: ({ id }) => id },
  156: { name: "getsid", run: ({ id }) => id },
  160: { name: "uname", run: uname },
  163: { name: "getrlimit", run: (process, [resource, at]) => writeLimit(process, resource!, at!) },
  165: {
    name: "getrusage",
    run: (process, [, at]) => {
      const usage = new BigUint64Array(18)
      usage[0] = process.cpu.nanoseconds() / 1_000_000_000n
      usage[1] = (process.cpu.nanoseconds() / 1000n) % 1_000_000n
      return process.space.write(size(at!), new Uint8Array(usage.buffer)) === 144 ? 0 : -ERRNO.EFAULT
    }
  },
  167: { name: "prctl", run: prctl },
  172: { name: "getpid", run: ({ id }) => id },
  173: { name: "getppid", run: () => 1 },
  174: { name: "getuid", ...user },
  175: { name: "geteuid", ...user },
  176: { name: "getgid", ...user },
  177: { name: "getegid", ...user },
  178: { name: "gettid", run: ({ id }) => id },
  179: { name: "sysinfo", run: sysinfo },
  261: {
    name: "prlimit64",
    run: (process, [target, resource, next, old]) =>
      target !== 0n && int(target!) !== process.id ? -ERRNO.ESRCH : next !== 0n && old === 0n ? 0 : writeLimit(process, resource!, old!)
  },
  278: { name: "getrandom", run: getrandom }
}
