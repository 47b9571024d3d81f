/** Conversions from 8-bit floating point, E5M2 or E4M3 as FPMR says, to half precision and bfloat16. */
import { type Cpu, choice, type Instruction, instruction, parseEncoding, type Value } from "@eltwo/isa"
import { FPMR } from "../registers.ts"

const encoding = parseEncoding(FPMR.encoding)
/** Where FPMR has the format and the scale of the first and of the second source. */
const FORMAT = [0, 3] as const
const SCALE = [16, 32] as const
/** Formats; the other values are reserved and make every element an invalid one. */
const [E5M2, E4M3] = [0, 1]
/** How much of the scale counts, by the result: half precision and bfloat16. */
const SCALE_MASK = [15, 63] as const
const INFINITY = [0x7c00, 0x7f80] as const
const QUIET = [0x7e00, 0x7fc0] as const
const SIGNALLING_HALF = 0x7d00

/** Converter of one byte, rounding to nearest whatever FPCR says: a 32-bit value, under the FPMR of now. */
const converter = (cpu: Cpu, toBfloat: number, second: number): ((byte: Value) => Value) => {
  const [D, W] = [cpu.unsigned(64), cpu.unsigned(32)]
  const [half, single] = [cpu.float(16), cpu.float(32)]
  // Its NaNs are the default one, with the sign that FPCR.AH gives it.
  const silent = cpu.float(toBfloat ? "bfloat16" : 16, "za")
  const H = cpu.unsigned(16)
  const fpmr = cpu.systemRegister(encoding)
  const field = (at: number, mask: number) => W.and(W.from(D.shiftRight(fpmr, at), D), W.constant(mask))
  const format = field(FORMAT[second as 0 | 1], 7)
  const is = (value: number) => W.test(format, "equal", W.constant(value))
  const [wide, narrow] = [is(E5M2), is(E4M3)]
  const reserved = cpu.negated(cpu.either(wide, narrow))
  // E4M3 in the place of a half's bits is 2^8 too small.
  const exponent = W.subtract(W.select(narrow, W.constant(127 + 8), W.constant(127)), field(SCALE[second as 0 | 1], SCALE_MASK[toBfloat as 0 | 1]))
  const scale = W.shiftLeft(exponent, 23)

  return (byte) => {
    const magnitude = W.and(byte, W.constant(0x7f))
    const sign = W.shiftLeft(W.and(byte, W.constant(0x80)), 8)
    const above = (limit: number) => W.test(magnitude, "greater", W.constant(limit))
    const notQuiet = W.test(W.and(byte, W.constant(2)), "equal", W.constant(0))
    const undefinedNumber = cpu.either(reserved, cpu.either(cpu.both(wide, above(0x7c)), cpu.both(narrow, above(0x7e))))
    const invalid = cpu.either(reserved, cpu.either(cpu.both(wide, cpu.both(above(0x7c), notQuiet)), cpu.both(narrow, above(0x7e))))
    const isInfinity = cpu.both(wide, W.test(magnitude, "equal", W.constant(0x7c)))
    const isNumber = cpu.negated(cpu.either(undefinedNumber, isInfinity))
    // An addition that sees a signalling NaN reports invalid elements; whatever it gives, a quiet NaN is made of it.
    const reported = half.add(H.select(invalid, H.constant(SIGNALLING_HALF), H.constant(0)), H.constant(0))
    const nan = silent.add(H.or(reported, H.constant(QUIET[toBfloat as 0 | 1])), H.constant(0))
    const pattern = W.or(sign, W.select(wide, W.shiftLeft(magnitude, 8), W.shiftLeft(magnitude, 7)))
    const scaled = single.multiply(single.convert(H.from(W.select(isNumber, pattern, W.constant(0)), W), half), scale)
    const number = toBfloat ? H.from(W.shiftRight(scaled, 16), W) : half.convert(scaled, single, "nearestEven")
    const infinity = H.or(H.from(sign, W), H.constant(INFINITY[toBfloat as 0 | 1]))
    return H.select(undefinedNumber, nan, H.select(isInfinity, infinity, number))
  }
}
export const convertLong = instruction({
  name: "F1CVTL, F2CVTL, BF1CVTL, BF2CVTL",
  encoding: "0 Q 101110 toBfloat second 100001011110 Rn:5 Rd:5",
  assembly: "<name><Q> <Vd>.8h, <Vn>.<T>",
  operands: { name: choice(["toBfloat:1", "second:1"], "f1cvtl f2cvtl bf1cvtl bf2cvtl"), Q: choice("Q", ["", "2"]), T: choice("Q", "8b 16b") },
  feature: "FP8",
  access: "FPMR+SIMD",
  execute(cpu, { Q, toBfloat, second, Rn, Rd }) {
    const [B, H, W] = [cpu.unsigned(8), cpu.unsigned(16), cpu.unsigned(32)]
    const convert = converter(cpu, toBfloat, second)
    cpu.setV(
      Rd,
      cpu.map(H, [cpu.V(Rn, B, 64, Q)], (x) => convert(W.from(x, B)))
    )
  }
})

export const convertInstructions: readonly Instruction[] = [convertLong]
