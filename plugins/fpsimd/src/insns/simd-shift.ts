/** AdvSIMD shifts by an immediate. `immh` and `immb` hold element size and amount together; immh = 0 is the modified-immediate group. */
import { choice, type Integer, instruction, type Value } from "@eltwo/isa"
import { leftAmount, noShift, rightAmount, shiftAmount, shiftArrangement, shiftScalar, shiftSize, wideShiftArrangement } from "../operands.ts"
import * as lanes from "./simd-lanes.ts"
import { setNarrow } from "./simd-table.ts"

interface ShiftFields {
  readonly immh: number
}
const fitsVector = (f: ShiftFields & { readonly Q: number }): boolean => f.immh !== 0 && (f.immh < 8 || f.Q === 1)
const doublewords = (f: ShiftFields): boolean => f.immh >= 8
const narrow = (f: ShiftFields): boolean => f.immh !== 0 && f.immh < 8

const right = choice(["R:1", "A:1", "U:1"], "sshr ushr ssra usra srshr urshr srsra ursra")
const rightShifted = (T: Integer, x: Value, by: number, rounds: number): Value => (rounds ? lanes.roundingShiftRight(T, x, by) : T.shiftRight(x, by))

export const vectorShiftRight = instruction({
  name: "SSHR, USHR, SSRA, USRA, SRSHR, URSHR, SRSRA, URSRA (vector)",
  encoding: "0 Q U 011110 immh:4 immb:3 00 R A 01 Rn:5 Rd:5",
  where: fitsVector,
  assembly: "<op> <Vd>.<T>, <Vn>.<T>, #<amount>",
  operands: { op: right, T: shiftArrangement, amount: shiftAmount("right") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, immh, immb, R, A, Rn, Rd }) {
    const T = lanes.elementType(cpu, shiftSize(immh), U)
    const bits = Q ? 128 : 64
    const by = rightAmount(immh, immb)
    const source = cpu.V(Rn, T, bits)
    cpu.setV(
      Rd,
      A
        ? cpu.map(T, [cpu.V(Rd, T, bits), source], (sum, x) => T.add(sum!, rightShifted(T, x!, by, R)))
        : cpu.map(T, [source], (x) => rightShifted(T, x!, by, R))
    )
  }
})
export const scalarShiftRight = instruction({
  name: "SSHR, USHR, SSRA, USRA, SRSHR, URSHR, SRSRA, URSRA (scalar)",
  encoding: "01 U 111110 immh:4 immb:3 00 R A 01 Rn:5 Rd:5",
  where: doublewords,
  assembly: "<op> <d>, <n>, #<amount>",
  operands: { op: right, d: shiftScalar("Rd"), n: shiftScalar("Rn"), amount: shiftAmount("right") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, immh, immb, R, A, Rn, Rd }) {
    const T = lanes.elementType(cpu, shiftSize(immh), U)
    const moved = rightShifted(T, cpu.scalar(Rn, T), rightAmount(immh, immb), R)
    cpu.setScalar(Rd, A ? T.add(cpu.scalar(Rd, T), moved) : moved, T)
  }
})

/** SRI: x moved right into d, which keeps the bits above; SLI: moved left, d keeps the bits below. */
const insertRight = (T: Integer, d: Value, x: Value, by: number): Value =>
  T.or(T.shiftRight(x, by), T.and(d, T.constant(((1n << BigInt(by)) - 1n) << BigInt(T.bits - by))))
const insertLeft = (T: Integer, d: Value, x: Value, by: number): Value => T.or(T.shiftLeft(x, by), T.and(d, T.constant((1n << BigInt(by)) - 1n)))

export const vectorInsertRight = instruction({
  name: "SRI (vector)",
  encoding: "0 Q 1 011110 immh:4 immb:3 01000 1 Rn:5 Rd:5",
  where: fitsVector,
  assembly: "sri <Vd>.<T>, <Vn>.<T>, #<amount>",
  operands: { T: shiftArrangement, amount: shiftAmount("right") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, immh, immb, Rn, Rd }) {
    const T = cpu.unsigned(8 << shiftSize(immh))
    const bits = Q ? 128 : 64
    const by = rightAmount(immh, immb)
    cpu.setV(
      Rd,
      cpu.map(T, [cpu.V(Rd, T, bits), cpu.V(Rn, T, bits)], (d, x) => insertRight(T, d!, x!, by))
    )
  }
})
export const scalarInsertRight = instruction({
  name: "SRI (scalar)",
  encoding: "01 1 111110 immh:4 immb:3 01000 1 Rn:5 Rd:5",
  where: doublewords,
  assembly: "sri <d>, <n>, #<amount>",
  operands: { d: shiftScalar("Rd"), n: shiftScalar("Rn"), amount: shiftAmount("right") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { immh, immb, Rn, Rd }) {
    const T = cpu.unsigned(8 << shiftSize(immh))
    cpu.setScalar(Rd, insertRight(T, cpu.scalar(Rd, T), cpu.scalar(Rn, T), rightAmount(immh, immb)), T)
  }
})
const left = choice("insert", "shl sli")
export const vectorShiftLeft = instruction({
  name: "SHL, SLI (vector)",
  encoding: "0 Q insert 011110 immh:4 immb:3 01010 1 Rn:5 Rd:5",
  where: fitsVector,
  assembly: "<op> <Vd>.<T>, <Vn>.<T>, #<amount>",
  operands: { op: left, T: shiftArrangement, amount: shiftAmount("left") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, insert, immh, immb, Rn, Rd }) {
    const T = cpu.unsigned(8 << shiftSize(immh))
    const bits = Q ? 128 : 64
    const by = leftAmount(immh, immb)
    const source = cpu.V(Rn, T, bits)
    cpu.setV(
      Rd,
      insert ? cpu.map(T, [cpu.V(Rd, T, bits), source], (d, x) => insertLeft(T, d!, x!, by)) : cpu.map(T, [source], (x) => T.shiftLeft(x!, by))
    )
  }
})
export const scalarShiftLeft = instruction({
  name: "SHL, SLI (scalar)",
  encoding: "01 insert 111110 immh:4 immb:3 01010 1 Rn:5 Rd:5",
  where: doublewords,
  assembly: "<op> <d>, <n>, #<amount>",
  operands: { op: left, d: shiftScalar("Rd"), n: shiftScalar("Rn"), amount: shiftAmount("left") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { insert, immh, immb, Rn, Rd }) {
    const T = cpu.unsigned(8 << shiftSize(immh))
    const by = leftAmount(immh, immb)
    const x = cpu.scalar(Rn, T)
    cpu.setScalar(Rd, insert ? insertLeft(T, cpu.scalar(Rd, T), x, by) : T.shiftLeft(x, by), T)
  }
})

/** SQSHL and UQSHL keep the sign they have; SQSHLU turns a signed source into an unsigned result. */
const saturatingLeft = choice(["both:1", "U:1"], "- sqshlu sqshl uqshl")
const allocatesSaturating = (f: { readonly both: number; readonly U: number }): boolean => f.both === 1 || f.U === 1
export const vectorSaturatingShiftLeft = instruction({
  name: "SQSHL, UQSHL, SQSHLU (vector, immediate)",
  encoding: "0 Q U 011110 immh:4 immb:3 011 both 0 1 Rn:5 Rd:5",
  where: (f) => fitsVector(f) && allocatesSaturating(f),
  assembly: "<op> <Vd>.<T>, <Vn>.<T>, #<amount>",
  operands: { op: saturatingLeft, T: shiftArrangement, amount: shiftAmount("left") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, immh, immb, both, Rn, Rd }) {
    const T = lanes.elementType(cpu, shiftSize(immh), U & both)
    const by = leftAmount(immh, immb)
    const lane = both ? lanes.saturatingShiftLeft : lanes.saturatingShiftLeftUnsigned
    cpu.setV(
      Rd,
      cpu.map(T, [cpu.V(Rn, T, Q ? 128 : 64)], (x) => lane(cpu, T, x!, by))
    )
  }
})
export const scalarSaturatingShiftLeft = instruction({
  name: "SQSHL, UQSHL, SQSHLU (scalar, immediate)",
  encoding: "01 U 111110 immh:4 immb:3 011 both 0 1 Rn:5 Rd:5",
  where: (f) => f.immh !== 0 && allocatesSaturating(f),
  assembly: "<op> <d>, <n>, #<amount>",
  operands: { op: saturatingLeft, d: shiftScalar("Rd"), n: shiftScalar("Rn"), amount: shiftAmount("left") },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, immh, immb, both, Rn, Rd }) {
    const T = lanes.elementType(cpu, shiftSize(immh), U & both)
    const lane = both ? lanes.saturatingShiftLeft : lanes.saturatingShiftLeftUnsigned
    cpu.setScalar(Rd, lane(cpu, T, cpu.scalar(Rn, T), leftAmount(immh, immb)), T)
  }
})

export const vectorShiftNarrow = instruction({
  name: "SHRN, RSHRN",
  encoding: "0 Q 0 011110 immh:4 immb:3 1000 R 1 Rn:5 Rd:5",
  where: narrow,
  assembly: "<op> <Vd>.<Tb>, <Vn>.<Ta>, #<amount>",
  operands: {
    op: choice(["R:1", "Q:1"], "shrn shrn2 rshrn rshrn2"),
    Ta: wideShiftArrangement,
    Tb: shiftArrangement,
    amount: shiftAmount("right")
  },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, immh, immb, R, Rn, Rd }) {
    const T = cpu.unsigned(8 << shiftSize(immh))
    const W = cpu.unsigned(2 * T.bits)
    const by = rightAmount(immh, immb)
    setNarrow(
      cpu,
      Rd,
      Q,
      cpu.map(T, [cpu.V(Rn, W)], (x) => T.from(rightShifted(W, x!, by, R), W))
    )
  }
})
/** Sign of the source, then of the result, by U and whether the opcode is 100x. */
const narrowTypes = (cpu: Parameters<typeof lanes.elementType>[0], size: number, U: number, same: number) => ({
  T: lanes.elementType(cpu, size, U),
  W: lanes.elementType(cpu, size + 1, U & same)
})
const saturatingNarrowWords = ["-", "-", "sqshrun", "sqrshrun", "sqshrn", "sqrshrn", "uqshrn", "uqrshrn"]
/** A result of the source's sign (opcode 1001), or an unsigned one of a signed source (opcode 1000 with U = 1). */
const allocatesNarrow = (f: ShiftFields & { readonly same: number; readonly U: number }): boolean => narrow(f) && (f.same === 1 || f.U === 1)
export const vectorSaturatingShiftNarrow = instruction({
  name: "SQSHRN, SQRSHRN, UQSHRN, UQRSHRN, SQSHRUN, SQRSHRUN (vector)",
  encoding: "0 Q U 011110 immh:4 immb:3 100 same R 1 Rn:5 Rd:5",
  where: allocatesNarrow,
  assembly: "<op> <Vd>.<Tb>, <Vn>.<Ta>, #<amount>",
  operands: {
    op: choice(
      ["same:1", "U:1", "R:1", "Q:1"],
      saturatingNarrowWords.flatMap((word) => [word, word === "-" ? word : `${word}2`])
    ),
    Ta: wideShiftArrangement,
    Tb: shiftArrangement,
    amount: shiftAmount("right")
  },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, immh, immb, same, R, Rn, Rd }) {
    const { T, W } = narrowTypes(cpu, shiftSize(immh), U, same)
    const by = rightAmount(immh, immb)
    setNarrow(
      cpu,
      Rd,
      Q,
      cpu.map(T, [cpu.V(Rn, W)], (x) => lanes.saturating(cpu, T, W, rightShifted(W, x!, by, R)))
    )
  }
})
export const scalarSaturatingShiftNarrow = instruction({
  name: "SQSHRN, SQRSHRN, UQSHRN, UQRSHRN, SQSHRUN, SQRSHRUN (scalar)",
  encoding: "01 U 111110 immh:4 immb:3 100 same R 1 Rn:5 Rd:5",
  where: allocatesNarrow,
  assembly: "<op> <d>, <n>, #<amount>",
  operands: {
    op: choice(["same:1", "U:1", "R:1"], saturatingNarrowWords),
    d: shiftScalar("Rd"),
    n: shiftScalar("Rn", 1),
    amount: shiftAmount("right")
  },
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { U, immh, immb, same, R, Rn, Rd }) {
    const { T, W } = narrowTypes(cpu, shiftSize(immh), U, same)
    cpu.setScalar(Rd, lanes.saturating(cpu, T, W, rightShifted(W, cpu.scalar(Rn, W), rightAmount(immh, immb), R)), T)
  }
})
export const vectorShiftLong = instruction({
  name: "SSHLL, USHLL",
  encoding: "0 Q U 011110 immh:4 immb:3 10100 1 Rn:5 Rd:5",
  where: narrow,
  assembly: "<op> <Vd>.<Ta>, <Vn>.<Tb>, #<amount>",
  operands: {
    op: choice(["U:1", "Q:1"], "sshll sshll2 ushll ushll2"),
    extend: choice(["U:1", "Q:1"], "sxtl sxtl2 uxtl uxtl2"),
    noShift,
    Ta: wideShiftArrangement,
    Tb: shiftArrangement,
    amount: shiftAmount("left")
  },
  aliases: [{ text: "<extend> <Vd>.<Ta>, <Vn>.<Tb><noShift>" }],
  feature: "AdvSIMD",
  access: "SIMD",
  execute(cpu, { Q, U, immh, immb, Rn, Rd }) {
    const T = lanes.elementType(cpu, shiftSize(immh), U)
    const W = lanes.elementType(cpu, shiftSize(immh) + 1, U)
    const by = leftAmount(immh, immb)
    cpu.setV(
      Rd,
      cpu.map(W, [cpu.V(Rn, T, 64, Q)], (x) => W.shiftLeft(W.from(x!, T), by))
    )
  }
})

export const simdShift = [
  vectorShiftRight,
  scalarShiftRight,
  vectorInsertRight,
  scalarInsertRight,
  vectorShiftLeft,
  scalarShiftLeft,
  vectorSaturatingShiftLeft,
  scalarSaturatingShiftLeft,
  vectorShiftNarrow,
  vectorSaturatingShiftNarrow,
  scalarSaturatingShiftNarrow,
  vectorShiftLong
]
