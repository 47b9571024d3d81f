/** Operands of SME instructions: tile slices, and the vectors of ZA. */
import type { Cpu, Direction, Operand, Value } from "@eltwo/isa"

/** W12 to W15 index slices and vectors of ZA. */
export const FIRST_INDEX_REGISTER = 12
/** Index of a slice or a ZA vector: a W register plus an offset; the machine takes it modulo the number there is. */
export const sliceIndex = (cpu: Cpu, Rs: number, offset: number): Value => {
  const W = cpu.unsigned(32)
  return W.add(cpu.X(FIRST_INDEX_REGISTER + Rs, W), W.constant(offset))
}
/** Tile number and slice offset share four bits: the wider the element, the more of them name the tile. `size` is log2 of the element's bytes. */
export const tileOf = (size: number, field: number): { readonly tile: number; readonly offset: number } => ({
  tile: field >> (4 - size),
  offset: field & ((1 << (4 - size)) - 1)
})
export const directionOf = (V: number): Direction => (V ? "vertical" : "horizontal")

/** The fields of a slice: `tile` is the joined field, V its direction, Rs the index register. */
export type SliceFields<Tile extends string> = { readonly [K in Tile | "V" | "Rs"]: number }
const SLICE = /za(\d+)([hv])\.([bhsdq])\s*\[\s*w(1[2-5])(?:,\s*#?(\d+))?\s*\]/y
/** A tile slice whose element size other fields say; `sizeFields` gives them back for the letter read, or undefined where it does not fit. */
export const tileSlice = <const Tile extends string, F extends object>(
  tile: Tile,
  sizeOf: (f: F) => number,
  sizeFields: (size: number) => Record<string, number> | undefined
): Operand<SliceFields<Tile> & F> => ({
  print(f) {
    const fields: SliceFields<Tile> = f
    const size = sizeOf(f)
    const at = tileOf(size, fields[tile])
    return `za${at.tile}${fields.V ? "v" : "h"}.${"bhsdq"[size]}[w${FIRST_INDEX_REGISTER + fields.Rs}, ${at.offset}]`
  },
  read(text, at) {
    SLICE.lastIndex = at
    const match = SLICE.exec(text)
    if (!match) return []
    const [all, number, direction, letter, register, offset = "0"] = match
    const size = "bhsdq".indexOf(letter!)
    const more = sizeFields(size)
    if (!more || Number(number) >= 1 << size || Number(offset) >= 16 >> size) return []
    const place = {
      [tile]: (Number(number) << (4 - size)) | Number(offset),
      V: direction === "v" ? 1 : 0,
      Rs: Number(register) - FIRST_INDEX_REGISTER
    }
    return [{ end: at + all!.length, fields: { ...place, ...more } }]
  }
})
