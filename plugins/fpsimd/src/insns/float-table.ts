/** Opcode tables as the manual has them: a number, its mnemonic and what a lane becomes. */
import type { Cpu, Float, Value } from "@eltwo/isa"

export type UnaryLane = (F: Float, x: Value, cpu: Cpu) => Value
export type BinaryLane = (F: Float, x: Value, y: Value, cpu: Cpu) => Value
export type Row<Lane> = readonly [opcode: number, mnemonic: string, lane: Lane]
export type Unary = Row<UnaryLane>
export type Binary = Row<BinaryLane>

export interface OpcodeTable<Lane> {
  has(opcode: number): boolean
  lane(opcode: number): Lane
  /** By opcode, "-" where there is none: what `choice` wants. */
  readonly mnemonics: readonly string[]
  /** The manual's heading of the family. */
  readonly heading: string
}
/** The rows of a table whose opcodes have `width` bits. */
export const opcodeTable = <Lane>(width: number, rows: readonly Row<Lane>[]): OpcodeTable<Lane> => {
  const lanes: (Lane | undefined)[] = Array.from({ length: 1 << width })
  const mnemonics = Array.from(lanes, () => "-")
  for (const [opcode, mnemonic, lane] of rows) {
    lanes[opcode] = lane
    mnemonics[opcode] = mnemonic
  }
  return {
    has: (opcode) => lanes[opcode] !== undefined,
    lane: (opcode) => lanes[opcode]!,
    mnemonics,
    heading: rows.map(([, mnemonic]) => mnemonic.toUpperCase()).join(", ")
  }
}
