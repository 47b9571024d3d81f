/** MRS and MSR of a register that was found before, one value or lists of them in memory: the checks are those of every access, most of them made once. */
import type { Accessor, Register } from "@eltwo/isa"
import type { Pe } from "./pe.ts"
import { plainRegister, readAccessor, writeAccessor } from "./system-registers.ts"

/** System registers that move as one: names as instructions spell them, and where each value lies in memory, in doublewords. */
export interface RegisterList {
  readonly names: readonly string[]
  readonly slots: readonly number[]
}
/** A register that EL2 reaches, where nothing can stop it and no more happens than that the value is moved. */
interface Plain {
  readonly register: Register
  /** Bits that are moved, and those that are 1 anyway; also as low and high word. */
  readonly mask: bigint
  readonly ones: bigint
  readonly maskLow: number
  readonly maskHigh: number
  readonly onesLow: number
  readonly onesHigh: number
}
/** A name, for MRS or for MSR. */
export interface ResolvedAccess {
  readonly accessor: Accessor
  /** What EL2 reaches while HCR_EL2.E2H in force is 0, and while it is 1. */
  readonly atEL2: Plain | undefined
  readonly atHost: Plain | undefined
}

const EVERY_BIT = { writable: 0xffff_ffff_ffff_ffffn, ones: 0n }
const word = (value: bigint): number => Number(BigInt.asIntN(32, value))
const plain = (accessor: Accessor, isRead: boolean, e2h: boolean): Plain | undefined => {
  const register = plainRegister(accessor, isRead, e2h)
  if (!register) return undefined
  const { e2hLayout, layout } = register
  // what is stored has its layout's form already, but for a register that has two
  const { writable, ones } = isRead && !e2hLayout ? EVERY_BIT : ((e2h ? e2hLayout : undefined) ?? layout)
  return {
    register,
    mask: writable,
    ones,
    maskLow: word(writable),
    maskHigh: word(writable >> 32n),
    onesLow: word(ones),
    onesHigh: word(ones >> 32n)
  }
}
/** Resolves a name for reads or for writes. */
export const resolveAccess = (accessor: Accessor, isRead: boolean): ResolvedAccess => ({
  accessor,
  atEL2: plain(accessor, isRead, false),
  atHost: plain(accessor, isRead, true)
})
const plainly = ({ el, controls }: Pe, { atEL2, atHost }: ResolvedAccess): Plain | undefined => (el < 2 ? undefined : controls.e2h ? atHost : atEL2)

/** MRS. Throws Abort. */
export const readResolved = (pe: Pe, access: ResolvedAccess): bigint => {
  const found = plainly(pe, access)
  return found ? (pe.system[found.register.slot]! & found.mask) | found.ones : readAccessor(pe, access.accessor, 0)
}
/** MSR. Throws Abort. */
export const writeResolved = (pe: Pe, access: ResolvedAccess, value: bigint): void => {
  const found = plainly(pe, access)
  if (found) pe.controls.store(found.register, (value & found.mask) | found.ones)
  else writeAccessor(pe, access.accessor, value, 0)
}

/** Memory that lists are moved to and from, also as words. */
export class ListMemory {
  readonly doublewords: BigUint64Array
  readonly words: Uint32Array
  constructor(doublewords: BigUint64Array) {
    this.doublewords = doublewords
    this.words = new Uint32Array(doublewords.buffer, doublewords.byteOffset, 2 * doublewords.length)
  }
}
/** MRS into the doubleword `at`. Throws Abort. */
export const readInto = (pe: Pe, access: ResolvedAccess, { doublewords, words }: ListMemory, at: number): void => {
  const found = plainly(pe, access)
  if (found) {
    const { slot } = found.register
    words[2 * at] = (pe.controls.writtenWord(slot, 0) & found.maskLow) | found.onesLow
    words[2 * at + 1] = (pe.controls.writtenWord(slot, 1) & found.maskHigh) | found.onesHigh
  } else doublewords[at] = readAccessor(pe, access.accessor, 0)
}
/** MSR from the doubleword `at`. Throws Abort. */
export const writeFrom = (pe: Pe, access: ResolvedAccess, { doublewords, words }: ListMemory, at: number): void => {
  const found = plainly(pe, access)
  if (found)
    pe.controls.storeWords(found.register, (words[2 * at]! & found.maskLow) | found.onesLow, (words[2 * at + 1]! & found.maskHigh) | found.onesHigh)
  else writeAccessor(pe, access.accessor, doublewords[at]!, 0)
}
