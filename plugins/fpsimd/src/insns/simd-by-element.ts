/** AdvSIMD integer multiplication by one element of a vector. */
import { type Cpu, type Integer, instruction, type Value, type Vector } from "@eltwo/isa"
import { arrangement, type ElementFields, element, elementIndex, elementRegister, sizedScalar, wideArrangement } from "../operands.ts"
import * as lanes from "./simd-lanes.ts"
import { group, HALVES_AND_WORDS, halvesGroup, NONE, type Rows } from "./simd-table.ts"

const m = element((f: { readonly size: number }) => f.size)
/** The chosen element of type T. */
const elementOf = (cpu: Cpu, T: Integer, size: number, f: ElementFields): Value => cpu.lane(cpu.V(elementRegister(size, f), T), elementIndex(size, f))
/** A vector full of it. */
const broadcast = (cpu: Cpu, T: Integer, size: number, f: ElementFields, bits: number): Vector => cpu.splat(T, elementOf(cpu, T, size, f), bits)

/** By U and opcode. All of them are signed: the low half of a product has no sign. */
const binary: Rows<lanes.Lane> = {
  8: ["mul", HALVES_AND_WORDS, NONE, lanes.multiply],
  12: ["sqdmulh", HALVES_AND_WORDS, HALVES_AND_WORDS, lanes.doublingMultiplyHigh],
  13: ["sqrdmulh", HALVES_AND_WORDS, HALVES_AND_WORDS, lanes.roundingDoublingMultiplyHigh]
}
const accumulating: Rows<lanes.AccumulatingLane> = {
  16: ["mla", HALVES_AND_WORDS, NONE, lanes.multiplyAdd],
  20: ["mls", HALVES_AND_WORDS, NONE, lanes.multiplySubtract]
}
const rounding: Rows<lanes.AccumulatingLane> = {
  29: ["sqrdmlah", HALVES_AND_WORDS, HALVES_AND_WORDS, lanes.roundingDoublingMultiplyHighAdd],
  31: ["sqrdmlsh", HALVES_AND_WORDS, HALVES_AND_WORDS, lanes.roundingDoublingMultiplyHighSubtract]
}
const long: Rows<lanes.Lane> = {
  10: ["smull", HALVES_AND_WORDS, NONE, lanes.multiply],
  26: ["umull", HALVES_AND_WORDS, NONE, lanes.multiply],
  11: ["sqdmull", HALVES_AND_WORDS, HALVES_AND_WORDS, lanes.saturatingDoublingMultiply]
}
const longAccumulating: Rows<lanes.AccumulatingLane> = {
  2: ["smlal", HALVES_AND_WORDS, NONE, lanes.multiplyAdd],
  18: ["umlal", HALVES_AND_WORDS, NONE, lanes.multiplyAdd],
  3: ["sqdmlal", HALVES_AND_WORDS, HALVES_AND_WORDS, lanes.saturatingDoublingMultiplyAdd],
  6: ["smlsl", HALVES_AND_WORDS, NONE, lanes.multiplySubtract],
  22: ["umlsl", HALVES_AND_WORDS, NONE, lanes.multiplySubtract],
  7: ["sqdmlsl", HALVES_AND_WORDS, HALVES_AND_WORDS, lanes.saturatingDoublingMultiplySubtract]
}

const vectorEncoding = "0 Q U 01111 size:2 L M Rm:4 opcode:4 H 0 Rn:5 Rd:5"
const scalarEncoding = "01 U 11111 size:2 L M Rm:4 opcode:4 H 0 Rn:5 Rd:5"
const sameType = "<op> <Vd>.<T>, <Vn>.<T>, <m>"
const narrowScalars = { d: sizedScalar("Rd", "size"), n: sizedScalar("Rn", "size"), m }
const wideScalars = { d: sizedScalar("Rd", "size", "hsd-"), n: sizedScalar("Rn", "size"), m }

const vectorRows = group(binary, "vector", 4)
export const vectorByElement = instruction({
  name: `${vectorRows.name}, by element`,
  encoding: vectorEncoding,
  where: vectorRows.allocates,
  assembly: sameType,
  operands: { op: vectorRows.mnemonic, T: arrangement, m },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, L, M, Rm, opcode, H, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    const bits = Q ? 128 : 64
    const lane = vectorRows.lane({ U, opcode })
    const sources = [cpu.V(Rn, T, bits), broadcast(cpu, T, size, { L, M, Rm, H }, bits)]
    cpu.setV(
      Rd,
      cpu.map(T, sources, (x, y) => lane(cpu, T, x!, y!))
    )
  }
})
const scalarRows = group(binary, "scalar", 4)
export const scalarByElement = instruction({
  name: `${scalarRows.name}, by element`,
  encoding: scalarEncoding,
  where: scalarRows.allocates,
  assembly: "<op> <d>, <n>, <m>",
  operands: { op: scalarRows.mnemonic, ...narrowScalars },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, size, L, M, Rm, opcode, H, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    cpu.setScalar(Rd, scalarRows.lane({ U, opcode })(cpu, T, cpu.scalar(Rn, T), elementOf(cpu, T, size, { L, M, Rm, H })), T)
  }
})
/** MLA and MLS are base AdvSIMD, SQRDMLAH and SQRDMLSH are FEAT_RDM; otherwise they are the same. */
const accumulatingVector = (rows: Rows<lanes.AccumulatingLane>, feature: string) => {
  const { name, mnemonic, allocates, lane: laneOf } = group(rows, "vector", 4)
  return instruction({
    name: `${name}, by element`,
    encoding: vectorEncoding,
    where: allocates,
    assembly: sameType,
    operands: { op: mnemonic, T: arrangement, m },
    feature,
    access: "SIMD",
    execute(cpu, { Q, U, size, L, M, Rm, opcode, H, Rn, Rd }) {
      const T = cpu.signed(8 << size)
      const bits = Q ? 128 : 64
      const lane = laneOf({ U, opcode })
      const sources = [cpu.V(Rd, T, bits), cpu.V(Rn, T, bits), broadcast(cpu, T, size, { L, M, Rm, H }, bits)]
      cpu.setV(
        Rd,
        cpu.map(T, sources, (sum, x, y) => lane(cpu, T, sum!, x!, y!))
      )
    }
  })
}
export const vectorAccumulateByElement = accumulatingVector(accumulating, "AdvSIMD")
export const vectorRoundingAccumulateByElement = accumulatingVector(rounding, "RDM")
const roundingScalars = group(rounding, "scalar", 4)
export const scalarRoundingAccumulateByElement = instruction({
  name: `${roundingScalars.name}, by element`,
  encoding: scalarEncoding,
  where: roundingScalars.allocates,
  assembly: "<op> <d>, <n>, <m>",
  operands: { op: roundingScalars.mnemonic, ...narrowScalars },
  feature: "RDM",
  access: "SIMD",
  execute(cpu, { U, size, L, M, Rm, opcode, H, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    const y = elementOf(cpu, T, size, { L, M, Rm, H })
    cpu.setScalar(Rd, roundingScalars.lane({ U, opcode })(cpu, T, cpu.scalar(Rd, T), cpu.scalar(Rn, T), y), T)
  }
})

const longRows = halvesGroup(long, 4)
export const vectorLongByElement = instruction({
  name: `${longRows.name}, by element`,
  encoding: vectorEncoding,
  where: longRows.allocates,
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Tb>, <m>",
  operands: { op: longRows.mnemonic, Ta: wideArrangement, Tb: arrangement, m },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, L, M, Rm, opcode, H, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const W = lanes.elementType(cpu, size + 1, U)
    const lane = longRows.lane({ U, opcode })
    const sources = [cpu.V(Rn, T, 64, Q), broadcast(cpu, T, size, { L, M, Rm, H }, 64)]
    cpu.setV(
      Rd,
      cpu.map(W, sources, (x, y) => lane(cpu, W, W.from(x!, T), W.from(y!, T)))
    )
  }
})
const longAccumulatingRows = halvesGroup(longAccumulating, 4)
export const vectorLongAccumulateByElement = instruction({
  name: `${longAccumulatingRows.name}, by element`,
  encoding: vectorEncoding,
  where: longAccumulatingRows.allocates,
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Tb>, <m>",
  operands: { op: longAccumulatingRows.mnemonic, Ta: wideArrangement, Tb: arrangement, m },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, size, L, M, Rm, opcode, H, Rn, Rd }) {
    const T = lanes.elementType(cpu, size, U)
    const W = lanes.elementType(cpu, size + 1, U)
    const lane = longAccumulatingRows.lane({ U, opcode })
    const sources = [cpu.V(Rd, W), cpu.V(Rn, T, 64, Q), broadcast(cpu, T, size, { L, M, Rm, H }, 64)]
    cpu.setV(
      Rd,
      cpu.map(W, sources, (sum, x, y) => lane(cpu, W, sum!, W.from(x!, T), W.from(y!, T)))
    )
  }
})
const longScalars = group(long, "scalar", 4)
export const scalarLongByElement = instruction({
  name: `${longScalars.name}, by element`,
  encoding: scalarEncoding,
  where: longScalars.allocates,
  assembly: "<op> <d>, <n>, <m>",
  operands: { op: longScalars.mnemonic, ...wideScalars },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, size, L, M, Rm, opcode, H, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    const W = cpu.signed(16 << size)
    const y = W.from(elementOf(cpu, T, size, { L, M, Rm, H }), T)
    cpu.setScalar(Rd, longScalars.lane({ U, opcode })(cpu, W, W.from(cpu.scalar(Rn, T), T), y), W)
  }
})
const longAccumulatingScalars = group(longAccumulating, "scalar", 4)
export const scalarLongAccumulateByElement = instruction({
  name: `${longAccumulatingScalars.name}, by element`,
  encoding: scalarEncoding,
  where: longAccumulatingScalars.allocates,
  assembly: "<op> <d>, <n>, <m>",
  operands: { op: longAccumulatingScalars.mnemonic, ...wideScalars },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, size, L, M, Rm, opcode, H, Rn, Rd }) {
    const T = cpu.signed(8 << size)
    const W = cpu.signed(16 << size)
    const y = W.from(elementOf(cpu, T, size, { L, M, Rm, H }), T)
    cpu.setScalar(Rd, longAccumulatingScalars.lane({ U, opcode })(cpu, W, cpu.scalar(Rd, W), W.from(cpu.scalar(Rn, T), T), y), W)
  }
})

export const simdByElement = [
  vectorByElement,
  scalarByElement,
  vectorAccumulateByElement,
  vectorRoundingAccumulateByElement,
  scalarRoundingAccumulateByElement,
  vectorLongByElement,
  vectorLongAccumulateByElement,
  scalarLongByElement,
  scalarLongAccumulateByElement
]
