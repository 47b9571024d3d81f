/** Tables of instruction groups, keyed by U and opcode as the manual has them: they feed mnemonics, allocation and meaning. */
import { type Cpu, choice, type Vector } from "@eltwo/isa"

/** Element sizes as a set: bit n allows elements of 8 << n bits. */
export const NONE = 0
export const BYTES = 0b0001
export const HALVES_AND_WORDS = 0b0110
export const UP_TO_32 = 0b0111
export const DOUBLEWORDS = 0b1000
export const ALL = 0b1111

/** A mnemonic, the element sizes of its vector and scalar forms, and what a lane does. */
export type Row<L> = readonly [mnemonic: string, vectorSizes: number, scalarSizes: number, lane: L]
export type Rows<L> = Readonly<Record<number, Row<L>>>
interface Key {
  readonly U: number
  readonly opcode: number
}
/** Which of a row's two sets of sizes a declaration is about. */
export type Form = "vector" | "scalar"
const sizesOf = <L>(row: Row<L>, form: Form): number => row[form === "vector" ? 1 : 2]

/** One declaration's view of its rows; `opcodeBits` is the width of its opcode field. */
export const group = <L>(rows: Rows<L>, form: Form, opcodeBits: number) => {
  const keyOf = (f: Key): number => (f.U << opcodeBits) | f.opcode
  const words = Array.from({ length: 2 << opcodeBits }, (_, key) => rows[key]?.[0] ?? "-")
  const present = Object.values(rows).filter((row) => sizesOf(row, form) !== NONE)
  return {
    /** Mnemonics as the manual's heading lists them. */
    name: `${present.map(([word]) => word.toUpperCase()).join(", ")} (${form})`,
    mnemonic: choice(["U:1", `opcode:${opcodeBits}` as "opcode:5"], words),
    allocates: (f: Key & { readonly size: number }): boolean => {
      const row = rows[keyOf(f)]
      return row !== undefined && ((sizesOf(row, form) >> f.size) & 1) === 1
    },
    lane: (f: Key): L => rows[keyOf(f)]![3]
  }
}
/** The same for instructions whose mnemonic ends in 2 when Q is 1: they use the upper half of the narrow vector. */
export const halvesGroup = <L>(rows: Rows<L>, opcodeBits: number) => {
  const { name, allocates, lane } = group(rows, "vector", opcodeBits)
  const words = Array.from({ length: 4 << opcodeBits }, (_, key) => {
    const word = rows[key >> 1]?.[0]
    return word === undefined ? "-" : key & 1 ? `${word}2` : word
  })
  return { name, allocates, lane, mnemonic: choice(["U:1", `opcode:${opcodeBits}` as "opcode:5", "Q:1"], words) }
}
/** Writes the result of a narrowing instruction: the whole register, or its upper half when Q is 1. */
export const setNarrow = (cpu: Cpu, n: number, Q: number, result: Vector): void => {
  if (Q) cpu.insertV(n, 1, result)
  else cpu.setV(n, result)
}
