/** Outer products and additions of whole vectors into tiles. */
import {
  type Cell,
  type Cpu,
  choice,
  type ElementType,
  type Instruction,
  type Integer,
  instruction,
  type Side,
  unsigned,
  type Value
} from "@eltwo/isa"

/** Rows come from Zn under Pn, columns from Zm under Pm. */
interface Operands {
  readonly Zm: number
  readonly Pm: number
  readonly Pn: number
  readonly Zn: number
  readonly S: number
  readonly ZAda: number
}
const side = (cpu: Cpu, Z: number, P: number, type: ElementType): Side => ({ source: cpu.Z(Z, type), where: cpu.P(P, type) })
const operands = { ZAda: unsigned("ZAda") }

// ---------------------------------------------------------------- floating point
const floatProduct = (cpu: Cpu, bits: 32 | 64, { Zm, Pm, Pn, Zn, S, ZAda }: Operands): void => {
  const F = cpu.float(bits, "za")
  cpu.outerProduct(F, ZAda, side(cpu, Zn, Pn, F), side(cpu, Zm, Pm, F), 1, (sum, row, column) =>
    F.multiplyAdd(sum, S ? F.negate(row.part(0)) : row.part(0), column.part(0))
  )
}
export const floatOuterProduct = instruction({
  name: "FMOPA, FMOPS (non-widening, single)",
  encoding: "10000000100 Zm:5 Pm:3 Pn:3 Zn:5 S 00 ZAda:2",
  assembly: "<S> za<ZAda>.s, <Pn>/m, <Pm>/m, <Zn>.s, <Zm>.s",
  operands: { ...operands, S: choice("S", "fmopa fmops") },
  feature: "SME",
  access: "SM+ZA",
  execute: (cpu, fields) => floatProduct(cpu, 32, fields)
})
export const doubleOuterProduct = instruction({
  name: "FMOPA, FMOPS (non-widening, double)",
  encoding: "10000000110 Zm:5 Pm:3 Pn:3 Zn:5 S 0 ZAda:3",
  assembly: "<S> za<ZAda>.d, <Pn>/m, <Pm>/m, <Zn>.d, <Zm>.d",
  operands: { ...operands, S: choice("S", "fmopa fmops") },
  feature: "SME_F64F64",
  access: "SM+ZA",
  execute: (cpu, fields) => floatProduct(cpu, 64, fields)
})
/** Both halves of a pair as one 32-bit value; an inactive one is zero, `sign` changes the sign of the others. */
const pairOf = (W: Integer, H: Integer, cell: Cell, sign: number): Value => {
  const half = (index: number) => W.select(cell.active(index), W.xor(W.from(cell.part(index), H), W.constant(sign)), W.constant(0))
  return W.or(half(0), W.shiftLeft(half(1), H.bits))
}
const HALF_SIGN = 0x8000
const widening = (cpu: Cpu, dot: "float16Dot" | "bfloat16Dot", { Zm, Pm, Pn, Zn, S, ZAda }: Operands): void => {
  const [F, H, W] = [cpu.float(32, "za"), cpu.unsigned(16), cpu.unsigned(32)]
  cpu.outerProduct(F, ZAda, side(cpu, Zn, Pn, H), side(cpu, Zm, Pm, H), 2, (sum, row, column) =>
    F.special(dot, sum, pairOf(W, H, row, S ? HALF_SIGN : 0), pairOf(W, H, column, 0))
  )
}
export const halfOuterProduct = instruction({
  name: "FMOPA, FMOPS (widening, 2-way)",
  encoding: "10000001101 Zm:5 Pm:3 Pn:3 Zn:5 S 00 ZAda:2",
  assembly: "<S> za<ZAda>.s, <Pn>/m, <Pm>/m, <Zn>.h, <Zm>.h",
  operands: { ...operands, S: choice("S", "fmopa fmops") },
  feature: "SME",
  access: "SM+ZA",
  execute: (cpu, fields) => widening(cpu, "float16Dot", fields)
})
export const bfloatOuterProduct = instruction({
  name: "BFMOPA, BFMOPS (widening)",
  encoding: "10000001100 Zm:5 Pm:3 Pn:3 Zn:5 S 00 ZAda:2",
  assembly: "<S> za<ZAda>.s, <Pn>/m, <Pm>/m, <Zn>.h, <Zm>.h",
  operands: { ...operands, S: choice("S", "bfmopa bfmops") },
  feature: "SME",
  access: "SM+ZA",
  execute: (cpu, fields) => widening(cpu, "bfloat16Dot", fields)
})

// ---------------------------------------------------------------- integers
/** Four products of narrow elements for each cell; u0 and u1 say which side is unsigned. */
const integerProduct = (cpu: Cpu, bits: 32 | 64, u0: number, u1: number, { Zm, Pm, Pn, Zn, S, ZAda }: Operands): void => {
  const I = cpu.signed(bits)
  const narrow = (isUnsigned: number) => (isUnsigned ? cpu.unsigned(bits / 4) : cpu.signed(bits / 4))
  const [N, M] = [narrow(u0), narrow(u1)]
  cpu.outerProduct(I, ZAda, side(cpu, Zn, Pn, N), side(cpu, Zm, Pm, M), 4, (sum, row, column) =>
    [0, 1, 2, 3].reduce((total, k) => {
      const product = I.multiply(I.from(row.part(k), N), I.from(column.part(k), M))
      const taken = I.select(cpu.both(row.active(k), column.active(k)), product, I.constant(0))
      return S ? I.subtract(total, taken) : I.add(total, taken)
    }, sum)
  )
}
const integerNames = choice(["u0:1", "u1:1", "S:1"], "smopa smops sumopa sumops usmopa usmops umopa umops")
export const byteOuterProduct = instruction({
  name: "SMOPA, SUMOPA, USMOPA, UMOPA, ... (4-way, 8-bit)",
  encoding: "1010000 u0 10 u1 Zm:5 Pm:3 Pn:3 Zn:5 S 00 ZAda:2",
  assembly: "<name> za<ZAda>.s, <Pn>/m, <Pm>/m, <Zn>.b, <Zm>.b",
  operands: { ...operands, name: integerNames },
  feature: "SME",
  access: "SM+ZA",
  execute: (cpu, { u0, u1, ...fields }) => integerProduct(cpu, 32, u0, u1, fields)
})
export const halfwordOuterProduct = instruction({
  name: "SMOPA, SUMOPA, USMOPA, UMOPA, ... (4-way, 16-bit)",
  encoding: "1010000 u0 11 u1 Zm:5 Pm:3 Pn:3 Zn:5 S 0 ZAda:3",
  assembly: "<name> za<ZAda>.d, <Pn>/m, <Pm>/m, <Zn>.h, <Zm>.h",
  operands: { ...operands, name: integerNames },
  feature: "SME_I16I64",
  access: "SM+ZA",
  execute: (cpu, { u0, u1, ...fields }) => integerProduct(cpu, 64, u0, u1, fields)
})

// ---------------------------------------------------------------- additions
/** ADDHA adds the vector to each row, ADDVA to each column. */
const addition = (cpu: Cpu, bits: 32 | 64, { V, Pm, Pn, Zn, ZAda }: Omit<Operands, "Zm" | "S"> & { readonly V: number }): void => {
  const I = cpu.unsigned(bits)
  cpu.outerProduct(I, ZAda, side(cpu, Zn, Pn, I), side(cpu, Zn, Pm, I), 1, (sum, row, column) => I.add(sum, (V ? row : column).part(0)))
}
export const addWords = instruction({
  name: "ADDHA, ADDVA (32-bit)",
  encoding: "110000001001000 V Pm:3 Pn:3 Zn:5 000 ZAda:2",
  assembly: "<V> za<ZAda>.s, <Pn>/m, <Pm>/m, <Zn>.s",
  operands: { ...operands, V: choice("V", "addha addva") },
  feature: "SME",
  access: "SM+ZA",
  execute: (cpu, fields) => addition(cpu, 32, fields)
})
export const addDoublewords = instruction({
  name: "ADDHA, ADDVA (64-bit)",
  encoding: "110000001101000 V Pm:3 Pn:3 Zn:5 00 ZAda:3",
  assembly: "<V> za<ZAda>.d, <Pn>/m, <Pm>/m, <Zn>.d",
  operands: { ...operands, V: choice("V", "addha addva") },
  feature: "SME_I16I64",
  access: "SM+ZA",
  execute: (cpu, fields) => addition(cpu, 64, fields)
})

export const outerProductInstructions: readonly Instruction[] = [
  floatOuterProduct,
  doubleOuterProduct,
  halfOuterProduct,
  bfloatOuterProduct,
  byteOuterProduct,
  halfwordOuterProduct,
  addWords,
  addDoublewords
]
