/** AdvSIMD three same, floating-point: vector and scalar, in all precisions. */
import { choice, type Instruction, instruction } from "@eltwo/isa"
import { type Binary, hasLanes, heading, mnemonics, type Precision, precisions, type Rows, vectorBits } from "./float-precision.ts"

type Test = "equal" | "greaterOrEqual" | "greater"
/** A lane of all ones where the comparison holds. */
const compare = (mnemonic: string, test: Test): Binary => [
  mnemonic,
  (F, x, y, cpu) => {
    const I = cpu.signed(F.bits)
    return I.select(F.test(x, test, y), I.constant(-1), I.constant(0))
  }
]
const compareMagnitudes = (mnemonic: string, test: Test): Binary => {
  const [, lane] = compare(mnemonic, test)
  return [mnemonic, (F, x, y, cpu) => lane(F, F.absolute(x), F.absolute(y), cpu)]
}

// Keys are U, bit 23 and the low three opcode bits.
const comparisons: Rows<Binary> = {
  4: compare("fcmeq", "equal"),
  20: compare("fcmge", "greaterOrEqual"),
  28: compare("fcmgt", "greater"),
  21: compareMagnitudes("facge", "greaterOrEqual"),
  29: compareMagnitudes("facgt", "greater")
}
/** As scalars these stay legal in streaming mode. */
const streaming: Rows<Binary> = {
  3: ["fmulx", (F, x, y) => F.special("multiplyExtended", x, y)],
  7: ["frecps", (F, x, y) => F.special("reciprocalStep", x, y)],
  15: ["frsqrts", (F, x, y) => F.special("reciprocalSquareRootStep", x, y)]
}
const scalarRows: Rows<Binary> = {
  ...comparisons,
  ...streaming,
  26: ["fabd", (F, x, y) => F.absolute(F.subtract(x, y))]
}
const vectorRows: Rows<Binary> = {
  ...scalarRows,
  0: ["fmaxnm", (F, x, y) => F.maximumNumber(x, y)],
  2: ["fadd", (F, x, y) => F.add(x, y)],
  6: ["fmax", (F, x, y) => F.maximum(x, y)],
  8: ["fminnm", (F, x, y) => F.minimumNumber(x, y)],
  10: ["fsub", (F, x, y) => F.subtract(x, y)],
  14: ["fmin", (F, x, y) => F.minimum(x, y)],
  19: ["fmul", (F, x, y) => F.multiply(x, y)],
  23: ["fdiv", (F, x, y) => F.divide(x, y)]
}
const pairwiseRows: Rows<Binary> = {
  16: ["fmaxnmp", (F, x, y) => F.maximumNumber(x, y)],
  18: ["faddp", (F, x, y) => F.add(x, y)],
  22: ["fmaxp", (F, x, y) => F.maximum(x, y)],
  24: ["fminnmp", (F, x, y) => F.minimumNumber(x, y)],
  30: ["fminp", (F, x, y) => F.minimum(x, y)]
}
interface Opcode {
  readonly U: number
  readonly a: number
  readonly opcode: number
}
const key = (f: Opcode) => (f.U << 4) | (f.a << 3) | f.opcode
const opcodes = (rows: Rows<Binary>) => choice(["U:1", "a:1", "opcode:3"], mnemonics(rows, 5))

const vector = (p: Precision) =>
  instruction({
    name: `${heading(vectorRows)} (vector, ${p.name})`,
    encoding: `0 Q U 01110 a ${p.same[0]} Rm:5 ${p.same[1]} opcode:3 1 Rn:5 Rd:5`,
    where: (f) => vectorRows[key(f)] !== undefined && hasLanes(p, f.Q),
    assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
    operands: { op: opcodes(vectorRows), T: choice("Q", p.T) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const [, lane] = vectorRows[key(f)]!
      const [n, m] = [cpu.V(f.Rn, F, vectorBits(f.Q)), cpu.V(f.Rm, F, vectorBits(f.Q))]
      cpu.setV(
        f.Rd,
        cpu.map(F, [n, m], (x, y) => lane(F, x, y, cpu))
      )
    }
  })

const scalar = (p: Precision) =>
  instruction({
    name: `${heading(scalarRows)} (scalar, ${p.name})`,
    encoding: `01 U 11110 a ${p.same[0]} Rm:5 ${p.same[1]} opcode:3 1 Rn:5 Rd:5`,
    where: (f) => scalarRows[key(f)] !== undefined,
    assembly: `<op> <${p.letter}d>, <${p.letter}n>, <${p.letter}m>`,
    operands: { op: opcodes(scalarRows) },
    feature: p.vector,
    access: (f) => (streaming[key(f)] ? "FP" : "SIMD"),
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const [, lane] = scalarRows[key(f)]!
      const [x, y] = [cpu.scalar(f.Rn, F), cpu.scalar(f.Rm, F)]
      cpu.setScalar(f.Rd, lane(F, x, y, cpu), F, comparisons[key(f)] ? f.Rm : f.Rn)
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
    name: `${heading(pairwiseRows)} (vector, ${p.name})`,
    encoding: `0 Q 1 01110 a ${p.same[0]} Rm:5 ${p.same[1]} opcode:3 1 Rn:5 Rd:5`,
    where: (f) => pairwiseRows[key({ U: 1, ...f })] !== undefined && hasLanes(p, f.Q),
    assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
    operands: { op: choice(["a:1", "opcode:3"], mnemonics(pairwiseRows, 5).slice(16)), T: choice("Q", p.T) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const [, lane] = pairwiseRows[key({ U: 1, ...f })]!
      const both = [cpu.V(f.Rn, F, vectorBits(f.Q)), cpu.V(f.Rm, F, vectorBits(f.Q))]
      const [even, odd] = [cpu.permute(F, both, (i) => 2 * i), cpu.permute(F, both, (i) => 2 * i + 1)]
      cpu.setV(
        f.Rd,
        cpu.map(F, [even, odd], (x, y) => lane(F, x, y, cpu))
      )
    }
  })

export const floatThreeSame: readonly Instruction[] = precisions.flatMap((p) => [vector(p), scalar(p), multiplyAdd(p), pairwise(p)])
