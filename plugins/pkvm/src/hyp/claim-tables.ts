/** Tables of a stranger's: whether they are trees of pages that hyp code has for nothing else. Only then may anybody walk them, for a walk ends. */
import { type Host, HYP_INPUT_BITS } from "@eltwo/kvm"
import { PAGE_BYTES } from "../ownership/page-state.ts"
import { ADDRESS } from "./leaves.ts"
import type { HypState } from "./state.ts"

const LAST_LEVEL = 3
const STRIDE = 9
const PAGE_BITS = 12
const KIND = 3n
/** Bits 1:0: a block; a table, or at the last level a page. */
const BLOCK = 1n
const TABLE = 3n
const spanOf = (level: number): number => 2 ** (PAGE_BITS + STRIDE * (LAST_LEVEL - level))

/** What of a leaf must be: `address` is what it maps, all in bytes. */
type LeafRule = (input: number, address: number, bytes: number) => boolean
/** Whether a table page may be used for that, asked once for each. */
export type Claim = (pfn: number) => boolean

/** The tables below a first one, which is claimed already. A string: what they are not. */
const claimTree = ({ board }: Host, root: number, inputBits: number, claim: Claim, isLeaf: LeafRule): string | undefined => {
  const { physical } = board
  const walk = (table: number, level: number, from: number): string | undefined => {
    const entries = level === 0 ? 2 ** inputBits / spanOf(0) : PAGE_BYTES / 8
    for (let i = 0; i < entries; i++) {
      const descriptor = physical.doubleword(table + 8 * i) ?? 0n
      const kind = descriptor & KIND
      if (kind !== BLOCK && kind !== TABLE) continue
      const address = Number(descriptor & ADDRESS)
      const input = from + i * spanOf(level)
      const isTable = kind === TABLE && level < LAST_LEVEL
      const problem = isTable
        ? claim(address / PAGE_BYTES)
          ? walk(address, level + 1, input)
          : `a table at 0x${address.toString(16)}, which is not hyp code's, or twice`
        : (kind === BLOCK) === level < LAST_LEVEL && level > 0 && isLeaf(input, address, spanOf(level))
          ? undefined
          : `an entry for 0x${input.toString(16)} that nobody would make`
      if (problem !== undefined) return problem
    }
    return undefined
  }
  return walk(root, 0, 0)
}
/** Guests can have no more pages than this many times RAM. */
const MOST_USES = 2

/** All tables: the host's stage 2, hyp code's stage 1, and those of the guests, whose first ones are given. */
export const claimTables = ({ host, pkvm }: HypState, guestRoots: readonly number[], claim: Claim): string | undefined => {
  const { base, bytes: ramBytes } = host.board.ram
  const { physicalBits } = host.features
  const isRam = (address: number, bytes: number): boolean => address >= base && address + bytes <= base + ramBytes
  const roots = [Number(pkvm.hostStage2.vttbr), pkvm.hypStage1.root]
  if (!roots.every((root) => claim(root / PAGE_BYTES))) return "first tables that are not hyp code's"
  let uses = 0
  const isGuests: LeafRule = (_, address, bytes) => {
    uses += bytes
    return bytes <= spanOf(LAST_LEVEL - 1) && isRam(address, bytes) && uses <= MOST_USES * ramBytes
  }
  const problem =
    claimTree(host, roots[0]!, physicalBits, claim, (input, address) => input === address) ??
    claimTree(host, roots[1]!, HYP_INPUT_BITS, claim, (_, address, bytes) => bytes === PAGE_BYTES && isRam(address, bytes))
  if (problem !== undefined) return problem
  for (const root of guestRoots) {
    const wrong = claimTree(host, root, physicalBits, claim, isGuests)
    if (wrong !== undefined) return wrong
  }
  return undefined
}
