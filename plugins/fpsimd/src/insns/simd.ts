/** All AdvSIMD integer and data-movement instructions. */
import type { Instruction } from "@eltwo/isa"
import { simdAcross } from "./simd-across.ts"
import { simdByElement } from "./simd-by-element.ts"
import { simdCopy } from "./simd-copy.ts"
import { simdDotProduct } from "./simd-dot-product.ts"
import { simdImmediate } from "./simd-immediate.ts"
import { simdPermute } from "./simd-permute.ts"
import { simdShift } from "./simd-shift.ts"
import { simdThreeDifferent } from "./simd-three-different.ts"
import { simdThreeSame } from "./simd-three-same.ts"
import { simdTwoRegister } from "./simd-two-register.ts"

export const simdInstructions: readonly Instruction[] = [
  ...simdThreeSame,
  ...simdThreeDifferent,
  ...simdTwoRegister,
  ...simdAcross,
  ...simdPermute,
  ...simdCopy,
  ...simdImmediate,
  ...simdShift,
  ...simdByElement,
  ...simdDotProduct
]
