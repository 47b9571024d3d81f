/** AdvSIMD by element, floating-point: vector and scalar, in all precisions. */
import { type Cpu, choice, type Float, type Instruction, instruction, unsigned, type Value } from "@eltwo/isa"
import { hasLanes, type Precision, precisions, vectorBits } from "./float-precision.ts"

interface ElementFields {
  readonly Rm: number
  readonly H: number
  readonly L: number
  readonly M: number
}
/** Bits size to Rm of each precision, the index as text, and as a number. Half precision has one bit of register number less, double no L. */
const elements = {
  H: { picture: "00 L M Rm:4", index: unsigned(["H:1", "L:1", "M:1"]), number: (f: ElementFields) => (f.H << 2) | (f.L << 1) | f.M },
  S: { picture: "10 L Rm:5", index: unsigned(["H:1", "L:1"]), number: (f: ElementFields) => (f.H << 1) | f.L },
  D: { picture: "11 0 Rm:5", index: unsigned("H"), number: (f: ElementFields) => f.H }
} as const

type Multiply = readonly [name: string, lane: (F: Float, x: Value, y: Value) => Value]
/** U chooses. */
const multiplies: readonly Multiply[] = [
  ["fmul", (F, x, y) => F.multiply(x, y)],
  ["fmulx", (F, x, y) => F.special("multiplyExtended", x, y)]
]
const element = (cpu: Cpu, F: Float, p: Precision, f: ElementFields) => cpu.lane(cpu.V(f.Rm, F), elements[p.letter].number(f))
const letter = (p: Precision) => p.letter.toLowerCase()

const multiplyVector = (p: Precision) =>
  instruction({
    name: `FMUL, FMULX (by element, vector, ${p.name})`,
    encoding: `0 Q U 01111 ${elements[p.letter].picture} 1001 H 0 Rn:5 Rd:5`,
    where: (f) => hasLanes(p, f.Q),
    assembly: `<U> <Vd>.<T>, <Vn>.<T>, <Vm>.${letter(p)}[<index>]`,
    operands: {
      U: choice(
        "U",
        multiplies.map(([name]) => name)
      ),
      T: choice("Q", p.T),
      index: elements[p.letter].index
    },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const [, lane] = multiplies[f.U]!
      const [n, m] = [cpu.V(f.Rn, F, vectorBits(f.Q)), cpu.splat(F, element(cpu, F, p, f), vectorBits(f.Q))]
      cpu.setV(
        f.Rd,
        cpu.map(F, [n, m], (x, y) => lane(F, x, y))
      )
    }
  })
const multiplyScalar = (p: Precision) =>
  instruction({
    name: `FMUL, FMULX (by element, scalar, ${p.name})`,
    encoding: `01 U 11111 ${elements[p.letter].picture} 1001 H 0 Rn:5 Rd:5`,
    assembly: `<U> <${p.letter}d>, <${p.letter}n>, <Vm>.${letter(p)}[<index>]`,
    operands: {
      U: choice(
        "U",
        multiplies.map(([name]) => name)
      ),
      index: elements[p.letter].index
    },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const [, lane] = multiplies[f.U]!
      cpu.setScalar(f.Rd, lane(F, cpu.scalar(f.Rn, F), element(cpu, F, p, f)), F, f.Rn)
    }
  })
const accumulateVector = (p: Precision) =>
  instruction({
    name: `FMLA, FMLS (by element, vector, ${p.name})`,
    encoding: `0 Q 0 01111 ${elements[p.letter].picture} 0 op 01 H 0 Rn:5 Rd:5`,
    where: (f) => hasLanes(p, f.Q),
    assembly: `<op> <Vd>.<T>, <Vn>.<T>, <Vm>.${letter(p)}[<index>]`,
    operands: { op: choice("op", "fmla fmls"), T: choice("Q", p.T), index: elements[p.letter].index },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const [d, n] = [cpu.V(f.Rd, F, vectorBits(f.Q)), cpu.V(f.Rn, F, vectorBits(f.Q))]
      const m = cpu.splat(F, element(cpu, F, p, f), vectorBits(f.Q))
      cpu.setV(
        f.Rd,
        cpu.map(F, [d, n, m], (sum, x, y) => F.multiplyAdd(sum, f.op ? F.negate(x) : x, y))
      )
    }
  })
const accumulateScalar = (p: Precision) =>
  instruction({
    name: `FMLA, FMLS (by element, scalar, ${p.name})`,
    encoding: `01 0 11111 ${elements[p.letter].picture} 0 op 01 H 0 Rn:5 Rd:5`,
    assembly: `<op> <${p.letter}d>, <${p.letter}n>, <Vm>.${letter(p)}[<index>]`,
    operands: { op: choice("op", "fmla fmls"), index: elements[p.letter].index },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const [sum, x] = [cpu.scalar(f.Rd, F), cpu.scalar(f.Rn, F)]
      cpu.setScalar(f.Rd, F.multiplyAdd(sum, f.op ? F.negate(x) : x, element(cpu, F, p, f)), F, f.Rd)
    }
  })

export const floatByElement: readonly Instruction[] = precisions.flatMap((p) => [
  multiplyVector(p),
  multiplyScalar(p),
  accumulateVector(p),
  accumulateScalar(p)
])
