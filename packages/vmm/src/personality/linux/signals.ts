/** Signals of one process with one thread: actions, mask, what is pending, and which is next. How a handler is entered is signal-frame.ts's subject. */

export const SIGNAL = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31
} as const
export const SIGNALS = 64
/** From here on each signal sent is kept, in order. */
const FIRST_REALTIME = 32
/** Most signals that wait (RLIMIT_SIGPENDING). */
const MAX_PENDING = 1024

/** Signals that end no process. */
export const IGNORED_BY_DEFAULT: ReadonlySet<number> = new Set([SIGNAL.CHLD, SIGNAL.CONT, SIGNAL.URG, SIGNAL.WINCH])
const STOPPING: ReadonlySet<number> = new Set([SIGNAL.STOP, SIGNAL.TSTP, SIGNAL.TTIN, SIGNAL.TTOU])
/** Those that instructions cause: delivered before others. */
const SYNCHRONOUS: ReadonlySet<number> = new Set([SIGNAL.SEGV, SIGNAL.BUS, SIGNAL.ILL, SIGNAL.TRAP, SIGNAL.FPE, SIGNAL.SYS])

/** sa_flags; others that user space sets are cleared. */
export const SA = {
  NOCLDSTOP: 1,
  NOCLDWAIT: 2,
  SIGINFO: 4,
  EXPOSE_TAGBITS: 0x800,
  RESTORER: 0x04000000,
  ONSTACK: 0x08000000,
  RESTART: 0x10000000,
  NODEFER: 0x40000000,
  RESETHAND: 0x80000000
} as const
const KNOWN_FLAGS = Object.values(SA).reduce((all, flag) => all | flag, 0)
const HANDLER = { default: 0n, ignore: 1n } as const

export interface Action {
  /** HANDLER, or the address of a function. */
  readonly handler: bigint
  readonly flags: number
  readonly restorer: bigint
  readonly mask: bigint
}
const DEFAULT: Action = { handler: HANDLER.default, flags: 0, restorer: 0n, mask: 0n }

/** What a signal carries. */
export interface SignalInfo {
  readonly signal: number
  /** si_code. */
  readonly code: number
  /** si_addr; undefined: the signal has a sender instead. */
  readonly address?: bigint
  /** Process id of the sender. */
  readonly process?: number
  /** si_value. */
  readonly value?: bigint
  /** Syndrome of the exception that caused it, and the address of a memory fault: they go into the frame. */
  readonly fault?: { readonly address: bigint; readonly syndrome: bigint }
}
/** si_code values the personality gives. */
export const CODE = {
  user: 0,
  kernel: 0x80,
  queue: -1,
  timer: -2,
  tkill: -6,
  segvNotMapped: 1,
  segvNoPermission: 2,
  illegalOpcode: 1,
  busAlignment: 1,
  trapBreakpoint: 1,
  floatDivision: 3,
  floatOverflow: 4,
  floatUnderflow: 5,
  floatInexact: 6,
  floatInvalid: 7,
  floatUnknown: 14
} as const

/** The alternate signal stack as sigaltstack(2) has it. */
export interface AlternateStack {
  readonly base: bigint
  /** 0: there is none. */
  readonly bytes: bigint
  /** ss_flags as the program gave them. */
  readonly flags: number
}
/** ss_flags. */
export const SS = { ONSTACK: 1, DISABLE: 2, AUTODISARM: 0x80000000 } as const
export const NO_STACK: AlternateStack = { base: 0n, bytes: 0n, flags: SS.DISABLE }
/** Smallest alternate stack that is accepted (MINSIGSTKSZ). */
export const MIN_STACK = 5120n

/** What is to be done about a signal. */
export type Next =
  | { readonly kind: "handle"; readonly info: SignalInfo; readonly action: Action }
  | { readonly kind: "kill"; readonly info: SignalInfo }
  | { readonly kind: "stop" }

export const bitOf = (signal: number): bigint => 1n << BigInt(signal - 1)
const UNMASKABLE = bitOf(SIGNAL.KILL) | bitOf(SIGNAL.STOP)

export interface SignalsState {
  readonly actions: readonly Action[]
  readonly pending: readonly SignalInfo[]
  readonly mask: bigint
  readonly saved: bigint | undefined
}
export class Signals {
  readonly #actions: Action[] = Array.from({ length: SIGNALS + 1 }, () => DEFAULT)
  #pending: SignalInfo[] = []
  #mask = 0n
  /** Mask to put back after the handler of a signal that ended a call with a mask of its own (sigsuspend, ppoll). */
  #saved: bigint | undefined
  /** A stop signal was taken: nothing runs until SIGCONT or SIGKILL. */
  stopped = false
  stack: AlternateStack = NO_STACK

  action(signal: number): Action {
    return this.#actions[signal]!
  }
  /** Everything but `stopped` and `stack`: actions by signal, what is pending by age, the mask and the one to put back. */
  get state(): SignalsState {
    return { actions: this.#actions, pending: this.#pending, mask: this.#mask, saved: this.#saved }
  }
  restore({ actions, pending, mask, saved }: SignalsState): void {
    this.#actions.splice(0, this.#actions.length, ...actions)
    this.#pending = [...pending]
    this.#mask = mask
    this.#saved = saved
  }
  setAction(signal: number, action: Action): void {
    this.#actions[signal] = { ...action, flags: (action.flags & KNOWN_FLAGS) >>> 0, mask: action.mask & ~UNMASKABLE }
    if (this.#isIgnored(signal)) this.#drop((pending) => pending === signal)
  }
  #isIgnored(signal: number): boolean {
    const { handler } = this.#actions[signal]!
    return handler === HANDLER.ignore || (handler === HANDLER.default && IGNORED_BY_DEFAULT.has(signal))
  }
  #drop(which: (signal: number) => boolean): void {
    this.#pending = this.#pending.filter(({ signal }) => !which(signal))
  }

  get mask(): bigint {
    return this.#mask
  }
  set mask(mask: bigint) {
    this.#mask = mask & ~UNMASKABLE
  }
  /** Waits with another mask; the one before comes back when the call ends or a handler returns. */
  suspendWith(mask: bigint): void {
    this.#saved ??= this.#mask
    this.mask = mask
  }
  /** Ends `suspendWith` without a handler. */
  resumeMask(): void {
    this.mask = this.#saved ?? this.#mask
    this.#saved = undefined
  }
  pendingSet(): bigint {
    return this.#pending.reduce((set, { signal }) => set | bitOf(signal), 0n)
  }
  #isBlocked(signal: number): boolean {
    return (this.#mask & bitOf(signal)) !== 0n
  }

  /** Sends a signal. A standard signal that is already pending is not queued again. False: too many wait. */
  send(info: SignalInfo): boolean {
    const { signal } = info
    if (signal === SIGNAL.CONT || signal === SIGNAL.KILL) {
      this.stopped = false
      this.#drop((pending) => signal === SIGNAL.CONT && STOPPING.has(pending))
    } else if (STOPPING.has(signal)) this.#drop((pending) => pending === SIGNAL.CONT)
    if (this.#isIgnored(signal) && !this.#isBlocked(signal)) return true
    if (signal < FIRST_REALTIME && this.#pending.some((p) => p.signal === signal)) return true
    if (this.#pending.length >= MAX_PENDING && signal !== SIGNAL.KILL) return false
    this.#pending.push(info)
    return true
  }
  /** A fault's signal cannot be blocked or ignored: the process dies of it then. */
  force(info: SignalInfo): void {
    const { signal } = info
    if (this.#isBlocked(signal) || this.#actions[signal]!.handler === HANDLER.ignore) {
      this.#actions[signal] = DEFAULT
      this.mask &= ~bitOf(signal)
    }
    this.#drop((pending) => pending === signal)
    this.#pending.push(info)
  }
  /** As `force`, because the handler of `failed` could not be entered: a handler of SIGSEGV that was the one is given up. */
  forceAfter(failed: number): void {
    if (failed === SIGNAL.SEGV) this.#actions[SIGNAL.SEGV] = DEFAULT
    this.force({ signal: SIGNAL.SEGV, code: CODE.kernel, address: 0n })
  }

  /** The one to be taken next of those in `set`: SIGKILL, then what instructions cause, then by number, then by age. */
  #first(set: bigint): SignalInfo | undefined {
    const rank = ({ signal }: SignalInfo) => (signal === SIGNAL.KILL ? -2 : SYNCHRONOUS.has(signal) ? -1 : signal)
    let first: SignalInfo | undefined
    for (const info of this.#pending) if ((set & bitOf(info.signal)) !== 0n && (first === undefined || rank(info) < rank(first))) first = info
    return first
  }
  /** True when a signal waits that the mask lets through. */
  get deliverable(): boolean {
    return this.#pending.length > 0 && this.#first(~this.#mask) !== undefined
  }
  /** The handler that will be entered next will let a call it interrupted begin again. */
  get restartsCalls(): boolean {
    const info = this.#first(~this.#mask)
    if (info === undefined) return true
    const { handler, flags } = this.#actions[info.signal]!
    return handler === HANDLER.default || handler === HANDLER.ignore || (flags & SA.RESTART) !== 0
  }
  /** Takes a pending signal out that is in `set`, blocked or not (sigtimedwait). */
  takeOf(set: bigint): SignalInfo | undefined {
    const info = this.#first(set)
    if (info !== undefined) this.#pending.splice(this.#pending.indexOf(info), 1)
    return info
  }
  /** Takes the next signal that the mask lets through, and says what is to be done. */
  next(): Next | undefined {
    for (;;) {
      const info = this.takeOf(~this.#mask)
      if (info === undefined) return undefined
      const { signal } = info
      const action = this.#actions[signal]!
      if (this.#isIgnored(signal)) continue
      if (action.handler !== HANDLER.default) {
        if ((action.flags & SA.RESETHAND) !== 0) this.#actions[signal] = { ...action, handler: HANDLER.default }
        return { kind: "handle", info, action }
      }
      if (!STOPPING.has(signal)) return { kind: "kill", info }
      this.stopped = true
      return { kind: "stop" }
    }
  }
  /** The mask a frame keeps for the handler's return. */
  get frameMask(): bigint {
    return this.#saved ?? this.#mask
  }
  /** The handler of `signal` runs: signals it does not want are blocked. */
  entered(signal: number, action: Action): void {
    this.#saved = undefined
    this.mask = this.#mask | action.mask | ((action.flags & SA.NODEFER) === 0 ? bitOf(signal) : 0n)
    if ((this.stack.flags & SS.AUTODISARM) !== 0) this.stack = NO_STACK
  }

  isOnStack(sp: bigint): boolean {
    const { base, bytes, flags } = this.stack
    return (flags & SS.AUTODISARM) === 0 && sp > base && sp - base <= bytes
  }
  /** ss_flags that sigaltstack reports for a stack pointer. */
  stackFlags(sp: bigint): number {
    const state = this.stack.bytes === 0n ? SS.DISABLE : this.isOnStack(sp) ? SS.ONSTACK : 0
    return (state | (this.stack.flags & SS.AUTODISARM)) >>> 0
  }
  /** sigaltstack(2): "busy" while it is in use. */
  setStack(stack: AlternateStack, sp: bigint): "busy" | "invalid" | "too-small" | undefined {
    if (this.isOnStack(sp)) return "busy"
    const mode = stack.flags & ~SS.AUTODISARM
    if (mode !== SS.DISABLE && mode !== SS.ONSTACK && mode !== 0) return "invalid"
    if (mode === SS.DISABLE) this.stack = { base: 0n, bytes: 0n, flags: stack.flags >>> 0 }
    else if (stack.bytes < MIN_STACK) return "too-small"
    else this.stack = { ...stack, flags: stack.flags >>> 0 }
    return undefined
  }
}
