/** ZA and ZT0 as a whole: what saves, restores and clears them. */
import { choice, type Instruction, instruction, type Operand, register, unsigned } from "@eltwo/isa"
import { FIRST_INDEX_REGISTER, sliceIndex } from "../operands.ts"

const QUADWORD = 128

export const arrayVector = instruction({
  name: "LDR, STR (ZA array vector)",
  encoding: "1110000100 store 000000 Rv:2 000 Rn:5 0 off4:4",
  assembly: "<store> za[<Wv>, <off4>], [<Xn|SP>, #<multiple>, mul vl]",
  aliases: [{ text: "<store> za[<Wv>, <off4>], [<Xn|SP>]", fields: { off4: 0 } }],
  operands: {
    store: choice("store", "ldr str"),
    Wv: register("w", "Rv", { offset: FIRST_INDEX_REGISTER, limit: 15 }),
    off4: unsigned("off4"),
    multiple: unsigned("off4")
  },
  feature: "SME",
  access: "ZA",
  execute(cpu, { store, Rv, Rn, off4 }) {
    const [Q, A] = [cpu.unsigned(QUADWORD), cpu.unsigned(64)]
    const index = sliceIndex(cpu, Rv, off4)
    const address = A.add(cpu.XSP(Rn), A.constant(off4 * (cpu.streamingVectorBits / 8)))
    if (store) cpu.storeVector(cpu.reinterpret(cpu.ZA(index), Q), address, { memory: Q })
    else cpu.setZA(index, cpu.reinterpret(cpu.loadVector(Q, address, { memory: Q, lanes: cpu.streamingVectorBits / QUADWORD }), cpu.unsigned(8)))
  }
})

/** Tiles by element letter: how many there are. */
const TILES: Readonly<Record<string, number>> = { b: 1, h: 2, s: 4, d: 8 }
const DOUBLEWORD_TILES = 8
/** The doubleword tiles that a tile consists of: every tiles-th one. */
const tileMask = (tile: number, tiles: number): number => {
  let mask = 0
  for (let d = tile; d < DOUBLEWORD_TILES; d += tiles) mask |= 1 << d
  return mask
}
const tiles: Operand<{ readonly mask: number }> = {
  print({ mask }) {
    if (mask === 0xff) return "{za}"
    const names: string[] = []
    let left = mask
    for (const [letter, count] of Object.entries(TILES))
      for (let tile = 0; tile < count; tile++) {
        const part = tileMask(tile, count)
        if ((left & part) !== part) continue
        names.push(`za${tile}.${letter}`)
        left &= ~part
      }
    return `{${names.join(", ")}}`
  },
  read(text, at) {
    const list = /^\{\s*([^}]*?)\s*\}/.exec(text.slice(at))
    if (!list) return []
    let mask = 0
    for (const name of list[1] === "" ? [] : list[1]!.split(/\s*,\s*/)) {
      const [, tile = "0", letter = "b"] = /^za(?:(\d)\.([bhsd]))?$/.exec(name) ?? [undefined, "8"]
      const count = TILES[letter]!
      if (Number(tile) >= count) return []
      mask |= tileMask(Number(tile), count)
    }
    return [{ end: at + list[0].length, fields: { mask } }]
  }
}
export const zeroTiles = instruction({
  name: "ZERO (tiles)",
  encoding: "110000000000100000000000 mask:8",
  assembly: "zero <tiles>",
  operands: { tiles },
  feature: "SME",
  access: "ZA",
  execute(cpu, { mask }) {
    const [B, W] = [cpu.unsigned(8), cpu.unsigned(32)]
    const rows = cpu.streamingVectorBits / 8
    const zero = cpu.splat(B, B.constant(0), cpu.streamingVectorBits)
    for (let row = 0; row < rows; row++) if ((mask >> (row % DOUBLEWORD_TILES)) & 1) cpu.setZA(W.constant(row), zero)
  }
})

const TABLE_BITS = 512
export const table = instruction({
  name: "LDR, STR (ZT0)",
  encoding: "1110000100 store 11111100000 Rn:5 00000",
  assembly: "<store> zt0, [<Xn|SP>]",
  operands: { store: choice("store", "ldr str") },
  feature: "SME2",
  access: "ZT0",
  execute(cpu, { store, Rn }) {
    const Q = cpu.unsigned(QUADWORD)
    if (store) cpu.storeVector(cpu.reinterpret(cpu.ZT0(), Q), cpu.XSP(Rn), { memory: Q })
    else cpu.setZT0(cpu.loadVector(Q, cpu.XSP(Rn), { memory: Q, lanes: TABLE_BITS / QUADWORD }))
  }
})
export const zeroTable = instruction({
  name: "ZERO (ZT0)",
  encoding: "11000000010010000000000000000001",
  assembly: "zero {zt0}",
  feature: "SME2",
  access: "ZT0",
  execute(cpu) {
    const B = cpu.unsigned(8)
    cpu.setZT0(cpu.splat(B, B.constant(0), TABLE_BITS))
  }
})
export const tableElement = instruction({
  name: "MOVT (scalar and ZT0)",
  encoding: "11000000010011 to 00 off3:3 0011111 Rt:5",
  assembly: "movt <Xt>, zt0[<offset>]",
  aliases: [
    { text: "movt <Xt>, zt0[<offset>]", fields: { to: 0 } },
    { text: "movt zt0[<offset>], <Xt>", fields: { to: 1 } }
  ],
  operands: { offset: unsigned("off3", { scale: 8 }) },
  feature: "SME2",
  access: "ZT0",
  execute(cpu, { to, off3, Rt }) {
    const D = cpu.unsigned(64)
    const ZT0 = cpu.reinterpret(cpu.ZT0(), D)
    if (to) cpu.setZT0(cpu.withLane(ZT0, off3, cpu.X(Rt)))
    else cpu.setX(Rt, cpu.lane(ZT0, off3))
  }
})

export const arrayInstructions: readonly Instruction[] = [arrayVector, zeroTiles, table, zeroTable, tableElement]
