/** Scalar floating-point arithmetic, roundings, comparisons, selection and immediates. */
import { choice, condition, float8Bits, floatImmediate, type Instruction, instruction, type Rounding } from "@eltwo/isa"
import { double, type Precision, precisions, single } from "./float-precision.ts"
import { type BinaryLane, opcodeTable, type UnaryLane } from "./float-table.ts"
import { flagsImmediate } from "./operands-float.ts"

const binary = opcodeTable<BinaryLane>(4, [
  [0b0000, "fmul", (F, x, y) => F.multiply(x, y)],
  [0b0001, "fdiv", (F, x, y) => F.divide(x, y)],
  [0b0010, "fadd", (F, x, y) => F.add(x, y)],
  [0b0011, "fsub", (F, x, y) => F.subtract(x, y)],
  [0b0100, "fmax", (F, x, y) => F.maximum(x, y)],
  [0b0101, "fmin", (F, x, y) => F.minimum(x, y)],
  [0b0110, "fmaxnm", (F, x, y) => F.maximumNumber(x, y)],
  [0b0111, "fminnm", (F, x, y) => F.minimumNumber(x, y)],
  [0b1000, "fnmul", (F, x, y) => F.negate(F.multiply(x, y))]
])
const twoSource = (p: Precision) =>
  instruction({
    name: `${binary.heading} (scalar, ${p.name})`,
    encoding: `000 11110 ${p.ftype} 1 Rm:5 opcode:4 10 Rn:5 Rd:5`,
    where: (f) => binary.has(f.opcode),
    assembly: `<opcode> <${p.letter}d>, <${p.letter}n>, <${p.letter}m>`,
    operands: { opcode: choice("opcode", binary.mnemonics) },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { Rm, opcode, Rn, Rd }) {
      const F = cpu.float(p.bits)
      cpu.setScalar(Rd, binary.at(opcode)(F, cpu.scalar(Rn, F), cpu.scalar(Rm, F), cpu), F, Rn)
    }
  })

const multiplyAdd = (p: Precision) =>
  instruction({
    name: `FMADD, FMSUB, FNMADD, FNMSUB (${p.name})`,
    encoding: `000 11111 ${p.ftype} o1 Rm:5 o0 Ra:5 Rn:5 Rd:5`,
    assembly: `<op> <${p.letter}d>, <${p.letter}n>, <${p.letter}m>, <${p.letter}a>`,
    operands: { op: choice(["o1:1", "o0:1"], "fmadd fmsub fnmadd fnmsub") },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { o1, Rm, o0, Ra, Rn, Rd }) {
      const F = cpu.float(p.bits)
      const a = cpu.scalar(Ra, F)
      const x = cpu.scalar(Rn, F)
      cpu.setScalar(Rd, F.multiplyAdd(o1 ? F.negate(a) : a, o1 !== o0 ? F.negate(x) : x, cpu.scalar(Rm, F)), F, Ra)
    }
  })

export const roundToIntegral =
  (rounding: Rounding, signalInexact = false): UnaryLane =>
  (F, x) =>
    F.roundToIntegral(x, rounding, signalInexact)
const unary = opcodeTable<UnaryLane>(6, [
  [0b000001, "fabs", (F, x) => F.absolute(x)],
  [0b000010, "fneg", (F, x) => F.negate(x)],
  [0b000011, "fsqrt", (F, x) => F.squareRoot(x)],
  [0b001000, "frintn", roundToIntegral("nearestEven")],
  [0b001001, "frintp", roundToIntegral("up")],
  [0b001010, "frintm", roundToIntegral("down")],
  [0b001011, "frintz", roundToIntegral("zero")],
  [0b001100, "frinta", roundToIntegral("nearestAway")],
  [0b001110, "frintx", roundToIntegral("current", true)],
  [0b001111, "frinti", roundToIntegral("current")]
])
const oneSource = (p: Precision) =>
  instruction({
    name: `${unary.heading} (scalar, ${p.name})`,
    encoding: `000 11110 ${p.ftype} 1 opcode:6 10000 Rn:5 Rd:5`,
    where: (f) => unary.has(f.opcode),
    assembly: `<opcode> <${p.letter}d>, <${p.letter}n>`,
    operands: { opcode: choice("opcode", unary.mnemonics) },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { opcode, Rn, Rd }) {
      const F = cpu.float(p.bits)
      cpu.setScalar(Rd, unary.at(opcode)(F, cpu.scalar(Rn, F), cpu), F, Rd)
    }
  })

const move = (p: Precision) =>
  instruction({
    name: `FMOV (register, ${p.name})`,
    encoding: `000 11110 ${p.ftype} 1 000000 10000 Rn:5 Rd:5`,
    assembly: `fmov <${p.letter}d>, <${p.letter}n>`,
    feature: p.scalar,
    access: "FP",
    execute(cpu, { Rn, Rd }) {
      const T = cpu.unsigned(p.bits)
      cpu.setScalar(Rd, cpu.scalar(Rn, T), T)
    }
  })

/** FEAT_FRINTTS: to an integral value that fits a 32- or 64-bit integer. */
export const roundToSize = ["roundToInt32Zero", "roundToInt32", "roundToInt64Zero", "roundToInt64"] as const
const roundToSizedInteger = (p: typeof single | typeof double) =>
  instruction({
    name: `FRINT32Z, FRINT32X, FRINT64Z, FRINT64X (scalar, ${p.name})`,
    encoding: `000 11110 ${p.ftype} 1 0100 op:2 10000 Rn:5 Rd:5`,
    assembly: `<op> <${p.letter}d>, <${p.letter}n>`,
    operands: { op: choice("op", "frint32z frint32x frint64z frint64x") },
    feature: "FRINTTS",
    access: "FP",
    execute(cpu, { op, Rn, Rd }) {
      const F = cpu.float(p.bits)
      cpu.setScalar(Rd, F.special(roundToSize[op]!, cpu.scalar(Rn, F)), F, Rd)
    }
  })

const compare = (p: Precision) =>
  instruction({
    name: `FCMP, FCMPE (${p.name})`,
    encoding: `000 11110 ${p.ftype} 1 Rm:5 00 1000 Rn:5 E 0000`,
    assembly: `<E> <${p.letter}n>, <${p.letter}m>`,
    operands: { E: choice("E", "fcmp fcmpe") },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { Rm, Rn, E }) {
      const F = cpu.float(p.bits)
      cpu.setFlags(F.compare(cpu.scalar(Rn, F), cpu.scalar(Rm, F), E === 1))
    }
  })
const compareWithZero = (p: Precision) =>
  instruction({
    name: `FCMP, FCMPE (zero, ${p.name})`,
    encoding: `000 11110 ${p.ftype} 1 (00000) 00 1000 Rn:5 E 1000`,
    assembly: `<E> <${p.letter}n>, #0.0`,
    operands: { E: choice("E", "fcmp fcmpe") },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { Rn, E }) {
      const F = cpu.float(p.bits)
      cpu.setFlags(F.compare(cpu.scalar(Rn, F), F.constant(0), E === 1))
    }
  })
const conditionalCompare = (p: Precision) =>
  instruction({
    name: `FCCMP, FCCMPE (${p.name})`,
    encoding: `000 11110 ${p.ftype} 1 Rm:5 cond:4 01 Rn:5 E nzcv:4`,
    assembly: `<E> <${p.letter}n>, <${p.letter}m>, #<nzcv>, <cond>`,
    operands: { E: choice("E", "fccmp fccmpe"), nzcv: flagsImmediate, cond: condition("cond") },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { Rm, cond, Rn, E, nzcv }) {
      const F = cpu.float(p.bits)
      const [x, y] = [cpu.scalar(Rn, F), cpu.scalar(Rm, F)]
      cpu.when(
        cpu.holds(cond),
        () => cpu.setFlags(F.compare(x, y, E === 1)),
        () => cpu.setFlags(cpu.unsigned(32).constant(nzcv))
      )
    }
  })
const select = (p: Precision) =>
  instruction({
    name: `FCSEL (${p.name})`,
    encoding: `000 11110 ${p.ftype} 1 Rm:5 cond:4 11 Rn:5 Rd:5`,
    assembly: `fcsel <${p.letter}d>, <${p.letter}n>, <${p.letter}m>, <cond>`,
    operands: { cond: condition("cond") },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { Rm, cond, Rn, Rd }) {
      const T = cpu.unsigned(p.bits)
      cpu.setScalar(Rd, T.select(cpu.holds(cond), cpu.scalar(Rn, T), cpu.scalar(Rm, T)), T)
    }
  })

const moveImmediate = (p: Precision) =>
  instruction({
    name: `FMOV (scalar, immediate, ${p.name})`,
    encoding: `000 11110 ${p.ftype} 1 imm8:8 100 00000 Rd:5`,
    assembly: `fmov <${p.letter}d>, #<imm8>`,
    operands: { imm8: floatImmediate("imm8") },
    feature: p.scalar,
    access: "FP",
    execute(cpu, { imm8, Rd }) {
      const T = cpu.unsigned(p.bits)
      cpu.setScalar(Rd, T.constant(float8Bits(imm8, p.bits)), T)
    }
  })

export const floatScalar: readonly Instruction[] = [
  ...precisions.flatMap((p) => [
    twoSource(p),
    multiplyAdd(p),
    oneSource(p),
    move(p),
    compare(p),
    compareWithZero(p),
    conditionalCompare(p),
    select(p),
    moveImmediate(p)
  ]),
  roundToSizedInteger(single),
  roundToSizedInteger(double)
]
