/** AdvSIMD scalar pairwise and across lanes, floating-point. */
import { type Cpu, choice, type Float, type Instruction, instruction, type Value, type Vector } from "@eltwo/isa"
import { type Binary, double, half, heading, mnemonics, type Precision, type Rows, single, vectorBits } from "./float-precision.ts"

/** Keys are bit 23 and opcode. */
const pairs: Rows<Binary> = {
  12: ["fmaxnmp", (F, x, y) => F.maximumNumber(x, y)],
  13: ["faddp", (F, x, y) => F.add(x, y)],
  15: ["fmaxp", (F, x, y) => F.maximum(x, y)],
  44: ["fminnmp", (F, x, y) => F.minimumNumber(x, y)],
  47: ["fminp", (F, x, y) => F.minimum(x, y)]
}
const across: Rows<Binary> = {
  12: ["fmaxnmv", (F, x, y) => F.maximumNumber(x, y)],
  15: ["fmaxv", (F, x, y) => F.maximum(x, y)],
  44: ["fminnmv", (F, x, y) => F.minimumNumber(x, y)],
  47: ["fminv", (F, x, y) => F.minimum(x, y)]
}
const key = (f: { readonly a: number; readonly opcode: number }) => (f.a << 5) | f.opcode
const opcodes = (rows: Rows<Binary>) => choice(["a:1", "opcode:5"], mnemonics(rows, 6))

const pair = (p: Precision, fixed: "0 11110" | "1 11110", sz: "0" | "1") =>
  instruction({
    name: `${heading(pairs)} (scalar, ${p.name})`,
    encoding: `01 ${fixed} a ${sz} 11000 opcode:5 10 Rn:5 Rd:5`,
    where: (f) => pairs[key(f)] !== undefined,
    assembly: `<op> <${p.letter}d>, <Vn>.2${p.letter.toLowerCase()}`,
    operands: { op: opcodes(pairs) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const [, combine] = pairs[key(f)]!
      const n = cpu.V(f.Rn, F)
      cpu.setScalar(f.Rd, combine(F, cpu.lane(n, 0), cpu.lane(n, 1), cpu), F)
    }
  })

/** The manual's Reduce: each half of the lanes alone, then both results. */
const reduce = (cpu: Cpu, F: Float, source: Vector, lanes: number, opcode: number): Value => {
  const [, combine] = across[opcode]!
  const range = (from: number, count: number): Value =>
    count === 1 ? cpu.lane(source, from) : combine(F, range(from, count / 2), range(from + count / 2, count / 2), cpu)
  return range(0, lanes)
}
const acrossHalves = instruction({
  name: `${heading(across)} (half precision)`,
  encoding: "0 Q 0 01110 a 0 11000 opcode:5 10 Rn:5 Rd:5",
  where: (f) => across[key(f)] !== undefined,
  assembly: "<op> <Hd>, <Vn>.<T>",
  operands: { op: opcodes(across), T: choice("Q", "4h 8h") },
  feature: "AdvSIMD and FP16",
  access: "SIMD",
  execute(cpu, f) {
    const F = cpu.float(16)
    cpu.setScalar(f.Rd, reduce(cpu, F, cpu.V(f.Rn, F, vectorBits(f.Q)), f.Q ? 8 : 4, key(f)), F)
  }
})
const acrossSingles = instruction({
  name: `${heading(across)} (single precision)`,
  encoding: "0 1 1 01110 a 0 11000 opcode:5 10 Rn:5 Rd:5",
  where: (f) => across[key(f)] !== undefined,
  assembly: "<op> <Sd>, <Vn>.4s",
  operands: { op: opcodes(across) },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, f) {
    const F = cpu.float(32)
    cpu.setScalar(f.Rd, reduce(cpu, F, cpu.V(f.Rn, F), 4, key(f)), F)
  }
})

export const floatPairwise: readonly Instruction[] = [
  pair(half, "0 11110", "0"),
  pair(single, "1 11110", "0"),
  pair(double, "1 11110", "1"),
  acrossHalves,
  acrossSingles
]
