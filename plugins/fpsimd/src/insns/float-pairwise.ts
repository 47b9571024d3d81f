/** AdvSIMD scalar pairwise and across lanes, floating-point. */
import { type Cpu, choice, type Float, type Instruction, instruction, type Value, type Vector } from "@eltwo/isa"
import { double, half, type Precision, single, vectorBits } from "./float-precision.ts"
import { type BinaryLane, type OpcodeTable, opcodeTable } from "./float-table.ts"

// Opcodes are bit 23 and the manual's opcode.
const pairs = opcodeTable<BinaryLane>(6, [
  [0b0_01100, "fmaxnmp", (F, x, y) => F.maximumNumber(x, y)],
  [0b0_01101, "faddp", (F, x, y) => F.add(x, y)],
  [0b0_01111, "fmaxp", (F, x, y) => F.maximum(x, y)],
  [0b1_01100, "fminnmp", (F, x, y) => F.minimumNumber(x, y)],
  [0b1_01111, "fminp", (F, x, y) => F.minimum(x, y)]
])
const across = opcodeTable<BinaryLane>(6, [
  [0b0_01100, "fmaxnmv", (F, x, y) => F.maximumNumber(x, y)],
  [0b0_01111, "fmaxv", (F, x, y) => F.maximum(x, y)],
  [0b1_01100, "fminnmv", (F, x, y) => F.minimumNumber(x, y)],
  [0b1_01111, "fminv", (F, x, y) => F.minimum(x, y)]
])
const key = (f: { readonly a: number; readonly opcode: number }) => (f.a << 5) | f.opcode
const opcodes = (rows: OpcodeTable<BinaryLane>) => choice(["a:1", "opcode:5"], rows.mnemonics)

const pair = (p: Precision, fixed: "0 11110" | "1 11110", sz: "0" | "1") =>
  instruction({
    name: `${pairs.heading} (scalar, ${p.name})`,
    encoding: `01 ${fixed} a ${sz} 11000 opcode:5 10 Rn:5 Rd:5`,
    where: (f) => pairs.has(key(f)),
    assembly: `<op> <${p.letter}d>, <Vn>.2${p.letter.toLowerCase()}`,
    operands: { op: opcodes(pairs) },
    feature: p.vector,
    access: "SIMD",
    execute(cpu, f) {
      const F = cpu.float(p.bits)
      const combine = pairs.at(key(f))
      const n = cpu.V(f.Rn, F)
      cpu.setScalar(f.Rd, combine(F, cpu.lane(n, 0), cpu.lane(n, 1), cpu), F)
    }
  })

/** The manual's Reduce: each half of the lanes alone, then both results. */
const reduce = (cpu: Cpu, F: Float, source: Vector, lanes: number, opcode: number): Value => {
  const combine = across.at(opcode)
  const range = (from: number, count: number): Value =>
    count === 1 ? cpu.lane(source, from) : combine(F, range(from, count / 2), range(from + count / 2, count / 2), cpu)
  return range(0, lanes)
}
const acrossHalves = instruction({
  name: `${across.heading} (half precision)`,
  encoding: "0 Q 0 01110 a 0 11000 opcode:5 10 Rn:5 Rd:5",
  where: (f) => across.has(key(f)),
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
  name: `${across.heading} (single precision)`,
  encoding: "0 1 1 01110 a 0 11000 opcode:5 10 Rn:5 Rd:5",
  where: (f) => across.has(key(f)),
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
