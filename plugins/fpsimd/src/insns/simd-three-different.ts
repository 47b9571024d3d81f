/** AdvSIMD three registers of different types: widening and narrowing arithmetic. */
import { choice, instruction, type Value } from "@eltwo/isa"
import { arrangement, byteArrangement, sizedScalar, wideArrangement } from "../operands.ts"
import { polynomialProduct } from "./crypto-polynomial.ts"
import * as lanes from "./simd-lanes.ts"
import { HALVES_AND_WORDS, halvesGroup, NONE, setNarrow, UP_TO_32 } from "./simd-table.ts"

/** Both sources widened. */
const long = halvesGroup<lanes.Lane>(
  {
    0: ["saddl", UP_TO_32, NONE, lanes.add],
    16: ["uaddl", UP_TO_32, NONE, lanes.add],
    2: ["ssubl", UP_TO_32, NONE, lanes.subtract],
    18: ["usubl", UP_TO_32, NONE, lanes.subtract],
    7: ["sabdl", UP_TO_32, NONE, lanes.absoluteDifference],
    23: ["uabdl", UP_TO_32, NONE, lanes.absoluteDifference],
    12: ["smull", UP_TO_32, NONE, lanes.multiply],
    28: ["umull", UP_TO_32, NONE, lanes.multiply],
    13: ["sqdmull", HALVES_AND_WORDS, NONE, lanes.saturatingDoublingMultiply]
  },
  4
)
/** Both sources widened, and the wide destination. */
const accumulating = halvesGroup<lanes.AccumulatingLane>(
  {
    5: ["sabal", UP_TO_32, NONE, (cpu, W, sum, x, y) => W.add(sum, lanes.absoluteDifference(cpu, W, x, y))],
    21: ["uabal", UP_TO_32, NONE, (cpu, W, sum, x, y) => W.add(sum, lanes.absoluteDifference(cpu, W, x, y))],
    8: ["smlal", UP_TO_32, NONE, lanes.multiplyAdd],
    24: ["umlal", UP_TO_32, NONE, lanes.multiplyAdd],
    9: ["sqdmlal", HALVES_AND_WORDS, NONE, lanes.saturatingDoublingMultiplyAdd],
    10: ["smlsl", UP_TO_32, NONE, lanes.multiplySubtract],
    26: ["umlsl", UP_TO_32, NONE, lanes.multiplySubtract],
    11: ["sqdmlsl", HALVES_AND_WORDS, NONE, lanes.saturatingDoublingMultiplySubtract]
  },
  4
)
/** The first source is wide already. */
const wide = halvesGroup<lanes.Lane>(
  {
    1: ["saddw", UP_TO_32, NONE, lanes.add],
    17: ["uaddw", UP_TO_32, NONE, lanes.add],
    3: ["ssubw", UP_TO_32, NONE, lanes.subtract],
    19: ["usubw", UP_TO_32, NONE, lanes.subtract]
  },
  4
)
/** Both sources are wide; the destination takes the upper half of each result, rounded when U is 1. */
const narrow = halvesGroup<lanes.Lane>(
  {
    4: ["addhn", UP_TO_32, NONE, lanes.add],
    20: ["raddhn", UP_TO_32, NONE, lanes.add],
    6: ["subhn", UP_TO_32, NONE, lanes.subtract],
    22: ["rsubhn", UP_TO_32, NONE, lanes.subtract]
  },
  4
)

export const vectorLong = instruction({
  name: long.name,
  encoding: "0 Q U 01110 size:2 1 Rm:5 opcode:4 00 Rn:5 Rd:5",
  where: long.allocates,
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Tb>, <Vm>.<Tb>",
  operands: { op: long.mnemonic, Ta: wideArrangement, Tb: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, Rm, opcode, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const W = lanes.elementType(cpu, size + 1, U)
    const lane = long.lane({ U, opcode })
    const sources = [cpu.V(Rn, T, 64, Q), cpu.V(Rm, T, 64, Q)]
    cpu.setV(
      Rd,
      cpu.map(W, sources, (x, y) => lane(cpu, W, W.from(x!, T), W.from(y!, T)))
    )
  }
})
export const vectorLongAccumulate = instruction({
  name: accumulating.name,
  encoding: "0 Q U 01110 size:2 1 Rm:5 opcode:4 00 Rn:5 Rd:5",
  where: accumulating.allocates,
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Tb>, <Vm>.<Tb>",
  operands: { op: accumulating.mnemonic, Ta: wideArrangement, Tb: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, Rm, opcode, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const W = lanes.elementType(cpu, size + 1, U)
    const lane = accumulating.lane({ U, opcode })
    const sources = [cpu.V(Rd, W), cpu.V(Rn, T, 64, Q), cpu.V(Rm, T, 64, Q)]
    cpu.setV(
      Rd,
      cpu.map(W, sources, (sum, x, y) => lane(cpu, W, sum!, W.from(x!, T), W.from(y!, T)))
    )
  }
})
export const vectorWide = instruction({
  name: wide.name,
  encoding: "0 Q U 01110 size:2 1 Rm:5 opcode:4 00 Rn:5 Rd:5",
  where: wide.allocates,
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Ta>, <Vm>.<Tb>",
  operands: { op: wide.mnemonic, Ta: wideArrangement, Tb: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, Rm, opcode, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const W = lanes.elementType(cpu, size + 1, U)
    const lane = wide.lane({ U, opcode })
    cpu.setV(
      Rd,
      cpu.map(W, [cpu.V(Rn, W), cpu.V(Rm, T, 64, Q)], (x, y) => lane(cpu, W, x!, W.from(y!, T)))
    )
  }
})
export const vectorNarrowHigh = instruction({
  name: narrow.name,
  encoding: "0 Q U 01110 size:2 1 Rm:5 opcode:4 00 Rn:5 Rd:5",
  where: narrow.allocates,
  assembly: "<op> <Vd>.<Tb>, <Vn>.<Ta>, <Vm>.<Ta>",
  operands: { op: narrow.mnemonic, Ta: wideArrangement, Tb: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, Rm, opcode, Rn, Rd }) {
    const T = cpu.unsigned(8 << size)
    const W = cpu.unsigned(16 << size)
    const lane = narrow.lane({ U, opcode })
    const upper = (x: Value): Value => T.from(W.shiftRight(U ? W.add(x, W.constant(1n << BigInt(T.bits - 1))) : x, T.bits), W)
    const result = cpu.map(T, [cpu.V(Rn, W), cpu.V(Rm, W)], (x, y) => upper(lane(cpu, W, x!, y!)))
    setNarrow(cpu, Rd, Q, result)
  }
})
export const scalarDoublingLong = instruction({
  name: "SQDMLAL, SQDMLSL, SQDMULL (scalar)",
  encoding: "01 0 11110 size:2 1 Rm:5 1 op:2 1 00 Rn:5 Rd:5",
  where: (f) => f.op !== 3 && (f.size === 1 || f.size === 2),
  assembly: "<op> <d>, <n>, <m>",
  operands: {
    op: choice("op", "sqdmlal sqdmlsl sqdmull -"),
    d: sizedScalar("Rd", "size", "hsd-"),
    n: sizedScalar("Rn", "size"),
    m: sizedScalar("Rm", "size")
  },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { size, Rm, op, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    const W = cpu.signed(16 << size)
    const x = W.from(cpu.scalar(Rn, T), T)
    const y = W.from(cpu.scalar(Rm, T), T)
    const accumulate = op ? lanes.saturatingDoublingMultiplySubtract : lanes.saturatingDoublingMultiplyAdd
    cpu.setScalar(Rd, op === 2 ? lanes.saturatingDoublingMultiply(cpu, W, x, y) : accumulate(cpu, W, cpu.scalar(Rd, W), x, y), W)
  }
})
export const polynomialLong = instruction({
  name: "PMULL, PMULL2 (bytes)",
  encoding: "0 Q 0 01110 00 1 Rm:5 11100 0 Rn:5 Rd:5",
  assembly: "<op> <Vd>.8h, <Vn>.<Tb>, <Vm>.<Tb>",
  operands: { op: choice("Q", "pmull pmull2"), Tb: byteArrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, Rm, Rn, Rd }) {
    const T = cpu.unsigned(8)
    const W = cpu.unsigned(16)
    const multiply = lanes.polynomialMultiply(8)
    const sources = [cpu.V(Rn, T, 64, Q), cpu.V(Rm, T, 64, Q)]
    cpu.setV(
      Rd,
      cpu.map(W, sources, (x, y) => multiply(cpu, W, W.from(x!, T), W.from(y!, T)))
    )
  }
})
export const polynomialLong64 = instruction({
  name: "PMULL, PMULL2 (doublewords)",
  encoding: "0 Q 0 01110 11 1 Rm:5 11100 0 Rn:5 Rd:5",
  assembly: "<op> <Vd>.1q, <Vn>.<Tb>, <Vm>.<Tb>",
  operands: { op: choice("Q", "pmull pmull2"), Tb: choice("Q", "1d 2d") },
  feature: "PMULL",
  access: "SIMD",
  execute(cpu, { Q, Rm, Rn, Rd }) {
    const D = cpu.unsigned(64)
    cpu.setV(Rd, cpu.call(polynomialProduct, cpu.V(Rn, D, 64, Q), cpu.V(Rm, D, 64, Q)))
  }
})

export const simdThreeDifferent = [
  vectorLong,
  vectorLongAccumulate,
  vectorWide,
  vectorNarrowHigh,
  scalarDoublingLong,
  polynomialLong,
  polynomialLong64
]
