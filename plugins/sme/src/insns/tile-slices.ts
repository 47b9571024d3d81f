/** One row or column of a tile: to and from vectors and memory. */
import { type Cpu, choice, type Instruction, instruction, type Operand } from "@eltwo/isa"
import { directionOf, sliceIndex, tileOf, tileSlice } from "../operands.ts"

interface Sized {
  readonly size: number
  readonly Q: number
}
/** 128-bit elements are size 3 with Q. */
const isElement = (f: Sized): boolean => f.Q === 0 || f.size === 3
const sizeOf = (f: Sized): number => f.size + f.Q
const sizeFields = (size: number): Record<string, number> => ({ size: Math.min(size, 3), Q: size === 4 ? 1 : 0 })
const T = choice(["size:2", "Q:1"], "b - h - s - d q")

export const moveToTile = instruction({
  name: "MOVA (vector to tile slice)",
  encoding: "11000000 size:2 00000 Q V Rs:2 Pg:3 Zn:5 0 ZAd:4",
  where: isElement,
  assembly: "mov <slice>, <Pg>/m, <Zn>.<T>",
  aliases: [{ text: "mova <slice>, <Pg>/m, <Zn>.<T>", prefer: false }],
  operands: { slice: tileSlice("ZAd", sizeOf, sizeFields), T },
  feature: "SME",
  access: "SM+ZA",
  execute(cpu, { size, Q, V, Rs, Pg, Zn, ZAd }) {
    const E = cpu.unsigned(8 << (size + Q))
    const { tile, offset } = tileOf(size + Q, ZAd)
    const index = sliceIndex(cpu, Rs, offset)
    const masking = { where: cpu.P(Pg, E), otherwise: cpu.slice(E, tile, directionOf(V), index) }
    cpu.setSlice(
      E,
      tile,
      directionOf(V),
      index,
      cpu.map(E, [cpu.Z(Zn, E)], (x) => x, masking)
    )
  }
})
export const moveFromTile = instruction({
  name: "MOVA (tile slice to vector)",
  encoding: "11000000 size:2 00001 Q V Rs:2 Pg:3 0 ZAn:4 Zd:5",
  where: isElement,
  assembly: "mov <Zd>.<T>, <Pg>/m, <slice>",
  aliases: [{ text: "mova <Zd>.<T>, <Pg>/m, <slice>", prefer: false }],
  operands: { slice: tileSlice("ZAn", sizeOf, sizeFields), T },
  feature: "SME",
  access: "SM+ZA",
  execute(cpu, { size, Q, V, Rs, Pg, ZAn, Zd }) {
    const E = cpu.unsigned(8 << (size + Q))
    const { tile, offset } = tileOf(size + Q, ZAn)
    const slice = cpu.slice(E, tile, directionOf(V), sliceIndex(cpu, Rs, offset))
    cpu.setZ(
      Zd,
      cpu.map(E, [slice], (x) => x, { where: cpu.P(Pg, E), otherwise: cpu.Z(Zd, E) })
    )
  }
})

/** Scalar plus scalar: the index counts elements of 2^shift bytes. */
const scaledIndex = <F extends object>(shift: (f: F) => number): Operand<F & { readonly Rm: number }> => ({
  print: (f) => `${f.Rm === 31 ? "xzr" : `x${f.Rm}`}${shift(f) ? `, lsl #${shift(f)}` : ""}`,
  read(text, at, known) {
    const match = /^x(30|[12]?\d|zr)(?:,\s*lsl\s*#?(\d))?(?![\w.])/.exec(text.slice(at))
    if (!match || Number(match[2] ?? 0) !== shift(known as F)) return []
    return [{ end: at + match[0].length, fields: { Rm: match[1] === "zr" ? 31 : Number(match[1]) } }]
  }
})
interface Memory {
  readonly msz: number
}
export const loadStoreSlice = instruction({
  name: "LD1B, ST1B, LD1H, ... (tile slice)",
  encoding: "11100000 msz:2 store Rm:5 V Rs:2 Pg:3 Rn:5 0 ZAt:4",
  assembly: "<name> {<slice>}, <Pg><zeroing>, [<Xn|SP>, <index>]",
  aliases: [{ text: "<name> {<slice>}, <Pg><zeroing>, [<Xn|SP>]", fields: { Rm: 31 }, prefer: false }],
  operands: {
    name: choice(["store:1", "msz:2"], "ld1b ld1h ld1w ld1d st1b st1h st1w st1d"),
    zeroing: choice("store", ["/z", ""]),
    slice: tileSlice(
      "ZAt",
      (f: Memory) => f.msz,
      (msz) => ({ msz })
    ),
    index: scaledIndex((f: Memory) => f.msz)
  },
  feature: "SME",
  access: "SM+ZA",
  execute: (cpu, { msz, store, Rm, V, Rs, Pg, Rn, ZAt }) => transfer(cpu, { size: msz, store, Rm, V, Rs, Pg, Rn, ZAt })
})
const QUADWORD_SIZE = 4
export const loadStoreQuadwordSlice = instruction({
  name: "LD1Q, ST1Q (tile slice)",
  encoding: "1110000111 store Rm:5 V Rs:2 Pg:3 Rn:5 0 ZAt:4",
  assembly: "<store> {<slice>}, <Pg><zeroing>, [<Xn|SP>, <index>]",
  aliases: [{ text: "<store> {<slice>}, <Pg><zeroing>, [<Xn|SP>]", fields: { Rm: 31 }, prefer: false }],
  operands: {
    store: choice("store", "ld1q st1q"),
    zeroing: choice("store", ["/z", ""]),
    slice: tileSlice(
      "ZAt",
      () => QUADWORD_SIZE,
      (size) => (size === QUADWORD_SIZE ? {} : undefined)
    ),
    index: scaledIndex(() => QUADWORD_SIZE)
  },
  feature: "SME",
  access: "SM+ZA",
  execute: (cpu, { store, Rm, V, Rs, Pg, Rn, ZAt }) => transfer(cpu, { size: QUADWORD_SIZE, store, Rm, V, Rs, Pg, Rn, ZAt })
})

interface Transfer {
  readonly size: number
  readonly store: number
  readonly Rm: number
  readonly V: number
  readonly Rs: number
  readonly Pg: number
  readonly Rn: number
  readonly ZAt: number
}
const transfer = (cpu: Cpu, { size, store, Rm, V, Rs, Pg, Rn, ZAt }: Transfer): void => {
  const [E, A] = [cpu.unsigned(8 << size), cpu.unsigned(64)]
  const { tile, offset } = tileOf(size, ZAt)
  const index = sliceIndex(cpu, Rs, offset)
  const address = A.add(cpu.XSP(Rn), A.shiftLeft(cpu.X(Rm), size))
  const where = cpu.P(Pg, E)
  if (store) cpu.storeVector(cpu.slice(E, tile, directionOf(V), index), address, { memory: E, where })
  else cpu.setSlice(E, tile, directionOf(V), index, cpu.loadVector(E, address, { memory: E, where }))
}

export const tileSliceInstructions: readonly Instruction[] = [moveToTile, moveFromTile, loadStoreSlice, loadStoreQuadwordSlice]
