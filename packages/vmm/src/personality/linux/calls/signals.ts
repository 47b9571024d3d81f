/** System calls about signals. */
import { ERRNO } from "../errno.ts"
import { badStackCode } from "../faults.ts"
import type { CallResult, Pause, Process } from "../process.ts"
import { leaveHandler, signalInfoBytes } from "../signal-frame.ts"
import { type Action, CODE, SIGNAL, SIGNALS, type SignalInfo } from "../signals.ts"
import { give, giveWords, int, timespec, view, word } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const SET_BYTES = 8n
const HOW = { block: 0, unblock: 1, set: 2 } as const
const ACTION_BYTES = 32

const sigaction = (process: Process, [number, next, old, bytes]: readonly bigint[]): number => {
  const { signals } = process
  const signal = int(number!)
  if (bytes !== SET_BYTES) return -ERRNO.EINVAL
  const data = next === 0n ? undefined : view(process, next!, ACTION_BYTES)
  if (next !== 0n && data === undefined) return -ERRNO.EFAULT
  if (signal < 1 || signal > SIGNALS || (next !== 0n && (signal === SIGNAL.KILL || signal === SIGNAL.STOP))) return -ERRNO.EINVAL
  const before = signals.action(signal)
  if (data !== undefined) {
    const action: Action = {
      handler: data.getBigUint64(0, true),
      flags: Number(data.getBigUint64(8, true) & 0xffff_ffffn),
      restorer: data.getBigUint64(16, true),
      mask: data.getBigUint64(24, true)
    }
    signals.setAction(signal, action)
  }
  return old === 0n ? 0 : giveWords(process, old!, before.handler, BigInt(before.flags), before.restorer, before.mask)
}

const sigprocmask = (process: Process, [how, next, old, bytes]: readonly bigint[]): number => {
  const { signals } = process
  if (bytes !== SET_BYTES) return -ERRNO.EINVAL
  const before = signals.mask
  if (next !== 0n) {
    const set = word(process, next!)
    if (set === undefined) return -ERRNO.EFAULT
    switch (int(how!)) {
      case HOW.block:
        signals.mask = before | set
        break
      case HOW.unblock:
        signals.mask = before & ~set
        break
      case HOW.set:
        signals.mask = set
        break
      default:
        return -ERRNO.EINVAL
    }
  }
  return old === 0n ? 0 : giveWords(process, old!, before)
}

const REFUSALS = { busy: ERRNO.EPERM, invalid: ERRNO.EINVAL, "too-small": ERRNO.ENOMEM } as const
const sigaltstack = (process: Process, [next, old]: readonly bigint[]): number => {
  const { signals } = process
  const sp = process.cpu.system("SP_EL0")
  const { base, bytes } = signals.stack
  const flags = signals.stackFlags(sp)
  if (next !== 0n) {
    const data = view(process, next!, 24)
    if (data === undefined) return -ERRNO.EFAULT
    const stack = { base: data.getBigUint64(0, true), flags: data.getUint32(8, true), bytes: data.getBigUint64(16, true) }
    const refused = signals.setStack(stack, sp)
    if (refused !== undefined) return -REFUSALS[refused]
  }
  return old === 0n ? 0 : giveWords(process, old!, base, BigInt(flags), bytes)
}

const send = (process: Process, number: bigint, info: Omit<SignalInfo, "signal">): number => {
  const signal = int(number)
  if (signal < 0 || signal > SIGNALS) return -ERRNO.EINVAL
  if (signal === 0) return 0
  return process.signals.send({ ...info, signal }) ? 0 : -ERRNO.EAGAIN
}
const kill = (process: Process, target: number, number: bigint): number =>
  target === process.id || target === 0 || target === -process.id ? send(process, number, { code: CODE.user, process: process.id }) : -ERRNO.ESRCH
const threadKill = (process: Process, group: number, thread: number, number: bigint): number => {
  if (group <= 0 || thread <= 0) return -ERRNO.EINVAL
  if (group !== process.id || thread !== process.id) return -ERRNO.ESRCH
  return send(process, number, { code: CODE.tkill, process: process.id })
}
/** A signal with a siginfo of the sender's making. */
const queue = (process: Process, group: number, thread: number, number: bigint, at: bigint): number => {
  const data = view(process, at, 128)
  if (data === undefined) return -ERRNO.EFAULT
  if (group !== process.id || thread !== process.id) return -ERRNO.ESRCH
  return send(process, number, { code: data.getInt32(8, true), process: data.getInt32(16, true), value: data.getBigUint64(24, true) })
}

const suspend = (process: Process, [at, bytes]: readonly bigint[]): CallResult => {
  if (bytes !== SET_BYTES) return -ERRNO.EINVAL
  const set = word(process, at!)
  if (set === undefined) return -ERRNO.EFAULT
  process.signals.suspendWith(set)
  return SUSPENDED
}
const SUSPENDED: Pause = { for: "signal", end: () => -ERRNO.EINTR, restarts: false }
const timedWait = (process: Process, [at, infoAt, timeoutAt, bytes]: readonly bigint[]): CallResult => {
  if (bytes !== SET_BYTES) return -ERRNO.EINVAL
  const set = word(process, at!)
  if (set === undefined) return -ERRNO.EFAULT
  const timeout = timeoutAt === 0n ? undefined : timespec(process, timeoutAt!)
  if (typeof timeout === "number") return timeout
  return forSignal(process, set, infoAt!, timeout === undefined ? undefined : process.cpu.nanoseconds() + timeout)
}
const forSignal = (process: Process, set: bigint, infoAt: bigint, until: bigint | undefined): Pause => {
  const ready = (): number | undefined => {
    const info = process.signals.takeOf(set)
    return info && ((infoAt !== 0n && give(process, infoAt, signalInfoBytes(info))) || info.signal)
  }
  const end = (reason: "time" | "signal") => -(reason === "time" ? ERRNO.EAGAIN : ERRNO.EINTR)
  return { for: "signal", ready, end, restarts: false, ...(until === undefined ? {} : { until }) }
}

const signalReturn = (process: Process): CallResult => {
  const { cpu, space, signals } = process
  if (leaveHandler(cpu, space, signals)) return "registers-set"
  const sp = cpu.system("SP_EL0")
  signals.force({ signal: SIGNAL.SEGV, code: badStackCode(space, sp), address: sp })
  return "registers-set"
}

export const signalCalls: SystemCalls = {
  129: { name: "kill", run: (process, [target, signal]) => kill(process, int(target!), signal!) },
  130: { name: "tkill", run: (process, [thread, signal]) => threadKill(process, process.id, int(thread!), signal!) },
  131: { name: "tgkill", run: (process, [group, thread, signal]) => threadKill(process, int(group!), int(thread!), signal!) },
  132: { name: "sigaltstack", run: sigaltstack },
  133: { name: "rt_sigsuspend", run: suspend, resume: () => SUSPENDED },
  134: { name: "rt_sigaction", run: sigaction },
  135: { name: "rt_sigprocmask", run: sigprocmask },
  136: {
    name: "rt_sigpending",
    run: (process, [at, bytes]) => (bytes! > SET_BYTES ? -ERRNO.EINVAL : giveWords(process, at!, process.signals.pendingSet() & process.signals.mask))
  },
  137: {
    name: "rt_sigtimedwait",
    run: timedWait,
    resume: (process, [at, infoAt]) => {
      const set = word(process, at!)
      return set === undefined ? -ERRNO.EFAULT : forSignal(process, set, infoAt!, undefined)
    }
  },
  138: { name: "rt_sigqueueinfo", run: (process, [group, signal, at]) => queue(process, int(group!), int(group!), signal!, at!) },
  139: { name: "rt_sigreturn", run: signalReturn },
  240: { name: "rt_tgsigqueueinfo", run: (process, [group, thread, signal, at]) => queue(process, int(group!), int(thread!), signal!, at!) }
}
