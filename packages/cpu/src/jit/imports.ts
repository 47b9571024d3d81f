/** The functions every region module imports, in this order, before helpers of instructions. */
import type { Import, Signature } from "./module.ts"
import { F32, F64, I32, I64, V128 } from "./opcodes.ts"

/** Positions of the runtime's functions among the imports of every region module. */
export const IMPORT = { flags: 0, multiplyHighSigned: 1, multiplyHighUnsigned: 2, fma64: 3, fma32: 4, fma64x2: 5, fma32x4: 6 } as const
export type RuntimeFunction = keyof typeof IMPORT
export const SIGNATURES: Readonly<Record<RuntimeFunction, Signature>> = {
  flags: { parameters: [I64, I64, I32], results: [I32] },
  multiplyHighSigned: { parameters: [I64, I64], results: [I64] },
  multiplyHighUnsigned: { parameters: [I64, I64], results: [I64] },
  fma64: { parameters: [F64, F64, F64], results: [F64] },
  fma32: { parameters: [F32, F32, F32], results: [F32] },
  fma64x2: { parameters: [V128, V128, V128], results: [V128] },
  fma32x4: { parameters: [V128, V128, V128], results: [V128] }
}
export const RUNTIME_FUNCTIONS = Object.keys(IMPORT) as readonly RuntimeFunction[]
export const runtimeImports: readonly Import[] = RUNTIME_FUNCTIONS.map((name) => ({ name, signature: SIGNATURES[name] }))
