/** Signals of a task: what is pending and blocked, and what its program wants done. */

/** Numbers of Linux. */
export const SIGNAL = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGURG: 23,
  SIGWINCH: 28
} as const
export const LAST_SIGNAL = 64
/** Default action: nothing. */
const IGNORED: ReadonlySet<number> = new Set([SIGNAL.SIGCHLD, SIGNAL.SIGCONT, SIGNAL.SIGURG, SIGNAL.SIGWINCH])
const NAMES = new Map<number, string>(Object.entries(SIGNAL).map(([name, number]) => [number, name]))
export const signalName = (number: number): string => NAMES.get(number) ?? `SIG${number}`

/** struct sigaction. */
export interface SignalAction {
  /** Address of the handler; 0: SIG_DFL, 1: SIG_IGN. */
  readonly handler: bigint
  readonly flags: bigint
  /** Where the handler returns to. */
  readonly restorer: bigint
  readonly mask: bigint
}
/** siginfo of a signal: code, and the address of a fault. */
export interface PendingSignal {
  readonly number: number
  readonly code: number
  readonly address: bigint
  /** Syndrome of the exception that it stands for. */
  readonly esr: bigint
}
export interface SignalState {
  readonly actions: Map<number, SignalAction>
  pending: PendingSignal[]
  /** Bit n - 1: signal n is blocked. */
  blocked: bigint
}
export const signalState = (actions?: Map<number, SignalAction>): SignalState => ({ actions: actions ?? new Map(), pending: [], blocked: 0n })

export const bitOf = (number: number): bigint => 1n << BigInt(number - 1)
/** Signals that nobody blocks, handles or ignores. */
export const UNSTOPPABLE = bitOf(SIGNAL.SIGKILL) | bitOf(SIGNAL.SIGSTOP)
const DEFAULT = 0n
const IGNORE = 1n

interface Signalled {
  readonly signals: SignalState
}
const SI_USER = 0
const SI_KERNEL = 0x80

/** Makes a signal pending, unless the program ignores it. One that is pending already is not queued again. */
export const sendSignal = ({ signals }: Signalled, number: number, { code = SI_USER, address = 0n, esr = 0n }: Partial<PendingSignal> = {}): void => {
  const handler = signals.actions.get(number)?.handler ?? DEFAULT
  if (handler === IGNORE || (handler === DEFAULT && IGNORED.has(number))) return
  if (!signals.pending.some((p) => p.number === number)) signals.pending.push({ number, code, address, esr })
}
/** A signal that the task causes itself: if it is blocked or ignored, its default action is taken. */
export const forceSignal = (task: Signalled, number: number, info: Partial<PendingSignal>): void => {
  const { signals } = task
  const action = signals.actions.get(number)
  if (signals.blocked & bitOf(number) || action?.handler === IGNORE) {
    signals.actions.delete(number)
    signals.blocked &= ~bitOf(number)
  }
  sendSignal(task, number, { code: SI_KERNEL, ...info })
}
/** SIGKILL: the task does not come back to user level. */
export const forceKill = (task: Signalled): void => forceSignal(task, SIGNAL.SIGKILL, {})

/** The next signal to be acted upon is taken from those pending: SIGKILL first, then those a fault caused, then by number. */
export const takeSignal = ({ signals }: Signalled): PendingSignal | undefined => {
  const ready = signals.pending.filter(({ number }) => !(signals.blocked & bitOf(number) & ~UNSTOPPABLE))
  const rank = ({ number, esr }: PendingSignal): number => (number === SIGNAL.SIGKILL ? 0 : esr ? number : LAST_SIGNAL + number)
  const next = ready.sort((a, b) => rank(a) - rank(b))[0]
  if (next) signals.pending = signals.pending.filter((p) => p !== next)
  return next
}
export const hasSignal = ({ signals }: Signalled): boolean =>
  signals.pending.length > 0 && signals.pending.some(({ number }) => !(signals.blocked & bitOf(number) & ~UNSTOPPABLE))
