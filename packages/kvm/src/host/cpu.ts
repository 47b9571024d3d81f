/** A physical CPU as kernel and hyp code see it: the checked port with crashes, events and counts, and the kernel's per-CPU data. */
import { HCR, type Pe, type Port, PortTrap, portOf, type RegisterList, virtualTime } from "@eltwo/cpu"
import { EC } from "@eltwo/isa"
import type { Account } from "../account.ts"
import { bug, type Crash, Crashed, crashOf } from "../crash.ts"
import type { EventStream, KvmEvent, KvmEventBody, Place } from "../events.ts"
import { newContext } from "../guest-context.ts"
import type { Mode } from "../mode.ts"
import { Trail } from "../trail.ts"
import type { Vcpu } from "../vcpu.ts"
import { type CpuFeatures, cpuFeatures } from "./cpu-features.ts"
import { type Binding, type FpOwner, unbound } from "./fp-memory.ts"
import { Masking } from "./masking.ts"
import type { Task } from "./task.ts"
import { idleSchedule } from "./thread.ts"

/** Names of registers with the values to write. */
export type RegisterValues = readonly (readonly [string, bigint])[]
/** A list with the values that are always written to it. */
export interface RegisterBlock extends RegisterList {
  readonly values: BigUint64Array
}
/** The block of these registers and values. */
export const registerBlock = (values: RegisterValues): RegisterBlock => ({
  names: values.map(([name]) => name),
  slots: values.map((_, i) => i),
  values: BigUint64Array.from(values, ([, value]) => value)
})
const valuesOf = ({ names, slots }: RegisterList, context: BigUint64Array): RegisterValues =>
  names.map((name, i) => [name, context[slots[i]!]!] as const)

const PROTECTED_PAGE = (address: bigint): string => `Unable to handle kernel access to hypervisor-protected memory at 0x${address.toString(16)}`

/** A CPU of the host, with what the kernel keeps for each: the port, the current task, FP owner, counters. */
export class PhysicalCpu {
  readonly index: number
  readonly pe: Pe
  readonly port: Port
  readonly events: EventStream
  readonly account: Account
  readonly trail = new Trail()
  /** Which code runs while no guest and no program does; the world switch says so. */
  context: "host" | "hyp" = "host"
  /** Exception level of the host kernel, for the kind of a crash. */
  hostEl: 1 | 2 = 2
  /** What EL2 does for this CPU's host. */
  mode: Pick<Mode, "hostTrap" | "reclaimPage"> | undefined

  /** The host's own values of what a guest replaces; laid out as a vCPU's. With a kernel at EL1, also where that goes on after a run. */
  readonly hostContext = newContext()
  /** What the kernel found out at boot. */
  features: CpuFeatures = cpuFeatures(() => 0n)
  /** What the kernel has switched off here. */
  readonly masking = new Masking()
  /** Conditions the kernel warned of and went on. */
  readonly warnings: string[] = []
  /** Fault injection: this many allocations of FP state fail. */
  failAllocations = 0
  /** fpsimd_last_state: whose registers these are, as the kernel's FP core believes. */
  readonly last: Binding = unbound()
  /** fp_owner: meaningful between vcpu_load and vcpu_put only. */
  #fpOwner: FpOwner = "free"
  /** The task whose system call or time slice this is. */
  current: Task | undefined
  /** The kernel thread that is current when there is nothing to run. */
  idle!: Task
  readonly schedule = idleSchedule()
  /** The vCPU between vcpu_load and vcpu_put. */
  loaded: Vcpu | undefined
  /** Retired instructions at which the running program's time is over. */
  userUntil = 0n
  /** Softirq work to be done when interrupts are enabled next. */
  readonly softirqs: (() => void)[] = []
  /** vCPU that ran here last, by VM: another one of the same VM must not see its translations. */
  readonly lastRan = new Map<number, number>()

  constructor(pe: Pe, events: EventStream, account: Account) {
    this.index = pe.index
    this.pe = pe
    this.port = portOf(pe)
    this.events = events
    this.account = account
  }

  get fpOwner(): FpOwner {
    return this.#fpOwner
  }
  set fpOwner(owner: FpOwner) {
    if (this.#fpOwner === owner) return
    this.#fpOwner = owner
    if (this.events.listening) this.emit({ what: "owner", owner })
  }

  /** Instructions the running program has left, also for guests it runs. */
  userTimeLeft(): number {
    return Math.max(0, Number(this.userUntil - this.pe.retired))
  }
  /** MRS of a register by the name the instruction has. */
  read(register: string): bigint {
    const value = this.port.mrs(register)
    if (value instanceof PortTrap) throw this.#crash(value)
    return value
  }
  /** MSR. */
  write(register: string, value: bigint): void {
    this.trail.note("msr", register, value)
    const trap = this.port.msr(register, value)
    if (trap) throw this.#crash(trap)
  }
  /** MSR of a main register, reported as an event: trap words, HCR_EL2, VTTBR_EL2, VBAR. */
  writeMain(register: string, value: bigint): void {
    this.account.wrote(register)
    if (this.events.listening) this.emit({ what: "msr", where: this.context, register, ...this.#reached(register), value })
    this.write(register, value)
  }
  readMain(register: string): bigint {
    const value = this.read(register)
    if (this.events.listening) this.emit({ what: "mrs", where: this.context, register, ...this.#reached(register), value })
    return value
  }
  /** Reads a list of registers into a context. */
  readList(list: RegisterList, context: BigUint64Array): void {
    this.#move("mrs", list, context)
    if (this.events.listening) this.reportList("regs-read", valuesOf(list, context))
  }
  /** Writes them from a context. */
  writeList(list: RegisterList, context: BigUint64Array): void {
    this.#move("msr", list, context)
    if (this.events.listening) this.reportList("regs-write", valuesOf(list, context))
  }
  #move(verb: "mrs" | "msr", list: RegisterList, context: BigUint64Array): void {
    const trap = verb === "mrs" ? this.port.mrsAll(list, context) : this.port.msrAll(list, context)
    if (verb === "msr") this.trail.noteList("msr", list, context, trap)
    if (trap) throw this.#crash(trap)
  }
  /** Writes registers and, where there is one, a block, and reports them as one list. */
  writeAll(first: RegisterValues, block?: RegisterBlock): void {
    for (let i = 0; i < first.length; i++) this.write(first[i]![0], first[i]![1])
    if (block) this.#move("msr", block, block.values)
    if (this.events.listening) this.reportList("regs-write", block ? [...first, ...valuesOf(block, block.values)] : first)
  }
  /** Says that registers read or written one by one belong together. */
  reportList(what: "regs-read" | "regs-write", values: RegisterValues): void {
    if (this.events.listening) this.emit({ what, where: this.context, list: values.map(([name]) => name), values: values.map(([, value]) => value) })
  }

  isb(): void {
    this.trail.note("isb", "", 0n)
    this.port.isb()
    this.account.isbs++
    if (this.events.listening) this.emit({ what: "isb", where: this.context })
  }
  /** TLBI and other SYS operations, "tlbi vmalls12e1is". */
  sys(operation: string, operand = 0n): void {
    this.trail.note(operation, "", operand)
    const trap = this.port.sys(operation, operand)
    if (trap) throw this.#crash(trap)
  }
  /** HVC #0 of a host kernel at EL1, the function and its arguments in X0 and on: hyp code runs. */
  hvc(): void {
    const [x0] = this.pe.x
    this.trail.note("hvc", "", x0!)
    const trap = this.port.hvc(0)
    if (trap) throw this.#crash(trap)
    this.context = "hyp"
    this.account.hostCall(Number(x0! & 0xffffn))
    if (this.events.listening) this.emit({ what: "exc", from: "host", where: "hyp", ec: EC.HVC64, iss: 0, hostCall: Number(x0! & 0xffffn) })
  }
  /** Exception return to what ELR and SPSR of the current level say. */
  eret(): void {
    const { context } = this
    this.trail.note("eret", "", 0n)
    const trap = this.port.eret()
    if (trap) throw this.#crash(trap)
    if (this.events.listening) this.#reportReturn(context)
  }
  #reportReturn(where: Place): void {
    const { controls } = this.pe
    const { slot } = controls
    this.emit({
      what: "eret",
      where,
      to: this.place(),
      cptr: controls.inForce(slot.CPTR_EL2),
      hcr: controls.inForce(slot.HCR_EL2),
      cpacr: controls.inForce(slot.CPACR_EL1)
    })
  }

  /** An operation of the port without event or count; a trap is a crash. */
  quietly<T>(operation: () => T | PortTrap): T {
    const result = operation()
    if (result instanceof PortTrap) throw this.#crash(result)
    return result
  }
  /** RDVL, in bytes. */
  vectorLength(): number {
    return this.quietly(() => this.port.rdvl())
  }
  /** SMSTOP. */
  smstop(which: "sm" | "za" | "sm+za"): void {
    this.trail.note("smstop", which, 0n)
    this.quietly(() => this.port.smstop(which))
    if (this.events.listening) this.emit({ what: "smstop", where: this.context, which })
  }
  /** Stores a register file into an image. */
  save(component: string, memory: string, image: Uint8Array): void {
    this.trail.note("save", memory, 0n)
    const saved = this.port.save(component, image)
    if (saved instanceof PortTrap) throw this.#crash(saved)
    this.account.saved(component, image.length)
    if (this.events.listening) this.emit({ what: "save", where: this.context, memory, component, bytes: image.length })
  }
  load(component: string, memory: string, image: Uint8Array): void {
    this.trail.note("load", memory, 0n)
    const trap = this.port.load(component, image)
    if (trap) throw this.#crash(trap)
    this.account.loaded(component, image.length)
    if (this.events.listening) this.emit({ what: "load", where: this.context, memory, component, bytes: image.length })
  }
  /** X0..X30 into a context, as exception entry code stores them; not counted as a register file of the account. */
  saveGeneral(image: Uint8Array): void {
    const saved = this.port.save("general", image)
    if (saved instanceof PortTrap) throw this.#crash(saved)
  }
  loadGeneral(image: Uint8Array): void {
    const trap = this.port.load("general", image)
    if (trap) throw this.#crash(trap)
  }

  /** Doubleword of kernel memory. */
  load64(address: bigint): bigint {
    for (;;) {
      const value = this.port.ldr(address, 8)
      if (!(value instanceof PortTrap)) return value
      this.#accessTrapped(value, address)
    }
  }
  store64(address: bigint, value: bigint): void {
    for (;;) {
      const trap = this.port.str(address, 8, value)
      if (!trap) return
      this.#accessTrapped(trap, address)
    }
  }
  /** The kernel uses memory that it has no more to do with than a copy: what EL2 does about the first access, it does now. */
  touch(address: bigint): void {
    if (this.mode?.hostTrap) this.load64(address & ~7n)
  }
  /** An access of the kernel came to EL2, where hyp code deals with it: when this comes back, the access is to be made again. */
  #accessTrapped(trap: PortTrap, address: bigint): void {
    if (this.hostEl === 2 || trap.el !== 1 || trap.exception.target !== 2 || !this.mode?.hostTrap) throw this.#crash(trap)
    this.trail.note("abort", "", address)
    this.port.take(trap)
    if (this.trapToHyp("host") === "resumed") return
    const esr = Number(this.read("ESR_EL1") & 0xffff_ffffn)
    if (!this.mode.reclaimPage?.(this, address))
      throw new Crashed({ kind: "HostOops", esr, elr: this.read("ELR_EL1"), message: PROTECTED_PAGE(address), trail: this.trail.entries() })
    this.eret()
  }
  /** An exception of the host has been entered at EL2: hyp code answers it. */
  trapToHyp(from: "host" | "host-el0"): "resumed" | "injected" {
    if (!this.mode?.hostTrap) throw this.bug("An exception of the host came to EL2")
    this.context = "hyp"
    if (this.events.listening) {
      const esr = Number(this.read("ESR_EL2") & 0xffff_ffffn)
      this.emit({ what: "exc", from, where: "hyp", ec: esr >>> 26, iss: esr & 0x1ffffff })
    }
    return this.mode.hostTrap(this)
  }

  /** Where the processing element is while a guest or a program runs. */
  place(): Place {
    const { el, controls } = this.pe
    // every guest's physical interrupts come to EL2, and no host's but that of TGE; a host may be behind a stage 2 as well
    const outside = controls.tge || !(controls.hcr & HCR.IMO)
    return el === 0 ? (outside ? "host-el0" : "guest-el0") : el === 1 ? (outside ? "host" : "guest-el1") : this.context
  }
  emit(event: KvmEventBody): void {
    this.events.emit({ time: virtualTime(this.pe), cpu: this.index, ...event } as KvmEvent)
  }
  /** WARN: a condition that should not be, and that the kernel survives. */
  warn(message: string): void {
    this.warnings.push(message)
    if (this.events.listening) this.emit({ what: "warn", message })
  }
  /** A condition that kernel code reports as a bug and does not survive. */
  bug(message: string): Crashed {
    return bug(this.#crashKind(), message, this.pe.pc, this.trail.entries())
  }

  #crashKind(): Crash["kind"] {
    return this.context === "hyp" || this.pe.el > this.hostEl ? "HypPanic" : "HostOops"
  }
  #crash(trap: PortTrap): Crashed {
    return crashOf(this.#crashKind(), trap, this.pe.pc, this.trail.entries())
  }
  /** The register an EL2 access by this name reaches, when E2H redirects it. */
  #reached(register: string): { readonly physical?: string } {
    const { controls, el } = this.pe
    const encoding = controls.machine.systemNames.encoding(register.toLowerCase(), "write")
    const accessor = encoding === undefined ? undefined : controls.machine.registerByEncoding.get(encoding)
    if (el < 2 || !accessor || !controls.e2h || accessor.atHost.name === register) return {}
    return { physical: accessor.atHost.name }
  }
}
