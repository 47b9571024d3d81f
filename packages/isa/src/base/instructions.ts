/** Every instruction of the base: A64 without floating point, vectors and matrices. */
import type { Instruction } from "../instruction.ts"
import { addSubtract } from "./add-subtract.ts"
import { barriers } from "./barriers.ts"
import { bitFields } from "./bit-fields.ts"
import { branches } from "./branches.ts"
import { conditional } from "./conditional.ts"
import { dataProcessing } from "./data-processing.ts"
import { exceptions } from "./exceptions.ts"
import { flagManipulation } from "./flag-manipulation.ts"
import { hints } from "./hints.ts"
import { loadStoreInstructions } from "./load-store.ts"
import { logical } from "./logical.ts"
import { moveWide } from "./move-wide.ts"
import { systemInstructions } from "./system-instructions.ts"
import { systemRegisterMoves } from "./system-registers.ts"

export const baseInstructions: readonly Instruction[] = [
  ...addSubtract,
  ...logical,
  ...moveWide,
  ...bitFields,
  ...conditional,
  ...dataProcessing,
  ...flagManipulation,
  ...branches,
  ...exceptions,
  ...hints,
  ...barriers,
  ...systemInstructions,
  ...systemRegisterMoves,
  ...loadStoreInstructions
]
