/** AdvSIMD two-register miscellaneous, floating-point, in all precisions; reciprocal estimates of integers. */
import { choice, type Instruction, instruction, type Rounding } from "@eltwo/isa"
import { double, half, hasLanes, type Precision, precisions, single, vectorBits } from "./float-precision.ts"
import { roundToIntegral, roundToSize } from "./float-scalar.ts"
import { type OpcodeTable, opcodeTable, type Unary, type UnaryLane } from "./float-table.ts"

const toSigned =
  (rounding: Rounding): UnaryLane =>
  (F, x, cpu) =>
    F.toInteger(x, cpu.signed(F.bits), rounding, 0)
const toUnsigned =
  (rounding: Rounding): UnaryLane =>
  (F, x, cpu) =>
    F.toInteger(x, cpu.unsigned(F.bits), rounding, 0)
const compareWithZero =
  (test: "equal" | "greater" | "greaterOrEqual", swapped = false): UnaryLane =>
  (F, x, cpu) => {
    const I = cpu.signed(F.bits)
    const zero = F.constant(0)
    return I.select(swapped ? F.test(zero, test, x) : F.test(x, test, zero), I.constant(-1), I.constant(0))
  }

// Opcodes are U, bit 23 and the manual's opcode.
const zeroComparisons = opcodeTable(7, [
  [0b0_1_01100, "fcmgt", compareWithZero("greater")],
  [0b0_1_01101, "fcmeq", compareWithZero("equal")],
  [0b0_1_01110, "fcmlt", compareWithZero("greater", true)],
  [0b1_1_01100, "fcmge", compareWithZero("greaterOrEqual")],
  [0b1_1_01101, "fcmle", compareWithZero("greaterOrEqual", true)]
])
const conversions: readonly Unary[] = [
  [0b0_0_11010, "fcvtns", toSigned("nearestEven")],
  [0b0_0_11011, "fcvtms", toSigned("down")],
  [0b0_0_11100, "fcvtas", toSigned("nearestAway")],
  [0b0_0_11101, "scvtf", (F, x, cpu) => F.fromInteger(x, cpu.signed(F.bits), 0)],
  [0b0_1_11010, "fcvtps", toSigned("up")],
  [0b0_1_11011, "fcvtzs", toSigned("zero")],
  [0b1_0_11010, "fcvtnu", toUnsigned("nearestEven")],
  [0b1_0_11011, "fcvtmu", toUnsigned("down")],
  [0b1_0_11100, "fcvtau", toUnsigned("nearestAway")],
  [0b1_0_11101, "ucvtf", (F, x, cpu) => F.fromInteger(x, cpu.unsigned(F.bits), 0)],
  [0b1_1_11010, "fcvtpu", toUnsigned("up")],
  [0b1_1_11011, "fcvtzu", toUnsigned("zero")]
]
const estimates: readonly Unary[] = [
  [0b0_1_11101, "frecpe", (F, x) => F.special("reciprocalEstimate", x)],
  [0b1_1_11101, "frsqrte", (F, x) => F.special("reciprocalSquareRootEstimate", x)]
]
const streaming: readonly Unary[] = [...estimates, [0b0_1_11111, "frecpx", (F, x) => F.special("reciprocalExponent", x)]]
const scalarRows = opcodeTable(7, [...conversions, ...streaming])
/** As scalars these stay legal in streaming mode. */
const legalInStreaming = opcodeTable(7, streaming)
const vectorRows = opcodeTable(7, [
  ...conversions,
  ...estimates,
  [0b0_0_11000, "frintn", roundToIntegral("nearestEven")],
  [0b0_0_11001, "frintm", roundToIntegral("down")],
  [0b0_1_11000, "frintp", roundToIntegral("up")],
  [0b0_1_11001, "frintz", roundToIntegral("zero")],
  [0b1_0_11000, "frinta", roundToIntegral("nearestAway")],
  [0b1_0_11001, "frintx", roundToIntegral("current", true)],
  [0b1_1_11001, "frinti", roundToIntegral("current")],
  // The manual lets a NaN keep its sign here too under FPCR.AH; QEMU does so in the scalar forms only, and is followed.
  [0b0_1_01111, "fabs", (F, x, cpu) => cpu.unsigned(F.bits).and(x, cpu.unsigned(F.bits).constant((1n << BigInt(F.bits - 1)) - 1n))],
  [0b1_1_01111, "fneg", (F, x, cpu) => cpu.unsigned(F.bits).xor(x, cpu.unsigned(F.bits).constant(1n << BigInt(F.bits - 1)))],
  [0b1_1_11111, "fsqrt", (F, x) => F.squareRoot(x)]
])
interface Opcode {
  readonly U: number
  readonly a: number
  readonly opcode: number
}
const key = (f: Opcode) => (f.U << 6) | (f.a << 5) | f.opcode
const opcodes = (rows: OpcodeTable<UnaryLane>) => choice(["U:1", "a:1", "opcode:5"], rows.mnemonics)

/** `right` is what the text has after the source register. */
const vector = (p: Precision, rows: OpcodeTable<UnaryLane>, right: string) =>
  instruction({
    name: `${rows.heading} (vector${right}, ${p.name})`,
    encoding: `0 Q U 01110 a ${p.misc} opcode:5 10 Rn:5 Rd:5`,
    where: (f) => rows.has(key(f)) && hasLanes(p, f.Q),
    assembly: `<op> <Vd>.<T>, <Vn>.<T>${right}`,
    operands: { op: opcodes(rows), T: choice("Q", p.T) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const lane = rows.at(key(f))
      cpu.setV(
        f.Rd,
        cpu.map(F, [cpu.V(f.Rn, F, vectorBits(f.Q))], (x) => lane(F, x, cpu))
      )
    }
  })
const scalar = (p: Precision, rows: OpcodeTable<UnaryLane>, right: string) =>
  instruction({
    name: `${rows.heading} (scalar${right}, ${p.name})`,
    encoding: `01 U 11110 a ${p.misc} opcode:5 10 Rn:5 Rd:5`,
    where: (f) => rows.has(key(f)),
    assembly: `<op> <${p.letter}d>, <${p.letter}n>${right}`,
    operands: { op: opcodes(rows) },
    feature: p.vector,
    access: (f) => (legalInStreaming.has(key(f)) ? "FP" : "SIMD"),
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const lane = rows.at(key(f))
      // Comparisons with zero do not merge under FPCR.NEP.
      cpu.setScalar(f.Rd, lane(F, cpu.scalar(f.Rn, F), cpu), F, rows === zeroComparisons ? undefined : f.Rd)
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
