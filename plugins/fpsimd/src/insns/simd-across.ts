/** AdvSIMD across lanes: one element out of a whole vector, or out of a pair. */
import { choice, instruction } from "@eltwo/isa"
import { arrangement, sizedScalar } from "../operands.ts"
import * as lanes from "./simd-lanes.ts"

/** Vectors of at least four elements. */
const atLeastFour = (f: { readonly size: number; readonly Q: number }): boolean => f.size < 2 || (f.size === 2 && f.Q === 1)

export const addLongAcross = instruction({
  name: "SADDLV, UADDLV",
  encoding: "0 Q U 01110 size:2 11000 00011 10 Rn:5 Rd:5",
  where: atLeastFour,
  assembly: "<op> <d>, <Vn>.<T>",
  operands: { op: choice("U", "saddlv uaddlv"), d: sizedScalar("Rd", "size", "hsd-"), T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const W = lanes.elementType(cpu, size + 1, U)
    const pair = lanes.addPair(W, T)
    const sums = cpu.map(W, [cpu.V(Rn, W, Q ? 128 : 64)], (x) => pair(x!))
    cpu.setScalar(
      Rd,
      cpu.reduce(W, sums, W.constant(0), (x, y) => W.add(x, y), "tree"),
      W
    )
  }
})
export const extremeAcross = instruction({
  name: "SMAXV, UMAXV, SMINV, UMINV",
  encoding: "0 Q U 01110 size:2 11000 least 1010 10 Rn:5 Rd:5",
  where: atLeastFour,
  assembly: "<op> <d>, <Vn>.<T>",
  operands: { op: choice(["least:1", "U:1"], "smaxv umaxv sminv uminv"), d: sizedScalar("Rd", "size"), T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, least, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const source = cpu.V(Rn, T, Q ? 128 : 64)
    const start = cpu.lane(source, 0)
    const result = cpu.reduce(T, source, start, (x, y) => (least ? T.minimum(x, y) : T.maximum(x, y)), "tree")
    cpu.setScalar(Rd, result, T)
  }
})
export const addAcross = instruction({
  name: "ADDV",
  encoding: "0 Q 0 01110 size:2 11000 11011 10 Rn:5 Rd:5",
  where: atLeastFour,
  assembly: "addv <d>, <Vn>.<T>",
  operands: { d: sizedScalar("Rd", "size"), T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, size, Rn, Rd }) {
    const T = cpu.unsigned(8 << size)
    cpu.setScalar(
      Rd,
      cpu.reduce(T, cpu.V(Rn, T, Q ? 128 : 64), T.constant(0), (x, y) => T.add(x, y), "tree"),
      T
    )
  }
})
export const addPairScalar = instruction({
  name: "ADDP (scalar)",
  encoding: "01 0 11110 11 11000 11011 10 Rn:5 Rd:5",
  assembly: "addp <Dd>, <Vn>.2d",
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Rn, Rd }) {
    const D = cpu.unsigned(64)
    const source = cpu.V(Rn, D)
    cpu.setScalar(Rd, D.add(cpu.lane(source, 0), cpu.lane(source, 1)), D)
  }
})

export const simdAcross = [addLongAcross, extremeAcross, addAcross, addPairScalar]
