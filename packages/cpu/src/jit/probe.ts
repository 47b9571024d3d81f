/** What the host's WebAssembly can do beyond the base. */
import { once } from "@eltwo/isa"
import { Emitter } from "./emitter.ts"
import { encodeModule, functionBody } from "./module.ts"
import { constFloat, lane, Node, unary } from "./node.ts"
import { F64, floatPattern, V128, v128 } from "./opcodes.ts"

/** 1 + 2^-30; its square is 1 + 2^-29 + 2^-60. */
const FACTOR = 0x3ff0000000400000n
/** -(1 + 2^-29) */
const ADDEND = 0xbff0000000800000n
const TINY = 2 ** -60

/**
 * relaxed_madd exists and rounds once, so that it may stand for FMADD and FMLA. It is tried when a translation first wants to know. Where relaxed SIMD is
 * behind a flag (Node 20: `--experimental-wasm-relaxed-simd`), whoever embeds the engine must set the flag before.
 */
export const hasFusedMultiplyAdd = once((): boolean => {
  const signature = { parameters: [], results: [F64] }
  const e = new Emitter(0)
  const splat = (pattern: bigint) => unary(V128, floatPattern.splat[1], constFloat(F64, pattern))
  const factor = splat(FACTOR)
  e.value(lane(F64, floatPattern.extract[1], 0, new Node(V128, v128.f64x2RelaxedMadd, factor, splat(FACTOR), splat(ADDEND), 0, undefined)))
  const bytes = encodeModule([], [functionBody("f", signature, e)]) as BufferSource
  if (!WebAssembly.validate(bytes)) return false
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports
  return (f as () => number)() === TINY
})
