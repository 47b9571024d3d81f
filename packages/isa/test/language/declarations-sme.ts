/** Declarations that the language must be able to say, taken from SME and SME2: tests of the language, not the product's SME. */
import type { Cpu, Value } from "../../src/builder.ts"
import { instruction } from "../../src/instruction.ts"
import { choice, type Operand, register, registerList, unsigned } from "../../src/operands.ts"

// ---------------------------------------------------------------- tile slices
/** Tile number and slice offset share four bits: the wider the element, the more of them name the tile. */
const tileOf = (size: number, field: number) => ({ tile: field >> (4 - size), offset: field & ((1 << (4 - size)) - 1) })
/** A slice index: W12 to W15 plus an offset. */
const sliceIndex = (cpu: Cpu, Rs: number, offset: number): Value => {
  const W = cpu.unsigned(32)
  return W.add(cpu.X(12 + Rs, W), W.constant(offset))
}
interface Slice {
  readonly size: number
  readonly Q: number
  readonly V: number
  readonly Rs: number
  readonly ZAd: number
}
const SLICE = /za(\d+)([hv])\.([bhsdq])\s*\[w(1[2-5]),\s*#?(\d+)\]/y
const slice: Operand<Slice> = {
  print({ size, Q, V, Rs, ZAd }) {
    const { tile, offset } = tileOf(size + Q, ZAd)
    return `za${tile}${V ? "v" : "h"}.${"bhsdq"[size + Q]}[w${12 + Rs}, ${offset}]`
  },
  read(text, at) {
    SLICE.lastIndex = at
    const match = SLICE.exec(text)
    if (!match) return []
    const [all, tile, direction, element, index, offset] = match
    const size = "bhsdq".indexOf(element!)
    const ZAd = (Number(tile) << (4 - size)) | Number(offset)
    const V = direction === "v" ? 1 : 0
    return [{ end: at + all.length, fields: { size: Math.min(size, 3), Q: size === 4 ? 1 : 0, V, Rs: Number(index) - 12, ZAd } }]
  }
}
export const moveToTile = instruction({
  name: "MOVA (vector to tile slice)",
  encoding: "11000000 size:2 00000 Q V Rs:2 Pg:3 Zn:5 0 ZAd:4",
  where: (f) => f.Q === 0 || f.size === 3,
  assembly: "mov <slice>, <Pg>/m, <Zn>.<T>",
  operands: { slice, T: choice(["size:2", "Q:1"], "b - h - s - d q") },
  feature: "SME",
  access: "SM+ZA",
  execute(cpu, { size, Q, V, Rs, Pg, Zn, ZAd }) {
    const E = cpu.unsigned(8 << (size + Q))
    const { tile, offset } = tileOf(size + Q, ZAd)
    const direction = V ? "vertical" : "horizontal"
    const index = sliceIndex(cpu, Rs, offset)
    const masking = { where: cpu.P(Pg, E), otherwise: cpu.slice(E, tile, direction, index) }
    cpu.setSlice(
      E,
      tile,
      direction,
      index,
      cpu.map(E, [cpu.Z(Zn, E)], (x) => x, masking)
    )
  }
})

// ---------------------------------------------------------------- outer products
export const floatOuterProduct = instruction({
  name: "FMOPA, FMOPS (non-widening)",
  encoding: "10000000 1 d 0 Zm:5 Pm:3 Pn:3 Zn:5 S 0 ZAda:3",
  where: (f) => f.d === 1 || f.ZAda < 4,
  assembly: "<S> za<ZAda>.<T>, <Pn>/m, <Pm>/m, <Zn>.<T>, <Zm>.<T>",
  operands: { S: choice("S", "fmopa fmops"), ZAda: unsigned("ZAda"), T: choice("d", "s d") },
  feature: "SME",
  access: "SM+ZA",
  execute(cpu, { d, Zm, Pm, Pn, Zn, S, ZAda }) {
    const F = cpu.float(d ? 64 : 32, "za")
    const rows = { source: cpu.Z(Zn, F), where: cpu.P(Pn, F) }
    const columns = { source: cpu.Z(Zm, F), where: cpu.P(Pm, F) }
    cpu.outerProduct(F, ZAda, rows, columns, 1, (sum, row, column) => F.multiplyAdd(sum, S ? F.negate(row.part(0)) : row.part(0), column.part(0)))
  }
})
export const integerOuterProduct = instruction({
  name: "SMOPA, SUMOPA, USMOPA, UMOPA",
  encoding: "1010000 u0 1 d u1 Zm:5 Pm:3 Pn:3 Zn:5 S 0 ZAda:3",
  where: (f) => f.d === 1 || f.ZAda < 4,
  assembly: "<name> za<ZAda>.<T>, <Pn>/m, <Pm>/m, <Zn>.<Tb>, <Zm>.<Tb>",
  operands: {
    name: choice(["u0:1", "u1:1", "S:1"], "smopa smops sumopa sumops usmopa usmops umopa umops"),
    ZAda: unsigned("ZAda"),
    T: choice("d", "s d"),
    Tb: choice("d", "b h")
  },
  feature: "SME",
  access: "SM+ZA",
  execute(cpu, { u0, d, u1, Zm, Pm, Pn, Zn, S, ZAda }) {
    const I = cpu.signed(d ? 64 : 32)
    const narrow = (isUnsigned: number) => (isUnsigned ? cpu.unsigned(I.bits / 4) : cpu.signed(I.bits / 4))
    const N = narrow(u0)
    const M = narrow(u1)
    const rows = { source: cpu.Z(Zn, N), where: cpu.P(Pn, N) }
    const columns = { source: cpu.Z(Zm, M), where: cpu.P(Pm, M) }
    cpu.outerProduct(I, ZAda, rows, columns, 4, (sum, row, column) =>
      [0, 1, 2, 3].reduce((total, k) => {
        const product = I.multiply(I.from(row.part(k), N), I.from(column.part(k), M))
        const taken = I.select(cpu.both(row.active(k), column.active(k)), product, I.constant(0))
        return S ? I.subtract(total, taken) : I.add(total, taken)
      }, sum)
    )
  }
})

// ---------------------------------------------------------------- groups of ZA vectors
/** The vectors of a group lie rows/n apart: index, index + rows/n, ... */
const groupIndex = (cpu: Cpu, Rv: number, offset: number, vectors: number): readonly Value[] => {
  const W = cpu.unsigned(32)
  const step = cpu.streamingVectorBits / 8 / vectors
  const first = W.and(W.add(cpu.X(8 + Rv, W), W.constant(offset)), W.constant(step - 1))
  return Array.from({ length: vectors }, (_, i) => W.add(first, W.constant(i * step)))
}
interface Group {
  readonly sz: number
  readonly Rv: number
  readonly off3: number
}
const GROUP = /za\.([sd])\[w(8|9|10|11),\s*#?(\d)(?:,\s*vgx(\d))?\]/y
const groupOperand = (vectors: number): Operand<Group> => ({
  print: (f) => `za.${f.sz ? "d" : "s"}[w${8 + f.Rv}, ${f.off3}, vgx${vectors}]`,
  read(text, at) {
    GROUP.lastIndex = at
    const match = GROUP.exec(text)
    if (!match || Number(match[4] ?? vectors) !== vectors) return []
    return [{ end: at + match[0].length, fields: { sz: match[1] === "d" ? 1 : 0, Rv: Number(match[2]) - 8, off3: Number(match[3]) } }]
  }
})
const multiplyAddGroup = (vectors: 2 | 4, four: "0" | "1") =>
  instruction({
    name: `FMLA, FMLS (multiple and single vector, VGx${vectors})`,
    encoding: `11000001 0 sz 1 ${four} Zm:4 0 Rv:2 110 Zn:5 0 S off3:3`,
    assembly: "<S> <group>, <list>, <Zm>.<T>",
    operands: {
      S: choice("S", "fmla fmls"),
      T: choice("sz", "s d"),
      group: groupOperand(vectors),
      list: registerList("z", "Zn", vectors, choice("sz", "s d"))
    },
    feature: "SME2",
    access: "SM+ZA",
    execute(cpu, { sz, Zm, Rv, Zn, S, off3 }) {
      const F = cpu.float(sz ? 64 : 32, "za")
      const m = cpu.Z(Zm, F)
      groupIndex(cpu, Rv, off3, vectors).forEach((index, i) => {
        const sum = cpu.reinterpret(cpu.ZA(index), F)
        const n = cpu.Z((Zn + i) % 32, F)
        cpu.setZA(
          index,
          cpu.map(F, [sum, n, m], (a, x, y) => F.multiplyAdd(a, S ? F.negate(x) : x, y))
        )
      })
    }
  })
export const multiplyAddGroup2 = multiplyAddGroup(2, "0")
export const multiplyAddGroup4 = multiplyAddGroup(4, "1")

// ---------------------------------------------------------------- ZT0, and predicates as counters in SME2
export const lookupFour = instruction({
  name: "LUTI4 (single)",
  encoding: "110000001100101 index:3 size:2 00 Zn:5 Zd:5",
  where: (f) => f.size < 3,
  assembly: "luti4 <Zd>.<T>, zt0, <Zn>[<index>]",
  operands: { T: choice("size", "b h s -"), index: unsigned("index") },
  feature: "SME2",
  access: "SM+ZA+ZT0",
  execute(cpu, { index, size, Zn, Zd }) {
    const E = cpu.unsigned(8 << size)
    const B = cpu.unsigned(8)
    const W = cpu.unsigned(32)
    const table = cpu.reinterpret(cpu.ZT0(), W)
    const bytes = cpu.Z(Zn, B)
    const lanes = cpu.vectorBits / E.bits
    const segment = index % (2 << size)
    const code = (k: number) => B.and(B.shiftRight(cpu.lane(bytes, k >> 1), 4 * (k & 1)), B.constant(15))
    cpu.setZ(
      Zd,
      cpu.generate(E, (i) => E.from(cpu.lane(table, code(segment * lanes + i)), W))
    )
  }
})
export const loadTable = instruction({
  name: "LDR, STR (ZT0)",
  encoding: "1110000100 store 11111 100000 Rn:5 00000",
  assembly: "<store> zt0, [<Xn|SP>]",
  operands: { store: choice("store", "ldr str") },
  feature: "SME2",
  access: "ZT0",
  execute(cpu, { store, Rn }) {
    const B = cpu.unsigned(8)
    if (store) cpu.storeVector(cpu.ZT0(), cpu.XSP(Rn), { memory: B })
    else cpu.setZT0(cpu.loadVector(B, cpu.XSP(Rn), { memory: B, lanes: 64 }))
  }
})
const pair = (field: "Zd" | "Zn" | "Zm") => registerList("z", field, 2, choice("size", "b h s d"), { scale: 2 })
export const selectMultiple = instruction({
  name: "SEL (two vectors)",
  encoding: "11000001 size:2 1 Zm:4 0 100 PNg:3 Zn:4 0 Zd:4 0",
  assembly: "sel <d>, <PN>, <n>, <m>",
  operands: { PN: register("pn", "PNg", { offset: 8, limit: 15 }), d: pair("Zd"), n: pair("Zn"), m: pair("Zm") },
  feature: "SME2",
  access: "SM",
  execute(cpu, { size, Zm, PNg, Zn, Zd }) {
    const E = cpu.unsigned(8 << size)
    const chosen = cpu
      .counter(8 + PNg, E, 2)
      .map((where, i) => cpu.map(E, [cpu.Z(2 * Zn + i, E)], (x) => x, { where, otherwise: cpu.Z(2 * Zm + i, E) }))
    chosen.forEach((vector, i) => cpu.setZ(2 * Zd + i, vector))
  }
})

export const smeDeclarations = [
  moveToTile,
  floatOuterProduct,
  integerOuterProduct,
  multiplyAddGroup2,
  multiplyAddGroup4,
  lookupFour,
  loadTable,
  selectMultiple
]
