/** Products of half precision and bfloat16 accumulated in single precision: FEAT_FHM and FEAT_BF16. */
import { type Cpu, choice, type Float, type Instruction, instruction, unsigned, type Vector } from "@eltwo/isa"
import { vectorBits } from "./float-precision.ts"

/** Elements `first`, `first` + 1 ... of a vector of 16-bit elements, each in the low half of 32 bits. */
const spread = (cpu: Cpu, source: Vector, first: number): Vector =>
  cpu.reinterpret(
    cpu.permute(cpu.unsigned(16), [source], (i) => (i & 1 ? "zero" : first + (i >> 1))),
    cpu.unsigned(32)
  )

// ---- FEAT_FHM. The `2` forms take the upper half of the elements.
interface LongFields {
  readonly Q: number
  readonly S: number
  readonly Rn: number
  readonly Rd: number
}
const multiplyAddLong = (cpu: Cpu, f: LongFields, upper: boolean, m: Vector): void => {
  const [S, H] = [cpu.float(32), cpu.float(16)]
  const bits = vectorBits(f.Q)
  const n = cpu.V(f.Rn, H, bits)
  const signed = f.S ? cpu.map(H, [n], (x) => H.negate(x)) : n
  const x = spread(cpu, signed, upper ? bits / 32 : 0)
  cpu.setV(
    f.Rd,
    cpu.map(S, [cpu.V(f.Rd, S, bits), x, m], (sum, a, b) => S.special("multiplyAddHalf", sum, a, b))
  )
}
const multiplyAddLongVector = instruction({
  name: "FMLAL, FMLAL2, FMLSL, FMLSL2 (vector)",
  encoding: "0 Q upper 01110 S 01 Rm:5 11 lower 011 Rn:5 Rd:5",
  where: (f) => f.upper !== f.lower,
  assembly: "<op> <Vd>.<T>, <Vn>.<Tb>, <Vm>.<Tb>",
  operands: { op: choice(["upper:1", "lower:1", "S:1"], "- - fmlal fmlsl fmlal2 fmlsl2 - -"), T: choice("Q", "2s 4s"), Tb: choice("Q", "2h 4h") },
  feature: "FHM",
  access: "SIMD",
  execute(cpu, f) {
    const m = cpu.V(f.Rm, cpu.float(16), vectorBits(f.Q))
    multiplyAddLong(cpu, f, f.upper === 1, spread(cpu, m, f.upper ? vectorBits(f.Q) / 32 : 0))
  }
})
const multiplyAddLongByElement = instruction({
  name: "FMLAL, FMLAL2, FMLSL, FMLSL2 (by element)",
  encoding: "0 Q upper 01111 10 L M Rm:4 up S 00 H 0 Rn:5 Rd:5",
  where: (f) => f.upper === f.up,
  assembly: "<op> <Vd>.<T>, <Vn>.<Tb>, <Vm>.h[<index>]",
  operands: {
    op: choice(["upper:1", "up:1", "S:1"], "fmlal fmlsl - - - - fmlal2 fmlsl2"),
    T: choice("Q", "2s 4s"),
    Tb: choice("Q", "2h 4h"),
    index: unsigned(["H:1", "L:1", "M:1"])
  },
  feature: "FHM",
  access: "SIMD",
  execute(cpu, f) {
    const [H, W] = [cpu.unsigned(16), cpu.unsigned(32)]
    const m = cpu.lane(cpu.V(f.Rm, H), (f.H << 2) | (f.L << 1) | f.M)
    multiplyAddLong(cpu, f, f.upper === 1, cpu.splat(W, W.from(m, H), vectorBits(f.Q)))
  }
})

// ---- FEAT_BF16. Each single meets the pair of bfloat16 in the same 32 bits.
const dot = (cpu: Cpu, S: Float, sum: Vector, n: Vector, m: Vector): Vector => cpu.map(S, [sum, n, m], (d, x, y) => S.special("bfloat16Dot", d, x, y))
const dotVector = instruction({
  name: "BFDOT (vector)",
  encoding: "0 Q 1 01110 010 Rm:5 11111 1 Rn:5 Rd:5",
  assembly: "bfdot <Vd>.<T>, <Vn>.<Tb>, <Vm>.<Tb>",
  operands: { T: choice("Q", "2s 4s"), Tb: choice("Q", "4h 8h") },
  feature: "BF16",
  access: "SIMD",
  execute(cpu, { Q, Rm, Rn, Rd }) {
    const S = cpu.float(32)
    const bits = vectorBits(Q)
    cpu.setV(Rd, dot(cpu, S, cpu.V(Rd, S, bits), cpu.V(Rn, S, bits), cpu.V(Rm, S, bits)))
  }
})
const dotByElement = instruction({
  name: "BFDOT (by element)",
  encoding: "0 Q 0 01111 01 L Rm:5 1111 H 0 Rn:5 Rd:5",
  assembly: "bfdot <Vd>.<T>, <Vn>.<Tb>, <Vm>.2h[<index>]",
  operands: { T: choice("Q", "2s 4s"), Tb: choice("Q", "4h 8h"), index: unsigned(["H:1", "L:1"]) },
  feature: "BF16",
  access: "SIMD",
  execute(cpu, { Q, L, Rm, H, Rn, Rd }) {
    const S = cpu.float(32)
    const bits = vectorBits(Q)
    const m = cpu.splat(S, cpu.lane(cpu.V(Rm, S), (H << 1) | L), bits)
    cpu.setV(Rd, dot(cpu, S, cpu.V(Rd, S, bits), cpu.V(Rn, S, bits), m))
  }
})
/** Rows of n times columns of m, 2 x 4 by 4 x 2: two steps of a pair each. */
const matrixMultiply = instruction({
  name: "BFMMLA",
  encoding: "0 1 1 01110 010 Rm:5 11101 1 Rn:5 Rd:5",
  assembly: "bfmmla <Vd>.4s, <Vn>.8h, <Vm>.8h",
  feature: "BF16",
  access: "SIMD",
  execute(cpu, { Rm, Rn, Rd }) {
    const S = cpu.float(32)
    const [n, m] = [cpu.V(Rn, S), cpu.V(Rm, S)]
    const rows = (pair: number) => cpu.permute(S, [n], (i) => (i & 2) + pair)
    const columns = (pair: number) => cpu.permute(S, [m], (i) => 2 * (i & 1) + pair)
    cpu.setV(Rd, dot(cpu, S, dot(cpu, S, cpu.V(Rd, S), rows(0), columns(0)), rows(1), columns(1)))
  }
})
/** Even (`odd` = 0) or odd 16-bit elements, each in the low half of 32 bits. */
const everySecond = (cpu: Cpu, n: number, odd: number): Vector => {
  const [H, W] = [cpu.unsigned(16), cpu.unsigned(32)]
  return cpu.map(W, [cpu.V(n, W)], (x) => W.part(x, odd, H))
}
/** Q chooses the bottom (even) or top (odd) elements. */
const multiplyAddPart = (cpu: Cpu, f: { readonly Q: number; readonly Rn: number; readonly Rd: number }, m: Vector): void => {
  const S = cpu.float(32)
  cpu.setV(
    f.Rd,
    cpu.map(S, [cpu.V(f.Rd, S), everySecond(cpu, f.Rn, f.Q), m], (sum, x, y) => S.special("multiplyAddBfloat16", sum, x, y))
  )
}
const multiplyAddPartVector = instruction({
  name: "BFMLALB, BFMLALT (vector)",
  encoding: "0 Q 1 01110 110 Rm:5 11111 1 Rn:5 Rd:5",
  assembly: "<Q> <Vd>.4s, <Vn>.8h, <Vm>.8h",
  operands: { Q: choice("Q", "bfmlalb bfmlalt") },
  feature: "BF16",
  access: "SIMD",
  execute: (cpu, f) => multiplyAddPart(cpu, f, everySecond(cpu, f.Rm, f.Q))
})
const multiplyAddPartByElement = instruction({
  name: "BFMLALB, BFMLALT (by element)",
  encoding: "0 Q 0 01111 11 L M Rm:4 1111 H 0 Rn:5 Rd:5",
  assembly: "<Q> <Vd>.4s, <Vn>.8h, <Vm>.h[<index>]",
  operands: { Q: choice("Q", "bfmlalb bfmlalt"), index: unsigned(["H:1", "L:1", "M:1"]) },
  feature: "BF16",
  access: "SIMD",
  execute(cpu, f) {
    const [H, W] = [cpu.unsigned(16), cpu.unsigned(32)]
    const m = cpu.lane(cpu.V(f.Rm, H), (f.H << 2) | (f.L << 1) | f.M)
    multiplyAddPart(cpu, f, cpu.splat(W, W.from(m, H), 128))
  }
})

export const floatWidening: readonly Instruction[] = [
  multiplyAddLongVector,
  multiplyAddLongByElement,
  dotVector,
  dotByElement,
  matrixMultiply,
  multiplyAddPartVector,
  multiplyAddPartByElement
]
