/** One Linux process with one thread, run on a GuestCpu: starts a program, answers its system calls and faults, ends with its status. */
import type { Elf } from "../../elf.ts"
import { AddressSpace, HIGHEST } from "./address-space.ts"
import { SYSTEM_CALLS } from "./calls/table.ts"
import { ERRNO } from "./errno.ts"
import { Files } from "./files.ts"
import type { GuestCpu } from "./guest.ts"
import type { Host } from "./host.ts"
import { MAIR, PAGE, PageAllocator, PageTables, PROTECTION, TCR } from "./page-tables.ts"
import { loadProgram } from "./program.ts"
import { CODE, SIGNAL, type SignalInfo, Signals } from "./signals.ts"
import { RETURN, RETURN_INVALIDATING, SIGNAL_RETURN_ADDRESS, SIGNAL_RETURN_CODE, STUB_ADDRESS } from "./stub.ts"

/** How a run of a program ended or why it paused. */
export type ProcessEnd =
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "killed"; readonly signal: number; readonly pc: bigint; readonly fault?: bigint }
  | { readonly kind: "limit" }
  | { readonly kind: "dead"; readonly message: string }

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
  /** Called after each system call. */
  readonly onSystemCall?: (call: SystemCallRecord) => void
  /** Called for each fault or signal that is delivered. */
  readonly onSignal?: (info: SignalInfo) => void
}
/** What a system call does to the process beyond its result. */
export type CallResult = bigint | number | { readonly exit: number } | "no-result" | { readonly wait: bigint | "signal"; readonly result: number }

const EC = {
  unknown: 0x00,
  branchTarget: 0x0d,
  svc: 0x15,
  systemRegister: 0x18,
  instructionAbort: 0x20,
  pcAlignment: 0x22,
  dataAbort: 0x24,
  spAlignment: 0x26,
  floatingPoint: 0x2c,
  breakpoint: 0x3c
} as const
const MIDR_ENCODING = 0xc000
const SCTLR_EL1 = 0x30d0_198dn | (1n << 33n) | (1n << 26n) | (1n << 15n) | (1n << 14n)
/** SCTLR_EL1: M, C, I, SA, SA0, UCT, DZE, UCI, nTWI, nTWE, MSCEn and the bits that read as one. */
const NANOSECONDS_FOREVER = 1n << 62n

export class Process {
  readonly cpu: GuestCpu
  readonly host: Host
  readonly space: AddressSpace
  readonly files: Files
  readonly signals = new Signals()
  readonly options: ProcessOptions
  readonly id = 1000
  name: string
  /** ITIMER_REAL: when it rings (virtual nanoseconds) and its period. */
  timer: { at: bigint; interval: bigint } | undefined
  /** Numbers of the calls that were answered ENOSYS, with their counts. */
  readonly unimplemented = new Map<number, number>()
  systemCalls = 0
  faults = 0
  #end: ProcessEnd | undefined

  private constructor(cpu: GuestCpu, host: Host, options: ProcessOptions, space: AddressSpace) {
    this.cpu = cpu
    this.host = host
    this.options = options
    this.space = space
    this.files = new Files(host)
    this.name = options.path.split("/").at(-1)!.slice(0, 15)
  }

  /** Loads the program and sets the processor up; a string says why it cannot start. `stubPage` holds the EL1 stub at the start of RAM. */
  static start(cpu: GuestCpu, host: Host, elf: Elf, options: ProcessOptions): Process | string {
    const { memory } = cpu
    if (memory.bytes.length < 64 * PAGE) return "the machine has too little memory for a program (see --mem)"
    const stubPage = memory.base
    const pages = new PageAllocator(memory, stubPage + PAGE)
    const tables = new PageTables(memory, pages)
    const space = new AddressSpace(memory, tables, pages)
    tables.map(STUB_ADDRESS, stubPage, PROTECTION.read | PROTECTION.execute, true)
    const process = new Process(cpu, host, options, space)
    space.map(SIGNAL_RETURN_ADDRESS, PAGE, PROTECTION.read | PROTECTION.execute)
    space.write(SIGNAL_RETURN_ADDRESS, new Uint8Array(Uint32Array.from(SIGNAL_RETURN_CODE).buffer), true)
    process.signals.defaultRestorer = BigInt(SIGNAL_RETURN_ADDRESS)
    const begun = loadProgram(space, elf, {
      path: options.path,
      args: options.args,
      environment: options.environment,
      features: cpu.features,
      random: host.random(16),
      midr: cpu.idRegister(MIDR_ENCODING) ?? 0n
    })
    if (typeof begun === "string") return begun
    cpu.setSystem("MAIR_EL1", MAIR)
    cpu.setSystem("TCR_EL1", TCR)
    cpu.setSystem("TTBR0_EL1", BigInt(tables.root))
    cpu.setSystem("VBAR_EL1", BigInt(STUB_ADDRESS))
    cpu.setSystem("SCTLR_EL1", SCTLR_EL1)
    cpu.setSystem("CPACR_EL1", 3n << 20n)
    cpu.setSystem("CNTKCTL_EL1", 2n)
    cpu.setSystem("SP_EL0", begun.sp)
    cpu.setSystem("ELR_EL1", begun.entry)
    cpu.setSystem("SPSR_EL1", 0n)
    for (let n = 0; n < 31; n++) cpu.setX(n, 0n)
    cpu.setPstate(0x3c5n)
    cpu.setPc(BigInt(STUB_ADDRESS + RETURN_INVALIDATING))
    return process
  }

  /** Runs until the program ends or `instructions` more instructions were executed. */
  run(instructions: number): ProcessEnd {
    const { cpu } = this
    for (let left = instructions; this.#end === undefined; ) {
      if (left <= 0) return { kind: "limit" }
      const slice = Math.min(left, this.#untilTimer())
      const before = cpu.nanoseconds()
      const stop = cpu.run(slice)
      left -= Number(cpu.nanoseconds() - before)
      if (stop.kind === "dead") this.#end = { kind: "dead", message: stop.message }
      else if (stop.kind === "service") this.#serve()
      else if (!this.#ringTimer()) continue
    }
    return this.#end
  }

  /** Sends a signal from outside. It is looked at when the program next enters the stub, or at once by `interrupt`. */
  send(signal: number): void {
    this.signals.send({ signal, code: CODE.user })
  }

  #untilTimer(): number {
    if (this.timer === undefined) return Number.MAX_SAFE_INTEGER
    const left = this.timer.at - this.cpu.nanoseconds()
    return left <= 0n ? 1 : Number(left)
  }
  #ringTimer(): boolean {
    if (this.timer === undefined || this.timer.at > this.cpu.nanoseconds()) return false
    this.signals.send({ signal: SIGNAL.ALRM, code: 0x80 })
    this.timer = this.timer.interval > 0n ? { at: this.timer.at + this.timer.interval, interval: this.timer.interval } : undefined
    return true
  }

  /** Virtual time passes until `until` or a deliverable signal. False: neither will ever come. */
  waitUntil(until: bigint): boolean {
    while (!this.signals.deliverable) {
      const target = this.timer !== undefined && this.timer.at < until ? this.timer.at : until
      if (target >= NANOSECONDS_FOREVER) return false
      const now = this.cpu.nanoseconds()
      if (target > now) this.cpu.sleep(target - now)
      this.#ringTimer()
      if (target === until) return true
    }
    return true
  }

  #serve(): void {
    const { cpu } = this
    cpu.setX(0, cpu.system("TPIDR_EL1"))
    const syndrome = cpu.system("ESR_EL1")
    const ec = Number(syndrome >> 26n) & 63
    if (ec === EC.svc) this.#systemCall()
    else this.#fault(ec, syndrome)
    if (this.#end !== undefined) return
    const killer = this.signals.deliver(cpu, this.space)
    if (killer !== undefined) {
      this.#end = { kind: "killed", signal: killer, pc: cpu.system("ELR_EL1"), ...(ec === EC.dataAbort ? { fault: cpu.system("FAR_EL1") } : {}) }
      return
    }
    cpu.setPc(BigInt(STUB_ADDRESS + (this.space.tables.stale ? RETURN_INVALIDATING : RETURN)))
    this.space.tables.stale = false
  }

  #systemCall(): void {
    const { cpu } = this
    this.systemCalls++
    const number = Number(cpu.x(8) & 0xffffffffn)
    const args = [0, 1, 2, 3, 4, 5].map((n) => cpu.x(n))
    const call = SYSTEM_CALLS[number]
    if (call === undefined) this.unimplemented.set(number, (this.unimplemented.get(number) ?? 0) + 1)
    const outcome: CallResult = call === undefined ? -ERRNO.ENOSYS : call.run(this, args)
    let result = 0n
    if (outcome === "no-result") result = cpu.x(0)
    else if (typeof outcome === "object" && "exit" in outcome) this.#end = { kind: "exited", status: outcome.exit & 0xff }
    else if (typeof outcome === "object") {
      const waited = this.waitUntil(outcome.wait === "signal" ? NANOSECONDS_FOREVER : outcome.wait)
      if (!waited) this.#end = { kind: "dead", message: `the program waits in ${call!.name} for a signal that nothing can send` }
      result = BigInt(this.signals.deliverable ? -ERRNO.EINTR : outcome.result)
      cpu.setX(0, BigInt.asUintN(64, result))
    } else {
      result = BigInt(outcome)
      cpu.setX(0, BigInt.asUintN(64, result))
    }
    this.options.onSystemCall?.({ number, name: call?.name ?? `syscall_${number}`, args, result })
  }

  #raise(info: SignalInfo): void {
    this.options.onSignal?.(info)
    this.signals.force(info)
  }

  #fault(ec: number, syndrome: bigint): void {
    const { cpu } = this
    this.faults++
    const pc = cpu.system("ELR_EL1")
    switch (ec) {
      case EC.dataAbort:
      case EC.instructionAbort: {
        const address = cpu.system("FAR_EL1")
        return this.#memoryFault(address, ec === EC.instructionAbort ? "execute" : (syndrome & 0x40n) !== 0n ? "write" : "read", syndrome)
      }
      case EC.pcAlignment:
        return this.#raise({ signal: SIGNAL.BUS, code: CODE.busAlignment, address: cpu.system("FAR_EL1"), syndrome })
      case EC.spAlignment:
        return this.#raise({ signal: SIGNAL.BUS, code: CODE.busAlignment, address: cpu.system("SP_EL0"), syndrome })
      case EC.breakpoint:
        return this.#raise({ signal: SIGNAL.TRAP, code: CODE.trapBreakpoint, address: pc })
      case EC.floatingPoint:
        return this.#raise({ signal: SIGNAL.FPE, code: floatCode(syndrome), address: pc })
      case EC.unknown:
      case EC.systemRegister:
        if (this.#emulateIdRead(pc)) return
        break
    }
    this.#raise({ signal: SIGNAL.ILL, code: CODE.illegalOpcode, address: pc })
  }

  #memoryFault(tagged: bigint, access: "read" | "write" | "execute", syndrome: bigint): void {
    const status = Number(syndrome & 0x3fn)
    const address = tagged & 0x00ff_ffff_ffff_ffffn
    if (status === 0x21) return this.#raise({ signal: SIGNAL.BUS, code: CODE.busAlignment, address: tagged, syndrome })
    const inside = address < BigInt(HIGHEST)
    const result = inside ? this.space.fault(Number(address), access) : "not-mapped"
    if (result === "mapped") {
      // A page that was there already: the TLB is behind.
      if ((status & 0x3c) !== 0x04) this.space.tables.stale = true
      return
    }
    if (result === "no-memory") this.#end = { kind: "killed", signal: SIGNAL.KILL, pc: this.cpu.system("ELR_EL1"), fault: address }
    else this.#raise({ signal: SIGNAL.SEGV, code: result === "not-mapped" ? CODE.segvNotMapped : CODE.segvNoPermission, address: tagged, syndrome })
  }

  /** EL0 may read ID registers: the kernel emulates MRS of op0 = 3, op1 = 0, CRn = 0 (the cpuid feature). */
  #emulateIdRead(pc: bigint): boolean {
    const bytes = this.space.read(Number(pc & 0xffff_ffff_ffffn), 4)
    if (bytes === undefined) return false
    const word = new DataView(bytes.buffer).getUint32(0, true)
    if (word >>> 12 !== 0xd5380) return false
    const value = this.cpu.idRegister(0xc000 | ((word >>> 5) & 0x7f))
    if (value === undefined) return false
    if ((word & 31) !== 31) this.cpu.setX(word & 31, value)
    this.cpu.setSystem("ELR_EL1", pc + 4n)
    return true
  }
}

/** si_code of SIGFPE from the trapped-exception bits of the syndrome. */
const floatCode = (syndrome: bigint): number => {
  const bits = Number(syndrome & 0x9fn)
  return bits & 1 ? 7 : bits & 2 ? 3 : bits & 4 ? 4 : bits & 8 ? 5 : bits & 16 ? 6 : 7
}
