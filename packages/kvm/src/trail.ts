/** The last operations of a CPU on its registers, kept without allocation for a crash report. */
export interface TrailEntry {
  readonly operation: string
  readonly operand: string
  readonly value: bigint
}
const LENGTH = 32

export class Trail {
  readonly #operations = new Array<string>(LENGTH).fill("")
  readonly #operands = new Array<string>(LENGTH).fill("")
  readonly #values = new Array<bigint>(LENGTH).fill(0n)
  #next = 0

  note(operation: string, operand: string, value: bigint): void {
    const at = this.#next
    this.#operations[at] = operation
    this.#operands[at] = operand
    this.#values[at] = value
    this.#next = (at + 1) % LENGTH
  }
  /** Oldest first. */
  entries(): readonly TrailEntry[] {
    return Array.from({ length: LENGTH }, (_, i) => {
      const at = (this.#next + i) % LENGTH
      return { operation: this.#operations[at]!, operand: this.#operands[at]!, value: this.#values[at]! }
    }).filter((entry) => entry.operation !== "")
  }
}
