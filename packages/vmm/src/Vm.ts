/** Virtual machines for programs that use Effect. promise.ts has the same for those that do not. */
import { Context, Effect, Layer, type Scope, Stream } from "effect"
import type { ForkOptions, RestoreConfig, RunLimit, SaveConfig, VmConfig } from "./api/config.ts"
import type { VmExit } from "./api/exit.ts"
import type { MachineState } from "./api/machine.ts"
import { loadMachine, makeMachine, restoreMachine } from "./api/make.ts"
import type { MemoryRange } from "./api/memory.ts"
import type { EventKind } from "./api/observers.ts"
import type { RegisterInfo } from "./api/registers.ts"
import { type AccessError, type FileError, type MachineError, type OptionError, type SnapshotError, type VmmError, VmStateError } from "./errors.ts"
import type { Platform } from "./platform.ts"
import type { RunAccount, RunMachine } from "./run-result.ts"
import type { TraceEvent, TraceListener } from "./Trace.ts"

type Failure = VmmError | AccessError | VmStateError
/** The failure among the values a call may give, as a failure. */
const settle = <A>(call: () => A): Effect.Effect<Exclude<A, Failure>, Extract<A, Failure>> =>
  Effect.suspend(() => {
    const value = call()
    return value instanceof Error ? Effect.fail(value as Extract<A, Failure>) : Effect.succeed(value as Exclude<A, Failure>)
  })
const settleLater = <A>(call: (abort: AbortSignal) => Promise<A>): Effect.Effect<Exclude<A, Failure>, Extract<A, Failure>> =>
  Effect.flatMap(Effect.promise(call), (value) => settle(() => value))

/**
 * A virtual machine, closed with its scope; afterwards everything fails with VmStateError. Between two runs it may be looked at, changed, saved and forked as
 * one likes; while it runs, that happens between two of its slices.
 */
export class Vm {
  readonly #state: MachineState
  private constructor(state: MachineState) {
    this.#state = state
  }
  static #scoped<E, R>(state: Effect.Effect<MachineState, E, R>): Effect.Effect<Vm, E, R | Scope.Scope> {
    const closing = Effect.acquireRelease(state, (made) => Effect.sync(() => made.close()))
    return Effect.map(closing, (made) => new Vm(made))
  }

  /** A machine with its guest at the first instruction. */
  static make(config: VmConfig): Effect.Effect<Vm, VmmError, Platform | Scope.Scope> {
    return Vm.#scoped(makeMachine(config))
  }
  /** A machine where its snapshot left it; nothing is made when the snapshot is refused. */
  static restore(snapshot: Uint8Array, config: RestoreConfig = {}): Effect.Effect<Vm, VmmError, Platform | Scope.Scope> {
    return Vm.#scoped(restoreMachine(snapshot, config))
  }

  /** The machine that a program is about, as a service: made, and closed, with the layer. */
  static layer(config: VmConfig): Layer.Layer<CurrentVm, VmmError, Platform> {
    return Layer.scoped(CurrentVm, Vm.make(config))
  }

  /** What it consists of. */
  get machine(): Effect.Effect<RunMachine, VmStateError> {
    return settle(() => this.#state.machine)
  }
  /** What the guest and the modelled kernel did so far. */
  get account(): Effect.Effect<Omit<RunAccount, "milliseconds">, VmStateError> {
    return settle(() => this.#state.account())
  }
  /** Instructions the guest retired since it was started, before and after any snapshot. */
  get executed(): Effect.Effect<number, VmStateError> {
    return settle(() => this.#state.executed())
  }
  /**
   * Runs until the guest ends, waits, reaches an address or a limit. Interrupting the fiber pauses the machine at the end of its slice. MachineError: the
   * modelled kernel panicked.
   */
  run(limit: RunLimit = {}): Effect.Effect<VmExit, MachineError | OptionError | VmStateError> {
    return settleLater((abort) => this.#state.run(limit, abort))
  }
  /** Executes `count` instructions; one that takes an exception instead counts too. */
  step(count = 1): Effect.Effect<VmExit, MachineError | OptionError | VmStateError> {
    return settleLater(() => this.#state.step(count))
  }
  /** Ends the run of another fiber with exit "paused"; waits for that. */
  pause(): Effect.Effect<void> {
    return Effect.promise(() => this.#state.pause())
  }
  /** Sends a signal (its Linux number) to a program; images have none. */
  signal(signal: number): Effect.Effect<void, VmStateError> {
    return settle(() => this.#state.signal(signal))
  }
  /**
   * Another machine that goes on from where this one is, beside it. It costs next to nothing until it is used: pages are copied when this one writes them. Its
   * input and output are this one's unless given. SnapshotError: it is in a state that cannot be saved (several CPUs, a protected guest, a pause).
   */
  fork({ streams }: ForkOptions = {}): Effect.Effect<Vm, SnapshotError | VmStateError, Scope.Scope> {
    return Vm.#scoped(settle(() => this.#state.fork(streams)))
  }
  /** The bytes of a snapshot, the same for the same state; with `parents`, the full one first, only what changed since the last of them. */
  snapshot({ parents = [] }: { readonly parents?: readonly Uint8Array[] } = {}): Effect.Effect<Uint8Array, SnapshotError | VmStateError> {
    return settle(() => this.#state.snapshot(parents))
  }
  /** The bytes of a snapshot that is sealed with a key of 32 bytes, as `parents` are: also of a protected guest. They are others each time. */
  sealed(
    key: Uint8Array,
    { parents = [] }: { readonly parents?: readonly Uint8Array[] } = {}
  ): Effect.Effect<Uint8Array, SnapshotError | VmStateError> {
    return settleLater(() => this.#state.sealed(key, parents))
  }

  /**
   * Takes the machine to where a snapshot was made, of this guest or of any other: on its own plugins, engine, files and streams unless `config` says otherwise.
   * Hooks and streams of events stay. It must not be running; refused, it is what it was.
   */
  load(snapshot: Uint8Array, config: RestoreConfig = {}): Effect.Effect<void, VmmError | VmStateError> {
    return loadMachine(this.#state, snapshot, config)
  }
  /** Writes a snapshot to a file: the path names the old file or the whole new one, whatever happens. SNAPSHOT_EXISTS: there is one, and no `force`. */
  save(path: string, config: SaveConfig = {}): Effect.Effect<void, SnapshotError | VmStateError | FileError> {
    return settleLater(() => this.#state.save(path, config))
  }

  /** The registers of a processor that there are now. */
  registers(cpu = 0): Effect.Effect<readonly RegisterInfo[], AccessError | VmStateError> {
    return settle(() => this.#state.registers(cpu))
  }
  /** A register by its architectural name; Z and P have the vector length in force. */
  readRegister(name: string, cpu = 0): Effect.Effect<bigint, AccessError | VmStateError> {
    return settle(() => this.#state.readRegister(name, cpu))
  }
  /** Sets a register; fails when it does not exist or cannot have the value. */
  writeRegister(name: string, value: bigint, cpu = 0): Effect.Effect<void, AccessError | VmStateError> {
    return settle(() => this.#state.writeRegister(name, value, cpu))
  }
  /** Where memory is: guest-physical addresses. */
  memory(): Effect.Effect<readonly MemoryRange[], VmStateError> {
    return settle(() => this.#state.memory())
  }
  /** A copy of `bytes` bytes at a guest-physical address; fails unless all of them are memory that its owner may see. */
  readMemory(address: number, bytes: number): Effect.Effect<Uint8Array, AccessError | VmStateError> {
    return settle(() => this.#state.readMemory(address, bytes))
  }
  /** Writes guest-physical memory, all of it or nothing; code that the guest has run there is run anew. */
  writeMemory(address: number, bytes: Uint8Array): Effect.Effect<void, AccessError | VmStateError> {
    return settle(() => this.#state.writeMemory(address, bytes))
  }

  /** Events of these kinds while the stream is read. The machine waits for a reader that is thousands of events behind. */
  events(kinds: readonly EventKind[]): Stream.Stream<TraceEvent, VmStateError> {
    return Stream.fromAsyncIterable({ [Symbol.asyncIterator]: () => this.#state.events(kinds) }, (error) => {
      if (error instanceof VmStateError) return error
      throw error
    })
  }
  /** Calls a hook as events of these kinds happen, inside the machine, which it must not change; the result removes it. */
  observe(kinds: readonly EventKind[], hook: TraceListener): Effect.Effect<() => void, VmStateError> {
    return settle(() => this.#state.observe(kinds, hook))
  }
}

/** The service of programs that are about one machine; Vm.layer gives it. */
export class CurrentVm extends Context.Tag("@eltwo/vmm/CurrentVm")<CurrentVm, Vm>() {}
