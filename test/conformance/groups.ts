/** The instruction groups that conformance checks run over. A new plugin with instructions is one more line. */
import { base, composeOrThrow, type Instruction, Table } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"

export interface Group {
  readonly name: string
  readonly instructions: readonly Instruction[]
}
const extensions = [base, fpsimd]
export const groups: readonly Group[] = extensions.map(({ name, instructions }) => ({ name, instructions: instructions ?? [] }))
/** All groups together, features that are off by default included. */
export const everyInstruction: readonly Instruction[] = groups.flatMap((group) => group.instructions)
export const everyMachine = composeOrThrow(extensions)
/** All instructions as one table, with the names of all system registers. */
export const everyTable = new Table(everyInstruction, { systemNames: everyMachine.systemNames })
