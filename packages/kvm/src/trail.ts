/** The last operations of a CPU on its registers, kept without allocation for a crash report. */
import type { PortTrap, RegisterList } from "@eltwo/cpu"

/** One of them. */
export interface TrailEntry {
  readonly operation: string
  readonly operand: string
  readonly value: bigint
}
const LENGTH = 32

export class Trail {
  readonly #operations = new Array<string>(LENGTH).fill("")
  readonly #operands = new Array<string>(LENGTH).fill("")
  readonly #values = new BigUint64Array(LENGTH)
  #next = 0

  note(operation: string, operand: string, value: bigint): void {
    const at = this.#next
    this.#operations[at] = operation
    this.#operands[at] = operand
    this.#values[at] = value
    this.#next = (at + 1) % LENGTH
  }
  /** A list from a context, one by one as far as it went: to the register that was trapped. */
  noteList(operation: string, { names, slots }: RegisterList, context: BigUint64Array, trap: PortTrap | undefined): void {
    const end = trap ? names.findIndex((name) => trap.operation === `${operation} ${name}`) + 1 : names.length
    for (let i = Math.max(0, end - LENGTH); i < end; i++) this.note(operation, names[i]!, context[slots[i]!]!)
  }
  /** Oldest first. */
  entries(): readonly TrailEntry[] {
    return Array.from({ length: LENGTH }, (_, i) => {
      const at = (this.#next + i) % LENGTH
      return { operation: this.#operations[at]!, operand: this.#operands[at]!, value: this.#values[at]! }
    }).filter((entry) => entry.operation !== "")
  }
}
