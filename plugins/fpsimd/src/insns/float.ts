/** All floating-point instructions of FP and AdvSIMD. */
import type { Instruction } from "@eltwo/isa"
import { floatByElement } from "./float-by-element.ts"
import { floatComplex } from "./float-complex.ts"
import { floatConvert } from "./float-convert.ts"
import { floatImmediates } from "./float-immediate.ts"
import { floatPairwise } from "./float-pairwise.ts"
import { floatScalar } from "./float-scalar.ts"
import { floatThreeSame } from "./float-three-same.ts"
import { floatTwoRegister } from "./float-two-register.ts"
import { floatWidening } from "./float-widening.ts"

export const floatInstructions: readonly Instruction[] = [
  ...floatScalar,
  ...floatConvert,
  ...floatThreeSame,
  ...floatTwoRegister,
  ...floatPairwise,
  ...floatByElement,
  ...floatImmediates,
  ...floatComplex,
  ...floatWidening
]
