/** System calls about processes, signals and vector lengths. */
import { isErrno } from "../errno.ts"
import { cloneTask } from "./fork.ts"
import { vectorLengthPrctl } from "./prctl.ts"
import { signalReturn } from "./signal-frame.ts"
import { LAST_SIGNAL, SIGNAL, sendSignal, UNSTOPPABLE } from "./signal-state.ts"
import { type Call, type CallTable, failed } from "./syscall.ts"
import { readUser, writeUser } from "./user-memory.ts"

const number = (value: bigint | undefined): number => Number(BigInt.asUintN(32, value!))
/** Bytes of a signal mask. */
const MASK_BYTES = 8n
/** struct sigaction: handler, flags, restorer, mask. */
const ACTION_BYTES = 32

const rtSigaction = ({ task, cpu, arguments: [which, action, old, size] }: Call): bigint => {
  const signal = number(which)
  const { board } = cpu.pe
  if (size !== MASK_BYTES || signal < 1 || signal > LAST_SIGNAL) return failed("EINVAL")
  if (action && (signal === SIGNAL.SIGKILL || signal === SIGNAL.SIGSTOP)) return failed("EINVAL")
  const bytes = action ? readUser(board, task.space, action, ACTION_BYTES) : undefined
  if (action && !bytes) return failed("EFAULT")
  const known = task.signals.actions.get(signal)
  const was = BigUint64Array.of(known?.handler ?? 0n, known?.flags ?? 0n, known?.restorer ?? 0n, known?.mask ?? 0n)
  if (old && !writeUser(board, task.space, old, new Uint8Array(was.buffer))) return failed("EFAULT")
  if (!bytes) return 0n
  const [handler, flags, restorer, mask] = new BigUint64Array(bytes.buffer)
  // there is no page with a return of the kernel's own
  if (handler! > 1n && !(flags! & SA_RESTORER)) return failed("EINVAL")
  task.signals.actions.set(signal, { handler: handler!, flags: flags!, restorer: restorer!, mask: mask! & ~UNSTOPPABLE })
  return 0n
}
const SA_RESTORER = 0x04000000n

const rtSigprocmask = ({ task, cpu, arguments: [how, set, old, size] }: Call): bigint => {
  const { signals, space } = task
  const { board } = cpu.pe
  if (size !== MASK_BYTES) return failed("EINVAL")
  const bytes = set ? readUser(board, space, set, Number(MASK_BYTES)) : undefined
  if (set && !bytes) return failed("EFAULT")
  const was = signals.blocked
  if (bytes) {
    const mask = new BigUint64Array(bytes.buffer)[0]!
    const blocked = [was | mask, was & ~mask, mask][number(how)]
    if (blocked === undefined) return failed("EINVAL")
    signals.blocked = blocked & ~UNSTOPPABLE
  }
  return old && !writeUser(board, space, old, new Uint8Array(BigUint64Array.of(was).buffer)) ? failed("EFAULT") : 0n
}
const send = ({ host }: Call, to: number, signal: number): bigint => {
  const target = host.tasks.get(to)
  if (signal > LAST_SIGNAL) return failed("EINVAL")
  if (!target || target.ended) return failed("ESRCH")
  if (signal === 0) return 0n
  sendSignal(target, signal)
  host.scheduler.signal(target)
  return 0n
}

export const PROCESS_CALLS: CallTable = [
  [129, (call) => send(call, number(call.arguments[0]), number(call.arguments[1]))], // kill
  [131, (call) => send(call, number(call.arguments[1]), number(call.arguments[2]))], // tgkill
  [134, rtSigaction],
  [135, rtSigprocmask],
  [
    139, // rt_sigreturn
    ({ cpu, task }) => {
      signalReturn(cpu, task)
      return task.registers.x[0]!
    }
  ],
  [
    167, // prctl
    ({ cpu, task, arguments: [option, argument] }) => {
      const result = vectorLengthPrctl(cpu, task, number(option), number(argument))
      return isErrno(result) ? failed(result) : BigInt(result)
    }
  ],
  [178, ({ task }) => BigInt(task.id)], // gettid
  [
    220, // clone
    ({ host, cpu, task, arguments: [flags, stack, , tls] }) => {
      const child = cloneTask(host, cpu, task, { flags: flags!, stack: stack!, tls: tls! })
      return isErrno(child) ? failed(child) : BigInt(child.id)
    }
  ]
]
