/** Counts over the life of a host: exits by class, FP traps, register files moved. Counting is always on. */
import { EC } from "@eltwo/isa"

/** Exits that are no exception class. */
export type ExitName = keyof typeof EC | "IRQ" | "SError" | "Illegal"

/** How often a register file was stored and loaded, and the bytes of its images. */
export interface Moves {
  saves: number
  savedBytes: number
  loads: number
  loadedBytes: number
}
const add = <Key>(counts: Map<Key, number>, key: Key): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

/** What a host counted since it booted: exits, traps, moves of register files and their bytes. */
export class Account {
  /** Instructions that guests retired. */
  instructions = 0
  /** Guest entries (ERET to a guest). */
  entries = 0
  /** Traps from a guest to EL2 by exception class, including those hyp code resolved alone. */
  readonly #exits = new Map<ExitName, number>()
  /** Guest traps on FP, SVE or SME access. */
  fpTraps = 0
  /** Whole register files stored and loaded, and the bytes of their images. */
  saves = 0
  /** Bytes stored by saves. */
  savedBytes = 0
  /** Register files loaded. */
  loads = 0
  /** Bytes loaded. */
  loadedBytes = 0
  /** The same by register file: "fpsimd", "sve", "za". */
  readonly moves = new Map<string, Moves>()
  /** Context synchronisations by kernel and hyp code. */
  isbs = 0
  /** Writes of main registers (trap words, HCR_EL2, vector lengths) by the name the instruction had. */
  readonly writes = new Map<string, number>()
  /** Calls of a host kernel at EL1 to hyp code, by function number. */
  readonly hostCalls = new Map<number, number>()
  /** KVM_RUN calls by the reason they came back with. */
  readonly #runs = new Map<string, number>()

  /** Counts an exit. */
  exit(name: ExitName): void {
    add(this.#exits, name)
  }
  /** Counts the end of a KVM_RUN. */
  run(reason: string): void {
    add(this.#runs, reason)
  }
  /** Counts a register file stored. */
  saved(component: string, bytes: number): void {
    const moves = this.#movesOf(component)
    this.saves++
    this.savedBytes += bytes
    moves.saves++
    moves.savedBytes += bytes
  }
  /** Counts a register file loaded. */
  loaded(component: string, bytes: number): void {
    const moves = this.#movesOf(component)
    this.loads++
    this.loadedBytes += bytes
    moves.loads++
    moves.loadedBytes += bytes
  }
  #movesOf(component: string): Moves {
    let moves = this.moves.get(component)
    if (!moves) this.moves.set(component, (moves = { saves: 0, savedBytes: 0, loads: 0, loadedBytes: 0 }))
    return moves
  }
  /** Counts a write of a control register. */
  wrote(register: string): void {
    add(this.writes, register)
  }
  /** Counts a call of hyp code. */
  hostCall(call: number): void {
    add(this.hostCalls, call)
  }
  /** Exits by name. */
  get exits(): ReadonlyMap<ExitName, number> {
    return this.#exits
  }
  /** KVM_RUN by the reason it came back with. */
  get runs(): ReadonlyMap<string, number> {
    return this.#runs
  }
  /** Counts of another host's life that this one continues. */
  restore(exits: Iterable<readonly [ExitName, number]>, runs: Iterable<readonly [string, number]>): void {
    this.#exits.clear()
    this.#runs.clear()
    for (const [name, count] of exits) this.#exits.set(name, count)
    for (const [reason, count] of runs) this.#runs.set(reason, count)
  }
}
/** Name of an exception class in the account. */
export const exitName = (ec: number): ExitName => (EC[ec] as keyof typeof EC | undefined) ?? "Unknown"
