/** The base architecture as an extension like any other: A64 without FP, its system registers and features. */
import { once } from "../once.ts"
import { defineExtension } from "../plugin.ts"
import { baseFeatures } from "./features.ts"
import { baseGates } from "./gates.ts"
import { baseInstructions } from "./instructions.ts"
import { controlRegisters } from "./registers-control.ts"
import { debugRegisters } from "./registers-debug.ts"
import { identificationRegisters } from "./registers-identification.ts"
import { interruptRegisters, LIST_REGISTERS } from "./registers-interrupt.ts"
import { processRegisters } from "./registers-process.ts"
import { timerRegisters } from "./registers-timer.ts"
import { generalState } from "./state.ts"
import { systemInstructionNames } from "./system-instruction-names.ts"

const systemInstructions = once(() => new Map(systemInstructionNames().map(({ name, encoding }) => [name, encoding])))
/** Encoding of a SYS instruction by its name, "tlbi vmalle1is". */
export const encodingOfSystemInstruction = (name: string): number | undefined => systemInstructions().get(name.toLowerCase())

export { LIST_REGISTERS }

/** The A64 base architecture: what every machine has. */
export const base = defineExtension({
  name: "base",
  doc: "A64 without floating point, and the system registers of EL0 to EL2.",
  features: baseFeatures,
  registers: [...identificationRegisters, ...controlRegisters, ...processRegisters, ...timerRegisters, ...debugRegisters, ...interruptRegisters],
  instructions: baseInstructions,
  gates: baseGates,
  components: [generalState]
})
