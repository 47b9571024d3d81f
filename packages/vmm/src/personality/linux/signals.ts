/**
 * Signals of one process with one thread: actions, mask, pending set, frames.
 * The frame on the user's stack is Linux's rt_sigframe: siginfo (128 bytes), ucontext (stack, mask, machine context, FPSIMD record), then a frame record.
 */
import type { AddressSpace } from "./address-space.ts"
import type { GuestCpu } from "./guest.ts"

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
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  WINCH: 28,
  SYS: 31
} as const
export const SIGNALS = 64
const IGNORED_BY_DEFAULT: ReadonlySet<number> = new Set([SIGNAL.CHLD, SIGNAL.CONT, SIGNAL.URG, SIGNAL.WINCH])
const UNMASKABLE = (1n << BigInt(SIGNAL.KILL - 1)) | (1n << BigInt(SIGNAL.STOP - 1))

export const SA = {
  NOCLDSTOP: 1,
  SIGINFO: 4,
  RESTORER: 0x04000000,
  ONSTACK: 0x08000000,
  RESTART: 0x10000000,
  NODEFER: 0x40000000,
  RESETHAND: 0x80000000
} as const
export interface Action {
  /** 0: default, 1: ignore, else the handler's address. */
  readonly handler: bigint
  readonly flags: number
  readonly mask: bigint
}
const DEFAULT: Action = { handler: 0n, flags: 0, mask: 0n }

/** What a signal carries: si_code, and si_addr or the sender. */
export interface SignalInfo {
  readonly signal: number
  readonly code: number
  readonly address?: bigint
  readonly process?: number
  readonly value?: bigint
  /** ESR_EL1 of the fault that caused it, for the frame's ESR record. */
  readonly syndrome?: bigint
}
/** si_code values the personality gives. */
export const CODE = { user: 0, tkill: -6, segvNotMapped: 1, segvNoPermission: 2, illegalOpcode: 1, busAlignment: 1, trapBreakpoint: 1 } as const

const SS = { ONSTACK: 1, DISABLE: 2 } as const
export const MIN_STACK = 5120n

const FRAME = { INFO: 0, CONTEXT: 128, MASK: 128 + 40, MACHINE: 128 + 176, BYTES: 128 + 176 + 280 + 8 + 4096 } as const
/** Offsets in the machine context (sigcontext): fault address, X0..X30, SP, PC, PSTATE, then 16-aligned records. */
const MACHINE = { FAULT: 0, X: 8, SP: 256, PC: 264, PSTATE: 272, RECORDS: 288 } as const
const RECORD = { FPSIMD: 0x46508001, FPSIMD_BYTES: 528, ESR: 0x45535201, ESR_BYTES: 16 } as const
/** PSTATE bits a program may set through its frame: NZCV, and SSBS, DIT, BTYPE, TCO as they are harmless. */
const PSTATE_OF_USER = 0xf0000000n | (1n << 12n) | (1n << 24n) | (1n << 25n) | (3n << 10n)

export class Signals {
  readonly #actions: Action[] = Array.from({ length: SIGNALS + 1 }, () => DEFAULT)
  #pending: SignalInfo[] = []
  mask = 0n
  /** Mask to put back after the handler of a signal that ended sigsuspend. */
  #restoreMask: bigint | undefined
  stack = { base: 0n, bytes: 0n, disabled: true }

  action(signal: number): Action {
    return this.#actions[signal]!
  }
  setAction(signal: number, action: Action): void {
    this.#actions[signal] = { ...action, mask: action.mask & ~UNMASKABLE }
    if (this.#ignored(signal)) this.#pending = this.#pending.filter((p) => p.signal !== signal)
  }
  #ignored(signal: number): boolean {
    const { handler } = this.#actions[signal]!
    return handler === 1n || (handler === 0n && IGNORED_BY_DEFAULT.has(signal))
  }
  setMask(mask: bigint): void {
    this.mask = mask & ~UNMASKABLE
  }
  suspendWith(mask: bigint): void {
    this.#restoreMask = this.mask
    this.setMask(mask)
  }
  pendingSet(): bigint {
    return this.#pending.reduce((set, p) => set | (1n << BigInt(p.signal - 1)), 0n)
  }
  /** Sends a signal. A standard signal that is already pending is not queued again. */
  send(info: SignalInfo): void {
    if (this.#ignored(info.signal) && (this.mask & (1n << BigInt(info.signal - 1))) === 0n) return
    if (info.signal < 32 && this.#pending.some((p) => p.signal === info.signal)) return
    if (this.#pending.length < 1024) this.#pending.push(info)
  }
  /** A fault's signal cannot be blocked or ignored: the process dies of it then. */
  force(info: SignalInfo): void {
    const bit = 1n << BigInt(info.signal - 1)
    if ((this.mask & bit) !== 0n || this.#actions[info.signal]!.handler === 1n) {
      this.#actions[info.signal] = DEFAULT
      this.mask &= ~bit
    }
    this.#pending = [info, ...this.#pending.filter((p) => p.signal !== info.signal)]
  }
  /** True when a signal waits that the mask lets through. */
  get deliverable(): boolean {
    return this.#pending.some((p) => (this.mask & (1n << BigInt(p.signal - 1))) === 0n)
  }

  /** Delivers waiting signals: builds a frame, or gives the signal that ends the process. To be called before going back to EL0. */
  deliver(cpu: GuestCpu, space: AddressSpace): number | undefined {
    for (;;) {
      const index = this.#pending.findIndex((p) => (this.mask & (1n << BigInt(p.signal - 1))) === 0n)
      if (index < 0) break
      const info = this.#pending[index]!
      this.#pending.splice(index, 1)
      if (this.#ignored(info.signal)) continue
      const action = this.#actions[info.signal]!
      if (action.handler === 0n) return info.signal
      if (!this.#enter(cpu, space, info, action)) return SIGNAL.SEGV
    }
    if (this.#restoreMask !== undefined) {
      this.mask = this.#restoreMask
      this.#restoreMask = undefined
    }
    return undefined
  }

  #onStack(sp: bigint): boolean {
    return !this.stack.disabled && sp > this.stack.base && sp <= this.stack.base + this.stack.bytes
  }
  /** Fields of stack_t for `sp`. */
  stackFlags(sp: bigint): number {
    return this.stack.disabled ? SS.DISABLE : this.#onStack(sp) ? SS.ONSTACK : 0
  }

  #enter(cpu: GuestCpu, space: AddressSpace, info: SignalInfo, action: Action): boolean {
    const sp = cpu.system("SP_EL0")
    const alternate = (action.flags & SA.ONSTACK) !== 0 && !this.stack.disabled && !this.#onStack(sp)
    const top = alternate ? this.stack.base + this.stack.bytes : sp
    const record = ((top & ~15n) - 16n) & ~15n
    const frame = record - BigInt(FRAME.BYTES + (FRAME.BYTES % 16))
    if (frame < 0n || frame >= 1n << 48n) return false
    const bytes = new Uint8Array(FRAME.BYTES + (FRAME.BYTES % 16) + 16)
    const view = new DataView(bytes.buffer)
    writeInfo(view, info)
    view.setBigUint64(FRAME.CONTEXT + 16, this.stack.base, true)
    view.setUint32(FRAME.CONTEXT + 24, this.stackFlags(sp), true)
    view.setBigUint64(FRAME.CONTEXT + 32, this.stack.bytes, true)
    view.setBigUint64(FRAME.MASK, this.#restoreMask ?? this.mask, true)
    this.#restoreMask = undefined
    writeMachine(cpu, new DataView(bytes.buffer, FRAME.MACHINE, FRAME.BYTES - FRAME.MACHINE), info)
    view.setBigUint64(bytes.length - 16, cpu.x(29), true)
    view.setBigUint64(bytes.length - 8, cpu.x(30), true)
    if (space.write(Number(frame), bytes) !== bytes.length) return false
    cpu.setX(0, BigInt(info.signal))
    if ((action.flags & SA.SIGINFO) !== 0) {
      cpu.setX(1, frame + BigInt(FRAME.INFO))
      cpu.setX(2, frame + BigInt(FRAME.CONTEXT))
    }
    cpu.setX(29, frame + BigInt(bytes.length - 16))
    cpu.setX(30, (action.flags & SA.RESTORER) !== 0 ? this.restorers.get(info.signal)! : this.defaultRestorer)
    cpu.setSystem("SP_EL0", frame)
    cpu.setSystem("ELR_EL1", action.handler)
    cpu.setSystem("SPSR_EL1", 0n)
    this.setMask(this.mask | action.mask | ((action.flags & SA.NODEFER) === 0 ? 1n << BigInt(info.signal - 1) : 0n))
    if ((action.flags & SA.RESETHAND) !== 0) this.#actions[info.signal] = DEFAULT
    return true
  }
  /** sa_restorer by signal, and where the process's own sigreturn code lies. */
  readonly restorers = new Map<number, bigint>()
  defaultRestorer = 0n

  /** rt_sigreturn: takes the state back from the frame at SP. False: the frame cannot be read or is malformed (SIGSEGV). */
  returnFrom(cpu: GuestCpu, space: AddressSpace): boolean {
    const sp = cpu.system("SP_EL0")
    if ((sp & 15n) !== 0n || sp >= 1n << 48n) return false
    const bytes = space.read(Number(sp), FRAME.BYTES)
    if (bytes === undefined) return false
    const view = new DataView(bytes.buffer)
    const machine = new DataView(bytes.buffer, FRAME.MACHINE, FRAME.BYTES - FRAME.MACHINE)
    const fp = findRecord(machine, RECORD.FPSIMD)
    if (fp === undefined || machine.getUint32(fp + 4, true) !== RECORD.FPSIMD_BYTES) return false
    for (let n = 0; n < 31; n++) cpu.setX(n, machine.getBigUint64(MACHINE.X + 8 * n, true))
    cpu.setSystem("SP_EL0", machine.getBigUint64(MACHINE.SP, true))
    cpu.setSystem("ELR_EL1", machine.getBigUint64(MACHINE.PC, true))
    cpu.setSystem("SPSR_EL1", machine.getBigUint64(MACHINE.PSTATE, true) & PSTATE_OF_USER)
    cpu.setSystem("FPSR", BigInt(machine.getUint32(fp + 8, true)))
    cpu.setSystem("FPCR", BigInt(machine.getUint32(fp + 12, true)))
    cpu.setVectors(bytes.slice(FRAME.MACHINE + fp + 16, FRAME.MACHINE + fp + RECORD.FPSIMD_BYTES))
    this.setMask(view.getBigUint64(FRAME.MASK, true))
    const flags = view.getUint32(FRAME.CONTEXT + 24, true)
    this.stack = {
      base: view.getBigUint64(FRAME.CONTEXT + 16, true),
      bytes: view.getBigUint64(FRAME.CONTEXT + 32, true),
      disabled: (flags & SS.DISABLE) !== 0
    }
    return true
  }
}

const writeInfo = (view: DataView, info: SignalInfo): void => {
  view.setInt32(0, info.signal, true)
  view.setInt32(8, info.code, true)
  if (info.address !== undefined) view.setBigUint64(16, info.address, true)
  else {
    view.setInt32(16, info.process ?? 0, true)
    if (info.value !== undefined) view.setBigUint64(24, info.value, true)
  }
}

const writeMachine = (cpu: GuestCpu, view: DataView, info: SignalInfo): void => {
  view.setBigUint64(MACHINE.FAULT, info.address ?? 0n, true)
  for (let n = 0; n < 31; n++) view.setBigUint64(MACHINE.X + 8 * n, cpu.x(n), true)
  view.setBigUint64(MACHINE.SP, cpu.system("SP_EL0"), true)
  view.setBigUint64(MACHINE.PC, cpu.system("ELR_EL1"), true)
  view.setBigUint64(MACHINE.PSTATE, cpu.system("SPSR_EL1"), true)
  let at: number = MACHINE.RECORDS
  view.setUint32(at, RECORD.FPSIMD, true)
  view.setUint32(at + 4, RECORD.FPSIMD_BYTES, true)
  view.setUint32(at + 8, Number(cpu.system("FPSR")), true)
  view.setUint32(at + 12, Number(cpu.system("FPCR")), true)
  new Uint8Array(view.buffer, view.byteOffset + at + 16, 512).set(cpu.vectors())
  at += RECORD.FPSIMD_BYTES
  if (info.syndrome === undefined) return
  view.setUint32(at, RECORD.ESR, true)
  view.setUint32(at + 4, RECORD.ESR_BYTES, true)
  view.setBigUint64(at + 8, info.syndrome, true)
}

/** Offset of the record with this magic number; the list ends with a zero. */
const findRecord = (view: DataView, magic: number): number | undefined => {
  for (let at: number = MACHINE.RECORDS; at + 8 <= view.byteLength; ) {
    const found = view.getUint32(at, true)
    const bytes = view.getUint32(at + 4, true)
    if (found === magic) return at + bytes <= view.byteLength ? at : undefined
    if (found === 0 || bytes < 8 || bytes % 16 !== 0) return undefined
    at += bytes
  }
  return undefined
}
