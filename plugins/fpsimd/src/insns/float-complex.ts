/** FEAT_FCMA: complex numbers as pairs of lanes, real part first. */
import { type Cpu, choice, type Float, type Instruction, instruction, unsigned, type Vector } from "@eltwo/isa"
import { half, hasLanes, type Precision, precisions, vectorBits } from "./float-precision.ts"

const sizes = { H: "01", S: "10", D: "11" } as const
const feature = (p: Precision) => (p === half ? "FCMA and FP16" : "FCMA")

/** The lanes of `source` with those negated that `chosen` names, all in pairs of even and odd. */
const negateSome = (cpu: Cpu, F: Float, source: Vector, bits: number, even: boolean, odd: boolean): Vector => {
  if (!even && !odd) return source
  const negated = cpu.map(F, [source], (x) => F.negate(x))
  return cpu.permute(F, [source, negated], (i) => ((i & 1 ? odd : even) ? i + bits / F.bits : i))
}
/** d + n * m, m rotated by `rot` quarter turns: one of the two steps of a complex product. */
const multiplyAdd = (cpu: Cpu, F: Float, bits: number, rot: number, d: Vector, n: Vector, m: Vector): Vector => {
  const swapped = rot & 1
  const x = cpu.permute(F, [n], (i) => (i & ~1) | swapped)
  const y = cpu.permute(F, [m], (i) => i ^ swapped)
  const turned = negateSome(cpu, F, y, bits, rot === 1 || rot === 2, rot === 2 || rot === 3)
  return cpu.map(F, [d, x, turned], (sum, a, b) => F.multiplyAdd(sum, a, b))
}

const multiplyAddVector = (p: Precision) =>
  instruction({
    name: `FCMLA (vector, ${p.name})`,
    encoding: `0 Q 1 01110 ${sizes[p.letter]} 0 Rm:5 110 rot:2 1 Rn:5 Rd:5`,
    where: (f) => hasLanes(p, f.Q),
    assembly: "fcmla <Vd>.<T>, <Vn>.<T>, <Vm>.<T>, #<rot>",
    operands: { T: choice("Q", p.T), rot: unsigned("rot", { scale: 90 }) },
    feature: feature(p),
    access: "SIMD",
    execute(cpu, { Q, Rm, rot, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const bits = vectorBits(Q)
      cpu.setV(Rd, multiplyAdd(cpu, F, bits, rot, cpu.V(Rd, F, bits), cpu.V(Rn, F, bits), cpu.V(Rm, F, bits)))
    }
  })
const add = (p: Precision) =>
  instruction({
    name: `FCADD (vector, ${p.name})`,
    encoding: `0 Q 1 01110 ${sizes[p.letter]} 0 Rm:5 111 rot 01 Rn:5 Rd:5`,
    where: (f) => hasLanes(p, f.Q),
    assembly: "fcadd <Vd>.<T>, <Vn>.<T>, <Vm>.<T>, #<rot>",
    operands: { T: choice("Q", p.T), rot: unsigned("rot", { scale: 180, offset: 90 }) },
    feature: feature(p),
    access: "SIMD",
    execute(cpu, { Q, Rm, rot, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const bits = vectorBits(Q)
      const m = cpu.permute(F, [cpu.V(Rm, F, bits)], (i) => i ^ 1)
      const turned = negateSome(cpu, F, m, bits, rot === 0, rot === 1)
      cpu.setV(
        Rd,
        cpu.map(F, [cpu.V(Rn, F, bits), turned], (x, y) => F.add(x, y))
      )
    }
  })

/** Every pair of lanes meets the complex number `index` of Rm. */
const byElement = (cpu: Cpu, F: Float, f: { Q: number; Rm: number; rot: number; Rn: number; Rd: number }, index: number): void => {
  const bits = vectorBits(f.Q)
  const m = cpu.permute(F, [cpu.V(f.Rm, F, bits)], (i) => 2 * index + (i & 1))
  cpu.setV(f.Rd, multiplyAdd(cpu, F, bits, f.rot, cpu.V(f.Rd, F, bits), cpu.V(f.Rn, F, bits), m))
}
const halvesByElement = instruction({
  name: "FCMLA (by element, half precision)",
  encoding: "0 Q 1 01111 01 L Rm:5 0 rot:2 1 H 0 Rn:5 Rd:5",
  where: (f) => f.H === 0 || f.Q === 1,
  assembly: "fcmla <Vd>.<T>, <Vn>.<T>, <Vm>.h[<index>], #<rot>",
  operands: { T: choice("Q", half.T), index: unsigned(["H:1", "L:1"]), rot: unsigned("rot", { scale: 90 }) },
  feature: "FCMA and FP16",
  access: "SIMD",
  execute: (cpu, f) => byElement(cpu, cpu.float(16), f, (f.H << 1) | f.L)
})
const singlesByElement = instruction({
  name: "FCMLA (by element, single precision)",
  encoding: "0 1 1 01111 10 0 Rm:5 0 rot:2 1 H 0 Rn:5 Rd:5",
  assembly: "fcmla <Vd>.4s, <Vn>.4s, <Vm>.s[<index>], #<rot>",
  operands: { index: unsigned("H"), rot: unsigned("rot", { scale: 90 }) },
  feature: "FCMA",
  access: "SIMD",
  execute: (cpu, f) => byElement(cpu, cpu.float(32), { ...f, Q: 1 }, f.H)
})

export const floatComplex: readonly Instruction[] = [...precisions.flatMap((p) => [multiplyAddVector(p), add(p)]), halvesByElement, singlesByElement]
