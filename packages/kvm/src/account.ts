/** Counts over the life of a host: exits by class, FP traps, register files moved. Counting is always on. */
import { EC } from "@eltwo/isa"

/** Exits that are no exception class. */
export type ExitName = keyof typeof EC | "IRQ" | "SError" | "Illegal"

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
  savedBytes = 0
  loads = 0
  loadedBytes = 0
  /** KVM_RUN calls by the reason they came back with. */
  readonly #runs = new Map<string, number>()

  exit(name: ExitName): void {
    this.#exits.set(name, (this.#exits.get(name) ?? 0) + 1)
  }
  run(reason: string): void {
    this.#runs.set(reason, (this.#runs.get(reason) ?? 0) + 1)
  }
  get exits(): ReadonlyMap<ExitName, number> {
    return this.#exits
  }
  get runs(): ReadonlyMap<string, number> {
    return this.#runs
  }
}
/** Name of an exception class in the account. */
export const exitName = (ec: number): ExitName => (EC[ec] as keyof typeof EC | undefined) ?? "Unknown"
