/** AdvSIMD two registers: one source, element by element; widening, narrowing and adding of pairs. */
import { type Cpu, choice, instruction, type Value } from "@eltwo/isa"
import { arrangement, byteArrangement, fitsVector, pairArrangement, sizedScalar, wideArrangement } from "../operands.ts"
import * as lanes from "./simd-lanes.ts"
import { ALL, BYTES, DOUBLEWORDS, group, halvesGroup, NONE, type Rows, setNarrow, UP_TO_32 } from "./simd-table.ts"

/** By U and opcode; the elements are signed. */
const unary: Rows<lanes.UnaryLane> = {
  4: ["cls", UP_TO_32, NONE, (_cpu, T, x) => T.subtract(T.countLeadingZeros(T.xor(x, T.shiftRight(x, 1))), T.constant(1))],
  36: ["clz", UP_TO_32, NONE, (_cpu, T, x) => T.countLeadingZeros(x)],
  5: ["cnt", BYTES, NONE, (_cpu, T, x) => T.countOnes(x)],
  7: ["sqabs", ALL, ALL, lanes.saturatingAbsolute],
  39: ["sqneg", ALL, ALL, lanes.saturatingNegate],
  11: ["abs", ALL, DOUBLEWORDS, (_cpu, T, x) => T.absolute(x)],
  43: ["neg", ALL, DOUBLEWORDS, (_cpu, T, x) => T.negate(x)]
}
/** Comparisons with zero. */
const comparisons: Rows<lanes.Lane> = {
  8: ["cmgt", ALL, DOUBLEWORDS, lanes.compareLane("greater")],
  40: ["cmge", ALL, DOUBLEWORDS, lanes.compareLane("greaterOrEqual")],
  9: ["cmeq", ALL, DOUBLEWORDS, lanes.compareLane("equal")],
  41: ["cmle", ALL, DOUBLEWORDS, lanes.compareLane("lessOrEqual")],
  10: ["cmlt", ALL, DOUBLEWORDS, lanes.compareLane("less")]
}

const vectorUnaryRows = group(unary, "vector", 5)
export const vectorUnary = instruction({
  name: vectorUnaryRows.name,
  encoding: "0 Q U 01110 size:2 10000 opcode:5 10 Rn:5 Rd:5",
  where: (f) => vectorUnaryRows.allocates(f) && fitsVector(f),
  assembly: "<op> <Vd>.<T>, <Vn>.<T>",
  operands: { op: vectorUnaryRows.mnemonic, T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, opcode, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    const lane = vectorUnaryRows.lane({ U, opcode })
    const source = cpu.V(Rn, T, Q ? 128 : 64)
    cpu.setV(
      Rd,
      cpu.map(T, [source], (x) => lane(cpu, T, x!))
    )
  }
})
const scalarUnaryRows = group(unary, "scalar", 5)
export const scalarUnary = instruction({
  name: scalarUnaryRows.name,
  encoding: "01 U 11110 size:2 10000 opcode:5 10 Rn:5 Rd:5",
  where: scalarUnaryRows.allocates,
  assembly: "<op> <d>, <n>",
  operands: { op: scalarUnaryRows.mnemonic, d: sizedScalar("Rd", "size"), n: sizedScalar("Rn", "size") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, size, opcode, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    cpu.setScalar(Rd, scalarUnaryRows.lane({ U, opcode })(cpu, T, cpu.scalar(Rn, T)), T)
  }
})

const vectorComparisons = group(comparisons, "vector", 5)
export const vectorCompareZero = instruction({
  name: `${vectorComparisons.name}, zero`,
  encoding: "0 Q U 01110 size:2 10000 opcode:5 10 Rn:5 Rd:5",
  where: (f) => vectorComparisons.allocates(f) && fitsVector(f),
  assembly: "<op> <Vd>.<T>, <Vn>.<T>, #0",
  operands: { op: vectorComparisons.mnemonic, T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, opcode, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    const lane = vectorComparisons.lane({ U, opcode })
    const source = cpu.V(Rn, T, Q ? 128 : 64)
    cpu.setV(
      Rd,
      cpu.map(T, [source], (x) => lane(cpu, T, x!, T.constant(0)))
    )
  }
})
const scalarComparisons = group(comparisons, "scalar", 5)
export const scalarCompareZero = instruction({
  name: `${scalarComparisons.name}, zero`,
  encoding: "01 U 11110 size:2 10000 opcode:5 10 Rn:5 Rd:5",
  where: scalarComparisons.allocates,
  assembly: "<op> <d>, <n>, #0",
  operands: { op: scalarComparisons.mnemonic, d: sizedScalar("Rd", "size"), n: sizedScalar("Rn", "size") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, size, opcode, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    cpu.setScalar(Rd, scalarComparisons.lane({ U, opcode })(cpu, T, cpu.scalar(Rn, T), T.constant(0)), T)
  }
})

const mixedWords = choice("U", "suqadd usqadd")
export const vectorSaturatingAccumulate = instruction({
  name: "SUQADD, USQADD (vector)",
  encoding: "0 Q U 01110 size:2 10000 00011 10 Rn:5 Rd:5",
  where: fitsVector,
  assembly: "<op> <Vd>.<T>, <Vn>.<T>",
  operands: { op: mixedWords, T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const bits = Q ? 128 : 64
    cpu.setV(
      Rd,
      cpu.map(T, [cpu.V(Rd, T, bits), cpu.V(Rn, T, bits)], (sum, x) => lanes.saturatingAddMixed(cpu, T, sum!, x!))
    )
  }
})
export const scalarSaturatingAccumulate = instruction({
  name: "SUQADD, USQADD (scalar)",
  encoding: "01 U 11110 size:2 10000 00011 10 Rn:5 Rd:5",
  assembly: "<op> <d>, <n>",
  operands: { op: mixedWords, d: sizedScalar("Rd", "size"), n: sizedScalar("Rn", "size") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, size, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    cpu.setScalar(Rd, lanes.saturatingAddMixed(cpu, T, cpu.scalar(Rd, T), cpu.scalar(Rn, T)), T)
  }
})

export const reverseElements = instruction({
  name: "REV64, REV32, REV16",
  encoding: "0 Q narrower 01110 size:2 10000 0000 half 10 Rn:5 Rd:5",
  where: (f) => f.narrower + f.half < 2 && f.size < 3 - f.narrower - 2 * f.half,
  assembly: "<op> <Vd>.<T>, <Vn>.<T>",
  operands: { op: choice(["half:1", "narrower:1"], "rev64 rev32 rev16 -"), T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, narrower, size, half, Rn, Rd }) {
    const T = cpu.unsigned(8 << size)
    const perContainer = (half ? 16 : narrower ? 32 : 64) / T.bits
    cpu.setV(
      Rd,
      cpu.permute(T, [cpu.V(Rn, T, Q ? 128 : 64)], (i) => i ^ (perContainer - 1))
    )
  }
})
export const vectorNot = instruction({
  name: "NOT, RBIT (vector)",
  encoding: "0 Q 1 01110 0 reverse 10000 00101 10 Rn:5 Rd:5",
  assembly: "<op> <Vd>.<T>, <Vn>.<T>",
  operands: { op: choice("reverse", "mvn rbit"), not: choice("reverse", "not -"), T: byteArrangement },
  aliases: [{ text: "<not> <Vd>.<T>, <Vn>.<T>", prefer: false }],
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, reverse, Rn, Rd }) {
    const B = cpu.unsigned(8)
    const source = cpu.V(Rn, B, Q ? 128 : 64)
    cpu.setV(
      Rd,
      cpu.map(B, [source], (x) => (reverse ? B.reverse(x!, "bits") : B.not(x!)))
    )
  }
})
export const addLongPairs = instruction({
  name: "SADDLP, UADDLP, SADALP, UADALP",
  encoding: "0 Q U 01110 size:2 10000 00 accumulate 10 10 Rn:5 Rd:5",
  where: (f) => f.size !== 3,
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Tb>",
  operands: { op: choice(["accumulate:1", "U:1"], "saddlp uaddlp sadalp uadalp"), Ta: pairArrangement, Tb: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, accumulate, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const W = lanes.elementType(cpu, size + 1, U)
    const bits = Q ? 128 : 64
    const pair = lanes.addPair(W, T)
    const source = cpu.V(Rn, W, bits)
    cpu.setV(Rd, accumulate ? cpu.map(W, [cpu.V(Rd, W, bits), source], (sum, x) => W.add(sum!, pair(x!))) : cpu.map(W, [source], (x) => pair(x!)))
  }
})

type Narrowing = "truncate" | "signed" | "unsigned" | "signedToUnsigned"
const narrowing: Rows<Narrowing> = {
  18: ["xtn", UP_TO_32, NONE, "truncate"],
  50: ["sqxtun", UP_TO_32, UP_TO_32, "signedToUnsigned"],
  20: ["sqxtn", UP_TO_32, UP_TO_32, "signed"],
  52: ["uqxtn", UP_TO_32, UP_TO_32, "unsigned"]
}
/** Result type T, source type W, and the lane between them. */
const narrowingLane = (cpu: Cpu, kind: Narrowing, size: number) => {
  const T = lanes.elementType(cpu, size, kind === "signed" ? 0 : 1)
  const W = lanes.elementType(cpu, size + 1, kind === "unsigned" ? 1 : 0)
  return { T, W, lane: (x: Value): Value => (kind === "truncate" ? T.from(x, W) : lanes.saturating(cpu, T, W, x)) }
}
const vectorNarrowing = halvesGroup(narrowing, 5)
export const vectorNarrow = instruction({
  name: vectorNarrowing.name,
  encoding: "0 Q U 01110 size:2 10000 opcode:5 10 Rn:5 Rd:5",
  where: vectorNarrowing.allocates,
  assembly: "<op> <Vd>.<Tb>, <Vn>.<Ta>",
  operands: { op: vectorNarrowing.mnemonic, Ta: wideArrangement, Tb: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, opcode, Rn, Rd }) {
    const { T, W, lane } = narrowingLane(cpu, vectorNarrowing.lane({ U, opcode }), size)
    setNarrow(
      cpu,
      Rd,
      Q,
      cpu.map(T, [cpu.V(Rn, W)], (x) => lane(x!))
    )
  }
})
const scalarNarrowing = group(narrowing, "scalar", 5)
export const scalarNarrow = instruction({
  name: scalarNarrowing.name,
  encoding: "01 U 11110 size:2 10000 opcode:5 10 Rn:5 Rd:5",
  where: scalarNarrowing.allocates,
  assembly: "<op> <d>, <n>",
  operands: { op: scalarNarrowing.mnemonic, d: sizedScalar("Rd", "size"), n: sizedScalar("Rn", "size", "hsd-") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, size, opcode, Rn, Rd }) {
    const { T, W, lane } = narrowingLane(cpu, scalarNarrowing.lane({ U, opcode }), size)
    cpu.setScalar(Rd, lane(cpu.scalar(Rn, W)), T)
  }
})
export const shiftLeftLong = instruction({
  name: "SHLL, SHLL2",
  encoding: "0 Q 1 01110 size:2 10000 10011 10 Rn:5 Rd:5",
  where: (f) => f.size !== 3,
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Tb>, #<amount>",
  operands: { op: choice("Q", "shll shll2"), Ta: wideArrangement, Tb: arrangement, amount: choice("size", "8 16 32 -") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, size, Rn, Rd }) {
    const T = cpu.unsigned(8 << size)
    const W = cpu.unsigned(16 << size)
    cpu.setV(
      Rd,
      cpu.map(W, [cpu.V(Rn, T, 64, Q)], (x) => W.shiftLeft(W.from(x!, T), T.bits))
    )
  }
})

export const simdTwoRegister = [
  vectorUnary,
  scalarUnary,
  vectorCompareZero,
  scalarCompareZero,
  vectorSaturatingAccumulate,
  scalarSaturatingAccumulate,
  reverseElements,
  vectorNot,
  addLongPairs,
  vectorNarrow,
  scalarNarrow,
  shiftLeftLong
]
