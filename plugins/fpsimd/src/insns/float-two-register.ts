/** AdvSIMD two-register miscellaneous, floating-point, in all precisions; reciprocal estimates of integers. */
import { choice, type Instruction, instruction, type Rounding } from "@eltwo/isa"
import {
  double,
  half,
  hasLanes,
  heading,
  mnemonics,
  type Precision,
  precisions,
  type Rows,
  single,
  type Unary,
  vectorBits
} from "./float-precision.ts"
import { roundToSize } from "./float-scalar.ts"

const toInteger = (mnemonic: string, rounding: Rounding): Unary => [
  mnemonic,
  (F, x, cpu) => F.toInteger(x, mnemonic.endsWith("u") ? cpu.unsigned(F.bits) : cpu.signed(F.bits), rounding, 0)
]
const roundToIntegral = (mnemonic: string, rounding: Rounding): Unary => [mnemonic, (F, x) => F.roundToIntegral(x, rounding, mnemonic === "frintx")]
const compareWithZero = (mnemonic: string, test: "equal" | "greater" | "greaterOrEqual", swapped = false): Unary => [
  mnemonic,
  (F, x, cpu) => {
    const I = cpu.signed(F.bits)
    const zero = F.constant(0)
    return I.select(swapped ? F.test(zero, test, x) : F.test(x, test, zero), I.constant(-1), I.constant(0))
  }
]

// Keys are U, bit 23 and opcode.
const zeroComparisons: Rows<Unary> = {
  44: compareWithZero("fcmgt", "greater"),
  45: compareWithZero("fcmeq", "equal"),
  46: compareWithZero("fcmlt", "greater", true),
  108: compareWithZero("fcmge", "greaterOrEqual"),
  109: compareWithZero("fcmle", "greaterOrEqual", true)
}
const conversions: Rows<Unary> = {
  26: toInteger("fcvtns", "nearestEven"),
  27: toInteger("fcvtms", "down"),
  28: toInteger("fcvtas", "nearestAway"),
  29: ["scvtf", (F, x, cpu) => F.fromInteger(x, cpu.signed(F.bits), 0)],
  58: toInteger("fcvtps", "up"),
  59: toInteger("fcvtzs", "zero"),
  90: toInteger("fcvtnu", "nearestEven"),
  91: toInteger("fcvtmu", "down"),
  92: toInteger("fcvtau", "nearestAway"),
  93: ["ucvtf", (F, x, cpu) => F.fromInteger(x, cpu.unsigned(F.bits), 0)],
  122: toInteger("fcvtpu", "up"),
  123: toInteger("fcvtzu", "zero")
}
const estimates: Rows<Unary> = {
  61: ["frecpe", (F, x) => F.special("reciprocalEstimate", x)],
  125: ["frsqrte", (F, x) => F.special("reciprocalSquareRootEstimate", x)]
}
/** As scalars these stay legal in streaming mode. */
const streaming: Rows<Unary> = {
  ...estimates,
  63: ["frecpx", (F, x) => F.special("reciprocalExponent", x)]
}
const scalarRows: Rows<Unary> = { ...conversions, ...streaming }
const vectorRows: Rows<Unary> = {
  ...conversions,
  ...estimates,
  24: roundToIntegral("frintn", "nearestEven"),
  25: roundToIntegral("frintm", "down"),
  56: roundToIntegral("frintp", "up"),
  57: roundToIntegral("frintz", "zero"),
  88: roundToIntegral("frinta", "nearestAway"),
  89: roundToIntegral("frintx", "current"),
  121: roundToIntegral("frinti", "current"),
  47: ["fabs", (F, x) => F.absolute(x)],
  111: ["fneg", (F, x) => F.negate(x)],
  127: ["fsqrt", (F, x) => F.squareRoot(x)]
}
interface Opcode {
  readonly U: number
  readonly a: number
  readonly opcode: number
}
const key = (f: Opcode) => (f.U << 6) | (f.a << 5) | f.opcode
const opcodes = (rows: Rows<Unary>) => choice(["U:1", "a:1", "opcode:5"], mnemonics(rows, 7))

/** `right` is what the text has after the source register. */
const vector = (p: Precision, rows: Rows<Unary>, right: string) =>
  instruction({
    name: `${heading(rows)} (vector${right}, ${p.name})`,
    encoding: `0 Q U 01110 a ${p.misc} opcode:5 10 Rn:5 Rd:5`,
    where: (f) => rows[key(f)] !== undefined && hasLanes(p, f.Q),
    assembly: `<op> <Vd>.<T>, <Vn>.<T>${right}`,
    operands: { op: opcodes(rows), T: choice("Q", p.T) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const [, lane] = rows[key(f)]!
      cpu.setV(
        f.Rd,
        cpu.map(F, [cpu.V(f.Rn, F, vectorBits(f.Q))], (x) => lane(F, x, cpu))
      )
    }
  })
const scalar = (p: Precision, rows: Rows<Unary>, right: string) =>
  instruction({
    name: `${heading(rows)} (scalar${right}, ${p.name})`,
    encoding: `01 U 11110 a ${p.misc} opcode:5 10 Rn:5 Rd:5`,
    where: (f) => rows[key(f)] !== undefined,
    assembly: `<op> <${p.letter}d>, <${p.letter}n>${right}`,
    operands: { op: opcodes(rows) },
    feature: p.vector,
    access: (f) => (streaming[key(f)] ? "FP" : "SIMD"),
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const [, lane] = rows[key(f)]!
      cpu.setScalar(f.Rd, lane(F, cpu.scalar(f.Rn, F), cpu), F, f.Rd)
    }
  })

const roundToSizedInteger = (p: typeof single | typeof double) =>
  instruction({
    name: `FRINT32Z, FRINT32X, FRINT64Z, FRINT64X (vector, ${p.name})`,
    encoding: `0 Q current 01110 0 ${p.misc} 1111 is64 10 Rn:5 Rd:5`,
    where: (f) => hasLanes(p, f.Q),
    assembly: "<op> <Vd>.<T>, <Vn>.<T>",
    operands: { op: choice(["is64:1", "current:1"], "frint32z frint32x frint64z frint64x"), T: choice("Q", p.T) },
    feature: "FRINTTS",
    access: "SIMD",
    execute(cpu, { Q, current, is64, Rn, Rd }) {
      const F = cpu.float(p.bits)
      cpu.setV(
        Rd,
        cpu.map(F, [cpu.V(Rn, F, vectorBits(Q))], (x) => F.special(roundToSize[2 * is64 + current]!, x))
      )
    }
  })

const integerEstimate = instruction({
  name: "URECPE, URSQRTE",
  encoding: "0 Q U 01110 10 10000 11100 10 Rn:5 Rd:5",
  assembly: "<U> <Vd>.<T>, <Vn>.<T>",
  operands: { U: choice("U", "urecpe ursqrte"), T: choice("Q", "2s 4s") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, Rn, Rd }) {
    const F = cpu.float(32)
    cpu.setV(
      Rd,
      cpu.map(F, [cpu.V(Rn, F, vectorBits(Q))], (x) => F.special(U ? "unsignedReciprocalSquareRootEstimate" : "unsignedReciprocalEstimate", x))
    )
  }
})

/** FCVTL, FCVTL2: the lower or upper half of the source becomes twice as wide. */
const lengthen = (from: Precision, to: Precision, sz: "0" | "1") =>
  instruction({
    name: `FCVTL, FCVTL2 (to ${to.name})`,
    encoding: `0 Q 0 01110 0 ${sz} 10000 10111 10 Rn:5 Rd:5`,
    assembly: `<op> <Vd>.${to.T.split(" ")[1]}, <Vn>.<T>`,
    operands: { op: choice("Q", "fcvtl fcvtl2"), T: choice("Q", from.T) },
    feature: "AdvSIMD",
    access: "SIMD",
    execute(cpu, { Q, Rn, Rd }) {
      const [From, To] = [cpu.float(from.bits), cpu.float(to.bits)]
      cpu.setV(
        Rd,
        cpu.map(To, [cpu.V(Rn, From, 64, Q)], (x) => To.convert(x, From))
      )
    }
  })
/** FCVTN and the like: each element becomes half as wide; the `2` form writes the upper half of the destination. */
interface Narrowing {
  readonly mnemonic: string
  readonly fixed: "0 01110 00" | "0 01110 01" | "1 01110 01" | "0 01110 10"
  readonly from: Precision
  readonly to: 16 | 32 | "bfloat16"
  readonly rounding: Rounding
  readonly feature: string
}
const narrow = ({ mnemonic, fixed, from, to, rounding, feature }: Narrowing) =>
  instruction({
    name: `${mnemonic.toUpperCase()}, ${mnemonic.toUpperCase()}2 (from ${from.name})`,
    encoding: `0 Q ${fixed} 10000 10110 10 Rn:5 Rd:5`,
    assembly: `<op> <Vd>.<T>, <Vn>.${from.T.split(" ")[1]}`,
    operands: { op: choice("Q", [mnemonic, `${mnemonic}2`]), T: choice("Q", to === 32 ? "2s 4s" : "4h 8h") },
    feature,
    access: "SIMD",
    execute(cpu, { Q, Rn, Rd }) {
      const [From, To] = [cpu.float(from.bits), cpu.float(to)]
      const narrowed = cpu.map(To, [cpu.V(Rn, From)], (x) => To.convert(x, From, rounding))
      if (Q) cpu.insertV(Rd, 1, narrowed)
      else cpu.setV(Rd, narrowed)
    }
  })
const scalarToOdd = instruction({
  name: "FCVTXN (scalar)",
  encoding: "01 1 11110 01 10000 10110 10 Rn:5 Rd:5",
  assembly: "fcvtxn <Sd>, <Dn>",
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Rn, Rd }) {
    const [D, S] = [cpu.float(64), cpu.float(32)]
    cpu.setScalar(Rd, S.convert(cpu.scalar(Rn, D), D, "odd"), S, Rd)
  }
})

export const floatTwoRegister: readonly Instruction[] = [
  ...precisions.flatMap((p) => [
    vector(p, vectorRows, ""),
    vector(p, zeroComparisons, ", #0.0"),
    scalar(p, scalarRows, ""),
    scalar(p, zeroComparisons, ", #0.0")
  ]),
  roundToSizedInteger(single),
  roundToSizedInteger(double),
  integerEstimate,
  lengthen(half, single, "0"),
  lengthen(single, double, "1"),
  narrow({ mnemonic: "fcvtn", fixed: "0 01110 00", from: single, to: 16, rounding: "current", feature: "AdvSIMD" }),
  narrow({ mnemonic: "fcvtn", fixed: "0 01110 01", from: double, to: 32, rounding: "current", feature: "AdvSIMD" }),
  narrow({ mnemonic: "fcvtxn", fixed: "1 01110 01", from: double, to: 32, rounding: "odd", feature: "AdvSIMD" }),
  narrow({ mnemonic: "bfcvtn", fixed: "0 01110 10", from: single, to: "bfloat16", rounding: "current", feature: "BF16" }),
  scalarToOdd
]
