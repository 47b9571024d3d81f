/** The word of a prepared instruction, through the instruction table and a memory of what it read before. */
import type { Reading } from "../decode.ts"
import type { Place } from "../operand/operand.ts"
import type { Evaluation, Expression } from "./expression.ts"
import { type PreparedInstruction, render, rewritten } from "./operands.ts"

/** The part of an instruction table that the assembler uses. */
export interface ReadableTable {
  read(text: string, place: Place): Reading
}

/** Texts are rendered relative to the instruction, so that any place will do. */
const PLACE: Place = { address: 0 }
const MAXIMUM_REMEMBERED = 100_000

export class InstructionReader {
  readonly #table: ReadableTable
  readonly #read = new Map<string, Reading>()

  constructor(table: ReadableTable) {
    this.#table = table
  }

  read(
    prepared: PreparedInstruction,
    address: bigint,
    evaluate: (expression: Expression) => Evaluation,
    literalAddress: bigint | undefined
  ): Reading {
    const rendering = render(prepared, address, evaluate, literalAddress)
    if ("problem" in rendering) return rendering
    const { text, asWritten, unresolved, distance } = rendering
    const reading = this.#lookUp(text)
    if ("word" in reading) return reading
    for (const other of [asWritten, rewritten(text)]) {
      const word = other === undefined ? reading : this.#lookUp(other)
      if ("word" in word) return word
    }
    if (unresolved && "word" in this.#lookUp(unresolved.text)) return { problem: unresolved.problem }
    if (reading.problem.startsWith("no instruction")) return reading
    const target = distance === undefined ? "" : ` (its target is ${distance} bytes away)`
    return { problem: `the operands fit no form of '${prepared.mnemonic}'${target}` }
  }
  #lookUp(text: string): Reading {
    const known = this.#read.get(text)
    if (known) return known
    if (this.#read.size >= MAXIMUM_REMEMBERED) this.#read.clear()
    const reading = this.#table.read(text, PLACE)
    this.#read.set(text, reading)
    return reading
  }
}
