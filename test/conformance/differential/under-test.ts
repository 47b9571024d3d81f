/** The machine that is compared: the base and the FP/AdvSIMD extension, and how a case starts on it. */
import type { Pe } from "@eltwo/cpu"
import { base, composeOrThrow, disassemble, type Machine } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"

export const machineUnderTest = (): Machine => composeOrThrow([base, fpsimd])
export const resetToEl0 = (pe: Pe): void => {
  pe.pstate = 0
}
export const disassembler =
  (machine: Machine) =>
  (word: number): string => {
    const instruction = machine.decode(word)
    return instruction === undefined ? "?" : disassemble(instruction, word, { address: 0 })
  }
