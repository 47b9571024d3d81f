/** AdvSIMD three registers of the same type: integer arithmetic, comparisons, shifts by register, logic. */
import { choice, type Integer, instruction, type Value } from "@eltwo/isa"
import { arrangement, byteArrangement, fitsVector, NUMBER, sizedScalar, spelled } from "../operands.ts"
import * as lanes from "./simd-lanes.ts"
import { ALL, BYTES, DOUBLEWORDS, group, HALVES_AND_WORDS, NONE, type Rows, UP_TO_32 } from "./simd-table.ts"

/** By U and opcode. The type of a lane is unsigned when U is 1. */
const binary: Rows<lanes.Lane> = {
  0: ["shadd", UP_TO_32, NONE, lanes.halvingAdd],
  32: ["uhadd", UP_TO_32, NONE, lanes.halvingAdd],
  1: ["sqadd", ALL, ALL, lanes.saturatingAdd],
  33: ["uqadd", ALL, ALL, lanes.saturatingAdd],
  2: ["srhadd", UP_TO_32, NONE, lanes.roundingHalvingAdd],
  34: ["urhadd", UP_TO_32, NONE, lanes.roundingHalvingAdd],
  4: ["shsub", UP_TO_32, NONE, lanes.halvingSubtract],
  36: ["uhsub", UP_TO_32, NONE, lanes.halvingSubtract],
  5: ["sqsub", ALL, ALL, lanes.saturatingSubtract],
  37: ["uqsub", ALL, ALL, lanes.saturatingSubtract],
  6: ["cmgt", ALL, DOUBLEWORDS, lanes.compareLane("greater")],
  38: ["cmhi", ALL, DOUBLEWORDS, lanes.compareLane("greater")],
  7: ["cmge", ALL, DOUBLEWORDS, lanes.compareLane("greaterOrEqual")],
  39: ["cmhs", ALL, DOUBLEWORDS, lanes.compareLane("greaterOrEqual")],
  8: ["sshl", ALL, DOUBLEWORDS, lanes.shiftLane],
  40: ["ushl", ALL, DOUBLEWORDS, lanes.shiftLane],
  9: ["sqshl", ALL, ALL, lanes.saturatingShiftLane],
  41: ["uqshl", ALL, ALL, lanes.saturatingShiftLane],
  10: ["srshl", ALL, DOUBLEWORDS, lanes.roundingShiftLane],
  42: ["urshl", ALL, DOUBLEWORDS, lanes.roundingShiftLane],
  11: ["sqrshl", ALL, ALL, lanes.saturatingRoundingShiftLane],
  43: ["uqrshl", ALL, ALL, lanes.saturatingRoundingShiftLane],
  12: ["smax", UP_TO_32, NONE, lanes.maximum],
  44: ["umax", UP_TO_32, NONE, lanes.maximum],
  13: ["smin", UP_TO_32, NONE, lanes.minimum],
  45: ["umin", UP_TO_32, NONE, lanes.minimum],
  14: ["sabd", UP_TO_32, NONE, lanes.absoluteDifference],
  46: ["uabd", UP_TO_32, NONE, lanes.absoluteDifference],
  16: ["add", ALL, DOUBLEWORDS, lanes.add],
  48: ["sub", ALL, DOUBLEWORDS, lanes.subtract],
  17: ["cmtst", ALL, DOUBLEWORDS, lanes.testBitsLane],
  49: ["cmeq", ALL, DOUBLEWORDS, lanes.compareLane("equal")],
  19: ["mul", UP_TO_32, NONE, lanes.multiply],
  51: ["pmul", BYTES, NONE, lanes.polynomialMultiply(8)],
  22: ["sqdmulh", HALVES_AND_WORDS, HALVES_AND_WORDS, lanes.doublingMultiplyHigh],
  54: ["sqrdmulh", HALVES_AND_WORDS, HALVES_AND_WORDS, lanes.roundingDoublingMultiplyHigh]
}
const accumulating: Rows<lanes.AccumulatingLane> = {
  15: ["saba", UP_TO_32, NONE, (cpu, T, sum, x, y) => T.add(sum, lanes.absoluteDifference(cpu, T, x, y))],
  47: ["uaba", UP_TO_32, NONE, (cpu, T, sum, x, y) => T.add(sum, lanes.absoluteDifference(cpu, T, x, y))],
  18: ["mla", UP_TO_32, NONE, lanes.multiplyAdd],
  50: ["mls", UP_TO_32, NONE, lanes.multiplySubtract]
}
/** Rows of the pairs of both sources, one after the other. */
const pairwise: Rows<lanes.Lane> = {
  20: ["smaxp", UP_TO_32, NONE, lanes.maximum],
  52: ["umaxp", UP_TO_32, NONE, lanes.maximum],
  21: ["sminp", UP_TO_32, NONE, lanes.minimum],
  53: ["uminp", UP_TO_32, NONE, lanes.minimum],
  23: ["addp", ALL, NONE, lanes.add]
}

const vectorRows = group(binary, "vector", 5)
export const vectorBinary = instruction({
  name: vectorRows.name,
  encoding: "0 Q U 01110 size:2 1 Rm:5 opcode:5 1 Rn:5 Rd:5",
  where: (f) => vectorRows.allocates(f) && fitsVector(f),
  assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
  operands: { op: vectorRows.mnemonic, T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, Rm, opcode, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const bits = Q ? 128 : 64
    const lane = vectorRows.lane({ U, opcode })
    cpu.setV(
      Rd,
      cpu.map(T, [cpu.V(Rn, T, bits), cpu.V(Rm, T, bits)], (x, y) => lane(cpu, T, x!, y!))
    )
  }
})
const scalarRows = group(binary, "scalar", 5)
export const scalarBinary = instruction({
  name: scalarRows.name,
  encoding: "01 U 11110 size:2 1 Rm:5 opcode:5 1 Rn:5 Rd:5",
  where: scalarRows.allocates,
  assembly: "<op> <d>, <n>, <m>",
  operands: { op: scalarRows.mnemonic, d: sizedScalar("Rd", "size"), n: sizedScalar("Rn", "size"), m: sizedScalar("Rm", "size") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, size, Rm, opcode, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    cpu.setScalar(Rd, scalarRows.lane({ U, opcode })(cpu, T, cpu.scalar(Rn, T), cpu.scalar(Rm, T)), T)
  }
})
const accumulatingRows = group(accumulating, "vector", 5)
export const vectorAccumulate = instruction({
  name: accumulatingRows.name,
  encoding: "0 Q U 01110 size:2 1 Rm:5 opcode:5 1 Rn:5 Rd:5",
  where: accumulatingRows.allocates,
  assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
  operands: { op: accumulatingRows.mnemonic, T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, Rm, opcode, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const bits = Q ? 128 : 64
    const lane = accumulatingRows.lane({ U, opcode })
    const sources = [cpu.V(Rd, T, bits), cpu.V(Rn, T, bits), cpu.V(Rm, T, bits)]
    cpu.setV(
      Rd,
      cpu.map(T, sources, (sum, x, y) => lane(cpu, T, sum!, x!, y!))
    )
  }
})
const pairwiseRows = group(pairwise, "vector", 5)
export const vectorPairwise = instruction({
  name: pairwiseRows.name,
  encoding: "0 Q U 01110 size:2 1 Rm:5 opcode:5 1 Rn:5 Rd:5",
  where: (f) => pairwiseRows.allocates(f) && fitsVector(f),
  assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
  operands: { op: pairwiseRows.mnemonic, T: arrangement },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, Rm, opcode, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const bits = Q ? 128 : 64
    const sources = [cpu.V(Rn, T, bits), cpu.V(Rm, T, bits)]
    const even = cpu.permute(T, sources, (i) => 2 * i)
    const odd = cpu.permute(T, sources, (i) => 2 * i + 1)
    const lane = pairwiseRows.lane({ U, opcode })
    cpu.setV(
      Rd,
      cpu.map(T, [even, odd], (x, y) => lane(cpu, T, x!, y!))
    )
  }
})

/** By U and size: bit by bit, the sources n and m; the last three also look at the old destination d. */
type LogicLane = (B: Integer, n: Value, m: Value, d: Value) => Value
const logic: readonly (readonly [mnemonic: string, lane: LogicLane, readsDestination: boolean])[] = [
  ["and", (B, n, m) => B.and(n, m), false],
  ["bic", (B, n, m) => B.and(n, B.not(m)), false],
  ["orr", (B, n, m) => B.or(n, m), false],
  ["orn", (B, n, m) => B.or(n, B.not(m)), false],
  ["eor", (B, n, m) => B.xor(n, m), false],
  ["bsl", (B, n, m, d) => B.xor(m, B.and(B.xor(m, n), d)), true],
  ["bit", (B, n, m, d) => B.xor(d, B.and(B.xor(d, n), m)), true],
  ["bif", (B, n, m, d) => B.xor(d, B.and(B.xor(d, n), B.not(m))), true]
]
export const vectorLogic = instruction({
  name: "AND, BIC, ORR, ORN, EOR, BSL, BIT, BIF (vector, register)",
  encoding: "0 Q U 01110 size:2 1 Rm:5 00011 1 Rn:5 Rd:5",
  assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
  operands: {
    op: choice(
      ["U:1", "size:2"],
      logic.map(([word]) => word)
    ),
    T: byteArrangement,
    source: spelled<{ readonly Rn: number; readonly Rm: number }>(
      (f) => (f.Rn === f.Rm ? `v${f.Rn}` : undefined),
      new RegExp(`v${NUMBER}`),
      (m) => ({ Rn: Number(m[1]), Rm: Number(m[1]) })
    )
  },
  aliases: [{ text: "mov <Vd>.<T>, <source>.<T>", fields: { U: 0, size: 2 } }],
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, Rm, Rn, Rd }) {
    const B = cpu.unsigned(64)
    const bits = Q ? 128 : 64
    const [, lane, reads] = logic[(U << 2) | size]!
    const sources = [cpu.V(Rn, B, bits), cpu.V(Rm, B, bits), ...(reads ? [cpu.V(Rd, B, bits)] : [])]
    cpu.setV(
      Rd,
      cpu.map(B, sources, (n, m, d) => lane(B, n!, m!, d!))
    )
  }
})

const roundingWords = choice("S", "sqrdmlah sqrdmlsh")
const roundingLane = (S: number) => (S ? lanes.roundingDoublingMultiplyHighSubtract : lanes.roundingDoublingMultiplyHighAdd)
const halvesOrWords = (f: { readonly size: number }): boolean => f.size === 1 || f.size === 2
export const vectorRoundingAccumulate = instruction({
  name: "SQRDMLAH, SQRDMLSH (vector)",
  encoding: "0 Q 1 01110 size:2 0 Rm:5 1000 S 1 Rn:5 Rd:5",
  where: halvesOrWords,
  assembly: "<op> <Vd>.<T>, <Vn>.<T>, <Vm>.<T>",
  operands: { op: roundingWords, T: arrangement },
  feature: "RDM",
  access: "SIMD",
  execute(cpu, { Q, size, Rm, S, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    const bits = Q ? 128 : 64
    const lane = roundingLane(S)
    const sources = [cpu.V(Rd, T, bits), cpu.V(Rn, T, bits), cpu.V(Rm, T, bits)]
    cpu.setV(
      Rd,
      cpu.map(T, sources, (sum, x, y) => lane(cpu, T, sum!, x!, y!))
    )
  }
})
export const scalarRoundingAccumulate = instruction({
  name: "SQRDMLAH, SQRDMLSH (scalar)",
  encoding: "01 1 11110 size:2 0 Rm:5 1000 S 1 Rn:5 Rd:5",
  where: halvesOrWords,
  assembly: "<op> <d>, <n>, <m>",
  operands: { op: roundingWords, d: sizedScalar("Rd", "size"), n: sizedScalar("Rn", "size"), m: sizedScalar("Rm", "size") },
  feature: "RDM",
  access: "SIMD",
  execute(cpu, { size, Rm, S, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    cpu.setScalar(Rd, roundingLane(S)(cpu, T, cpu.scalar(Rd, T), cpu.scalar(Rn, T), cpu.scalar(Rm, T)), T)
  }
})

export const simdThreeSame = [
  vectorBinary,
  scalarBinary,
  vectorAccumulate,
  vectorPairwise,
  vectorLogic,
  vectorRoundingAccumulate,
  scalarRoundingAccumulate
]
