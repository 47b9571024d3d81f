/** AdvSIMD floating-point with immediates: FMOV (vector, immediate) and conversions to and from fixed point. */
import { choice, float8Bits, floatImmediate, type Instruction, instruction } from "@eltwo/isa"
import { half, hasLanes, type Precision, precisions, single, vectorBits } from "./float-precision.ts"
import { fractionBits } from "./operands-float.ts"

const move = (p: typeof half | typeof single, o2: "0" | "1") =>
  instruction({
    name: `FMOV (vector, immediate, ${p.name})`,
    encoding: `0 Q 0 0111100000 abc:3 1111 ${o2} 1 defgh:5 Rd:5`,
    assembly: "fmov <Vd>.<T>, #<imm>",
    operands: { T: choice("Q", p.T), imm: floatImmediate("abc:3", "defgh:5") },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, { Q, abc, defgh, Rd }) {
      const E = cpu.unsigned(p.bits)
      cpu.setV(Rd, cpu.splat(E, E.constant(float8Bits((abc << 5) | defgh, p.bits)), vectorBits(Q)))
    }
  })
const moveDouble = instruction({
  name: "FMOV (vector, immediate, double precision)",
  encoding: "0 1 1 0111100000 abc:3 1111 0 1 defgh:5 Rd:5",
  assembly: "fmov <Vd>.2d, #<imm>",
  operands: { imm: floatImmediate("abc:3", "defgh:5") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { abc, defgh, Rd }) {
    const E = cpu.unsigned(64)
    cpu.setV(Rd, cpu.splat(E, E.constant(float8Bits((abc << 5) | defgh, 64)), 128))
  }
})

/** immh:immb: leading zeros and a one for the size, then the size minus the fraction bits. */
const amounts = { H: "001 amount:4", S: "01 amount:5", D: "1 amount:6" } as const
/** Bits 12:11 choose the direction: 00 from, 11 to fixed point. */
const names = ["scvtf", "ucvtf", "-", "-", "-", "-", "fcvtzs", "fcvtzu"]
const vector = (p: Precision) =>
  instruction({
    name: `SCVTF, UCVTF, FCVTZS, FCVTZU (vector, fixed-point, ${p.name})`,
    encoding: `0 Q U 011110 ${amounts[p.letter]} 111 to:2 1 Rn:5 Rd:5`,
    where: (f) => f.to % 3 === 0 && hasLanes(p, f.Q),
    assembly: "<op> <Vd>.<T>, <Vn>.<T>, #<amount>",
    operands: { op: choice(["to:2", "U:1"], names), T: choice("Q", p.T), amount: fractionBits("amount", p.bits) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, { Q, U, amount, to, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const I = U ? cpu.unsigned(p.bits) : cpu.signed(p.bits)
      const n = cpu.V(Rn, F, vectorBits(Q))
      cpu.setV(
        Rd,
        cpu.map(F, [n], (x) => (to ? F.toInteger(x, I, "zero", p.bits - amount) : F.fromInteger(x, I, p.bits - amount)))
      )
    }
  })
const scalar = (p: Precision) =>
  instruction({
    name: `SCVTF, UCVTF, FCVTZS, FCVTZU (scalar, AdvSIMD fixed-point, ${p.name})`,
    encoding: `01 U 111110 ${amounts[p.letter]} 111 to:2 1 Rn:5 Rd:5`,
    where: (f) => f.to % 3 === 0,
    assembly: `<op> <${p.letter}d>, <${p.letter}n>, #<amount>`,
    operands: { op: choice(["to:2", "U:1"], names), amount: fractionBits("amount", p.bits) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, { U, amount, to, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const I = U ? cpu.unsigned(p.bits) : cpu.signed(p.bits)
      const x = cpu.scalar(Rn, F)
      cpu.setScalar(Rd, to ? F.toInteger(x, I, "zero", p.bits - amount) : F.fromInteger(x, I, p.bits - amount), F, Rd)
    }
  })

export const floatImmediates: readonly Instruction[] = [
  move(half, "1"),
  move(single, "0"),
  moveDouble,
  ...precisions.flatMap((p) => [vector(p), scalar(p)])
]
