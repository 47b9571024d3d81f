/** Pages of a board as they were at a moment: each is copied when something is about to write it for the first time since. */
import { type Board, PAGE_BYTES } from "@eltwo/cpu"

/** By number from the start of RAM. */
export type Kept = ReadonlyMap<number, Uint8Array>
type Keeping = Map<number, Uint8Array>
const keeping = new WeakMap<Board, Set<Keeping>>()

/** Whether somebody still looks at pages of a board as they were. */
export const isKept = (board: Board): boolean => (keeping.get(board)?.size ?? 0) > 0
/** Begins to keep a board's pages; `stop` ends it, and what was kept is given back. Several may be kept of one board, from different moments. */
export const keepPages = (board: Board): { readonly kept: Kept; readonly stop: () => void } => {
  const all = keeping.get(board) ?? new Set<Keeping>()
  keeping.set(board, all)
  const kept: Keeping = new Map()
  all.add(kept)
  const { physical, ram } = board
  board.written.watch((page) => {
    const at = physical.at(ram.base + page * PAGE_BYTES, PAGE_BYTES)
    let copy: Uint8Array | undefined
    for (const each of all) if (!each.has(page)) each.set(page, (copy ??= physical.bytes.slice(at, at + PAGE_BYTES)))
  })
  const stop = () => {
    kept.clear()
    if (all.delete(kept) && all.size === 0) board.written.stop()
  }
  return { kept, stop }
}
