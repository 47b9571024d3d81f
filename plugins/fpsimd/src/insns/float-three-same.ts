/** AdvSIMD three same, floating-point: vector and scalar, in all precisions. */
import { choice, type Instruction, instruction } from "@eltwo/isa"
import { hasLanes, type Precision, precisions, vectorBits } from "./float-precision.ts"
import { type Binary, type BinaryLane, type OpcodeTable, opcodeTable } from "./float-table.ts"

type Test = "equal" | "greaterOrEqual" | "greater"
/** A lane of all ones where the comparison holds. */
const compare =
  (test: Test): BinaryLane =>
  (F, x, y, cpu) => {
    const I = cpu.signed(F.bits)
    return I.select(F.test(x, test, y), I.constant(-1), I.constant(0))
  }
const compareMagnitudes = (test: Test): BinaryLane => {
  const lane = compare(test)
  return (F, x, y, cpu) => lane(F, F.absolute(x), F.absolute(y), cpu)
}

// Opcodes are U, bit 23 and the low three bits of the manual's opcode.
const comparisons: readonly Binary[] = [
  [0b0_0_100, "fcmeq", compare("equal")],
  [0b1_0_100, "fcmge", compare("greaterOrEqual")],
  [0b1_1_100, "fcmgt", compare("greater")],
  [0b1_0_101, "facge", compareMagnitudes("greaterOrEqual")],
  [0b1_1_101, "facgt", compareMagnitudes("greater")]
]
const streaming: readonly Binary[] = [
  [0b0_0_011, "fmulx", (F, x, y) => F.special("multiplyExtended", x, y)],
  [0b0_0_111, "frecps", (F, x, y) => F.special("reciprocalStep", x, y)],
  [0b0_1_111, "frsqrts", (F, x, y) => F.special("reciprocalSquareRootStep", x, y)]
]
const inScalarForm: readonly Binary[] = [...comparisons, ...streaming, [0b1_1_010, "fabd", (F, x, y) => F.absolute(F.subtract(x, y))]]
const scalarRows = opcodeTable(5, inScalarForm)
const vectorRows = opcodeTable(5, [
  ...inScalarForm,
  [0b0_0_000, "fmaxnm", (F, x, y) => F.maximumNumber(x, y)],
  [0b0_0_010, "fadd", (F, x, y) => F.add(x, y)],
  [0b0_0_110, "fmax", (F, x, y) => F.maximum(x, y)],
  [0b0_1_000, "fminnm", (F, x, y) => F.minimumNumber(x, y)],
  [0b0_1_010, "fsub", (F, x, y) => F.subtract(x, y)],
  [0b0_1_110, "fmin", (F, x, y) => F.minimum(x, y)],
  [0b1_0_011, "fmul", (F, x, y) => F.multiply(x, y)],
  [0b1_0_111, "fdiv", (F, x, y) => F.divide(x, y)]
])
// Opcodes are bit 23 and the low three bits; U is one.
const pairwiseRows = opcodeTable<BinaryLane>(4, [
  [0b0_000, "fmaxnmp", (F, x, y) => F.maximumNumber(x, y)],
  [0b0_010, "faddp", (F, x, y) => F.add(x, y)],
  [0b0_110, "fmaxp", (F, x, y) => F.maximum(x, y)],
  [0b1_000, "fminnmp", (F, x, y) => F.minimumNumber(x, y)],
  [0b1_110, "fminp", (F, x, y) => F.minimum(x, y)]
])
/** As scalars these stay legal in streaming mode. */
const legalInStreaming = opcodeTable(5, streaming)
/** As scalars these merge with the second operand under FPCR.NEP, the others with the first. */
const mergesSecond = opcodeTable(5, comparisons)
interface Opcode {
  readonly U: number
  readonly a: number
  readonly opcode: number
}
const key = (f: Opcode) => (f.U << 4) | (f.a << 3) | f.opcode
const opcodes = (rows: OpcodeTable<BinaryLane>) => choice(["U:1", "a:1", "opcode:3"], rows.mnemonics)

const vector = (p: Precision) =>
  instruction({
    name: `${vectorRows.heading} (vector, ${p.name})`,
    encoding: `0 Q U 01110 a ${p.same[0]} Rm:5 ${p.same[1]} opcode:3 1 Rn:5 Rd:5`,
    where: (f) => vectorRows.has(key(f)) && hasLanes(p, f.Q),
    assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
    operands: { op: opcodes(vectorRows), T: choice("Q", p.T) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const lane = vectorRows.at(key(f))
      const [n, m] = [cpu.V(f.Rn, F, vectorBits(f.Q)), cpu.V(f.Rm, F, vectorBits(f.Q))]
      cpu.setV(
        f.Rd,
        cpu.map(F, [n, m], (x, y) => lane(F, x, y, cpu))
      )
    }
  })

const scalar = (p: Precision) =>
  instruction({
    name: `${scalarRows.heading} (scalar, ${p.name})`,
    encoding: `01 U 11110 a ${p.same[0]} Rm:5 ${p.same[1]} opcode:3 1 Rn:5 Rd:5`,
    where: (f) => scalarRows.has(key(f)),
    assembly: `<op> <${p.letter}d>, <${p.letter}n>, <${p.letter}m>`,
    operands: { op: opcodes(scalarRows) },
    feature: p.vector,
    access: (f) => (legalInStreaming.has(key(f)) ? "FP" : "SIMD"),
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const lane = scalarRows.at(key(f))
      const [x, y] = [cpu.scalar(f.Rn, F), cpu.scalar(f.Rm, F)]
      cpu.setScalar(f.Rd, lane(F, x, y, cpu), F, mergesSecond.has(key(f)) ? f.Rm : f.Rn)
    }
  })

/** FEAT_FAMINMAX. */
const absoluteExtreme = (p: Precision) =>
  instruction({
    name: `FAMAX, FAMIN (${p.name})`,
    encoding: `0 Q U 01110 1 ${p.same[0]} Rm:5 ${p.same[1]} 011 1 Rn:5 Rd:5`,
    where: (f) => hasLanes(p, f.Q),
    assembly: "<U> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
    operands: { U: choice("U", "famax famin"), T: choice("Q", p.T) },
    feature: "FAMINMAX",
    access: "SIMD",
    execute(cpu, { Q, U, Rm, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const [n, m] = [cpu.V(Rn, F, vectorBits(Q)), cpu.V(Rm, F, vectorBits(Q))]
      cpu.setV(
        Rd,
        cpu.map(F, [n, m], (x, y) => F.special(U ? "absoluteMinimum" : "absoluteMaximum", x, y))
      )
    }
  })

const multiplyAdd = (p: Precision) =>
  instruction({
    name: `FMLA, FMLS (vector, ${p.name})`,
    encoding: `0 Q 0 01110 op ${p.same[0]} Rm:5 ${p.same[1]} 001 1 Rn:5 Rd:5`,
    where: (f) => hasLanes(p, f.Q),
    assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
    operands: { op: choice("op", "fmla fmls"), T: choice("Q", p.T) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, { Q, op, Rm, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const [d, n, m] = [cpu.V(Rd, F, vectorBits(Q)), cpu.V(Rn, F, vectorBits(Q)), cpu.V(Rm, F, vectorBits(Q))]
      cpu.setV(
        Rd,
        cpu.map(F, [d, n, m], (sum, x, y) => F.multiplyAdd(sum, op ? F.negate(x) : x, y))
      )
    }
  })

const pairwise = (p: Precision) =>
  instruction({
    name: `${pairwiseRows.heading} (vector, ${p.name})`,
    encoding: `0 Q 1 01110 a ${p.same[0]} Rm:5 ${p.same[1]} opcode:3 1 Rn:5 Rd:5`,
    where: (f) => pairwiseRows.has((f.a << 3) | f.opcode) && hasLanes(p, f.Q),
    assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
    operands: { op: choice(["a:1", "opcode:3"], pairwiseRows.mnemonics), T: choice("Q", p.T) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const lane = pairwiseRows.at((f.a << 3) | f.opcode)
      const both = [cpu.V(f.Rn, F, vectorBits(f.Q)), cpu.V(f.Rm, F, vectorBits(f.Q))]
      const [even, odd] = [cpu.permute(F, both, (i) => 2 * i), cpu.permute(F, both, (i) => 2 * i + 1)]
      cpu.setV(
        f.Rd,
        cpu.map(F, [even, odd], (x, y) => lane(F, x, y, cpu))
      )
    }
  })

export const floatThreeSame: readonly Instruction[] = precisions.flatMap((p) => [
  vector(p),
  scalar(p),
  absoluteExtreme(p),
  multiplyAdd(p),
  pairwise(p)
])
