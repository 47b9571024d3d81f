/** Leaf attributes of stage 2, host's and guests'. */
import { BLOCK_BYTES, type Host } from "@eltwo/kvm"
import { PAGE_BYTES, Prot } from "../ownership/page-state.ts"

export const VALID = 1n
const ACCESSED = 1n << 10n
const INNER_SHAREABLE = 3n << 8n
const READ = 1n << 6n
const WRITE = 1n << 7n
/** XN[1:0] = 10: nobody executes. */
const NEVER_EXECUTE = 1n << 54n
/** Normal write-back: as FEAT_S2FWB spells it, and as the base architecture does. Device-nGnRE is the same in both. */
const NORMAL = { forced: 6n << 2n, base: 15n << 2n } as const
const DEVICE = 1n << 2n
export const ADDRESS = 0x0000_ffff_ffff_f000n

/** Sizes of entries, from the largest that are used. */
export const LEAF_SIZES = [512 * BLOCK_BYTES, BLOCK_BYTES, PAGE_BYTES] as const

/** Memory attributes of a leaf, without access. */
export const normalMemory = ({ features }: Host): bigint => VALID | INNER_SHAREABLE | (features.stage2ForceWriteBack ? NORMAL.forced : NORMAL.base)
/** What is no RAM: read and written, never executed. */
export const DEVICE_LEAF = VALID | ACCESSED | INNER_SHAREABLE | DEVICE | READ | WRITE | NEVER_EXECUTE

/** Access bits of a leaf that was used or not. */
export const accessBits = (prot: number, young: boolean): bigint =>
  (prot & Prot.R ? READ : 0n) | (prot & Prot.W ? WRITE : 0n) | (prot & Prot.X ? 0n : NEVER_EXECUTE) | (young ? ACCESSED : 0n)
export const protIn = (descriptor: bigint): number =>
  (descriptor & READ ? Prot.R : 0) | (descriptor & WRITE ? Prot.W : 0) | (descriptor & NEVER_EXECUTE ? 0 : Prot.X)
export const isYoung = (descriptor: bigint): boolean => (descriptor & ACCESSED) !== 0n
export const ACCESS_MASK = READ | WRITE | NEVER_EXECUTE | ACCESSED
