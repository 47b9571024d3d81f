/** Which pages of RAM are written: for snapshots of what changed, and for copies that are made only when something changes. */
import type { Pe } from "./pe.ts"

/**
 * While it watches, pages not yet written have no write tag in any TLB bank, so that the first store to each takes the slow path and is seen here. Pages are
 * counted from the start of RAM. Whoever writes RAM otherwise than by instructions, the port or `Board.write` must call `CodePages.storedRange` before.
 */
export class WrittenPages {
  readonly #pes: () => readonly Pe[]
  /** 1: not written since watching began. All 0 while nobody watches. */
  readonly #clean: Uint8Array
  #listener: ((page: number) => void) | undefined

  constructor(pages: number, pes: () => readonly Pe[]) {
    this.#clean = new Uint8Array(pages)
    this.#pes = pes
  }

  get watching(): boolean {
    return this.#listener !== undefined
  }
  /** Begins anew: `listener` is called once for each page that is written from now on, before it is. */
  watch(listener: (page: number) => void): void {
    this.#listener = listener
    this.#clean.fill(1)
    for (const pe of this.#pes()) pe.translation.tlb.invalidateAll()
  }
  stop(): void {
    this.#listener = undefined
    this.#clean.fill(0)
  }
  /** Written since watching began. */
  isWritten(page: number): boolean {
    return this.#clean[page] === 0
  }
  /** A page is about to be written. */
  written(page: number): void {
    if (this.#clean[page] === 0) return
    this.#clean[page] = 0
    this.#listener?.(page)
  }
}
