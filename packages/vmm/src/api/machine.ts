/** A virtual machine: the synchronous state under both faces of the API, Vm (Effect) and the Promise face. Failures are values here. */
import { AccessError, FileError, MachineError, OptionError, SnapshotError, VmStateError } from "../errors.ts"
import { accountOf, boardOf, endOf, type Live, runnableOf } from "../live.ts"
import type { HostStreams } from "../personality/linux/host.ts"
import type { Begun } from "../run.ts"
import { machineOf } from "../run.ts"
import type { Prepared, RunAccount, RunEnd, RunMachine } from "../run-result.ts"
import type { SignalClock } from "../signal-schedule.ts"
import { isKept } from "../snapshot/kept-pages.ts"
import { reading } from "../snapshot/refusal.ts"
import { draftLive, saveLive, saveSealed, sealedDraft } from "../snapshot/save.ts"
import { forgetNotes } from "../snapshot/since.ts"
import type { TraceEvent, TraceListener } from "../Trace.ts"
import type { RunLimit, SaveConfig } from "./config.ts"
import { EventFeed } from "./event-feed.ts"
import type { VmExit } from "./exit.ts"
import { SharedMoment } from "./fork.ts"
import { type MemoryRange, ramOf, rangesOf } from "./memory.ts"
import { type EventKind, Observers } from "./observers.ts"
import { peRegisters } from "./pe-registers.ts"
import { listRegisters, type RegisterInfo, type Registers, readNamed, writeNamed } from "./registers.ts"
import { vcpuRegisters } from "./vcpu-registers.ts"

/** Instructions between two looks at who wants it to stop: a few milliseconds of translated code. A constant, because runs must not differ. */
const SLICE = 10_000_000
/** How long the event loop may stand still, in milliseconds. */
const STILL_TIME = 15
/** Who reads events at leisure must not have to keep too many. */
const SLICE_OBSERVED = 10_000

/** The machine is not used any more: its memory goes to a later one, unless machines are still to be made of what it was. */
const giveUp = (live: Live): void => {
  const board = boardOf(live)
  forgetNotes(live)
  if (!isKept(board)) board.dispose()
}
const closed = (): VmStateError =>
  new VmStateError({ reason: "closed", message: "the virtual machine is closed", hint: "Make or restore another one." })
const runs = (): VmStateError => new VmStateError({ reason: "running", message: "the virtual machine runs already", hint: "Pause it first." })

/** What there is as long as a machine is not closed. */
export interface Open extends Begun {
  readonly clock: SignalClock
  readonly observers: Observers
}

/** A machine that was forked and has not been needed yet. */
interface Unmade {
  readonly from: SharedMoment
  readonly streams: HostStreams | undefined
}

export class MachineState {
  #open: Open | Unmade | undefined
  /** Its present state, while machines are forked from it and it has not moved on. */
  #moment: SharedMoment | undefined
  /** How the guest ended, once it has. */
  #ended: VmExit | MachineError | undefined
  #running = false
  /** The guest executes, and whoever calls is a hook. */
  #inSlice = false
  /** What a hook threw: the run throws it at the end of the slice. */
  #hookFailure: { readonly error: unknown } | undefined
  #pauseAsked = false
  /** Settled when the run that is going on has come to rest. */
  #rest: Promise<unknown> = Promise.resolve()
  /** Waited for after each slice. */
  readonly #feeds = new Set<EventFeed>()

  private constructor(open: Open | Unmade) {
    this.#open = open
  }
  /** A machine around a guest that is ready. */
  static of({ prepared, live }: Begun, clock: SignalClock): MachineState {
    return new MachineState({ prepared, live, clock, observers: new Observers(live, prepared.model.isa) })
  }
  /** The machine itself; one that was forked is made now. */
  #made(): Open | VmStateError {
    const state = this.#open
    if (state === undefined) return closed()
    if (this.#inSlice)
      return new VmStateError({
        reason: "running",
        message: "a hook has the event and nothing else: the machine is in the middle of a step",
        hint: "Do it between two runs."
      })
    if ("live" in state) return state
    const forked = state.from.materialise(state.streams)
    if (forked instanceof VmStateError) return forked
    state.from.release()
    return (this.#open = { ...forked, observers: new Observers(forked.live, forked.prepared.model.isa) })
  }
  #with<T>(use: (open: Open) => T): T | VmStateError {
    const open = this.#made()
    return open instanceof VmStateError ? open : use(open)
  }
  /** As #made, for what changes it. */
  #changing(): Open | VmStateError {
    this.#moment?.release()
    this.#moment = undefined
    return this.#made()
  }
  /** A machine that goes on from where this one is. */
  fork(streams: HostStreams | undefined): MachineState | SnapshotError | VmStateError {
    const state = this.#open
    if (state === undefined) return closed()
    if (!("live" in state)) return new MachineState({ from: state.from.share(), streams: streams ?? state.streams })
    const open = this.#made()
    if (open instanceof VmStateError) return open
    const { prepared, live, clock } = open
    const moment = this.#moment ?? reading(() => new SharedMoment(prepared, live, clock))
    if (moment instanceof SnapshotError) return moment
    this.#moment = moment
    return new MachineState({ from: moment.share(), streams })
  }

  get machine(): RunMachine | VmStateError {
    return this.#with(({ prepared, live }) => machineOf(prepared.model, prepared.options, live.kind))
  }
  account(): Omit<RunAccount, "milliseconds"> | VmStateError {
    return this.#with(({ live }) => accountOf(live))
  }
  executed(): number | VmStateError {
    return this.#with(({ live }) => runnableOf(live).executed())
  }
  close(): void {
    const state = this.#open
    if (state === undefined) return
    this.#pauseAsked = true
    this.#open = undefined
    this.#moment?.release()
    this.#moment = undefined
    if ("from" in state) state.from.release()
    for (const feed of this.#feeds) feed.end()
    // a run that has not noticed yet, or a machine forked from this one, still looks at its memory
    if ("live" in state && !this.#running) giveUp(state.live)
  }

  async run(
    { until = [], maxInstructions = Number.POSITIVE_INFINITY }: RunLimit,
    abort?: AbortSignal
  ): Promise<VmExit | MachineError | VmStateError | OptionError> {
    const wrong = checkCount("maxInstructions", maxInstructions)
    if (wrong !== undefined) return wrong
    const open = this.#startRun(until)
    if (open instanceof VmStateError) return open
    const addresses = new Set(typeof until === "bigint" ? [until] : until)
    const running = open.observers
      .stoppingAt(addresses, () => this.#runTo(open, maxInstructions, abort))
      .finally(() => {
        this.#running = false
        this.#pauseAsked = false
      })
    this.#rest = running
    const { result, stopped } = await running
    return stopped ? { kind: "reached", pc: readPc(open.live) } : result
  }
  /** Instructions one after the other, each of them or an exception counted as one. */
  async step(count: number): Promise<VmExit | MachineError | VmStateError | OptionError> {
    const wrong = checkCount("count", count)
    if (wrong !== undefined) return wrong
    const open = this.#startRun([])
    if (open instanceof VmStateError) return open
    try {
      for (let left = count; left > 0; left--) {
        const exit = this.#stepOne(open)
        if (exit !== undefined) return exit
      }
      return { kind: "limit" }
    } finally {
      this.#running = false
      this.#pauseAsked = false
    }
  }
  /** Ends the run that is going on at the end of its slice; waits for that. */
  async pause(): Promise<void> {
    if (!this.#running) return
    this.#pauseAsked = true
    await this.#rest
  }
  signal(signal: number): VmStateError | undefined {
    const open = this.#changing()
    if (open instanceof VmStateError) return open
    runnableOf(open.live).signal?.(signal)
    return undefined
  }

  /** What a snapshot that is loaded into it goes on with, unless told otherwise. */
  surroundings(): Prepared | VmStateError {
    if (this.#running) return runs()
    return this.#with(({ prepared }) => prepared)
  }
  /** Becomes another guest, at once; whoever listens hears that one. */
  become({ prepared, live }: Begun, clock: SignalClock): VmStateError | undefined {
    const open = this.#running ? runs() : this.#changing()
    if (open instanceof VmStateError) {
      giveUp(live)
      return open
    }
    open.observers.moveTo(live, prepared.model.isa)
    this.#open = { prepared, live, clock, observers: open.observers }
    this.#ended = undefined
    giveUp(open.live)
    return undefined
  }

  snapshot(parents: readonly Uint8Array[]): Uint8Array | SnapshotError | VmStateError {
    return this.#with(({ prepared, live, clock }) => saveLive(prepared, live, clock, { parents }))
  }
  async sealed(key: Uint8Array, parents: readonly Uint8Array[]): Promise<Uint8Array | SnapshotError | VmStateError> {
    return this.#with(({ prepared, live, clock }): Promise<Uint8Array | SnapshotError> | VmStateError =>
      saveSealed(prepared, live, clock, key, { parents })
    )
  }

  /** Writes a snapshot to a file of the platform. */
  async save(path: string, { parents = [], key, force }: SaveConfig): Promise<SnapshotError | VmStateError | FileError | undefined> {
    const open = this.#made()
    if (open instanceof VmStateError) return open
    const { prepared, live, clock } = open
    const { saveFile } = prepared.platform
    if (saveFile === undefined)
      return new FileError({ path, message: `${path} cannot be written: there are no files here`, hint: "Take the bytes that snapshot() gives." })
    const draft = key === undefined ? draftLive(prepared, live, clock, { parents }) : await sealedDraft(prepared, live, clock, key, { parents })
    return draft instanceof SnapshotError ? draft : saveFile(path, draft, { force })
  }

  registers(cpu: number): readonly RegisterInfo[] | AccessError | VmStateError {
    const registers = this.#registersOf(cpu)
    return isFailure(registers) ? registers : listRegisters(registers)
  }
  readRegister(name: string, cpu: number): bigint | AccessError | VmStateError {
    const registers = this.#registersOf(cpu)
    return isFailure(registers) ? registers : readNamed(registers, name)
  }
  writeRegister(name: string, value: bigint, cpu: number): AccessError | VmStateError | undefined {
    if (this.#open !== undefined) this.#changing()
    const registers = this.#registersOf(cpu)
    return isFailure(registers) ? registers : writeNamed(registers, name, value)
  }
  memory(): readonly MemoryRange[] | VmStateError {
    return this.#with(({ live }) => rangesOf(live))
  }
  readMemory(address: number, bytes: number): Uint8Array | AccessError | VmStateError {
    return this.#with(({ live }) => ramOf(live).read(address, bytes))
  }
  writeMemory(address: number, bytes: Uint8Array): AccessError | VmStateError | undefined {
    const open = this.#changing()
    return open instanceof VmStateError ? open : ramOf(open.live).write(address, bytes)
  }
  /** Calls `listener` as events happen, until the result is called. */
  observe(kinds: readonly EventKind[], listener: TraceListener): (() => void) | VmStateError {
    return this.#with(({ observers }) =>
      observers.add(kinds, (event) => {
        if (this.#hookFailure !== undefined) return
        try {
          listener(event)
        } catch (error) {
          // thrown from here it would leave the machine in the middle of something
          this.#hookFailure = { error }
        }
      })
    )
  }
  /**
   * Events from now until the reader stops or the machine is closed. It runs in short slices then, and waits for its readers. Throws VmStateError when it is
   * closed.
   */
  events(kinds: readonly EventKind[]): AsyncIterator<TraceEvent, undefined> {
    const feed = new EventFeed()
    const stop = this.observe(kinds, (event) => feed.push(event))
    if (stop instanceof VmStateError) throw stop
    this.#feeds.add(feed)
    const done = { done: true, value: undefined } as const
    return {
      next: async () => {
        const event = await feed.read()
        return event === undefined ? done : { done: false, value: event }
      },
      return: async () => {
        this.#feeds.delete(feed)
        stop()
        feed.end()
        return done
      }
    }
  }

  #startRun(until: RunLimit["until"]): Open | VmStateError {
    if (this.#running) return runs()
    const open = this.#changing()
    if (open instanceof VmStateError) return open
    const { live } = open
    if (until !== undefined && (typeof until === "bigint" || until.length > 0) && live.kind === "vm" && live.machine.isThreaded)
      return new VmStateError({ reason: "several-cpus", message: "a machine of several CPUs has no breakpoints", hint: "Run it by instructions." })
    this.#running = true
    return open
  }
  async #runTo(open: Open, maxInstructions: number, abort: AbortSignal | undefined): Promise<VmExit | MachineError> {
    const { live, prepared, observers } = open
    const { platform } = prepared
    const guest = runnableOf(live)
    const end = guest.executed() + maxInstructions
    let turned = platform.milliseconds()
    for (;;) {
      const before = guest.executed()
      if (before >= end) return { kind: "limit" }
      const exit = this.#slice(open, Math.min(this.#feeds.size > 0 ? SLICE_OBSERVED : SLICE, end - before))
      if (exit !== undefined || observers.isStopped) return exit ?? { kind: "limit" }
      for (const feed of this.#feeds) await feed.room()
      if (platform.milliseconds() - turned >= STILL_TIME) {
        await platform.turn()
        turned = platform.milliseconds()
      }
      if (this.#pauseAsked || abort?.aborted === true) return { kind: "paused" }
    }
  }
  /** Undefined: nothing to tell, the instructions are used up. */
  #slice({ live, clock }: Open, instructions: number): VmExit | MachineError | undefined {
    if (this.#ended !== undefined) return this.#ended
    const guest = runnableOf(live)
    const executed = guest.executed()
    if (clock.until(executed) === 0) for (const due of clock.take(executed)) guest.signal?.(due)
    const stop = this.#execute(guest, Math.min(instructions, clock.until(executed)))
    if (stop === undefined) return undefined
    if (stop.kind === "waiting") {
      if (stop.for === "input" || !clock.pending) return stop
      // Time stands still while the guest waits: the next scheduled signal is what happens next.
      clock.advance(guest.executed())
      return undefined
    }
    const said = endOf(stop)
    this.#ended =
      typeof said === "string" ? new MachineError({ message: said, hint: "An event listener of kind exc shows what led there." }) : exitOf(said)
    return this.#ended
  }
  #execute<T>(guest: { run(instructions: number): T }, instructions: number): T {
    this.#inSlice = true
    this.#hookFailure = undefined
    let result: T
    try {
      result = guest.run(instructions)
    } finally {
      this.#inSlice = false
    }
    if (this.#hookFailure !== undefined) throw (this.#hookFailure as { readonly error: unknown }).error
    return result
  }
  /** One instruction, or an exception in its place. */
  #stepOne(open: Open): VmExit | MachineError | undefined {
    const { live } = open
    const guest = runnableOf(live)
    const before = guest.executed()
    const pc = readPc(live)
    // what the modelled kernel traps without telling the guest, as a missing page, uses the budget up and is mended
    for (let tries = 0; tries < MOST_TRAPS; tries++) {
      const exit = this.#slice(open, 1)
      if (exit !== undefined || guest.executed() > before || readPc(live) !== pc) return exit
    }
    return undefined
  }
  #registersOf(cpu: number): Registers | AccessError | VmStateError {
    const open = this.#made()
    if (open instanceof VmStateError) return open
    const { live } = open
    const none = () => new AccessError({ reason: "no-vcpu", message: `there is no processor ${cpu}`, hint: "The first one is 0." })
    if (live.kind === "bare") {
      const pe = live.board.pes[cpu]
      return pe === undefined ? none() : peRegisters(pe)
    }
    const vcpu = live.vm.vcpus[cpu]
    return vcpu === undefined ? none() : vcpuRegisters(vcpu)
  }
}
const MOST_TRAPS = 64
const checkCount = (option: string, count: number): OptionError | undefined =>
  count >= 0 && (Number.isSafeInteger(count) || count === Number.POSITIVE_INFINITY)
    ? undefined
    : OptionError.of([{ option, message: `${count} is no count of instructions` }], "It is a whole number, 0 or more.")

const isFailure = (value: object): value is AccessError | VmStateError => value instanceof AccessError || value instanceof VmStateError
const readPc = (live: Live): bigint => (live.kind === "bare" ? live.board.pes[0]!.pc : live.vm.vcpus[0]!.registers.pc)
const exitOf = (end: RunEnd): VmExit => {
  if (end.kind === "limit" || end.kind === "saved" || end.kind === "interrupted") throw new TypeError(`A guest does not end by ${end.kind}`)
  return end
}
