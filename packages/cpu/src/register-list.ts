/** Lists of system registers that move between a processing element and memory: what MRS or MSR of each would do, its register found once. */
import type { Accessor, Register } from "@eltwo/isa"
import type { Pe } from "./pe.ts"
import { plainRegister, readAccessor, writeAccessor } from "./system-registers.ts"

/** System registers that move as one: names as instructions spell them, and where each value lies in memory, in doublewords. */
export interface RegisterList {
  readonly names: readonly string[]
  readonly slots: readonly number[]
}
/** A register that EL2 reaches in this layout, where nothing stops the access and no more happens than that the value is moved. Words are low, high. */
interface Plain {
  readonly register: Register
  /** Bits that are moved, and those that are 1 anyway. */
  readonly mask: readonly [number, number]
  readonly ones: readonly [number, number]
}
/** One register of a list. */
export interface Move {
  readonly accessor: Accessor
  /** Its place in memory, in doublewords. */
  readonly at: number
  readonly plain: Plain | undefined
}

const EVERY_BIT = 0xffff_ffff_ffff_ffffn
const wordsOf = (value: bigint): readonly [number, number] => [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))]
const plainOf = (accessor: Accessor, isRead: boolean, e2h: boolean): Plain | undefined => {
  const register = plainRegister(accessor, isRead, e2h)
  if (!register) return undefined
  const { e2hLayout, layout } = register
  const { writable, ones } = (e2h ? e2hLayout : undefined) ?? layout
  // what is stored has its layout's form already, but for a register that has two
  return isRead && !e2hLayout ? { register, mask: wordsOf(EVERY_BIT), ones: wordsOf(0n) } : { register, mask: wordsOf(writable), ones: wordsOf(ones) }
}
/** The moves of a list, for reads or writes, while HCR_EL2.E2H in force is `e2h`. */
export const movesOf = (
  { names, slots }: RegisterList,
  isRead: boolean,
  e2h: boolean,
  accessorOf: (name: string, access: "read" | "write") => Accessor
): readonly Move[] =>
  names.map((name, i) => {
    const accessor = accessorOf(name, isRead ? "read" : "write")
    return { accessor, at: slots[i]!, plain: plainOf(accessor, isRead, e2h) }
  })

/** Memory that lists are moved to and from, also as words. */
export class ListMemory {
  readonly doublewords: BigUint64Array
  readonly words: Uint32Array
  constructor(doublewords: BigUint64Array) {
    this.doublewords = doublewords
    this.words = new Uint32Array(doublewords.buffer, doublewords.byteOffset, 2 * doublewords.length)
  }
}

/** MRS into memory. Throws Abort. */
export const readMove = (pe: Pe, { accessor, at, plain }: Move, { doublewords, words }: ListMemory): void => {
  if (plain && pe.el === 2) {
    const { register, mask, ones } = plain
    words[2 * at] = (pe.controls.writtenWord(register.slot, 0) & mask[0]) | ones[0]
    words[2 * at + 1] = (pe.controls.writtenWord(register.slot, 1) & mask[1]) | ones[1]
  } else doublewords[at] = readAccessor(pe, accessor, 0)
}
/** MSR from memory. Throws Abort. */
export const writeMove = (pe: Pe, { accessor, at, plain }: Move, { doublewords, words }: ListMemory): void => {
  if (plain && pe.el === 2) {
    const { register, mask, ones } = plain
    pe.controls.storeWords(register, (words[2 * at]! & mask[0]) | ones[0], (words[2 * at + 1]! & mask[1]) | ones[1])
  } else writeAccessor(pe, accessor, doublewords[at]!, 0)
}
