/** A virtual CPU: its state in host memory, and the KVM interface of a vCPU descriptor. */
import { physicalCount, type RunOptions } from "@eltwo/cpu"
import type { Crash } from "./crash.ts"
import { getVcpuAttribute, hasVcpuAttribute, setVcpuAttribute } from "./device-attributes.ts"
import { ERRNO, type Errno, isErrno } from "./errno.ts"
import { newContext, SLOT } from "./guest-context.ts"
import type { PhysicalCpu } from "./host/cpu.ts"
import { fpMemory } from "./host/fp-memory.ts"
import { KvmRunPage } from "./host/kvm-run-page.ts"
import { UNLIMITED } from "./host/slice.ts"
import { type HostFile, type Task, UserRegisters } from "./host/task.ts"
import { wakeVcpu } from "./host/vcpu-sleep.ts"
import { GUEST_MDCR, HCR } from "./hyp/controls.ts"
import { commitPending, type PendingChange } from "./inject.ts"
import type { MmioAccess } from "./mmio.ts"
import { getOneReg, getRegList, setOneReg } from "./one-reg.ts"
import { PSCI_VERSIONS } from "./psci.ts"
import { resetVcpu } from "./reset.ts"
import { KVM_RUN, runIoctl } from "./run.ts"
import type { RunExit } from "./run-exit.ts"
import { getVcpuEvents, setVcpuEvents, type VcpuEvents } from "./vcpu-events.ts"
import { finalizeVcpu, hasFeature, initVcpu, isFinalized, VcpuFeature, type VcpuInit } from "./vcpu-init.ts"
import { InterruptInterface } from "./vgic/switch.ts"
import type { Vm } from "./vm.ts"

const MP_STATES = ["runnable", "stopped", "suspended"] as const
/** KVM_MP_STATE_*. */
export type MpState = (typeof MP_STATES)[number]

/** Limits of one KVM_RUN call, and what it runs with. */
export interface Slice {
  /** Instructions left before a signal comes. */
  left: number
  options: Omit<RunOptions, "instructions">
  /** The guest retired instructions since it was entered last. */
  progressed?: boolean
}
/** Fields of struct kvm_run that KVM_RUN looks at. */
export interface RunLimits {
  /** kvm_run.immediate_exit: come back before entering the guest. */
  readonly immediateExit?: boolean
}
/** The first VM's vCPUs have short names. */
const FIRST = 1

/** A vCPU descriptor: its ioctls as methods. They give their result, or the Errno of their failure. */
export class Vcpu {
  /** The VM it is of. */
  readonly vm: Vm
  /** Number given to KVM_CREATE_VCPU. */
  readonly id: number
  /** For events: "vcpu1" is the first of its VM. */
  readonly name: string
  /** Descriptor in the VMM thread. */
  readonly descriptor: number
  /** What the descriptor answers; a host program that has it open can run this vCPU. */
  readonly file: HostFile

  /** X0..X30, SP_EL0, PC, PSTATE. PSTATE is as SPSR_ELx. */
  readonly registers = new UserRegisters()
  /** Other switched registers; see guest-context.ts. Stale for those in GuestLists.live while `loadedOn` is set and the mode leaves them on the CPU. */
  readonly system = newContext()
  /** ctxt.fp_regs. */
  readonly fp
  /** HCR_EL2 while the guest runs. */
  hcr = 0n
  /** MDCR_EL2 while the guest runs. */
  mdcr = GUEST_MDCR
  /** State in the processor's virtual CPU interface. */
  readonly interrupts = new InterruptInterface()
  /** VSESR_EL2 of a pending virtual SError. */
  vsesr = 0n
  /** Syndrome of the last exit. */
  readonly fault = { esr: 0, far: 0n, hpfar: 0n, disr: 0 }

  /** Features word of VCPU_INIT without POWER_OFF; undefined: not initialised. */
  features: number | undefined
  /** KVM_GET_MP_STATE. */
  mpState: MpState = "runnable"
  /** KVM_RUN has entered the guest at least once. */
  hasRun = false
  /** Set by PSCI CPU_ON: reset to this before running. */
  pendingReset: { readonly pc: bigint; readonly context: bigint } | undefined
  /** An exception or skip to be committed before the next entry or return to user space. */
  pending: PendingChange | undefined
  /** The CPU between vcpu_load and vcpu_put whose registers hold this guest's. */
  loadedOn: PhysicalCpu | undefined
  /** The thread in KVM_RUN of this vCPU, when that is one of the scheduler's. */
  thread: Task | undefined
  /** WFI: the thread sleeps until this virtual time (undefined: for ever) or wakeVcpu. */
  sleep: { readonly until: bigint | undefined } | undefined
  /** An MMIO exit that the next run completes. */
  mmio: MmioAccess | undefined
  /** HLT that waits for the debugger's answer: its immediate. */
  halt: number | undefined
  /** Breakpoint, watchpoint and AArch32 registers by encoding, CCSIDR_EL1 by selector, banked SPSRs: kept for user space and the guest, without effect. */
  readonly debugPoints = new Map<number, bigint>()
  /** CCSIDR_EL1 by selector, where user space set it. */
  readonly caches = new Map<number, bigint>()
  /** SPSR_ABT, SPSR_UND, SPSR_IRQ and SPSR_FIQ from element 1 on. */
  readonly bankedSpsr = new BigUint64Array(5)
  /** Timer outputs user space has been told of (bit 0 virtual, bit 1 physical). */
  deviceIrqLevel = 0
  /** What the KVM_RUN that is going on may still use up. */
  slice: Slice = { left: 0, options: {} }
  /** kvm_run.immediate_exit. */
  immediateExit = false
  /** What the last KVM_RUN came back with. */
  lastExit: RunExit | Errno = { reason: "unknown" }
  /** struct kvm_run. */
  readonly page: KvmRunPage

  /** Use Vm.createVcpu. `descriptor`: the one it has in the VMM thread already. */
  constructor(vm: Vm, id: number, descriptor?: number) {
    const { host } = vm
    this.vm = vm
    this.id = id
    this.name = vm.id === FIRST ? `vcpu${id + 1}` : `vm${vm.id}-vcpu${id + 1}`
    this.fp = fpMemory(this.name)
    this.page = new KvmRunPage(host)
    this.file = {
      ioctl: (request, argument) => this.#ioctl(request, argument),
      page: () => this.page.physical
    }
    this.descriptor = descriptor ?? host.vmm.open(this.file)
    vm.counterOffset ??= physicalCount(host.cpu.pe)
  }

  /** MPIDR_EL1 as the guest reads it and PSCI finds the vCPU. */
  get mpidr(): bigint {
    return this.system[SLOT.MPIDR_EL1]!
  }
  /** 0.1 without the feature PSCI_0_2, else the VM's. */
  get psciVersion(): number {
    return hasFeature(this, VcpuFeature.PSCI_0_2) ? this.vm.psciVersion : PSCI_VERSIONS.v0_1
  }

  /** KVM_ARM_VCPU_INIT. */
  init(request: VcpuInit): Errno | undefined {
    return this.vm.closed ? "EIO" : initVcpu(this, request)
  }
  /** KVM_ARM_VCPU_FINALIZE of a feature, by its number. */
  finalize(feature: number): Errno | undefined {
    return this.vm.closed ? "EIO" : finalizeVcpu(this, feature)
  }
  /**
   * KVM_GET_ONE_REG; values of up to 2048 bits. A kernel lets the call wait while another thread is in KVM_RUN of the vCPU. Here it stops the guest where it is: a
   * thread that was preempted leaves its CPU first, so that all registers are of one moment. ENOEXEC: not initialised; EINVAL and ENOENT: no such register; EBUSY:
   * asked by a listener, in the middle of a run.
   */
  getOneReg(id: bigint): bigint | Errno {
    return this.#registersInMemory() ?? getOneReg(this, id)
  }
  /** KVM_SET_ONE_REG, of a vCPU that runs as getOneReg; it goes on with the new value. EBUSY also: too late to change what is fixed by the first run. */
  setOneReg(id: bigint, value: bigint): Errno | undefined {
    return this.#registersInMemory() ?? setOneReg(this, id, value)
  }
  /** KVM_GET_REG_LIST. E2BIG: there are more than `capacity`. */
  getRegList(capacity: number = Number.POSITIVE_INFINITY): readonly bigint[] | Errno {
    if (this.features === undefined) return "ENOEXEC"
    if (!isFinalized(this)) return "EPERM"
    const list = getRegList(this)
    return list.length <= capacity ? list : "E2BIG"
  }
  /** KVM_GET_VCPU_EVENTS. */
  getEvents(): VcpuEvents | Errno {
    return getVcpuEvents(this)
  }
  /** KVM_SET_VCPU_EVENTS. */
  setEvents(events: VcpuEvents): Errno | undefined {
    return setVcpuEvents(this, events)
  }
  /** KVM_SET_GUEST_DEBUG: only off. EINVAL: single steps and breakpoints for user space are not modelled. */
  setGuestDebug(control: number): Errno | undefined {
    return control === 0 ? undefined : "EINVAL"
  }
  /** KVM_HAS_DEVICE_ATTR and KVM_SET_DEVICE_ATTR of the vCPU. */
  hasAttribute(group: number, attribute: number): Errno | undefined {
    return hasVcpuAttribute(group, attribute)
  }
  /** KVM_SET_DEVICE_ATTR of the vCPU. */
  setAttribute(group: number, attribute: number, value: number): Errno | undefined {
    return setVcpuAttribute(this.vm, group, attribute, value)
  }
  /** KVM_GET_DEVICE_ATTR. */
  getAttribute(group: number, attribute: number): number | Errno {
    return getVcpuAttribute(this.vm, group, attribute)
  }

  /** KVM_RUN, called by the VMM thread; a signal comes after `limit` guest instructions. An errno is what the call itself failed with. */
  run(limit: number = UNLIMITED, { immediateExit = false }: RunLimits = {}): RunExit | Errno {
    const { host, closed } = this.vm
    if (closed) return "EIO"
    const crash: Crash | undefined = host.guard(() => {
      this.slice = { left: limit, options: host.run }
      this.immediateExit = immediateExit
      return host.ioctl(this.descriptor, KVM_RUN)
    })
    return crash ? { reason: "crash", crash } : this.lastExit
  }
  /** Data of the MMIO read that the last exit asked for. */
  setMmioData(value: bigint): void {
    if (this.mmio) this.mmio.data = value
  }
  /** After exit "debug": HLT has been done; the guest goes on behind it. */
  completeHalt(): Errno | undefined {
    if (this.halt === undefined) return "EINVAL"
    this.halt = undefined
    this.registers.pc = BigInt.asUintN(64, this.registers.pc + 4n)
    this.vm.host.cpu.pe.retire(1)
    return undefined
  }
  /** After exit "debug": no such service; the guest gets UNDEFINED. */
  refuseHalt(): Errno | undefined {
    if (this.halt === undefined) return "EINVAL"
    this.halt = undefined
    this.pending = { kind: "undefined" }
    return undefined
  }
  /** KVM_IRQ_LINE of type CPU: the level of the vCPU's IRQ or FIQ input. */
  setIrqLine(line: "irq" | "fiq", level: boolean): void {
    const bit = line === "irq" ? HCR.VI : HCR.VF
    this.hcr = level ? this.hcr | bit : this.hcr & ~bit
    if (level) wakeVcpu(this)
  }
  /** KVM_SET_MP_STATE, and what PSCI does to power states. EINVAL: no such state. */
  setMpState(state: MpState): Errno | undefined {
    if (!MP_STATES.includes(state)) return "EINVAL"
    this.mpState = state
    wakeVcpu(this)
    return undefined
  }
  /** Reset as PSCI does it: registers, not ID registers. */
  reset(): void {
    resetVcpu(this)
  }
  /** Gives back what the host keeps for it. */
  close(): void {
    this.vm.host.vmm.files.delete(this.descriptor)
    this.page.free()
  }

  #registersInMemory(): Errno | undefined {
    if (this.vm.closed) return "EIO"
    if (this.features === undefined) return "ENOEXEC"
    const refused = this.vm.host.scheduler.unload(this)
    if (refused) return isErrno(refused) ? refused : "EIO"
    // between two runs what is pending is the answer that user space gave, and waits for the next one
    if (this.thread) commitPending(this)
    return undefined
  }
  #ioctl(request: number, argument: bigint): number {
    if (request !== KVM_RUN || argument !== 0n) return -ERRNO.EINVAL
    const { host } = this.vm
    const { cpu } = host
    const task = cpu.current!
    if (!host.vmm.threads.has(task)) {
      this.slice = { left: cpu.userTimeLeft(), options: host.run }
      this.immediateExit = this.page.immediateExit
      if (this.mmio) this.mmio.data = this.page.mmioData(this.mmio.bytes)
    } else if (task.schedule) this.immediateExit = false
    if (task.schedule) {
      // the scheduler goes on from here
      task.position = { in: "KVM_RUN", vcpu: this, begun: false }
      return 0
    }
    // the thread that has it would have to go on first
    return this.thread ? -ERRNO.EINTR : runIoctl(cpu, this)
  }
}
