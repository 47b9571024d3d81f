/** Scalar conversions: between formats, and between floating-point and general registers. */
import { choice, type Instruction, instruction, type Rounding } from "@eltwo/isa"
import { double, half, type Precision, precisions, single } from "./float-precision.ts"
import { opcodeTable } from "./float-table.ts"
import { fractionBits } from "./operands-float.ts"

const betweenFormats = (from: Precision, to: Precision) =>
  instruction({
    name: `FCVT (${from.name} to ${to.name})`,
    encoding: `000 11110 ${from.ftype} 1 0001 ${to.ftype} 10000 Rn:5 Rd:5`,
    assembly: `fcvt <${to.letter}d>, <${from.letter}n>`,
    feature: "FP",
    access: "FP",
    execute(cpu, { Rn, Rd }) {
      const [From, To] = [cpu.float(from.bits), cpu.float(to.bits)]
      cpu.setScalar(Rd, To.convert(cpu.scalar(Rn, From), From), To, Rd)
    }
  })
const toBfloat16 = instruction({
  name: "BFCVT",
  encoding: "000 11110 01 1 000110 10000 Rn:5 Rd:5",
  assembly: "bfcvt <Hd>, <Sn>",
  feature: "BF16",
  access: "FP",
  execute(cpu, { Rn, Rd }) {
    const [S, B] = [cpu.float(32), cpu.float("bfloat16")]
    cpu.setScalar(Rd, B.convert(cpu.scalar(Rn, S), S), B, Rd)
  }
})

const roundings: readonly Rounding[] = ["nearestEven", "up", "down", "zero"]
const toInteger = (p: Precision) =>
  instruction({
    name: `FCVTNS, FCVTNU, FCVTAS, FCVTAU, FCVTPS, FCVTPU, FCVTMS, FCVTMU, FCVTZS, FCVTZU (scalar, integer, ${p.name})`,
    encoding: `sf 00 11110 ${p.ftype} 1 rmode:2 away 0 U 000000 Rn:5 Rd:5`,
    where: (f) => f.away === 0 || f.rmode === 0,
    assembly: `<op> <Rd>, <${p.letter}n>`,
    operands: {
      op: choice(["rmode:2", "away:1", "U:1"], "fcvtns fcvtnu fcvtas fcvtau fcvtps fcvtpu - - fcvtms fcvtmu - - fcvtzs fcvtzu - -")
    },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { sf, rmode, away, U, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const I = U ? cpu.unsigned(sf ? 64 : 32) : cpu.signed(sf ? 64 : 32)
      cpu.setX(Rd, F.toInteger(cpu.scalar(Rn, F), I, away ? "nearestAway" : roundings[rmode]!, 0), cpu.unsigned(I.bits))
    }
  })
const fromInteger = (p: Precision) =>
  instruction({
    name: `SCVTF, UCVTF (scalar, integer, ${p.name})`,
    encoding: `sf 00 11110 ${p.ftype} 1 00 01 U 000000 Rn:5 Rd:5`,
    assembly: `<U> <${p.letter}d>, <Rn>`,
    operands: { U: choice("U", "scvtf ucvtf") },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { sf, U, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const I = U ? cpu.unsigned(sf ? 64 : 32) : cpu.signed(sf ? 64 : 32)
      cpu.setScalar(Rd, F.fromInteger(cpu.X(Rn, I), I, 0), F, Rd)
    }
  })
const toFixedPoint = (p: Precision) =>
  instruction({
    name: `FCVTZS, FCVTZU (scalar, fixed-point, ${p.name})`,
    encoding: `sf 00 11110 ${p.ftype} 0 11 00 U scale:6 Rn:5 Rd:5`,
    where: (f) => f.sf === 1 || f.scale >= 32,
    assembly: `<U> <Rd>, <${p.letter}n>, #<scale>`,
    operands: { U: choice("U", "fcvtzs fcvtzu"), scale: fractionBits("scale", 64) },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { sf, U, scale, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const I = U ? cpu.unsigned(sf ? 64 : 32) : cpu.signed(sf ? 64 : 32)
      cpu.setX(Rd, F.toInteger(cpu.scalar(Rn, F), I, "zero", 64 - scale), cpu.unsigned(I.bits))
    }
  })
const fromFixedPoint = (p: Precision) =>
  instruction({
    name: `SCVTF, UCVTF (scalar, fixed-point, ${p.name})`,
    encoding: `sf 00 11110 ${p.ftype} 0 00 01 U scale:6 Rn:5 Rd:5`,
    where: (f) => f.sf === 1 || f.scale >= 32,
    assembly: `<U> <${p.letter}d>, <Rn>, #<scale>`,
    operands: { U: choice("U", "scvtf ucvtf"), scale: fractionBits("scale", 64) },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { sf, U, scale, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const I = U ? cpu.unsigned(sf ? 64 : 32) : cpu.signed(sf ? 64 : 32)
      cpu.setScalar(Rd, F.fromInteger(cpu.X(Rn, I), I, 64 - scale), F, Rd)
    }
  })

// FEAT_FPRCVT: conversions whose integer is in a vector register and has another width than the number.
const word = { bits: 32, sf: "0", letter: "S" } as const
const doubleword = { bits: 64, sf: "1", letter: "D" } as const
type IntegerWidth = typeof word | typeof doubleword
const otherWidths: readonly (readonly [IntegerWidth, Precision])[] = [
  [word, half],
  [word, double],
  [doubleword, half],
  [doubleword, single]
]
type ToRegister = readonly [rounding: Rounding, signed: boolean]
/** Opcodes are rmode and the manual's opcode. */
const toRegister = opcodeTable<ToRegister>(5, [
  [0b01_010, "fcvtns", ["nearestEven", true]],
  [0b01_011, "fcvtnu", ["nearestEven", false]],
  [0b10_010, "fcvtps", ["up", true]],
  [0b10_011, "fcvtpu", ["up", false]],
  [0b10_100, "fcvtms", ["down", true]],
  [0b10_101, "fcvtmu", ["down", false]],
  [0b10_110, "fcvtzs", ["zero", true]],
  [0b10_111, "fcvtzu", ["zero", false]],
  [0b11_010, "fcvtas", ["nearestAway", true]],
  [0b11_011, "fcvtau", ["nearestAway", false]]
])
const toIntegerRegister = (integer: IntegerWidth, p: Precision) =>
  instruction({
    name: `${toRegister.heading} (SIMD&FP register, ${p.name} to ${integer.bits} bits)`,
    encoding: `${integer.sf} 00 11110 ${p.ftype} 1 opcode:5 000000 Rn:5 Rd:5`,
    where: (f) => toRegister.has(f.opcode),
    assembly: `<opcode> <${integer.letter}d>, <${p.letter}n>`,
    operands: { opcode: choice("opcode", toRegister.mnemonics) },
    feature: "FPRCVT",
    access: "FP",
    execute(cpu, { opcode, Rn, Rd }) {
      const [rounding, signed] = toRegister.at(opcode)
      const F = cpu.float(p.bits)
      const I = signed ? cpu.signed(integer.bits) : cpu.unsigned(integer.bits)
      cpu.setScalar(Rd, F.toInteger(cpu.scalar(Rn, F), I, rounding, 0), I, Rd)
    }
  })
const fromIntegerRegister = (integer: IntegerWidth, p: Precision) =>
  instruction({
    name: `SCVTF, UCVTF (SIMD&FP register, ${integer.bits} bits to ${p.name})`,
    encoding: `${integer.sf} 00 11110 ${p.ftype} 1 11 10 U 000000 Rn:5 Rd:5`,
    assembly: `<U> <${p.letter}d>, <${integer.letter}n>`,
    operands: { U: choice("U", "scvtf ucvtf") },
    feature: "FPRCVT",
    access: "FP",
    execute(cpu, { U, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const I = U ? cpu.unsigned(integer.bits) : cpu.signed(integer.bits)
      cpu.setScalar(Rd, F.fromInteger(cpu.scalar(Rn, I), I, 0), F, Rd)
    }
  })
const halfToGeneral = instruction({
  name: "FMOV (half precision to general)",
  encoding: "sf 00 11110 11 1 00 110 000000 Rn:5 Rd:5",
  assembly: "fmov <Rd>, <Hn>",
  feature: "FP16",
  access: "FP",
  execute(cpu, { sf, Rn, Rd }) {
    const [T, H] = [cpu.unsigned(sf ? 64 : 32), cpu.unsigned(16)]
    cpu.setX(Rd, T.from(cpu.scalar(Rn, H), H), T)
  }
})
const halfFromGeneral = instruction({
  name: "FMOV (general to half precision)",
  encoding: "sf 00 11110 11 1 00 111 000000 Rn:5 Rd:5",
  assembly: "fmov <Hd>, <Rn>",
  feature: "FP16",
  access: "FP",
  execute(cpu, { sf, Rn, Rd }) {
    const [T, H] = [cpu.unsigned(sf ? 64 : 32), cpu.unsigned(16)]
    cpu.setScalar(Rd, H.from(cpu.X(Rn, T), T), H)
  }
})
const generalOf = { S: ["0", "W"], D: ["1", "X"] } as const
const toGeneral = (p: typeof single | typeof double) =>
  instruction({
    name: `FMOV (${p.name} to general)`,
    encoding: `${generalOf[p.letter][0]} 00 11110 ${p.ftype} 1 00 110 000000 Rn:5 Rd:5`,
    assembly: `fmov <${generalOf[p.letter][1]}d>, <${p.letter}n>`,
    feature: "FP",
    access: "FP",
    execute(cpu, { Rn, Rd }) {
      const T = cpu.unsigned(p.bits)
      cpu.setX(Rd, cpu.scalar(Rn, T), T)
    }
  })
const fromGeneral = (p: typeof single | typeof double) =>
  instruction({
    name: `FMOV (general to ${p.name})`,
    encoding: `${generalOf[p.letter][0]} 00 11110 ${p.ftype} 1 00 111 000000 Rn:5 Rd:5`,
    assembly: `fmov <${p.letter}d>, <${generalOf[p.letter][1]}n>`,
    feature: "FP",
    access: "FP",
    execute(cpu, { Rn, Rd }) {
      const T = cpu.unsigned(p.bits)
      cpu.setScalar(Rd, cpu.X(Rn, T), T)
    }
  })
const topToGeneral = instruction({
  name: "FMOV (top half to general)",
  encoding: "1 00 11110 10 1 01 110 000000 Rn:5 Rd:5",
  assembly: "fmov <Xd>, <Vn>.d[1]",
  feature: "FP",
  access: "FP",
  execute(cpu, { Rn, Rd }) {
    const D = cpu.unsigned(64)
    cpu.setX(Rd, cpu.lane(cpu.V(Rn, D), 1), D)
  }
})
const topFromGeneral = instruction({
  name: "FMOV (general to top half)",
  encoding: "1 00 11110 10 1 01 111 000000 Rn:5 Rd:5",
  assembly: "fmov <Vd>.d[1], <Xn>",
  feature: "FP",
  access: "FP",
  execute(cpu, { Rn, Rd }) {
    const D = cpu.unsigned(64)
    cpu.setV(Rd, cpu.withLane(cpu.V(Rd, D), 1, cpu.X(Rn, D)))
  }
})

const javascriptConvert = instruction({
  name: "FJCVTZS",
  encoding: "0 00 11110 01 1 11 110 000000 Rn:5 Rd:5",
  assembly: "fjcvtzs <Wd>, <Dn>",
  feature: "JSCVT",
  access: "SIMD",
  execute(cpu, { Rn, Rd }) {
    const [F, W, X] = [cpu.float(64), cpu.unsigned(32), cpu.unsigned(64)]
    const both = F.special("javascriptConvert", cpu.scalar(Rn, F))
    cpu.setX(Rd, W.from(both, X), W)
    cpu.setFlags(W.shiftLeft(W.from(X.shiftRight(both, 32), X), 2))
  }
})

export const floatConvert: readonly Instruction[] = [
  ...precisions.flatMap((p) => [toInteger(p), fromInteger(p), toFixedPoint(p), fromFixedPoint(p)]),
  ...precisions.flatMap((from) => precisions.filter((to) => to !== from).map((to) => betweenFormats(from, to))),
  ...otherWidths.flatMap(([integer, p]) => [toIntegerRegister(integer, p), fromIntegerRegister(integer, p)]),
  ...[single, double].flatMap((p) => [toGeneral(p), fromGeneral(p)]),
  halfToGeneral,
  halfFromGeneral,
  topToGeneral,
  topFromGeneral,
  toBfloat16,
  javascriptConvert
]
