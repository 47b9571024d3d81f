/**
 * Which thread runs on which CPU, and when. Deterministic: the same host, threads and options give the same run in either engine.
 *
 * Virtual time. A retired instruction is a nanosecond, and each CPU has its own count. CPUs advance in rounds: in the order of their numbers each one runs
 * until it has reached the end of the round, `quantum` later than the one before; what has nothing to run lets that time pass. So at the end of a round all
 * CPUs are equally far, and within it no two differ by more than a quantum. A thread, or the effect of a wake-up, never goes back in time: it waits on a
 * CPU that is behind until that is as far as the one it comes from.
 *
 * What the kernel itself does takes no time. A guest whose CPU's turn or time slice ends is interrupted; its thread stays in KVM_RUN, as a value.
 */
import { passTime, refuseHalt, run, virtualTime } from "@eltwo/cpu"
import type { Crash } from "../crash.ts"
import { ERRNO, type Errno } from "../errno.ts"
import { beginRun, continueRun, finishRun, Yield } from "../run.ts"
import type { RunExit } from "../run-exit.ts"
import type { Vcpu } from "../vcpu.ts"
import type { Vm } from "../vm.ts"
import type { PhysicalCpu } from "./cpu.ts"
import { exceptionFromUser, returnToUser, scheduleIn } from "./entry.ts"
import type { Host } from "./host.ts"
import { hasSignal } from "./signal-state.ts"
import type { Task } from "./task.ts"
import { type ThreadSchedule, timeLeft } from "./thread.ts"
import { askForRun, vmmThread } from "./vmm-task.ts"

/** Lengths of turns in instructions, and how threads move between CPUs. */
export interface SchedulerOptions {
  /** Of everything random. */
  readonly seed: number
  /** Instructions of a thread before another one that waits for its CPU has its turn. */
  readonly slice: number
  /** Instructions of a round: how far CPUs are apart at most. */
  readonly quantum: number
  /**
   * `affinity`: a thread stays on its CPU unless it may not run there, or another CPU has nothing to do. `random`: whenever it leaves a CPU or wakes, the
   * seed chooses among those it may run on.
   */
  readonly migration: "affinity" | "random"
}
/** A schedule without chance. */
export const DEFAULT_SCHEDULE: SchedulerOptions = { seed: 0, slice: 400_000, quantum: 100_000, migration: "affinity" }

/** Where a thread may run. */
export interface ThreadOptions {
  /** CPUs it may run on, by number; all of them when left out. */
  readonly affinity?: readonly number[]
}
/** What user space does when KVM_RUN came back in a thread of the VMM: call again, or leave the thread stopped until `resume`. */
export type AfterRun = "run" | "stop"
/** User space of a vCPU thread: what it does with an exit. */
export type ExitHandler = (exit: RunExit | Errno) => AfterRun

/** Why Scheduler.run came back. `idle`: every thread sleeps or has stopped, and no time wakes one. `interrupted`: somebody called `interrupt`. */
export type SchedulerStop = "limit" | "idle" | "interrupted"

/** Where a scheduler stands between two runs. */
export interface SchedulerPosition {
  /** Of the random choices. */
  readonly random: number
  readonly roundEnd: bigint
  /** The CPU whose turn was interrupted. */
  readonly turn: number | undefined
}

/** A thread of the VMM at user level, of which a method of ours is the program. */
export interface VcpuThread {
  readonly vcpu: Vcpu
  readonly onExit: ExitHandler
  /** It has been told what to ask the kernel for. */
  asked: boolean
}

/** Decides which thread each CPU runs, in rounds of virtual time: the same seed gives the same schedule. */
export class Scheduler {
  readonly host: Host
  options: SchedulerOptions
  /** Threads by creation. */
  readonly threads: Task[] = []
  readonly #programs = new Map<Task, VcpuThread>()
  #random: number
  /** Virtual time at which the last round ends, and the CPU whose turn it is in it; undefined: it is over. */
  #roundEnd = 0n
  #turn: number | undefined
  #interrupted = false
  /** The vCPU whose KVM_RUN goes on at this moment, as opposed to those that were preempted in theirs. */
  #executing: Vcpu | undefined

  constructor(host: Host, options: Partial<SchedulerOptions> = {}) {
    this.host = host
    this.options = { ...DEFAULT_SCHEDULE, ...options }
    this.#random = this.options.seed | 0
  }

  /** Changes options; a seed starts the random choices anew. */
  configure(options: Partial<SchedulerOptions>): void {
    this.options = { ...this.options, ...options }
    if (options.seed !== undefined) this.#random = options.seed | 0
  }
  /** Virtual time that every CPU which is on has reached. */
  get time(): bigint {
    return this.#times()[0] ?? this.#roundEnd
  }

  /** Puts a host program under the scheduler: it runs from now on when `run` is called. */
  spawn(task: Task, { affinity }: ThreadOptions = {}): Task {
    if (task.schedule) throw new RangeError(`${task.name} is under the scheduler already`)
    task.schedule = { state: "stopped", cpu: this.#allowed(affinity)[0]!.index, affinity, wakeAt: undefined, notBefore: 0n, interrupted: false }
    this.threads.push(task)
    this.resume(task)
    return task
  }
  /** A thread of the VMM that calls KVM_RUN of a vCPU again and again; `onExit` is what user space does in between. */
  spawnVcpu(vcpu: Vcpu, onExit: ExitHandler, options: ThreadOptions = {}): Task {
    const task = vmmThread(this.host)
    this.#programs.set(task, { vcpu, onExit, asked: false })
    return this.spawn(task, options)
  }
  /** Lets a stopped thread go on. */
  resume(task: Task): void {
    if (task.schedule?.state === "stopped") this.#makeRunnable(task, task.schedule)
  }
  /** Ends a thread's sleep. One that does not sleep is not touched. */
  wake(task: Task): void {
    if (task.schedule?.state === "sleeping") this.#makeRunnable(task, task.schedule)
  }
  /** A signal without effect but that a KVM_RUN in progress comes back with "intr". */
  signal(task: Task): void {
    if (!task.schedule) return
    task.schedule.interrupted = true
    this.wake(task)
  }
  /** sched_setaffinity. EINVAL when none of the CPUs is on. */
  setAffinity(task: Task, affinity: readonly number[] | undefined): Errno | undefined {
    const { schedule } = task
    if (!schedule || !this.#on().some(({ index }) => affinity?.includes(index) ?? true)) return "EINVAL"
    schedule.affinity = affinity
    const here = this.host.cpus[schedule.cpu]!
    if (this.#allowed(affinity).includes(here)) return undefined
    if (here.current === task) here.schedule.needResched = true
    else if (this.#unqueue(task)) this.#enqueue(task, schedule)
    return undefined
  }
  /** Takes a thread away from the scheduler: it has ended, or somebody else decides when it runs. It must be at user level or have ended. */
  forget(task: Task): void {
    this.host.leaveCpu(task)
    this.#unqueue(task)
    if (task.position?.vcpu.thread === task) task.position.vcpu.thread = undefined
    this.#programs.delete(task)
    const at = this.threads.indexOf(task)
    if (at >= 0) this.threads.splice(at, 1)
    task.schedule = undefined
  }
  /** To be called by an ExitHandler or listener: `run` comes back as soon as it can. */
  interrupt(): void {
    this.#interrupted = true
  }

  get position(): SchedulerPosition {
    return { random: this.#random, roundEnd: this.#roundEnd, turn: this.#turn }
  }
  /** The program of a thread of the VMM. */
  program(task: Task): Readonly<VcpuThread> | undefined {
    return this.#programs.get(task)
  }
  /** A scheduler of another host goes on here: its threads by creation, with the programs of those that spawnVcpu made. */
  restore({ random, roundEnd, turn }: SchedulerPosition, threads: readonly Task[], programs: ReadonlyMap<Task, VcpuThread>): void {
    this.#random = random
    this.#roundEnd = roundEnd
    this.#turn = turn
    this.threads.splice(0, this.threads.length, ...threads)
    this.#programs.clear()
    for (const [task, program] of programs) this.#programs.set(task, program)
  }

  /** Runs all threads for at least `instructions` of virtual time, to the end of a round. */
  run(instructions: number): SchedulerStop | Crash {
    const { cpu } = this.host
    const stop = this.host.guard(() => this.#rounds(instructions))
    if (cpu.schedule.power === "on") this.host.cpu = cpu
    return stop
  }
  #rounds(instructions: number): SchedulerStop | Crash {
    const { host } = this
    this.#interrupted = false
    const until = this.time + BigInt(instructions)
    while (this.#turn !== undefined || this.time < until) {
      if (this.#turn === undefined && !this.#beginRound()) return "idle"
      for (let turn = this.#turn ?? 0; turn < host.cpus.length; turn++) {
        this.#turn = turn
        const cpu = host.cpus[turn]!
        if (cpu.schedule.power === "on") this.#takeTurn(cpu)
        if (this.#interrupted) return host.crash ?? "interrupted"
      }
      this.#turn = undefined
    }
    return "limit"
  }
  /** Takes every thread off its CPU: guests' registers are in memory, and user state too. */
  park(): Crash | undefined {
    return this.host.guard(() => {
      for (const cpu of this.#on()) this.vacate(cpu)
      return undefined
    })
  }
  /** Takes the current thread off a CPU, which idles then. */
  vacate(cpu: PhysicalCpu): void {
    const { current } = cpu
    if (!current || current === cpu.idle) return
    this.host.on(cpu, () => {
      this.#requeue(cpu, current)
      scheduleIn(cpu, cpu.idle)
    })
  }
  /** Takes a vCPU off its CPU, so that its registers are in memory; its thread stays in KVM_RUN. EBUSY: it is executing now, and a listener asks. */
  unload(vcpu: Vcpu): Errno | Crash | undefined {
    const cpu = vcpu.loadedOn
    if (!cpu) return undefined
    if (this.#executing === vcpu || !cpu.current?.schedule) return "EBUSY"
    return this.host.guard(() => {
      this.vacate(cpu)
      return undefined
    })
  }
  /** A VM goes: every KVM_RUN of it is put from its CPU, and begins anew when its thread goes on, which finds that out. */
  abandonRuns(vm: Vm): void {
    for (const cpu of this.#on()) if (cpu.loaded?.vm === vm && cpu.current?.schedule) this.vacate(cpu)
    for (const task of this.threads) {
      if (task.position?.vcpu.vm !== vm) continue
      task.position.begun = false
      task.position.vcpu.thread = undefined
      this.wake(task)
    }
  }
  /** A CPU goes: what waits for it waits for others, also where it had no right to be. */
  evacuate(cpu: PhysicalCpu): void {
    this.vacate(cpu)
    cpu.schedule.power = "off"
    for (const task of cpu.schedule.queue.splice(0)) this.#enqueue(task, task.schedule!)
  }

  /** The next round, or the one in which time will wake somebody; false when nothing will ever happen. */
  #beginRound(): boolean {
    const { quantum } = this.options
    const cpus = this.#on()
    const latest = this.#times().at(-1)
    if (latest === undefined) return false
    if (!this.threads.some((task) => task.schedule!.state === "runnable" && !task.ended)) {
      const next = this.#nextWake()
      if (next === undefined) return false
      while (this.#roundEnd + BigInt(quantum) < next) this.#roundEnd += ((next - this.#roundEnd - 1n) / BigInt(quantum)) * BigInt(quantum)
      for (const { pe } of cpus) passTime(pe, this.#roundEnd)
    }
    do this.#roundEnd += BigInt(quantum)
    while (this.#roundEnd <= latest)
    for (const { schedule } of cpus) schedule.turnEnd = this.#roundEnd
    for (const { schedule } of cpus) schedule.work = quantum
    return true
  }
  #takeTurn(cpu: PhysicalCpu): void {
    this.host.cpu = cpu
    const { pe, schedule } = cpu
    for (;;) {
      const now = virtualTime(pe)
      if (now >= schedule.turnEnd) break
      // nothing but exceptions and exits
      if (schedule.work-- <= 0) {
        passTime(pe, schedule.turnEnd)
        break
      }
      this.#wakeByTime(now)
      const task = cpu.current!
      if (!this.#mayGoOn(cpu, task) || schedule.needResched || now >= schedule.sliceEnd) this.#reschedule(cpu, now)
      else this.#advance(cpu, task)
      if (this.#interrupted) return
    }
    // another CPU may write now, which the monitor of this one does not see
    pe.clearExclusive()
  }
  #mayGoOn(cpu: PhysicalCpu, task: Task): boolean {
    if (task === cpu.idle) return false
    return !task.ended && task.schedule?.state === "runnable" && this.#isAllowed(task.schedule, cpu)
  }
  /** __schedule. */
  #reschedule(cpu: PhysicalCpu, now: bigint): void {
    const { schedule, current } = cpu
    if (current && current !== cpu.idle) this.#requeue(cpu, current)
    schedule.needResched = false
    const next = this.#pick(cpu, now)
    if (!next) {
      scheduleIn(cpu, cpu.idle)
      passTime(cpu.pe, this.#idleUntil(cpu))
      return
    }
    schedule.sliceEnd = now + BigInt(this.options.slice)
    scheduleIn(cpu, next)
  }
  /** A thread that could go on goes to the end of a queue, this CPU's or another's. */
  #requeue(cpu: PhysicalCpu, task: Task): void {
    const { schedule } = task
    if (!schedule || task.ended) return
    schedule.notBefore = virtualTime(cpu.pe)
    if (schedule.state === "runnable") this.#enqueue(task, schedule)
  }
  /** The first that waits for this CPU; when there is none, one that waits for another and may run here. */
  #pick(cpu: PhysicalCpu, now: bigint): Task | undefined {
    const own = cpu.schedule.queue.find(({ schedule, ended }) => schedule!.notBefore <= now && !ended)
    if (own) this.#unqueue(own)
    // by chance alone threads move, or by nothing
    if (own || this.options.migration === "random") return own
    for (const { schedule, current, idle } of this.#on()) {
      // a CPU that idles will look at its queue itself
      const waiting = current === idle ? undefined : schedule.queue.find((task) => this.#mayTake(task, cpu, now))
      if (!waiting) continue
      this.#unqueue(waiting)
      this.#moveTo(waiting, waiting.schedule!, cpu)
      return waiting
    }
    return undefined
  }

  #mayTake({ schedule, ended }: Task, cpu: PhysicalCpu, now: bigint): boolean {
    return schedule!.notBefore <= now && !ended && this.#isAllowed(schedule!, cpu)
  }

  /** Lets the current thread do something: at user level, or in the kernel. */
  #advance(cpu: PhysicalCpu, task: Task): void {
    if (task.position) this.#advanceRun(cpu, task)
    else this.#advanceUser(cpu, task)
  }
  #advanceRun(cpu: PhysicalCpu, task: Task): void {
    const { vcpu, begun } = task.position!
    if (!begun) {
      if (vcpu.thread && !vcpu.thread.ended) {
        if (!task.schedule!.interrupted && !hasSignal(task)) return this.#sleep(cpu, task, undefined)
        task.schedule!.interrupted = false
        return this.#returnFromRun(cpu, task, "EINTR", -ERRNO.EINTR)
      }
      vcpu.thread = task
      task.position!.begun = true
    }
    this.#executing = vcpu
    const result = (begun ? undefined : beginRun(cpu, vcpu)) ?? continueRun(cpu, vcpu)
    this.#executing = undefined
    if (result === Yield.RESCHED) return
    if (result === Yield.SLEEP) return this.#sleep(cpu, task, vcpu.sleep?.until)
    vcpu.thread = undefined
    for (const other of this.threads) if (other !== task && other.position?.vcpu === vcpu) this.wake(other)
    this.#returnFromRun(cpu, task, result, finishRun(cpu, vcpu, result))
  }
  /** The system call is over; user space, where it is a method of ours, looks at the exit. */
  #returnFromRun(cpu: PhysicalCpu, task: Task, exit: RunExit | Errno, result: number): void {
    task.position = undefined
    task.registers.x[0] = BigInt.asUintN(64, BigInt(result))
    returnToUser(cpu)
    const program = this.#programs.get(task)
    if (program && !task.ended) this.#afterRun(task, program, exit)
  }
  #afterRun(task: Task, program: VcpuThread, exit: RunExit | Errno): void {
    const { host } = this
    program.asked = false
    host.caller = task
    let after: AfterRun
    try {
      after = program.onExit(exit)
    } finally {
      host.caller = host.vmm
    }
    if (after === "stop" && task.schedule) task.schedule.state = "stopped"
    if (host.crash) this.#interrupted = true
  }
  #advanceUser(cpu: PhysicalCpu, task: Task): void {
    const { pe, schedule } = cpu
    if (pe.el !== 0) returnToUser(cpu)
    if (task.ended) return
    const program = this.#programs.get(task)
    if (program && !program.asked) {
      askForRun(pe, program.vcpu)
      program.asked = true
    }
    const left = timeLeft(schedule, virtualTime(pe))
    const exit = run(pe, { instructions: left, ...this.host.run })
    const entered = exit.kind === "halt" ? refuseHalt(pe) : exit
    if (entered?.kind === "exception") exceptionFromUser(this.host, cpu, entered.exception.kind)
    else if (entered?.kind === "wait") {
      const end = virtualTime(pe) + BigInt(timeLeft(schedule, virtualTime(pe)))
      passTime(pe, entered.until !== undefined && entered.until < end ? entered.until : end)
    }
  }
  #sleep(cpu: PhysicalCpu, task: Task, until: bigint | undefined): void {
    const schedule = task.schedule!
    schedule.state = "sleeping"
    schedule.wakeAt = until
    if (cpu.events.listening) cpu.emit({ what: "sched", kind: "sleep", thread: task.name, ...(until === undefined ? {} : { until }) })
  }

  #wakeByTime(now: bigint): void {
    for (const task of this.threads) {
      const { state, wakeAt } = task.schedule!
      if (state !== "sleeping" || task.ended) continue
      const holder = task.position?.begun === false ? task.position.vcpu.thread : task
      const isFree = holder === undefined || holder.ended !== undefined
      if (!isFree && !hasSignal(task) && (wakeAt === undefined || wakeAt > now)) continue
      if (task.position?.begun) task.position.vcpu.sleep = undefined
      this.#makeRunnable(task, task.schedule!)
    }
  }
  #nextWake(): bigint | undefined {
    let next: bigint | undefined
    for (const { schedule, ended } of this.threads) {
      const wakeAt = schedule!.state === "sleeping" && !ended ? schedule!.wakeAt : undefined
      if (wakeAt !== undefined && (next === undefined || wakeAt < next)) next = wakeAt
    }
    return next
  }
  /** How long a CPU without a thread idles: to the end of its turn, or until it may have one. */
  #idleUntil({ schedule, pe }: PhysicalCpu): bigint {
    const now = virtualTime(pe)
    let until = schedule.turnEnd
    const consider = (time: bigint | undefined): void => {
      if (time !== undefined && time > now && time < until) until = time
    }
    consider(this.#nextWake())
    const canTake = this.options.migration === "affinity"
    for (const other of this.#on())
      if (other.schedule === schedule || canTake) for (const task of other.schedule.queue) consider(task.schedule!.notBefore)
    return until
  }
  #makeRunnable(task: Task, schedule: ThreadSchedule): void {
    const { cpu } = this.host
    const now = virtualTime(cpu.pe)
    schedule.state = "runnable"
    schedule.wakeAt = undefined
    if (now > schedule.notBefore) schedule.notBefore = now
    if (cpu.events.listening) cpu.emit({ what: "sched", kind: "wake", thread: task.name })
    // it may still be on its CPU, which has not looked since
    if (this.host.cpus[schedule.cpu]!.current !== task) this.#enqueue(task, schedule)
  }

  /** Virtual times of the CPUs that are on, in ascending order. */
  #times(): readonly bigint[] {
    return this.#on()
      .map(({ pe }) => virtualTime(pe))
      .sort((a, b) => (a < b ? -1 : 1))
  }
  #on(): readonly PhysicalCpu[] {
    return this.host.cpus.filter(({ schedule }) => schedule.power === "on")
  }
  /** CPUs that are on and allowed; where there is none, all that are on. */
  #allowed(affinity: readonly number[] | undefined): readonly PhysicalCpu[] {
    const on = this.#on()
    const allowed = affinity ? on.filter(({ index }) => affinity.includes(index)) : on
    return allowed.length > 0 ? allowed : on
  }
  #isAllowed({ affinity }: ThreadSchedule, cpu: PhysicalCpu): boolean {
    return affinity === undefined || this.#allowed(affinity).includes(cpu)
  }
  #enqueue(task: Task, schedule: ThreadSchedule): void {
    const allowed = this.#allowed(schedule.affinity)
    const { migration } = this.options
    const here = allowed.find(({ index }) => index === schedule.cpu)
    const chosen = migration === "random" ? allowed[this.#choose(allowed.length)]! : (here ?? allowed[0]!)
    this.#moveTo(task, schedule, chosen)
    chosen.schedule.queue.push(task)
  }
  #moveTo(task: Task, schedule: ThreadSchedule, { index }: PhysicalCpu): void {
    if (schedule.cpu === index) return
    const { cpu } = this.host
    if (cpu.events.listening) cpu.emit({ what: "sched", kind: "migrate", thread: task.name, from: schedule.cpu, to: index })
    schedule.cpu = index
  }
  #unqueue(task: Task): boolean {
    for (const { schedule } of this.host.cpus) {
      const at = schedule.queue.indexOf(task)
      if (at < 0) continue
      schedule.queue.splice(at, 1)
      return true
    }
    return false
  }
  /** A number below `count`, the next of the seed (Mulberry32). */
  #choose(count: number): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count
  }
}
