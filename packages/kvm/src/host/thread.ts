/** Threads as the scheduler sees them: what it keeps of a task and of a CPU, and where in the kernel a task is that does not run. Values, which can be stored. */
import type { Vcpu } from "../vcpu.ts"
import type { Task } from "./task.ts"

/** A task under the scheduler. It runs when it is runnable and a CPU's current one. */
export interface ThreadSchedule {
  /** `stopped`: not to run until somebody resumes it. */
  state: "runnable" | "sleeping" | "stopped"
  /** CPU it runs on, waits for, or ran on last. */
  cpu: number
  /** CPUs it may run on; undefined: all of them. */
  affinity: readonly number[] | undefined
  /** Virtual time at which it stops sleeping by itself; undefined: it does not. */
  wakeAt: bigint | undefined
  /** Virtual time before which it must not run: when it ran last, or was woken, on a CPU that is ahead. */
  notBefore: bigint
  /** A signal is pending: a system call it is in comes back. */
  interrupted: boolean
}

/** Where a task is in the kernel when it is preempted or asleep there; at user level otherwise. */
export interface KernelPosition {
  readonly in: "KVM_RUN"
  readonly vcpu: Vcpu
  /** vcpu_load has been called: put and load go along with each switch. False: it waits for another thread's KVM_RUN of the same vCPU. */
  begun: boolean
}

/** The scheduler's data of a CPU. Times are virtual. */
export interface CpuSchedule {
  power: "on" | "off" | "suspended"
  /** Runnable threads that wait for this CPU, first come first. */
  readonly queue: Task[]
  /** When the current thread has had its time slice. */
  sliceEnd: bigint
  /** When this CPU's turn is over and the next CPU advances. */
  turnEnd: bigint
  /** Entries and exceptions that are left of the turn, so that one without progress ends as well. */
  work: number
  /** TIF_NEED_RESCHED: somebody else shall have the CPU as soon as possible. */
  needResched: boolean
}
export const idleSchedule = (): CpuSchedule => ({ power: "on", queue: [], sliceEnd: 0n, turnEnd: 0n, work: 0, needResched: false })

/** Virtual time that a CPU's thread has left before another thread or CPU has its turn. */
export const timeLeft = ({ sliceEnd, turnEnd }: CpuSchedule, now: bigint): number => Number((sliceEnd < turnEnd ? sliceEnd : turnEnd) - now)
