/** The scheduler as data: its threads, the programs of those that are the VMM's, where it stands in its round and in the sequence of its random choices. */
import { type Saved, shape, virtualTime } from "@eltwo/cpu"
import type { Host } from "../host/host.ts"
import type { ExitHandler, SchedulerOptions, VcpuThread } from "../host/scheduler.ts"
import type { Task } from "../host/task.ts"
import type { Vcpu } from "../vcpu.ts"
import { cpuAt, Impossible, refOf, taskAt, tasksAt, VCPU_REF, vcpuAt } from "./references.ts"

const MOST_TASKS = 4096
/** The scheduler as a snapshot of a whole host has it. */
export const SCHEDULER_STATE = shape({
  fields: {
    options: { fields: { seed: "u32", slice: "u32", quantum: "u32", migration: { oneOf: ["affinity", "random"] } } },
    threads: { list: "u32", most: MOST_TASKS },
    /** Threads that spawnVcpu made; `asked`: it has been told what to ask the kernel for. */
    programs: { list: { fields: { task: "u32", ...VCPU_REF, asked: "flag" } }, most: MOST_TASKS },
    random: "u32",
    roundEnd: "u64",
    turn: { maybe: "u32" }
  }
})
export type SchedulerState = Saved<typeof SCHEDULER_STATE>

/** Throws Unsaved. */
export const schedulerState = (host: Host): SchedulerState => {
  const { scheduler } = host
  const { options, threads, position } = scheduler
  return {
    options: { ...options, seed: options.seed >>> 0 },
    threads: threads.map(({ id }) => id),
    programs: threads.flatMap((task) => {
      const program = scheduler.program(task)
      return program ? [{ task: task.id, ...refOf(host, program.vcpu), asked: program.asked }] : []
    }),
    random: position.random >>> 0,
    roundEnd: position.roundEnd,
    turn: position.turn ?? null
  }
}
/** Rounds that a scheduler may have to catch up with CPUs that ran without it. */
const MOST_ROUNDS = 1n << 26n
/** Throws Impossible. `onExit`: what user space of a vCPU's thread does. All tasks and CPUs are restored. */
export const restoreScheduler = (host: Host, state: SchedulerState, onExit: (vcpu: Vcpu) => ExitHandler): void => {
  const { options, roundEnd, turn, programs } = state
  const { slice, quantum } = options
  let latest = 0n
  for (const { pe } of host.cpus) if (virtualTime(pe) > latest) latest = virtualTime(pe)
  const isBeyond = roundEnd > latest + BigInt(quantum) || (latest - roundEnd) / BigInt(quantum || 1) > MOST_ROUNDS
  if (slice < 1 || quantum < 1 || isBeyond) throw new Impossible(`rounds of ${quantum} instructions, the last until ${roundEnd}`)
  if (host.cpus.some(({ schedule }) => schedule.turnEnd > roundEnd)) throw new Impossible("a turn that ends after its round")
  const threads = tasksAt(host, state.threads)
  const scheduled = [...host.tasks.values()].filter((task) => task.schedule)
  if (new Set(threads).size !== threads.length || threads.length !== scheduled.length || threads.some((task) => !task.schedule))
    throw new Impossible("threads other than those that are scheduled")
  const made = new Map<Task, VcpuThread>()
  for (const program of programs) {
    const [task, vcpu] = [taskAt(host, program.task), vcpuAt(host, program)]
    if (!threads.includes(task) || made.has(task) || task.programId !== host.vmm.programId)
      throw new Impossible(`${task.name} is no thread of the VMM`)
    made.set(task, { vcpu, onExit: onExit(vcpu), asked: program.asked })
  }
  if (turn !== null) cpuAt(host, turn)
  host.scheduler.options = options as SchedulerOptions
  host.scheduler.restore({ random: state.random | 0, roundEnd, turn: turn ?? undefined }, threads, made)
}
