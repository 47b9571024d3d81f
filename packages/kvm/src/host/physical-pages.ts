/** The host's physical memory: pages of the board's RAM, handed out in contiguous runs. A page handed out is zero. */
import { type Board, PAGE_BYTES } from "@eltwo/cpu"

/** A free run, in page numbers from the start of RAM. */
export interface Run {
  from: number
  pages: number
}

export class PhysicalPages {
  readonly #board: Board
  /** Sorted by address; neighbours are joined. */
  readonly #free: Run[]

  constructor(board: Board) {
    this.#board = board
    this.#free = [{ from: 0, pages: board.ram.bytes / PAGE_BYTES }]
  }
  /** Physical address of `bytes` (rounded up to pages) of zeroes, aligned to `alignment` bytes (a power of two); undefined when there is no such run. */
  allocate(bytes: number, alignment = PAGE_BYTES): number | undefined {
    const { base } = this.#board.ram
    const pages = Math.ceil(bytes / PAGE_BYTES)
    for (const [index, run] of this.#free.entries()) {
      const first = base + run.from * PAGE_BYTES
      const at = Math.ceil(first / alignment) * alignment
      const skipped = (at - first) / PAGE_BYTES
      if (skipped + pages > run.pages) continue
      const rest = { from: run.from + skipped + pages, pages: run.pages - skipped - pages }
      this.#free.splice(index, 1, ...[{ from: run.from, pages: skipped }, rest].filter((r) => r.pages > 0))
      return at
    }
    return undefined
  }
  /** Takes back what allocate gave: the same address and size. */
  free(physical: number, bytes: number): void {
    const { physical: memory, code, ram } = this.#board
    const pages = Math.ceil(bytes / PAGE_BYTES)
    code.storedRange(physical, pages * PAGE_BYTES)
    memory.clear(physical, pages * PAGE_BYTES)
    const run = { from: (physical - ram.base) / PAGE_BYTES, pages }
    const index = this.#free.findIndex((r) => r.from > run.from)
    this.#free.splice(index < 0 ? this.#free.length : index, 0, run)
    this.#join()
  }
  /** A view of physical memory. The range must be allocated. */
  view(physical: number, bytes: number): Uint8Array {
    const at = this.#board.physical.at(physical, bytes)
    return this.#board.physical.bytes.subarray(at, at + bytes)
  }
  /** Bytes are about to be written by whoever has a view of them; nothing when they are no view of physical memory. */
  writes(view: Uint8Array): void {
    const { physical, code, ram } = this.#board
    if (view.buffer === physical.bytes.buffer) code.storedRange(view.byteOffset - physical.bytes.byteOffset - ram.offset + ram.base, view.length)
  }
  /** Pages that are free. */
  get available(): number {
    return this.#free.reduce((sum, run) => sum + run.pages, 0)
  }

  /** Whether any page of a range of whole pages is free. */
  hasFree(physical: number, bytes: number): boolean {
    const from = (physical - this.#board.ram.base) / PAGE_BYTES
    let [low, high] = [0, this.#free.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const run = this.#free[middle]!
      if (run.from + run.pages <= from) low = middle + 1
      else high = middle
    }
    return bytes > 0 && (this.#free[low]?.from ?? Number.POSITIVE_INFINITY) < from + bytes / PAGE_BYTES
  }
  /** The free runs by address, none next to another. */
  get runs(): readonly Readonly<Run>[] {
    return this.#free
  }
  /** These runs are free, and nothing else is. A string: they cannot be. */
  restore(runs: readonly Readonly<Run>[]): string | undefined {
    const total = this.#board.ram.bytes / PAGE_BYTES
    let behind = -1
    for (const { from, pages } of runs) {
      if (from <= behind || pages < 1 || from + pages > total) return `${pages} free pages from page ${from}`
      behind = from + pages
    }
    this.#free.splice(0, this.#free.length, ...runs.map((run) => ({ ...run })))
    return undefined
  }

  #join(): void {
    for (let i = this.#free.length - 1; i > 0; i--) {
      const [before, after] = [this.#free[i - 1]!, this.#free[i]!]
      if (before.from + before.pages !== after.from) continue
      before.pages += after.pages
      this.#free.splice(i, 1)
    }
  }
}
