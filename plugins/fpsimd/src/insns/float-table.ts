/** Opcode tables as the manual has them: a number, its mnemonic and its meaning, most often what a lane becomes. */
import type { Cpu, Float, Value } from "@eltwo/isa"

export type UnaryLane = (F: Float, x: Value, cpu: Cpu) => Value
export type BinaryLane = (F: Float, x: Value, y: Value, cpu: Cpu) => Value
export type Row<Meaning> = readonly [opcode: number, mnemonic: string, meaning: Meaning]
export type Unary = Row<UnaryLane>
export type Binary = Row<BinaryLane>

export interface OpcodeTable<Meaning> {
  has(opcode: number): boolean
  /** Only of an opcode it has. */
  at(opcode: number): Meaning
  /** By opcode, "-" where there is none: what `choice` wants. */
  readonly mnemonics: readonly string[]
  /** The manual's heading of the family. */
  readonly heading: string
}
/** The rows of a table whose opcodes have `width` bits. */
export const opcodeTable = <Meaning>(width: number, rows: readonly Row<Meaning>[]): OpcodeTable<Meaning> => {
  const meanings: (Meaning | undefined)[] = Array.from({ length: 1 << width })
  const mnemonics = Array.from(meanings, () => "-")
  for (const [opcode, mnemonic, meaning] of rows) {
    meanings[opcode] = meaning
    mnemonics[opcode] = mnemonic
  }
  return {
    has: (opcode) => meanings[opcode] !== undefined,
    at: (opcode) => meanings[opcode]!,
    mnemonics,
    heading: rows.map(([, mnemonic]) => mnemonic.toUpperCase()).join(", ")
  }
}
