/** Values into vectors: broadcast, copy under a predicate, index sequences, select, move prefix. */
import {
  type Cpu,
  choice,
  float8Bits,
  floatImmediate,
  type Instruction,
  instruction,
  type Operand,
  type Predicate,
  signed,
  type Value,
  type Vector
} from "@eltwo/isa"
import { isMask, isRedundantMask, type MaskFields, maskBits, maskElement, maskPattern, maskValue } from "../mask-operand.ts"
import { elementRegister, FLOAT_T, SVE, sameRegister, shiftedImmediate, shiftedValue, shiftFits, signExtend, sizedScalar, T } from "../operands.ts"

const merge = (cpu: Cpu, size: number, value: Value, where: Predicate, otherwise: Vector | "zero"): Vector => {
  const E = cpu.unsigned(8 << size)
  return cpu.map(E, [cpu.splat(E, value)], (x) => x, { where, otherwise })
}

// ---------------------------------------------------------------- immediates
export const duplicateImmediate = instruction({
  name: "DUP (immediate)",
  encoding: "00100101 size:2 11100011 sh imm8:8 Zd:5",
  where: shiftFits,
  assembly: "mov <Zd>.<T>, #<value>",
  aliases: [{ text: "dup <Zd>.<T>, #<value>", prefer: false }],
  operands: { T, value: shiftedImmediate(true) },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, sh, imm8, Zd }) {
    const E = cpu.unsigned(8 << size)
    cpu.setZ(Zd, cpu.splat(E, E.constant(shiftedValue({ sh, imm8 }, true))))
  }
})
export const copyImmediate = instruction({
  name: "CPY (immediate)",
  encoding: "00000101 size:2 01 Pg:4 0 M sh imm8:8 Zd:5",
  where: shiftFits,
  assembly: "mov <Zd>.<T>, <Pg>/<M>, #<value>",
  aliases: [{ text: "cpy <Zd>.<T>, <Pg>/<M>, #<value>", prefer: false }],
  operands: { T, M: choice("M", "z m"), value: shiftedImmediate(true) },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Pg, M, sh, imm8, Zd }) {
    const E = cpu.unsigned(8 << size)
    cpu.setZ(Zd, merge(cpu, size, E.constant(shiftedValue({ sh, imm8 }, true)), cpu.P(Pg, E), M ? cpu.Z(Zd, E) : "zero"))
  }
})
export const duplicateFloatImmediate = instruction({
  name: "FDUP",
  encoding: "00100101 size:2 111001110 imm8:8 Zd:5",
  where: (f) => f.size !== 0,
  assembly: "fmov <Zd>.<T>, #<imm8>",
  aliases: [{ text: "fdup <Zd>.<T>, #<imm8>", prefer: false }],
  operands: { T: FLOAT_T, imm8: floatImmediate("imm8") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, imm8, Zd }) {
    const E = cpu.unsigned(8 << size)
    cpu.setZ(Zd, cpu.splat(E, E.constant(float8Bits(imm8, E.bits))))
  }
})
export const copyFloatImmediate = instruction({
  name: "FCPY",
  encoding: "00000101 size:2 01 Pg:4 110 imm8:8 Zd:5",
  where: (f) => f.size !== 0,
  assembly: "fmov <Zd>.<T>, <Pg>/m, #<imm8>",
  aliases: [{ text: "fcpy <Zd>.<T>, <Pg>/m, #<imm8>", prefer: false }],
  operands: { T: FLOAT_T, imm8: floatImmediate("imm8") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Pg, imm8, Zd }) {
    const E = cpu.unsigned(8 << size)
    cpu.setZ(Zd, merge(cpu, size, E.constant(float8Bits(imm8, E.bits)), cpu.P(Pg, E), cpu.Z(Zd, E)))
  }
})

/** DUP (immediate) can say it too: then this one goes by its own name. */
const isPlainImmediate = ({ imm13 }: MaskFields): boolean => {
  const mask = maskPattern(imm13)
  const value = Number(BigInt.asIntN(maskBits(mask), mask))
  return (value >= -128 && value <= 127) || (value % 256 === 0 && value >= -32768 && value <= 32512)
}
export const duplicateMask = instruction({
  name: "DUPM",
  encoding: "00000101110000 imm13:13 Zd:5",
  where: isMask,
  assembly: "dupm <Zd>.<E>, #<hex>",
  aliases: [{ text: "mov <Zd>.<E>, #<hex>", prefer: (f) => !isPlainImmediate(f) }],
  operands: { E: maskElement, hex: maskValue },
  redundant: isRedundantMask,
  feature: SVE,
  access: "SVE",
  execute(cpu, { imm13, Zd }) {
    const D = cpu.unsigned(64)
    cpu.setZ(Zd, cpu.splat(D, D.constant(maskPattern(imm13))))
  }
})

// ---------------------------------------------------------------- registers
export const duplicateRegister = instruction({
  name: "DUP (scalar)",
  encoding: "00000101 size:2 100000001110 Rn:5 Zd:5",
  assembly: "mov <Zd>.<T>, <source>",
  aliases: [{ text: "dup <Zd>.<T>, <source>", prefer: false }],
  operands: { T, source: elementRegister("Rn", true) },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Rn, Zd }) {
    const E = cpu.unsigned(8 << size)
    cpu.setZ(Zd, cpu.splat(E, cpu.XSP(Rn, E)))
  }
})
export const copyRegister = instruction({
  name: "CPY (scalar)",
  encoding: "00000101 size:2 101000101 Pg:3 Rn:5 Zd:5",
  assembly: "mov <Zd>.<T>, <Pg>/m, <source>",
  aliases: [{ text: "cpy <Zd>.<T>, <Pg>/m, <source>", prefer: false }],
  operands: { T, source: elementRegister("Rn", true) },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Pg, Rn, Zd }) {
    const E = cpu.unsigned(8 << size)
    cpu.setZ(Zd, merge(cpu, size, cpu.XSP(Rn, E), cpu.P(Pg, E), cpu.Z(Zd, E)))
  }
})
export const copyScalar = instruction({
  name: "CPY (SIMD&FP scalar)",
  encoding: "00000101 size:2 100000100 Pg:3 Vn:5 Zd:5",
  assembly: "mov <Zd>.<T>, <Pg>/m, <source>",
  aliases: [{ text: "cpy <Zd>.<T>, <Pg>/m, <source>", prefer: false }],
  operands: { T, source: sizedScalar("Vn") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Pg, Vn, Zd }) {
    const E = cpu.unsigned(8 << size)
    cpu.setZ(Zd, merge(cpu, size, cpu.scalar(Vn, E), cpu.P(Pg, E), cpu.Z(Zd, E)))
  }
})

interface Indexed {
  readonly imm2: number
  readonly tsz: number
}
/** The lowest one of tsz is the size; what stands above it is the index. */
const elementSize = (tsz: number): number => 31 - Math.clz32(tsz & -tsz)
const elementIndex = ({ imm2, tsz }: Indexed): number => ((imm2 << 5) | tsz) >> (elementSize(tsz) + 1)
const ELEMENT_SIZE = "size of tsz"
const indexedElement: Operand<Indexed> = {
  print: (f) => "bhsdq"[elementSize(f.tsz)],
  read: (text, at) => ("bhsdq".includes(text[at] ?? "-") ? [{ end: at + 1, fields: { [ELEMENT_SIZE]: "bhsdq".indexOf(text[at]!) } }] : [])
}
const index: Operand<Indexed> = {
  print: (f) => `${elementIndex(f)}`,
  read(text, at, known) {
    const match = /^(\d+)(?!\w)/.exec(text.slice(at))
    const size = known[ELEMENT_SIZE]
    if (!match || size === undefined || Number(match[1]) >= 64 >> size) return []
    const joined = (Number(match[1]) << (size + 1)) | (1 << size)
    return [{ end: at + match[0].length, fields: { imm2: joined >> 5, tsz: joined & 31 } }]
  }
}
/** Element 0 goes by the name of the scalar register. */
const scalarSource: Operand<Indexed & { readonly Zn: number }> = {
  print: (f) => (elementIndex(f) === 0 ? `${"bhsdq"[elementSize(f.tsz)]}${f.Zn}` : undefined),
  read(text, at, known) {
    const match = /^([bhsdq])(3[01]|[12]?\d)(?!\w)/.exec(text.slice(at))
    const size = known[ELEMENT_SIZE]
    if (!match || size === undefined || "bhsdq".indexOf(match[1]!) !== size) return []
    return [{ end: at + match[0].length, fields: { Zn: Number(match[2]), imm2: 0, tsz: 1 << size } }]
  }
}
export const duplicateElement = instruction({
  name: "DUP (indexed)",
  encoding: "00000101 imm2:2 1 tsz:5 001000 Zn:5 Zd:5",
  where: (f) => f.tsz !== 0,
  assembly: "mov <Zd>.<E>, <Zn>.<E>[<index>]",
  aliases: [{ text: "mov <Zd>.<E>, <scalar>" }, { text: "dup <Zd>.<E>, <Zn>.<E>[<index>]", prefer: false }],
  operands: { E: indexedElement, index, scalar: scalarSource },
  feature: SVE,
  access: "SVE",
  execute(cpu, { imm2, tsz, Zn, Zd }) {
    const E = cpu.unsigned(8 << elementSize(tsz))
    const at = elementIndex({ imm2, tsz })
    const source = cpu.Z(Zn, E)
    const beyond = at >= cpu.vectorBits / E.bits
    cpu.setZ(Zd, cpu.splat(E, beyond ? E.constant(0) : cpu.lane(source, at)))
  }
})

// ---------------------------------------------------------------- sequences
const sequence = (cpu: Cpu, size: number, Zd: number, start: Value, step: Value): void => {
  const E = cpu.unsigned(8 << size)
  cpu.setZ(
    Zd,
    cpu.generate(E, (i) => E.add(start, E.multiply(step, E.constant(i))))
  )
}
export const indexImmediates = instruction({
  name: "INDEX (immediates)",
  encoding: "00000100 size:2 1 imm5b:5 010000 imm5:5 Zd:5",
  assembly: "index <Zd>.<T>, #<imm5>, #<imm5b>",
  operands: { T, imm5: signed("imm5:5"), imm5b: signed("imm5b:5") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, imm5b, imm5, Zd }) {
    const E = cpu.unsigned(8 << size)
    sequence(cpu, size, Zd, E.constant(signExtend(imm5, 5)), E.constant(signExtend(imm5b, 5)))
  }
})
export const indexImmediateRegister = instruction({
  name: "INDEX (immediate, scalar)",
  encoding: "00000100 size:2 1 Rm:5 010010 imm5:5 Zd:5",
  assembly: "index <Zd>.<T>, #<imm5>, <step>",
  operands: { T, imm5: signed("imm5:5"), step: elementRegister("Rm") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Rm, imm5, Zd }) {
    const E = cpu.unsigned(8 << size)
    sequence(cpu, size, Zd, E.constant(signExtend(imm5, 5)), cpu.X(Rm, E))
  }
})
export const indexRegisterImmediate = instruction({
  name: "INDEX (scalar, immediate)",
  encoding: "00000100 size:2 1 imm5:5 010001 Rn:5 Zd:5",
  assembly: "index <Zd>.<T>, <start>, #<imm5>",
  operands: { T, imm5: signed("imm5:5"), start: elementRegister("Rn") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, imm5, Rn, Zd }) {
    const E = cpu.unsigned(8 << size)
    sequence(cpu, size, Zd, cpu.X(Rn, E), E.constant(signExtend(imm5, 5)))
  }
})
export const indexRegisters = instruction({
  name: "INDEX (scalars)",
  encoding: "00000100 size:2 1 Rm:5 010011 Rn:5 Zd:5",
  assembly: "index <Zd>.<T>, <start>, <step>",
  operands: { T, start: elementRegister("Rn"), step: elementRegister("Rm") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Rm, Rn, Zd }) {
    const E = cpu.unsigned(8 << size)
    sequence(cpu, size, Zd, cpu.X(Rn, E), cpu.X(Rm, E))
  }
})

// ---------------------------------------------------------------- vectors
export const selectVector = instruction({
  name: "SEL (vectors)",
  encoding: "00000101 size:2 1 Zm:5 11 Pv:4 Zn:5 Zd:5",
  assembly: "sel <Zd>.<T>, <Pv>, <Zn>.<T>, <Zm>.<T>",
  aliases: [{ text: "mov <merged>.<T>, <Pv>/m, <Zn>.<T>" }],
  operands: { T, merged: sameRegister("z", "Zd", "Zm") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, Zm, Pv, Zn, Zd }) {
    const E = cpu.unsigned(8 << size)
    cpu.setZ(
      Zd,
      cpu.map(E, [cpu.Z(Zn, E)], (x) => x, { where: cpu.P(Pv, E), otherwise: cpu.Z(Zm, E) })
    )
  }
})
/** The instruction after it may be fused with it; done one after the other, the pair means the same. */
export const movePrefix = instruction({
  name: "MOVPRFX (unpredicated)",
  encoding: "0000010000100000101111 Zn:5 Zd:5",
  assembly: "movprfx <Zd>, <Zn>",
  feature: SVE,
  access: "SVE",
  execute: (cpu, { Zn, Zd }) => cpu.setZ(Zd, cpu.Z(Zn, cpu.unsigned(64)))
})
export const movePrefixPredicated = instruction({
  name: "MOVPRFX (predicated)",
  encoding: "00000100 size:2 01000 M 001 Pg:3 Zn:5 Zd:5",
  assembly: "movprfx <Zd>.<T>, <Pg>/<M>, <Zn>.<T>",
  operands: { T, M: choice("M", "z m") },
  feature: SVE,
  access: "SVE",
  execute(cpu, { size, M, Pg, Zn, Zd }) {
    const E = cpu.unsigned(8 << size)
    cpu.setZ(
      Zd,
      cpu.map(E, [cpu.Z(Zn, E)], (x) => x, { where: cpu.P(Pg, E), otherwise: M ? cpu.Z(Zd, E) : "zero" })
    )
  }
})

export const copyInstructions: readonly Instruction[] = [
  duplicateImmediate,
  copyImmediate,
  duplicateFloatImmediate,
  copyFloatImmediate,
  duplicateMask,
  duplicateRegister,
  copyRegister,
  copyScalar,
  duplicateElement,
  indexImmediates,
  indexImmediateRegister,
  indexRegisterImmediate,
  indexRegisters,
  selectVector,
  movePrefix,
  movePrefixPredicated
]
