/** An image at EL1 of a VM: KVM_RUN's exits answered with a PL011, semihosting and the VM's power states. */

import { type Saved, shape, virtualTime } from "@eltwo/cpu"
import {
  type AfterRun,
  Capability,
  type Errno,
  isErrno,
  type Host as KvmHost,
  REG,
  type RunExit,
  SystemEvent,
  type Task,
  type Vcpu,
  VcpuFeature,
  type Vm
} from "@eltwo/kvm"
import { type BareImage, type LoadedImage, loadImage } from "../bare/image.ts"
import { IMAGE_STATE, imageOf, imageState } from "../bare/image-state.ts"
import { PL011_BASE, PL011_BYTES, PL011_STATE, Pl011 } from "../bare/pl011.ts"
import { SEMIHOSTING_IMMEDIATE, SEMIHOSTING_STATE, Semihosting, type SemihostingOptions } from "../bare/semihosting.ts"
import { Terminal } from "../bare/terminal.ts"
import type { Host } from "../linux/host.ts"
import { guestView } from "./guest-view.ts"

export interface VmOptions {
  readonly host: Host
  /** Guest-physical address and bytes of RAM. */
  readonly ram: { readonly base: number; readonly bytes: number }
  /** What SYS_GET_CMDLINE gives. */
  readonly commandLine: string
  /** Virtual CPUs, 1 by default: the first one starts the image, the others are off until PSCI CPU_ON. */
  readonly vcpus?: number
  /** The VM's memory is its own: see Vm.protected. */
  readonly protected?: boolean
}
/** How an image in a VM ended. */
export type VmEnd =
  | { readonly kind: "exited"; readonly status: number }
  /** WFI with nothing that could wake it. */
  | { readonly kind: "idle"; readonly pc: bigint }
  /** It takes one exception after the other and executes nothing: its vector cannot be executed. `ec`, `iss` and `far` are those of the last one. */
  | { readonly kind: "unhandled"; readonly el: 1; readonly pc: bigint; readonly ec: number; readonly iss: number; readonly far: bigint }
  | { readonly kind: "dead"; readonly message: string }

/** What an image's machine keeps beside its VM. */
export const VM_MACHINE_STATE = shape({
  fields: {
    image: IMAGE_STATE,
    entry: "u64",
    uart: PL011_STATE,
    uartAsserts: "flag",
    terminal: { fields: { input: "bytes", ended: "flag" } },
    semihosting: SEMIHOSTING_STATE,
    /** Exceptions since the last instruction, and instructions of the next call of KVM_RUN. */
    barren: "u32",
    budget: "u32"
  }
})
export type VmMachineState = Saved<typeof VM_MACHINE_STATE>

/** Exceptions without an instruction between them after which it counts as stuck. */
const PATIENCE = 10_000
/** Budget of the first KVM_RUN; it doubles while the image executes anything, so that one that does not is found soon. */
const FIRST_BUDGET = 10_000
/** KVM_CREATE_VM: KVM_VM_TYPE_ARM_PROTECTED. */
const PROTECTED = 1n << 31n
const HEAP_ALIGNMENT = 0x1_0000n
/** A run is at most this many instructions. */
const MAX_SLICE = 0x7fff_0000
/** Of the whole machine, between two looks at whether it does anything. */
const MANY_BUDGET = 1_000_000

export class VmMachine {
  readonly #kvm: KvmHost
  readonly #vm: Vm
  /** The vCPU whose exit is being answered. */
  #vcpu: Vcpu
  /** A thread for each vCPU, where there are several of them or of physical CPUs; with one of each, KVM_RUN is simply called. */
  readonly #threads: readonly Task[]
  /** How the run ends, said by a thread. */
  #end: VmEnd | "reset" | undefined
  readonly #image: BareImage
  readonly #options: VmOptions
  readonly #entry: bigint
  readonly #uart: Pl011
  readonly #terminal: Terminal
  readonly #semihosting: Semihosting
  #uartAsserts = false
  /** Exceptions taken since the last instruction. */
  #barren = 0
  #budget = FIRST_BUDGET

  private constructor(
    kvm: KvmHost,
    vm: Vm,
    vcpu: Vcpu,
    image: BareImage,
    { entry, end }: LoadedImage,
    options: VmOptions,
    heap = heapOf(end, options),
    threads?: readonly Task[]
  ) {
    this.#kvm = kvm
    this.#vm = vm
    this.#vcpu = vcpu
    this.#image = image
    this.#options = options
    this.#entry = entry
    const isSimple = vm.vcpus.length === 1 && kvm.cpus.length === 1
    this.#threads =
      threads ?? (isSimple ? [] : vm.vcpus.flatMap((each) => (each ? kvm.scheduler.spawnVcpu(each, (exit) => this.afterRun(each, exit)) : [])))
    this.#terminal = new Terminal(options.host.streams)
    this.#uart = new Pl011(this.#terminal, (asserted) => {
      this.#uartAsserts = asserted
    })
    const view = new Map(vm.vcpus.flatMap((each) => (each ? [[each, guestView(vm, each)] as const] : [])))
    this.#semihosting = new Semihosting({
      host: options.host,
      memory: {
        read: (address, bytes) => view.get(this.#vcpu)!.read(address, bytes),
        write: (address, bytes) => view.get(this.#vcpu)!.write(address, bytes)
      },
      nanoseconds: () => (isSimple ? kvm.cpu.pe.retired : virtualTime(kvm.cpu.pe)),
      commandLine: options.commandLine,
      heap,
      console: this.#terminal
    })
  }

  /** Creates the VM and loads the image; a string says what the host refused or why the image does not fit. */
  static start(kvm: KvmHost, image: BareImage, options: VmOptions): VmMachine | string {
    const vm = kvm.createVm({ type: options.protected ? PROTECTED : 0n })
    if (isErrno(vm)) return `KVM_CREATE_VM: ${vm}`
    const { ram } = options
    const region = vm.setMemoryRegion({ slot: 0, guestPhysical: ram.base, bytes: ram.bytes })
    if (isErrno(region)) return `KVM_SET_USER_MEMORY_REGION: ${region}`
    if ("kind" in region) return `KVM_SET_USER_MEMORY_REGION: ${region.message}`
    for (let id = 0; id < (options.vcpus ?? 1); id++) {
      const vcpu = vm.createVcpu(id)
      if (isErrno(vcpu)) return `KVM_CREATE_VCPU: ${vcpu}`
      const initialised = initialise(vcpu)
      if (initialised !== undefined) return `KVM_ARM_VCPU_INIT: ${initialised}`
      const finalized = hasSve(vm) ? vcpu.finalize(VcpuFeature.SVE) : undefined
      if (finalized !== undefined) return `KVM_ARM_VCPU_FINALIZE: ${finalized}`
    }
    const loaded = loadImage(memoryOf(vm, ram), image)
    if (typeof loaded === "string") return loaded
    const machine = new VmMachine(kvm, vm, vm.vcpus[0]!, image, loaded, options)
    machine.#setPc(machine.#entry)
    return machine
  }
  /**
   * The machine of a snapshot around a VM that is restored by now; a string says what is wrong. On a host whose scheduler was restored with it, whose threads
   * call `afterRun`, with those threads.
   */
  static restored(
    kvm: KvmHost,
    vm: Vm,
    state: VmMachineState,
    options: Omit<VmOptions, "commandLine">,
    threads?: readonly Task[]
  ): VmMachine | string {
    const vcpu = vm.vcpus[0]
    const { ram } = options
    const image = imageOf(state.image, ram.base, ram.bytes)
    if (vcpu === undefined) return "a machine without vCPU 0"
    if (typeof image === "string") return image
    const { semihosting, barren, budget, entry } = state
    if (barren > MAX_SLICE || budget < 1 || budget > MAX_SLICE) return `a budget of ${budget} instructions`
    const machine = new VmMachine(
      kvm,
      vm,
      vcpu,
      image,
      { entry, end: 0n },
      { ...options, commandLine: semihosting.commandLine },
      semihosting.heap,
      threads
    )
    const problem = machine.#semihosting.restore(semihosting)
    if (problem !== undefined) return problem
    machine.#uart.restore(state.uart)
    machine.#uartAsserts = state.uartAsserts
    machine.#terminal.restore(state.terminal)
    machine.#barren = barren
    machine.#budget = budget
    return machine
  }
  /** What runs in it. */
  get vm(): Vm {
    return this.#vm
  }
  /** Its vCPUs are threads of the host's scheduler. */
  get isThreaded(): boolean {
    return this.#threads.length > 0
  }
  get state(): VmMachineState {
    return {
      image: imageState(this.#image),
      entry: this.#entry,
      uart: this.#uart.state,
      uartAsserts: this.#uartAsserts,
      terminal: this.#terminal.state,
      semihosting: this.#semihosting.state,
      barren: this.#barren,
      budget: this.#budget
    }
  }

  /** Instructions the guest retired. */
  executed(): number {
    return this.#kvm.account.instructions
  }
  /**
   * Runs at most so many instructions (with several CPUs: to the end of a round); undefined when they are used up. What the image wrote has then reached the
   * host.
   */
  run(instructions: number): VmEnd | undefined {
    const end = this.#threads.length > 0 ? this.#runThreads(instructions) : this.#runOne(instructions)
    this.#terminal.flush()
    return end
  }
  #runThreads(instructions: number): VmEnd | undefined {
    const until = this.executed() + instructions
    const { scheduler } = this.#kvm
    for (let left = instructions; left > 0; left = until - this.executed()) {
      const before = this.executed()
      const stop = scheduler.run(Math.min(left, MANY_BUDGET))
      if (typeof stop === "object") return { kind: "dead", message: `${stop.kind}: ${stop.message}` }
      const said = this.#end
      this.#end = undefined
      if (said === "reset") this.#restart()
      else if (said !== undefined) return said
      else if (stop === "idle") {
        const idle = this.#idle()
        if (idle) return idle
      } else if (this.executed() === before) {
        scheduler.park()
        return this.#stuck()
      }
    }
    return undefined
  }
  /** Every vCPU sleeps or is off. Only input can wake one. */
  #idle(): VmEnd | undefined {
    const awake = this.#vm.vcpus.find((vcpu) => vcpu?.mpState === "runnable")
    if (!awake) return { kind: "exited", status: 0 }
    if (this.#uart.waitsForInput && this.#uart.receive()) {
      this.#updateUart()
      return undefined
    }
    this.#kvm.scheduler.park()
    this.#vcpu = awake
    return { kind: "idle", pc: this.#get(REG.pc) }
  }
  /** User space of a vCPU's thread. */
  afterRun(vcpu: Vcpu, exit: RunExit | Errno): AfterRun {
    const { scheduler } = this.#kvm
    this.#vcpu = vcpu
    if (!isErrno(exit) && exit.reason === "systemEvent" && exit.type === SystemEvent.RESET) this.#end = "reset"
    else this.#end = isErrno(exit) ? { kind: "dead", message: `KVM_RUN: ${exit}` } : this.#answer(exit)
    this.#updateUart()
    if (this.#end === undefined) return "run"
    scheduler.interrupt()
    return "stop"
  }
  /** The UART interrupts the first vCPU. */
  #updateUart(): void {
    const [first] = this.#vm.vcpus
    if (first && first !== this.#vcpu) first.setIrqLine("irq", first.deviceIrqLevel !== 0 || this.#uartAsserts)
  }
  #restart(): void {
    const { scheduler } = this.#kvm
    scheduler.park()
    for (const vcpu of this.#vm.vcpus) if (vcpu) initialise(vcpu)
    this.#vcpu = this.#vm.vcpus[0]!
    loadImage(memoryOf(this.#vm, this.#options.ram), this.#image)
    this.#uart.reset()
    this.#setPc(this.#entry)
    for (const thread of this.#threads) scheduler.resume(thread)
  }
  #runOne(instructions: number): VmEnd | undefined {
    const until = this.executed() + Math.min(instructions, MAX_SLICE)
    let end: VmEnd | undefined
    for (let left = until - this.executed(); left > 0 && end === undefined; left = until - this.executed()) {
      const before = this.executed()
      const budget = Math.min(left, this.#budget)
      const exit = this.#vcpu.run(budget)
      end = isErrno(exit) ? { kind: "dead", message: `KVM_RUN: ${exit}` } : this.#answer(exit)
      if (this.#kvm.run.trace?.stopped?.()) break
      const progress = this.executed() > before
      this.#budget = progress ? Math.min(this.#budget * 2, MAX_SLICE) : FIRST_BUDGET
      // The budget also pays for exceptions.
      if (progress || isErrno(exit) || exit.reason !== "intr") this.#barren = 0
      else if ((this.#barren += budget) >= PATIENCE) end ??= this.#stuck()
      else if (budget === left) break
    }
    return end
  }

  #setPc(pc: bigint): void {
    this.#vcpu.setOneReg(REG.pc, pc)
  }
  /** The vCPU's one IRQ input is the timers' and the UART's. */
  #updateIrq(deviceIrqLevel: number): void {
    const hasUart = this.#vcpu.id === 0 && this.#uartAsserts
    this.#vcpu.setIrqLine("irq", deviceIrqLevel !== 0 || hasUart)
  }
  #answer(exit: RunExit): VmEnd | undefined {
    switch (exit.reason) {
      case "intr":
        this.#updateIrq(exit.deviceIrqLevel)
        return undefined
      case "mmio":
        this.#access(exit)
        this.#updateIrq(this.#vcpu.deviceIrqLevel)
        return undefined
      case "debug":
        return this.#halt(exit.immediate)
      case "systemEvent":
        return this.#power(exit.type)
      case "wfi":
        if (this.#uart.waitsForInput && this.#uart.receive()) {
          this.#updateIrq(this.#vcpu.deviceIrqLevel)
          return undefined
        }
        return { kind: "idle", pc: this.#get(REG.pc) }
      case "stopped":
        return { kind: "exited", status: 0 }
      case "crash":
        return { kind: "dead", message: `${exit.crash.kind}: ${exit.crash.message}` }
      case "internalError":
        return { kind: "dead", message: exit.message }
      default:
        return { kind: "dead", message: `the virtual machine stopped with exit ${exit.reason}` }
    }
  }
  #get(id: bigint): bigint {
    const value = this.#vcpu.getOneReg(id)
    return isErrno(value) ? 0n : value
  }
  #stuck(): VmEnd {
    const syndrome = Number(this.#get(REG.system(3, 0, 5, 2, 0)) & 0xffff_ffffn)
    return {
      kind: "unhandled",
      el: 1,
      pc: this.#get(REG.pc),
      ec: syndrome >>> 26,
      iss: syndrome & 0x1ff_ffff,
      far: this.#get(REG.system(3, 0, 6, 0, 0))
    }
  }
  /** Where there is no device, reads give zero and writes do nothing. */
  #access({ physical, bytes, isWrite, value }: Extract<RunExit, { reason: "mmio" }>): void {
    const offset = physical - PL011_BASE
    const isUart = offset >= 0 && offset + bytes <= PL011_BYTES
    if (isWrite && isUart) this.#uart.write(offset, bytes, value)
    if (!isWrite) this.#vcpu.setMmioData(isUart ? this.#uart.read(offset) : 0n)
  }
  #halt(immediate: number): VmEnd | undefined {
    const vcpu = this.#vcpu
    if (immediate !== SEMIHOSTING_IMMEDIATE) {
      vcpu.refuseHalt()
      return undefined
    }
    const [operation, parameter] = [vcpu.getOneReg(REG.x(0)), vcpu.getOneReg(REG.x(1))]
    const result = this.#semihosting.call(Number(BigInt.asUintN(32, BigInt(operation))), BigInt(parameter))
    vcpu.completeHalt()
    if (result.kind === "exit") return { kind: "exited", status: result.status }
    vcpu.setOneReg(REG.x(0), result.value)
    return undefined
  }
  #power(type: SystemEvent): VmEnd | undefined {
    switch (type) {
      case SystemEvent.RESET: {
        const loaded = loadImage(memoryOf(this.#vm, this.#options.ram), this.#image)
        if (typeof loaded === "string") return { kind: "dead", message: `SYSTEM_RESET: ${loaded}` }
        this.#uart.reset()
        initialise(this.#vcpu)
        this.#setPc(this.#entry)
        return undefined
      }
      case SystemEvent.CRASH:
        return { kind: "dead", message: "the guest reported a crash" }
      default:
        return { kind: "exited", status: 0 }
    }
  }
}

const hasSve = (vm: Vm): boolean => vm.checkExtension(Capability.ARM_SVE) > 0
/** With SVE where its VM can have it. Every vCPU but the first is off. */
const initialise = (vcpu: Vcpu): Errno | undefined => {
  const off = vcpu.id > 0 ? 1 << VcpuFeature.POWER_OFF : 0
  const scalable = hasSve(vcpu.vm) ? 1 << VcpuFeature.SVE : 0
  return vcpu.init({ features: (1 << VcpuFeature.PSCI_0_2) | scalable | off })
}
/** What lies behind the image. */
const heapOf = (end: bigint, { ram }: Pick<VmOptions, "ram">): SemihostingOptions["heap"] => {
  const heapBase = ((end + HEAP_ALIGNMENT - 1n) / HEAP_ALIGNMENT) * HEAP_ALIGNMENT
  const ramEnd = BigInt(ram.base + ram.bytes)
  return { heapBase, heapLimit: ramEnd, stackBase: ramEnd, stackLimit: heapBase }
}
/** Guest RAM as loadImage wants it. */
const memoryOf = (vm: Vm, { base, bytes }: VmOptions["ram"]): Parameters<typeof loadImage>[0] => ({
  ram: { base, bytes },
  write: (physical, content) => vm.write(physical, content) === undefined
})
