/** System calls about the process and the machine it runs on: its end, limits, scheduling, names. */
import { ERRNO } from "../errno.ts"
import type { Process } from "../process.ts"
import { encode, give, giveInts, giveTimespec, int, size, view } from "./arguments.ts"
import { limits, setLimit } from "./limits.ts"
import type { SystemCall, SystemCalls } from "./table.ts"

const UNAME = ["Linux", "eltwo", "7.2.0-eltwo", "#1 SMP", "aarch64", "(none)"] as const
const UNAME_FIELD = 65
const NAME_BYTES = 16
const MAX_RANDOM = 256 * 1024
const RANDOM_FLAGS = 7
const PR = { SET_PDEATHSIG: 1, GET_DUMPABLE: 3, SET_DUMPABLE: 4, SET_NAME: 15, GET_NAME: 16, GET_NO_NEW_PRIVS: 39, SET_NO_NEW_PRIVS: 38 } as const

const uname = (process: Process, [at]: readonly bigint[]): number => {
  const bytes = new Uint8Array(UNAME_FIELD * UNAME.length)
  UNAME.forEach((text, i) => bytes.set(encode(text), i * UNAME_FIELD))
  return give(process, at!, bytes)
}

const prctl = (process: Process, [option, value]: readonly bigint[]): number => {
  switch (int(option!)) {
    case PR.SET_NAME: {
      const bytes = process.space.readString(size(value!), NAME_BYTES - 1)
      const name = bytes === "too-long" ? process.space.read(size(value!), NAME_BYTES - 1) : bytes
      if (name === undefined) return -ERRNO.EFAULT
      process.name = name.slice()
      return 0
    }
    case PR.GET_NAME: {
      const bytes = new Uint8Array(NAME_BYTES)
      bytes.set(process.name)
      return give(process, value!, bytes)
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

const getrandom = (process: Process, [at, count, flags]: readonly bigint[]): number => {
  if ((int(flags!) & ~RANDOM_FLAGS) !== 0) return -ERRNO.EINVAL
  const room = process.space.writable(size(at!), Math.min(size(count!), MAX_RANDOM))
  if (room === 0) return count === 0n ? 0 : -ERRNO.EFAULT
  return process.space.write(size(at!), process.host.random(room))
}

const CPU_SET = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)
const affinity = (process: Process, [, bytes, at]: readonly bigint[]): number =>
  size(bytes!) < CPU_SET.length || size(bytes!) % 8 !== 0 ? -ERRNO.EINVAL : give(process, at!, CPU_SET) || CPU_SET.length

const sysinfo = (process: Process, [at]: readonly bigint[]): number => {
  const data = new DataView(new ArrayBuffer(112))
  data.setBigUint64(0, process.cpu.nanoseconds() / 1_000_000_000n, true)
  data.setBigUint64(32, BigInt(process.cpu.memory.bytes.length), true)
  data.setBigUint64(40, BigInt(process.space.available), true)
  data.setUint16(80, 1, true)
  data.setUint32(104, 1, true)
  return give(process, at!, new Uint8Array(data.buffer))
}

/** Real-time policies have priorities 1 to 99, others 0. */
const priorityOf =
  (realtime: number) =>
  (_: Process, [policy]: readonly bigint[]): number =>
    int(policy!) === 1 || int(policy!) === 2 ? realtime : [0, 3, 5, 6].includes(int(policy!)) ? 0 : -ERRNO.EINVAL
const nothingToDo = (name: string): SystemCall => ({ name, run: () => 0 })
/** The nice value 0 as getpriority tells it. */
const PRIORITY = 20

export const processCalls: SystemCalls = {
  90: { name: "capget", run: () => -ERRNO.EINVAL },
  92: { name: "personality", run: () => 0 },
  93: { name: "exit", run: (_, [status]) => ({ exit: int(status!) }) },
  94: { name: "exit_group", run: (_, [status]) => ({ exit: int(status!) }) },
  95: { name: "waitid", run: () => -ERRNO.ECHILD },
  96: { name: "set_tid_address", run: ({ id }) => id },
  99: { name: "set_robust_list", run: (_, [, bytes]) => (bytes === 24n ? 0 : -ERRNO.EINVAL) },
  119: { name: "sched_setscheduler", run: (_, [, policy]) => (int(policy!) === 0 ? 0 : -ERRNO.EPERM) },
  120: nothingToDo("sched_getscheduler"),
  121: { name: "sched_getparam", run: (process, [, at]) => giveInts(process, at!, 0) },
  122: {
    name: "sched_setaffinity",
    run: (process, [, bytes, at]) => (view(process, at!, Math.min(size(bytes!), 8)) === undefined ? -ERRNO.EFAULT : 0)
  },
  123: { name: "sched_getaffinity", run: affinity },
  124: nothingToDo("sched_yield"),
  125: { name: "sched_get_priority_max", run: priorityOf(99) },
  126: { name: "sched_get_priority_min", run: priorityOf(1) },
  127: { name: "sched_rr_get_interval", run: (process, [, at]) => giveTimespec(process, at!, 0n) },
  140: nothingToDo("setpriority"),
  141: { name: "getpriority", run: () => PRIORITY },
  160: { name: "uname", run: uname },
  163: { name: "getrlimit", run: (process, [resource, at]) => limits(process, int(resource!), at!) },
  164: { name: "setrlimit", run: (process, [resource, at]) => setLimit(process, int(resource!), at!) },
  167: { name: "prctl", run: prctl },
  168: {
    name: "getcpu",
    run: (process, [cpu, node]) => [cpu!, node!].reduce((fault, at) => fault || (at === 0n ? 0 : giveInts(process, at, 0)), 0)
  },
  179: { name: "sysinfo", run: sysinfo },
  260: { name: "wait4", run: () => -ERRNO.ECHILD },
  261: {
    name: "prlimit64",
    run: (process, [target, resource, next, old]) => {
      if (int(target!) !== 0 && int(target!) !== process.id) return -ERRNO.ESRCH
      const fault = old === 0n ? 0 : limits(process, int(resource!), old!)
      return fault || (next === 0n ? 0 : setLimit(process, int(resource!), next!))
    }
  },
  278: { name: "getrandom", run: getrandom }
}
