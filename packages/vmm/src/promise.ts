/** Virtual machines for programs that do not use Effect: the same as Vm of the main entry, with promises that reject with its errors. */
import { Effect, Either } from "effect"
import type { ForkOptions, RestoreConfig, RunLimit, SaveConfig, VmConfig } from "./api/config.ts"
import type { VmExit } from "./api/exit.ts"
import type { MachineState } from "./api/machine.ts"
import { loadMachine, makeMachine, restoreMachine } from "./api/make.ts"
import type { MemoryRange } from "./api/memory.ts"
import type { EventKind } from "./api/observers.ts"
import type { RegisterInfo } from "./api/registers.ts"
import type { VmmError } from "./errors.ts"
import { Platform, type PlatformService } from "./platform.ts"
import type { RunAccount, RunMachine } from "./run-result.ts"
import type { TraceEvent, TraceListener } from "./Trace.ts"
import { valuesPlatform } from "./values-platform.ts"

export type { ForkOptions, GuestValue, RestoreConfig, RunLimit, SaveConfig, VmConfig } from "./api/config.ts"
export type { VmExit } from "./api/exit.ts"
export type { MemoryRange } from "./api/memory.ts"
export type { EventKind } from "./api/observers.ts"
export type { RegisterInfo } from "./api/registers.ts"
export * from "./errors.ts"
export type { PlatformService } from "./platform.ts"
export type { TraceEvent, TraceListener } from "./Trace.ts"
export { type PlatformValues, SILENT, textOutput, valuesPlatform } from "./values-platform.ts"

/** Where files and plugins come from; a platform of nothing when left out. On Node, nodePlatform() of @eltwo/vmm/node. */
export interface OnPlatform {
  /** valuesPlatform() when left out. */
  readonly platform?: PlatformService
}

const thrown = <A>(value: A): Exclude<A, Error> => {
  if (value instanceof Error) throw value
  return value as Exclude<A, Error>
}
const made = async (effect: Effect.Effect<MachineState, VmmError, Platform>, platform: PlatformService): Promise<MachineState> => {
  const result = await Effect.runPromise(Effect.either(Effect.provideService(effect, Platform, platform)))
  if (Either.isLeft(result)) throw result.left
  return result.right
}

/**
 * A virtual machine, until close(); afterwards everything rejects or throws VmStateError. What takes no time is synchronous. Between two runs it may be looked
 * at, changed, saved and forked as one likes; while it runs, that happens between two of its slices.
 */
export class Vm {
  readonly #state: MachineState
  private constructor(state: MachineState) {
    this.#state = state
  }
  /** A machine with its guest at the first instruction; rejects with a VmmError. */
  static async make({ platform = valuesPlatform(), ...config }: VmConfig & OnPlatform): Promise<Vm> {
    return new Vm(await made(makeMachine(config), platform))
  }
  /** A machine where its snapshot left it; rejects with a SnapshotError when the snapshot is refused. */
  static async restore(snapshot: Uint8Array, { platform = valuesPlatform(), ...config }: RestoreConfig & OnPlatform = {}): Promise<Vm> {
    return new Vm(await made(restoreMachine(snapshot, config), platform))
  }
  /** Gives back what it holds. A run that is going on ends. */
  close(): void {
    this.#state.close()
  }

  /** What it consists of. */
  get machine(): RunMachine {
    return thrown(this.#state.machine)
  }
  /** What the guest and the modelled kernel did so far. */
  get account(): Omit<RunAccount, "milliseconds"> {
    return thrown(this.#state.account())
  }
  /** Instructions the guest retired since it was started, before and after any snapshot. */
  get executed(): number {
    return thrown(this.#state.executed())
  }
  /** Runs until the guest ends, waits, reaches an address or a limit. Rejects with MachineError when the modelled kernel panicked. */
  async run(limit: RunLimit = {}): Promise<VmExit> {
    return thrown(await this.#state.run(limit))
  }
  /** Executes `count` instructions; one that takes an exception instead counts too. */
  async step(count = 1): Promise<VmExit> {
    return thrown(await this.#state.step(count))
  }
  /** Ends the run that is going on with exit "paused"; resolves when it has come to rest. */
  async pause(): Promise<void> {
    await this.#state.pause()
  }
  /** Sends a signal (its Linux number) to a program; images have none. */
  signal(signal: number): void {
    thrown(this.#state.signal(signal))
  }
  /**
   * Another machine that goes on from where this one is, beside it. It costs next to nothing until it is used: pages are copied when this one writes them. Its
   * input and output are this one's unless given. Close it, used or not. Throws SnapshotError when this one is in a state that cannot be saved (several CPUs, a
   * protected guest, a pause).
   */
  fork({ streams }: ForkOptions = {}): Vm {
    return new Vm(thrown(this.#state.fork(streams)))
  }
  /** The bytes of a snapshot, the same for the same state; with `parents`, the full one first, only what changed since the last of them. */
  snapshot({ parents = [] }: { readonly parents?: readonly Uint8Array[] } = {}): Uint8Array {
    return thrown(this.#state.snapshot(parents))
  }
  /** The bytes of a snapshot that is sealed with a key of 32 bytes, as `parents` are: also of a protected guest. They are others each time. */
  async sealed(key: Uint8Array, { parents = [] }: { readonly parents?: readonly Uint8Array[] } = {}): Promise<Uint8Array> {
    return thrown(await this.#state.sealed(key, parents))
  }

  /**
   * Takes the machine to where a snapshot was made, of this guest or of any other: on its own plugins, engine, files and streams unless `config` says otherwise.
   * Hooks and streams of events stay. It must not be running. Rejects with a VmmError; the machine is what it was then.
   */
  async load(snapshot: Uint8Array, config: RestoreConfig = {}): Promise<void> {
    const result = await Effect.runPromise(Effect.either(loadMachine(this.#state, snapshot, config)))
    if (Either.isLeft(result)) throw result.left
  }
  /**
   * Writes a snapshot to a file: the path names the old file or the whole new one, whatever happens. Rejects with a FileError, or a SnapshotError
   * (SNAPSHOT_EXISTS: there is a file, and no `force`).
   */
  async save(path: string, config: SaveConfig = {}): Promise<void> {
    thrown(await this.#state.save(path, config))
  }

  /** The registers of a processor that there are now. */
  registers(cpu = 0): readonly RegisterInfo[] {
    return thrown(this.#state.registers(cpu))
  }
  /** A register by its architectural name; Z and P have the vector length in force. Throws AccessError. */
  readRegister(name: string, cpu = 0): bigint {
    return thrown(this.#state.readRegister(name, cpu))
  }
  /** Sets a register. Throws AccessError when it does not exist or cannot have the value. */
  writeRegister(name: string, value: bigint, cpu = 0): void {
    thrown(this.#state.writeRegister(name, value, cpu))
  }
  /** Where memory is: guest-physical addresses. */
  get memory(): readonly MemoryRange[] {
    return thrown(this.#state.memory())
  }
  /** A copy of `bytes` bytes at a guest-physical address. Throws AccessError unless all of them are memory that its owner may see. */
  readMemory(address: number, bytes: number): Uint8Array {
    return thrown(this.#state.readMemory(address, bytes))
  }
  /** Writes guest-physical memory, all of it or nothing; code that the guest has run there is run anew. Throws AccessError. */
  writeMemory(address: number, bytes: Uint8Array): void {
    thrown(this.#state.writeMemory(address, bytes))
  }

  /** Events of these kinds from the first `next()` on, until the loop is left or the machine closed. The machine waits for a reader that is far behind. */
  events(kinds: readonly EventKind[]): AsyncIterable<TraceEvent> {
    return { [Symbol.asyncIterator]: () => this.#state.events(kinds) }
  }
  /** Calls a hook as events of these kinds happen, inside the machine, which it must not change; the result removes it. */
  observe(kinds: readonly EventKind[], hook: TraceListener): () => void {
    return thrown(this.#state.observe(kinds, hook))
  }
}
