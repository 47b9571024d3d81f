/** The machine that is compared: the base and the FP/AdvSIMD extension. */
import { base, composeOrThrow, disassemble, type Machine } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"

export const machineUnderTest = (): Machine => composeOrThrow([base, fpsimd])
export const disassembler =
  (machine: Machine) =>
  (word: number): string => {
    const instruction = machine.decode(word)
    return instruction === undefined ? "?" : disassemble(instruction, word, { address: 0 })
  }
