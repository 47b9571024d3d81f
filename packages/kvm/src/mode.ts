/** What a mode plugin is: how the host kernel and hyp code share the processor. A value; nothing registers itself. */
import type { Shape } from "@eltwo/cpu"
import type { Errno } from "./errno.ts"
import type { PhysicalCpu } from "./host/cpu.ts"
import type { Host } from "./host/host.ts"
import type { ExitCode } from "./hyp/guest.ts"
import type { TrapSpelling } from "./hyp/trap-words.ts"
import type { MemorySlot } from "./memory-slots.ts"
import type { HostCallTable } from "./nvhe/host-call.ts"
import type { Stage2 } from "./stage2.ts"
import type { Vcpu } from "./vcpu.ts"
import type { Vm } from "./vm.ts"

/** Version of this contract. A mode that says another one is refused. */
export const MODE_API_VERSION = 1

/** Which of the guest's registers an access of hyp code by EL1 or EL0 name must spell: "redirected" under E2H at EL2 (_EL12, _EL02), "plain" otherwise. */
export type AccessorFamily = "redirected" | "plain"

/** Entering and leaving a guest. */
export interface WorldSwitch {
  /** vcpu_load, after the timer: debug controls. */
  loadDebug(cpu: PhysicalCpu, vcpu: Vcpu): void
  /** vcpu_load: what of the guest lives on the CPU from load to put. */
  load(cpu: PhysicalCpu, vcpu: Vcpu): void
  /** Before the guest is entered: from the host kernel to hyp code, guest state in, traps active. */
  enter(cpu: PhysicalCpu, vcpu: Vcpu): void
  /** The way back. */
  leave(cpu: PhysicalCpu, vcpu: Vcpu): void
  putDebug(cpu: PhysicalCpu, vcpu: Vcpu): void
  put(cpu: PhysicalCpu, vcpu: Vcpu): void
}
/** What the host kernel asks of EL2 outside a run: plain instructions where the kernel is there, hypercalls elsewhere. */
export interface HypServices {
  /** Counter offset and access of EL1 to counters and timers; at vcpu_load. */
  loadTimer(cpu: PhysicalCpu, counterOffset: bigint): void
  /** Forgets what this CPU knows of a VM's EL1&0 translations: another vCPU of it ran here. */
  flushContext(cpu: PhysicalCpu, stage2: Stage2): void
  /** Forgets a VM's translations of both stages everywhere: its stage 2 lost mappings or permissions. */
  flushVmid(cpu: PhysicalCpu, stage2: Stage2): void
  /** At vcpu_put: the host's counter has no offset. Absent where the host kernel never sees the offset. */
  putTimer?(cpu: PhysicalCpu): void
  /** At vcpu_load and vcpu_put of a vCPU with an interrupt controller: masks and active priorities of the CPU interface. Absent as before. */
  loadInterrupts?(cpu: PhysicalCpu, vcpu: Vcpu): void
  putInterrupts?(cpu: PhysicalCpu, vcpu: Vcpu): void
  /** Enters the guest once, by way of the world switch in hyp code. Absent where that is the kernel's own function. */
  runVcpu?(cpu: PhysicalCpu, vcpu: Vcpu): ExitCode
  /** Commits what is pending for the guest's PC before user space looks. Absent as before. */
  adjustPc?(cpu: PhysicalCpu, vcpu: Vcpu): void
}
/**
 * What the host kernel asks of hyp code about VMs where hyp code keeps their stage 2 and shares no memory with the kernel unless told to. All of it runs in
 * the kernel. Absent: the kernel maps guest memory itself.
 */
export interface VmServices {
  /** KVM_CREATE_VM may ask for a VM whose memory the host loses to the guest (bit 31 of the type). */
  readonly protectedVms: boolean
  /** Input bits of every VM's stage 2, whatever was asked for. */
  ipaBits(host: Host): number
  /** KVM_CREATE_VM and KVM_CREATE_VCPU, with the structure made. */
  createVm(cpu: PhysicalCpu, vm: Vm): Errno | undefined
  createVcpu(cpu: PhysicalCpu, vcpu: Vcpu): Errno | undefined
  /** KVM_ARM_VCPU_FINALIZE, with memory for vectors made. */
  finalizeVcpu(cpu: PhysicalCpu, vcpu: Vcpu): Errno | undefined
  /** First KVM_RUN of a vCPU. */
  firstRun(cpu: PhysicalCpu, vcpu: Vcpu): Errno | undefined
  /** vcpu_load after the task's FP state is saved, vcpu_put before the guest's is. */
  load(cpu: PhysicalCpu, vcpu: Vcpu): void
  put(cpu: PhysicalCpu, vcpu: Vcpu): void
  /** Resolves a guest's fault on memory of a slot. */
  mapPage(cpu: PhysicalCpu, vcpu: Vcpu, fault: GuestFault): Errno | undefined
  /** What else a memory slot must be: EPERM. */
  checkSlot(vm: Vm, change: SlotChange): Errno | undefined
  /** Takes guest pages out of stage 2, before a slot moves or goes. */
  unmap(cpu: PhysicalCpu, vm: Vm, guestPhysical: number, bytes: number): void
  /** The VM is going: all its memory comes back to the host. */
  destroyVm(cpu: PhysicalCpu, vm: Vm): void
  /** Whether the host, and so user space, can reach all of `bytes` bytes of memory now. */
  isHosts(host: Host, physical: number, bytes: number): boolean
}
/**
 * What a mode keeps of a VM beside the VM's own state, as values of a shape: a snapshot holds it in a section of its own, `mode/` and the mode's name. `State`
 * is what the shape says. Absent: between two calls of KVM_RUN nothing is kept, or it is found again when it is missed.
 */
export interface ModeState<State = unknown> {
  /** Of the shape: another one is another section, which is refused. */
  readonly version: number
  readonly shape: Shape
  /** The state of the only VM of a host, between two calls of KVM_RUN, or why it cannot be said now. Changes nothing, and uses no CPU. */
  save(vm: Vm): { readonly state: State } | { readonly busy: string }
  /** The bits of KVM_CREATE_VM's `type` above the address size, for the VM that `restore` is given. */
  vmType(state: State): bigint
  /**
   * Makes the state again, in the kernel, when the VM has its slots and vCPUs: a string says why it cannot be. Until then none of its vCPUs has run. The values
   * are a stranger's, of the right shape and nothing more. A host on which it failed is not used any further.
   */
  restore(cpu: PhysicalCpu, vm: Vm, state: State): string | undefined
}
/**
 * The same for a whole host, which a snapshot holds with all its memory: what the mode has outside of that memory, processors and VMs, in a section `host/` and
 * the mode's name. Absent: nothing, unless the mode has VmServices; then its hosts are not saved.
 */
export interface ModeHostState<State = unknown> {
  /** Of the shape: another one is another section, which is refused. */
  readonly version: number
  readonly shape: Shape
  /** What of a host's memory is a guest's alone, in a few words: a snapshot of it is for nobody but the holder of a key. Undefined: nothing is. */
  secret(host: Host): string | undefined
  /** The state of a host between two of its steps, or why it cannot be said now. Changes nothing, and uses no CPU. */
  save(host: Host): { readonly state: State } | { readonly busy: string }
  /** Why a host of this mode cannot go on with the state, whatever else it holds; undefined when it can. */
  misfit(state: State): string | undefined
  /** Whether a VM, by its number, is one whose memory the host loses to the guest. */
  isProtected(state: State, vm: number): boolean
  /**
   * Puts the state in place on a host that just booted, whose memory, VMs and vCPUs are there already, and its CPUs not: none executes anything. A string says
   * why it cannot be; the host is not used any further then. The values are a stranger's, of the right shape and nothing more.
   */
  restore(host: Host, state: State): string | undefined
}
/** A stage 2 fault of a guest, for the kernel to resolve. */
export interface GuestFault {
  readonly slot: MemorySlot
  /** Intermediate physical address, byte exact. */
  readonly ipa: number
  readonly write: boolean
  readonly type: "translation" | "accessFlag" | "permission"
}
/** What is about to happen to a memory slot. */
export type SlotChange = { readonly kind: "create" | "move" | "delete"; readonly readonly: boolean }

/**
 * An exception of the host that is no call, entered at EL2: of a program at EL0, or of an access of the kernel. Hyp code answers it and returns: to where it
 * happened ("resumed"), or to the kernel's vector with an exception of its own ("injected").
 */
export type HostTrapHandler = (cpu: PhysicalCpu) => "resumed" | "injected"

/**
 * Looks at an exit in hyp code, before the host kernel does. True: dealt with, the guest goes on.
 * It may change the vCPU's registers only through the processor: they are live.
 */
export type HypExitHandler = (cpu: PhysicalCpu, vcpu: Vcpu) => boolean
/** By exception class. */
export type HypExitTable = ReadonlyMap<number, HypExitHandler>

/** What a mode does with the host's FP state around a guest. */
export interface FpPolicy {
  /** First in a run and last after it, when the guest owns the registers: what no trap word covers (vector lengths). */
  toGuest(cpu: PhysicalCpu, vcpu: Vcpu): void
  toHost(cpu: PhysicalCpu, vcpu: Vcpu): void
  /** In the FP trap of a guest while the owner is "host", the registers open: hyp code keeps the host's state for itself. */
  readonly saveHost?: (cpu: PhysicalCpu, vcpu: Vcpu) => void
}

/** A plugin that gives KVM its world switch: see defineMode(). */
export interface Mode {
  readonly kind: "mode"
  /** Lower case: "vhe". */
  readonly name: string
  readonly apiVersion: number
  readonly doc?: string
  /** What the kernel prints at boot: "VHE mode". */
  readonly banner: string
  /** HCR_EL2.E2H while host, hyp code or guests run. */
  readonly e2h: boolean
  /** Exception level of the host kernel. */
  readonly hostEl: 1 | 2
  readonly trapSpelling: TrapSpelling
  readonly registers: AccessorFamily
  /** The guest's EL1 registers stay on the CPU from load to put. */
  readonly guestRegistersStay: boolean
  /** From the EL2 initial state to the host kernel's level: leaves the processor where the kernel runs. */
  init(cpu: PhysicalCpu, host: Host): void
  /** When the kernel runs on all CPUs in its own address space: what is left to do at EL2. */
  finalize?(host: Host): void
  readonly services: HypServices
  readonly worldSwitch: WorldSwitch
  readonly hypExit: HypExitTable
  /** What hyp code answers when the host kernel calls it by HVC; absent where the kernel is at EL2 itself. */
  readonly hostCalls?: HostCallTable
  /** Absent where nothing of the host comes to EL2 but calls. */
  readonly hostTrap?: HostTrapHandler
  /** The kernel may not have a page that it tried to use at an address of its own: false if it cannot get it back, and the access is a bug. */
  readonly reclaimPage?: (cpu: PhysicalCpu, address: bigint) => boolean
  readonly vms?: VmServices
  readonly state?: ModeState
  readonly hostState?: ModeHostState
  readonly fp: FpPolicy
}

/** Declares a mode. */
export const defineMode = (mode: Omit<Mode, "kind" | "apiVersion"> & { readonly apiVersion?: number }): Mode =>
  Object.freeze({ kind: "mode", apiVersion: MODE_API_VERSION, ...mode })
