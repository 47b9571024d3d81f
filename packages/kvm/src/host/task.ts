/** Host tasks: what the kernel keeps of a user-space thread. */
import type { AddressSpace } from "./address-space.ts"
import { type FpMemory, fpMemory, type VectorLengths } from "./fp-memory.ts"
import { type SignalState, signalState } from "./signal-state.ts"
import type { KernelPosition, ThreadSchedule } from "./thread.ts"

/** thread_info flags, by their kernel names. */
export enum TIF {
  /** The registers of this CPU are not the newest copy of what the task must have at user level. */
  FOREIGN_FPSTATE = 1 << 0,
  /** EL0 may use SVE without trapping. */
  SVE = 1 << 1,
  /** EL0 may use SME without trapping. */
  SME = 1 << 2,
  /** The vector length for the next exec survives it. */
  SVE_VL_INHERIT = 1 << 3,
  SME_VL_INHERIT = 1 << 4,
  /** The task is inside a section of kernel-mode NEON, whose registers are switched with it. */
  KERNEL_FPSTATE = 1 << 5
}
/** fpsimd_cpu of a task whose state is on no CPU. */
export const NR_CPUS = -1

/** User registers as exception entry stores them (pt_regs). */
export class UserRegisters {
  /** X0..X30 in the format of component "general". */
  readonly general = new Uint8Array(31 * 8)
  readonly x = new BigUint64Array(this.general.buffer)
  sp = 0n
  pc = 0n
  pstate = 0n
}

/** A thread of the host: struct task_struct as far as FP state, signals and scheduling look at it. */
export class Task {
  readonly id: number
  /** For events: "task1". */
  readonly name: string
  readonly registers = new UserRegisters()
  readonly fp: FpMemory
  readonly space: AddressSpace
  tpidr = 0n
  /** TPIDR2_EL0, which goes with ZA. */
  tpidr2 = 0n
  /** TIF bits. A new task's registers are nowhere yet. */
  flags: number = TIF.FOREIGN_FPSTATE
  /** CPU that the user state was last bound to. */
  fpsimdCpu = NR_CPUS
  /** Vector lengths to adopt at the next exec, in bytes; 0: the default. */
  readonly vlOnexec: VectorLengths = { sve: 0, sme: 0 }
  /** Buffer of the section of kernel-mode NEON that the task is in. */
  kernelFpsimd: FpMemory | null = null
  /** CPU on which that buffer was saved last. */
  kernelFpsimdCpu = NR_CPUS
  /** Never at user level: it has no user FP state. */
  isKernelThread = false
  /** Signals: what is pending and blocked is the thread's own, what to do the program's. */
  readonly signals: SignalState
  /** What the program has open, by descriptor: the same for all its threads. */
  readonly files: Map<number, HostFile>
  /** Physical memory that is the program's own, and goes with its last thread. */
  readonly pages: { readonly physical: number; readonly bytes: number }[]
  /** Id of the program's first thread. */
  readonly programId: number
  /** The threads of the program, this one included. */
  readonly threads: Set<Task>
  /** Set while the scheduler decides when it runs. */
  schedule: ThreadSchedule | undefined
  /** Where in the kernel it is while it does not run; undefined: its registers are those of user level. */
  position: KernelPosition | undefined
  /** Why it is gone: the status it exited with, or the signal that killed its program. */
  ended: { readonly status: number } | { readonly signal: string; readonly esr: bigint; readonly far: bigint } | undefined

  /** `sibling`: a thread of the program it belongs to; undefined: it is the first thread of a new one. */
  constructor(id: number, space: AddressSpace, sibling?: Task, name = `task${id}`, programId = sibling?.programId ?? id) {
    this.id = id
    this.programId = programId
    this.name = name
    this.fp = fpMemory(this.name)
    this.space = space
    this.signals = signalState(sibling?.signals.actions)
    this.files = sibling?.files ?? new Map()
    this.pages = sibling?.pages ?? []
    this.threads = (sibling?.threads ?? new Set<Task>()).add(this)
  }
  /** Gives a file the lowest free descriptor from 3. */
  open(file: HostFile): number {
    let descriptor = 3
    while (this.files.has(descriptor)) descriptor++
    this.files.set(descriptor, file)
    return descriptor
  }
  /** do_group_exit: every thread of the program ends; one that has ended already keeps its reason. */
  endProgram(how: NonNullable<Task["ended"]>): void {
    for (const thread of this.threads) thread.ended ??= how
  }
  has(flag: TIF): boolean {
    return (this.flags & flag) !== 0
  }
  set(flag: TIF): void {
    this.flags |= flag
  }
  clear(flag: TIF): void {
    this.flags &= ~flag
  }
}

/** An open file of a host task: answers system calls on its descriptor. Results are as the kernel's: negative error numbers. */
export interface HostFile {
  /** By which whoever restores a saved host finds the file again; a host with a file that has none, and is no vCPU's, is not saved. */
  readonly name?: string
  ioctl?(request: number, argument: bigint): number
  /** Gives the physical page that mmap of the file maps, or undefined. */
  page?(): number | undefined
  write?(bytes: Uint8Array): number
}
