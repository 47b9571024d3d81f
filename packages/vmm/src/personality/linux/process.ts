/** One Linux process with one thread, run on a GuestCpu: starts a program, answers its system calls and faults, delivers signals, ends with its status. */
import type { Elf } from "../../elf.ts"
import { AddressSpace } from "./address-space.ts"
import { defaultLimits } from "./calls/limits.ts"
import { SYSTEM_CALLS, type SystemCall } from "./calls/table.ts"
import { ERRNO } from "./errno.ts"
import { exceptionClass, handleFault } from "./faults.ts"
import { Files, MAX_FILES } from "./files.ts"
import type { GuestCpu } from "./guest.ts"
import type { Host } from "./host.ts"
import { IntervalTimers } from "./interval-timers.ts"
import { MAIR, PAGE, PageAllocator, PageTables, PROTECTION, TCR } from "./page-tables.ts"
import { loadProgram, STACK_BYTES } from "./program.ts"
import { enterHandler } from "./signal-frame.ts"
import { CODE, SIGNAL, type SignalInfo, Signals } from "./signals.ts"
import { RETURN, RETURN_INVALIDATING, SIGNAL_RETURN_ADDRESS, SIGNAL_RETURN_CODE, STUB_ADDRESS } from "./stub.ts"

/** How a program ended. */
export type ProcessEnd =
  | { readonly kind: "exited"; readonly status: number }
  | {
      readonly kind: "killed"
      readonly signal: number
      readonly pc: bigint
      /** Address of the fault that caused it. */
      readonly fault?: bigint
      /** The machine's memory was used up. */
      readonly outOfMemory?: true
    }
  | { readonly kind: "dead"; readonly message: string }
/** Why a run of it came back. `waiting`: it does nothing until something comes from outside; run() again then. */
export type ProcessStop = ProcessEnd | { readonly kind: "limit" } | { readonly kind: "waiting"; readonly for: "signal" | "input" }

export interface SystemCallRecord {
  readonly number: number
  /** The call's name, or "syscall_NUMBER" for one that is not implemented (ENOSYS). */
  readonly name: string
  readonly args: readonly bigint[]
  readonly result: bigint
}
export interface ProcessOptions {
  readonly path: string
  readonly args: readonly string[]
  readonly environment: readonly string[]
  /** Called when a system call has its result. */
  readonly onSystemCall?: (call: SystemCallRecord) => void
  /** Called for each signal that is delivered, also one that ends the process. */
  readonly onSignal?: (info: SignalInfo) => void
}

/** A system call that cannot answer yet. */
export interface Pause {
  readonly for: "signal" | "input"
  /** Virtual time in nanoseconds at which it ends; undefined: it may last forever. */
  readonly until?: bigint
  /** Its result, if what it waits for has happened. */
  readonly ready?: () => number | undefined
  /** Its result when the time has come or a signal interrupted it. */
  readonly end: (reason: "time" | "signal") => number
  /** It begins again when the handler that interrupted it has SA_RESTART. */
  readonly restarts: boolean
}
/** What a system call does: its result, an end of the process, a pause, or registers set by itself. */
export type CallResult = bigint | number | { readonly exit: number } | "registers-set" | Pause

const EC_SVC64 = 0x15
/** Bits of SCTLR_EL1 that Linux sets and that are there. */
const SCTLR_BITS = {
  SA0: 4,
  DZE: 14,
  UCT: 15,
  nTWI: 16,
  nTWE: 18,
  UCI: 26,
  MSCEn: 33,
  M: 0,
  C: 2,
  SA: 3,
  ITD: 7,
  SED: 8,
  EOS: 11,
  I: 12,
  TSCXT: 20,
  EIS: 22,
  SPAN: 23,
  nTLSMD: 28,
  LSMAOE: 29
} as const
const SCTLR_EL1 = Object.values(SCTLR_BITS).reduce((value, bit) => value | (1n << BigInt(bit)), 0n)
const FULL_FP_ACCESS = 3n << 20n
const VIRTUAL_COUNTER_FOR_EL0 = 2n
/** EL1 with its own stack pointer, everything masked. */
const PSTATE_EL1H = 0x3c5n
const PSTATE_EL = 12n
const MIN_PAGES = 64
/** Different numbers of calls that are counted; a program could go on inventing more. */
const MAX_UNIMPLEMENTED = 1024
/** Work for the program in one run, in pages moved and calls answered, after which the caller gets to look at its own limits. */
const MAX_WORK = 5000
/** As much work is a run of the processor in which it executes nothing. */
const BARREN_WORK = 50

export class Process {
  readonly cpu: GuestCpu
  readonly host: Host
  readonly space: AddressSpace
  readonly files: Files
  readonly signals = new Signals()
  readonly timers: IntervalTimers
  /** Its listeners may change between two runs. */
  options: ProcessOptions
  readonly id = 1000
  /** At most 15 bytes (prctl). */
  name: Uint8Array
  readonly limits = defaultLimits(STACK_BYTES, MAX_FILES)
  /** Numbers of the calls that were answered ENOSYS, with their counts. */
  readonly unimplemented = new Map<number, number>()
  systemCalls = 0
  faults = 0
  #pause: { readonly pause: Pause; readonly finish: (result: bigint) => void; readonly number: number } | undefined
  #end: ProcessEnd | undefined

  private constructor(cpu: GuestCpu, host: Host, options: ProcessOptions, space: AddressSpace) {
    this.cpu = cpu
    this.host = host
    this.options = options
    this.space = space
    this.files = new Files(host)
    this.timers = new IntervalTimers(cpu)
    this.name = new TextEncoder().encode(options.path.split("/").at(-1)).slice(0, 15)
  }

  /** Loads the program and sets the processor up; a string says why it cannot start. `stubPage` holds the EL1 stub at the start of RAM. */
  static start(cpu: GuestCpu, host: Host, elf: Elf, options: ProcessOptions): Process | string {
    const { memory } = cpu
    if (memory.bytes.length < MIN_PAGES * PAGE) return "the machine has too little memory for a program (see --mem)"
    const stubPage = memory.base
    const pages = new PageAllocator(memory, stubPage + PAGE)
    const tables = new PageTables(memory, pages)
    const space = new AddressSpace(memory, tables, pages)
    tables.map(STUB_ADDRESS, stubPage, PROTECTION.read | PROTECTION.execute, true)
    const process = new Process(cpu, host, options, space)
    space.map(SIGNAL_RETURN_ADDRESS, PAGE, PROTECTION.read | PROTECTION.execute)
    space.load(SIGNAL_RETURN_ADDRESS, new Uint8Array(Uint32Array.from(SIGNAL_RETURN_CODE).buffer))
    const begun = loadProgram(space, elf, {
      path: options.path,
      args: options.args,
      environment: options.environment,
      features: cpu.features,
      random: host.random(16)
    })
    if (typeof begun === "string") return begun
    cpu.setSystem("MAIR_EL1", MAIR)
    cpu.setSystem("TCR_EL1", TCR)
    cpu.setSystem("TTBR0_EL1", BigInt(tables.root))
    cpu.setSystem("VBAR_EL1", BigInt(STUB_ADDRESS))
    cpu.setSystem("SCTLR_EL1", SCTLR_EL1)
    cpu.setSystem("CPACR_EL1", FULL_FP_ACCESS)
    cpu.setSystem("CNTKCTL_EL1", VIRTUAL_COUNTER_FOR_EL0)
    cpu.setSystem("SP_EL0", begun.sp)
    cpu.setSystem("ELR_EL1", begun.entry)
    cpu.setSystem("SPSR_EL1", 0n)
    for (let n = 0; n < 31; n++) cpu.setX(n, 0n)
    cpu.setPstate(PSTATE_EL1H)
    cpu.setPc(BigInt(STUB_ADDRESS + RETURN_INVALIDATING))
    return process
  }

  /** The process of a snapshot, before its parts are put into it. */
  static restored(cpu: GuestCpu, host: Host, options: ProcessOptions, space: AddressSpace): Process {
    return new Process(cpu, host, options, space)
  }
  /** Why it cannot be saved now; undefined when it can. */
  get busy(): string | undefined {
    if (this.#end !== undefined) return "the program has ended"
    const { pause, number } = this.#pause ?? {}
    if (pause === undefined || number === undefined) return undefined
    const canResume = SYSTEM_CALLS[number]?.resume !== undefined && pause.until === undefined
    return canResume ? undefined : `a system call waits for ${pause.for}`
  }
  /** What it waits for, in the middle of a system call: its registers say in which. */
  get waiting(): Pause["for"] | undefined {
    return this.#pause?.pause.for
  }
  /** Goes on waiting in the system call of a restored program, all of which is in place. A string says why it cannot. */
  waitAgain(what: Pause["for"]): string | undefined {
    const { number, args, call, finish } = this.#asked()
    const pause = call?.resume === "again" ? this.#tried(call, args) : call?.resume?.(this, args)
    if (typeof pause !== "object" || pause.for !== what) return `system call ${number} that waits for ${what}`
    this.#pause = { pause, finish, number }
    return undefined
  }
  /** A call that waits for input, before it is tried again. */
  #tried(call: SystemCall, args: readonly bigint[]): Pause {
    const ready = () => {
      const result = call.run(this, args)
      return typeof result === "number" ? result : undefined
    }
    return { for: "input", ready, end: () => -ERRNO.EINTR, restarts: true }
  }

  /** Work of runs in which no instruction was executed: one whose exception vectors are broken takes exceptions for ever. */
  #barren = 0
  #work(): number {
    return this.systemCalls + this.faults + this.#barren + this.files.moved / PAGE
  }
  /** Runs until the program ends or waits, or `instructions` more instructions were executed, or much work was done for it: "limit" can come early. */
  run(instructions: number): ProcessStop {
    const { cpu, signals } = this
    const limit = cpu.retired() + BigInt(instructions)
    const rest = this.#work() + MAX_WORK
    while (this.#end === undefined) {
      if (signals.stopped) return { kind: "waiting", for: "signal" }
      if (this.#pause !== undefined) {
        const waiting = this.#resume()
        if (waiting !== undefined) return waiting
        continue
      }
      this.#ring()
      const inStub = signals.deliverable && !this.#interrupt()
      if (signals.stopped || this.#end !== undefined) continue
      const left = Number(limit - cpu.retired())
      if (left <= 0 || this.#work() > rest || cpu.stopped?.()) return { kind: "limit" }
      const before = cpu.retired()
      const stop = cpu.run(Math.min(left, this.timers.nearest(), inStub ? 1 : left))
      if (cpu.retired() === before) this.#barren += BARREN_WORK
      if (stop.kind === "dead") this.#end = { kind: "dead", message: stop.message }
      else if (stop.kind === "service") this.#serve()
    }
    return this.#end
  }

  /** Sends a signal from outside; it interrupts the program when it runs next. */
  send(signal: number): void {
    this.signals.send({ signal, code: CODE.user })
  }

  #ring(): void {
    for (const signal of this.timers.ring()) this.signals.send({ signal, code: CODE.kernel })
  }

  /** A signal while the program runs at EL0: as an interrupt would find it. False: the processor is in the stub, which it is about to leave. */
  #interrupt(): boolean {
    const { cpu } = this
    const pstate = cpu.pstate()
    if ((pstate & PSTATE_EL) !== 0n) return false
    const pc = cpu.pc()
    cpu.setPstate(PSTATE_EL1H)
    cpu.setSystem("ELR_EL1", pc)
    cpu.setSystem("SPSR_EL1", pstate)
    this.#return()
    return true
  }
  /** Delivers signals and lets EL0 go on. */
  #return(): void {
    this.#deliver()
    this.cpu.setPc(BigInt(STUB_ADDRESS + (this.space.tables.stale ? RETURN_INVALIDATING : RETURN)))
    this.space.tables.stale = false
  }
  #deliver(): void {
    const { cpu, signals, space } = this
    for (let next = signals.next(); next !== undefined; next = signals.next()) {
      if (next.kind === "stop") return
      const { info } = next
      this.options.onSignal?.(info)
      if (next.kind === "kill") {
        const isFault = info.signal === SIGNAL.SEGV || info.signal === SIGNAL.BUS
        this.#end = {
          kind: "killed",
          signal: info.signal,
          pc: cpu.system("ELR_EL1"),
          ...(isFault && info.address !== undefined ? { fault: info.address } : {})
        }
        return
      }
      if (!enterHandler(cpu, space, signals, info, next.action)) signals.forceAfter(info.signal)
    }
  }

  /** The stub's call: a system call or a fault. */
  #serve(): void {
    const { cpu } = this
    cpu.setX(0, cpu.system("TPIDR_EL1"))
    if (exceptionClass(cpu.system("ESR_EL1")) === EC_SVC64) this.#systemCall()
    else this.#fault()
    if (this.#end === undefined && this.#pause === undefined) this.#return()
  }

  /** The call that its registers ask for, and what to do with the result. */
  #asked() {
    const { cpu } = this
    const number = Number(cpu.x(8) & 0xffff_ffffn)
    const args = [0, 1, 2, 3, 4, 5].map((n) => cpu.x(n))
    const call = SYSTEM_CALLS[number]
    const report = (result: bigint) => this.options.onSystemCall?.({ number, name: call?.name ?? `syscall_${number}`, args, result })
    const finish = (result: bigint) => {
      cpu.setX(0, BigInt.asUintN(64, result))
      report(result)
    }
    return { number, args, call, report, finish }
  }
  #systemCall(): void {
    const { cpu } = this
    this.systemCalls++
    const { number, args, call, report, finish } = this.#asked()
    if (call === undefined) this.#countUnimplemented(number)
    const outcome: CallResult = call === undefined ? -ERRNO.ENOSYS : call.run(this, args)
    if (outcome === "registers-set") report(cpu.x(0))
    else if (typeof outcome !== "object") finish(BigInt(outcome))
    else if ("exit" in outcome) {
      this.#end = { kind: "exited", status: outcome.exit & 0xff }
      report(0n)
    } else this.#pause = { pause: outcome, finish, number }
  }
  #countUnimplemented(number: number): void {
    const count = this.unimplemented.get(number)
    if (count !== undefined || this.unimplemented.size < MAX_UNIMPLEMENTED) this.unimplemented.set(number, (count ?? 0) + 1)
  }
  /** Ends the pause if it can end; otherwise says what for the program waits. Virtual time passes until then. */
  #resume(): ProcessStop | undefined {
    const { cpu, signals } = this
    const { pause, finish } = this.#pause!
    const end = (result: number | undefined): undefined => {
      if (result === undefined) cpu.setSystem("ELR_EL1", cpu.system("ELR_EL1") - 4n)
      else finish(BigInt(result))
      this.#pause = undefined
      this.#return()
    }
    const happened = (): { readonly result: number | undefined } | undefined => {
      const ready = pause.ready?.()
      if (ready !== undefined) return { result: ready }
      if (!signals.deliverable) return undefined
      return { result: pause.restarts && signals.restartsCalls ? undefined : pause.end("signal") }
    }
    let event = happened()
    // While it waits for input, only the world outside moves.
    for (const time of pause.for === "input" ? [] : [this.timers.nextReal, pause.until]) {
      if (event !== undefined) break
      if (time === undefined || (pause.until !== undefined && time > pause.until)) continue
      const now = cpu.nanoseconds()
      if (time > now) cpu.sleep(time - now)
      this.#ring()
      event = happened()
    }
    if (event !== undefined) return end(event.result)
    if (pause.until !== undefined) return end(pause.end("time"))
    return { kind: "waiting", for: pause.for }
  }

  #fault(): void {
    this.faults++
    const outcome = handleFault(this.cpu, this.space)
    if (outcome === "resume") return
    if (outcome === "out-of-memory") this.#end = { kind: "killed", signal: SIGNAL.KILL, pc: this.cpu.system("ELR_EL1"), outOfMemory: true }
    else this.signals.force(outcome)
  }
}
