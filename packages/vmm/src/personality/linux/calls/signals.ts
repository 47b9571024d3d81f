import { ERRNO } from "../errno.ts"
import type { Process } from "../process.ts"
import { type Action, CODE, MIN_STACK, SIGNAL, SIGNALS } from "../signals.ts"
import { int, size } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const SET_BYTES = 8n
const HOW = { block: 0, unblock: 1, set: 2 } as const
const ACTION_BYTES = 32

const readSet = (process: Process, at: bigint): bigint | undefined => {
  const bytes = process.space.read(size(at), 8)
  return bytes && new DataView(bytes.buffer).getBigUint64(0, true)
}
const writeSet = (process: Process, at: bigint, set: bigint): boolean =>
  process.space.write(size(at), new Uint8Array(BigUint64Array.of(set).buffer)) === 8

const sigaction = (process: Process, [number, next, old, bytes]: readonly bigint[]): number => {
  const signal = int(number!)
  if (bytes !== SET_BYTES || signal < 1 || signal > SIGNALS) return -ERRNO.EINVAL
  if (next !== 0n && (signal === SIGNAL.KILL || signal === SIGNAL.STOP)) return -ERRNO.EINVAL
  const previous = process.signals.action(signal)
  let action: Action | undefined
  if (next !== 0n) {
    const data = process.space.read(size(next!), ACTION_BYTES)
    if (data === undefined) return -ERRNO.EFAULT
    const view = new DataView(data.buffer)
    action = { handler: view.getBigUint64(0, true), flags: Number(view.getBigUint64(8, true) & 0xffffffffn), mask: view.getBigUint64(24, true) }
    process.signals.restorers.set(signal, view.getBigUint64(16, true))
  }
  if (old !== 0n) {
    const data = new BigUint64Array([previous.handler, BigInt(previous.flags), process.signals.restorers.get(signal) ?? 0n, previous.mask])
    if (process.space.write(size(old!), new Uint8Array(data.buffer)) !== ACTION_BYTES) return -ERRNO.EFAULT
  }
  if (action !== undefined) process.signals.setAction(signal, action)
  return 0
}

const sigprocmask = (process: Process, [how, next, old, bytes]: readonly bigint[]): number => {
  const { signals } = process
  if (bytes !== SET_BYTES) return -ERRNO.EINVAL
  const before = signals.mask
  if (next !== 0n) {
    const set = readSet(process, next!)
    if (set === undefined) return -ERRNO.EFAULT
    switch (int(how!)) {
      case HOW.block:
        signals.setMask(before | set)
        break
      case HOW.unblock:
        signals.setMask(before & ~set)
        break
      case HOW.set:
        signals.setMask(set)
        break
      default:
        return -ERRNO.EINVAL
    }
  }
  return old === 0n || writeSet(process, old!, before) ? 0 : -ERRNO.EFAULT
}

const sigaltstack = (process: Process, [next, old]: readonly bigint[]): number => {
  const { signals } = process
  const sp = process.cpu.system("SP_EL0")
  const { base, bytes } = signals.stack
  const flags = signals.stackFlags(sp)
  if (next !== 0n) {
    if (flags === 1) return -ERRNO.EPERM
    const data = process.space.read(size(next!), 24)
    if (data === undefined) return -ERRNO.EFAULT
    const view = new DataView(data.buffer)
    const disabled = (view.getUint32(8, true) & 2) !== 0
    if (!disabled && view.getBigUint64(16, true) < MIN_STACK) return -ERRNO.ENOMEM
    signals.stack = { base: view.getBigUint64(0, true), bytes: view.getBigUint64(16, true), disabled }
  }
  if (old !== 0n) {
    const data = new BigUint64Array([base, BigInt(flags), bytes])
    if (process.space.write(size(old!), new Uint8Array(data.buffer)) !== 24) return -ERRNO.EFAULT
  }
  return 0
}

const kill = (process: Process, target: number, number: bigint, code: number): number => {
  const signal = int(number)
  if (signal < 0 || signal > SIGNALS) return -ERRNO.EINVAL
  if (target !== process.id && target !== 0 && target !== -1 && target !== -process.id) return -ERRNO.ESRCH
  if (signal !== 0) process.signals.send({ signal, code, process: process.id })
  return 0
}

export const signalCalls: SystemCalls = {
  129: { name: "kill", run: (process, [target, signal]) => kill(process, int(target!), signal!, CODE.user) },
  130: { name: "tkill", run: (process, [target, signal]) => kill(process, int(target!), signal!, CODE.tkill) },
  131: { name: "tgkill", run: (process, [, target, signal]) => kill(process, int(target!), signal!, CODE.tkill) },
  132: { name: "sigaltstack", run: sigaltstack },
  133: {
    name: "rt_sigsuspend",
    run: (process, [at, bytes]) => {
      const set = bytes === SET_BYTES ? readSet(process, at!) : undefined
      if (set === undefined) return bytes === SET_BYTES ? -ERRNO.EFAULT : -ERRNO.EINVAL
      process.signals.suspendWith(set)
      return { wait: "signal", result: -ERRNO.EINTR }
    }
  },
  134: { name: "rt_sigaction", run: sigaction },
  135: { name: "rt_sigprocmask", run: sigprocmask },
  136: { name: "rt_sigpending", run: (process, [at]) => (writeSet(process, at!, process.signals.pendingSet()) ? 0 : -ERRNO.EFAULT) },
  139: {
    name: "rt_sigreturn",
    run: (process) => {
      if (!process.signals.returnFrom(process.cpu, process.space)) process.signals.force({ signal: SIGNAL.SEGV, code: 0x80 })
      return "no-result"
    }
  }
}
