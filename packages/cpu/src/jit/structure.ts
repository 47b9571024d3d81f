/** The control flow of a region as nested WebAssembly blocks and loops, after its dominator tree. */
import { type Block, successorsOf } from "./discover.ts"

export interface Structure {
  /** Blocks in reverse postorder, from the entry on; only those that can be reached. Positions in it name blocks below. */
  readonly order: readonly Block[]
  /** By the block's key. */
  readonly position: ReadonlyMap<number, number>
  /** Blocks each block dominates immediately. */
  readonly children: readonly (readonly number[])[]
  /** Blocks that some branch goes back to. */
  readonly isLoop: readonly boolean[]
  /** Blocks entered by several forward branches. */
  readonly isMerge: readonly boolean[]
  /** Number of branches that enter each block, back branches included. */
  readonly entries: readonly number[]
  /** Most instructions done from the start of a block until it leaves or goes back. */
  readonly longestPath: Int32Array
  isBack(from: number, to: number): boolean
  /** A branch back into a loop that does not come from inside it: it cannot be nested, so it leaves the region. */
  isIrreducible(from: number, to: number): boolean
}

export const structureOf = (blocks: readonly Block[]): Structure => {
  const order = reversePostorder(blocks)
  const position = new Map(order.map((block, i) => [block.key, i]))
  const successors = order.map((block) => successorsOf(block).map((key) => position.get(key)!))
  const predecessors: number[][] = order.map(() => [])
  successors.forEach((list, from) => {
    for (const to of list) predecessors[to]!.push(from)
  })
  const dominator = dominators(predecessors)
  const dominates = (a: number, b: number): boolean => {
    let at = b
    while (at > a) at = dominator[at]!
    return at === a
  }
  const isBack = (from: number, to: number) => to <= from
  const isIrreducible = (from: number, to: number) => isBack(from, to) && !dominates(to, from)
  const children: number[][] = order.map(() => [])
  for (let b = 1; b < order.length; b++) children[dominator[b]!]!.push(b)
  const forward = predecessors.map((list, to) => list.filter((from) => !isBack(from, to)).length)
  return {
    order,
    position,
    children,
    isLoop: predecessors.map((list, to) => list.some((from) => isBack(from, to) && !isIrreducible(from, to))),
    isMerge: forward.map((count) => count > 1),
    entries: predecessors.map((list) => list.length),
    longestPath: longestPaths(order, successors, isBack),
    isBack,
    isIrreducible
  }
}

/** The entry is the first block given. */
const reversePostorder = (blocks: readonly Block[]): Block[] => {
  const byKey = new Map(blocks.map((block) => [block.key, block]))
  const seen = new Set<number>()
  const out: Block[] = []
  const visit = (block: Block): void => {
    seen.add(block.key)
    for (const key of successorsOf(block).toReversed()) if (!seen.has(key)) visit(byKey.get(key)!)
    out.push(block)
  }
  visit(blocks[0]!)
  return out.reverse()
}
/** Immediate dominators, by position; the entry's is itself. */
const dominators = (predecessors: readonly (readonly number[])[]): Int32Array => {
  const dominator = new Int32Array(predecessors.length).fill(-1)
  dominator[0] = 0
  const meet = (a: number, b: number): number => {
    while (a !== b) {
      while (a > b) a = dominator[a]!
      while (b > a) b = dominator[b]!
    }
    return a
  }
  for (let changed = true; changed; ) {
    changed = false
    for (let b = 1; b < predecessors.length; b++) {
      let best = -1
      for (const from of predecessors[b]!) if (dominator[from]! >= 0) best = best < 0 ? from : meet(from, best)
      if (dominator[b] === best) continue
      dominator[b] = best
      changed = true
    }
  }
  return dominator
}
const longestPaths = (
  order: readonly Block[],
  successors: readonly (readonly number[])[],
  isBack: (from: number, to: number) => boolean
): Int32Array => {
  const longest = new Int32Array(order.length)
  for (let b = order.length - 1; b >= 0; b--) {
    let further = 0
    for (const to of successors[b]!) if (!isBack(b, to)) further = Math.max(further, longest[to]!)
    longest[b] = order[b]!.operations.length + further
  }
  return longest
}
