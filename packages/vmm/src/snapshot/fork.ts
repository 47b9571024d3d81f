/**
 * A guest as it was at a moment, kept in memory: what is small is copied at once, pages of memory when the guest first writes them. Making one costs next to
 * nothing however much memory the guest has; a guest that goes on from it is made when it is asked for.
 */
import { type Board, PAGE_BYTES } from "@eltwo/cpu"
import { boardOf, type Live } from "../live.ts"
import type { Prepared } from "../run-result.ts"
import type { SignalClock } from "../signal-schedule.ts"
import type { Container, Section } from "./container.ts"
import { type Header, MAJOR, MINOR, type SectionEntry } from "./header.ts"
import { encodeLines, isZeroPage } from "./lines.ts"
import { type Pages, pageSections } from "./pages.ts"
import { type Memory, partsOf, section } from "./parts.ts"
import { runState } from "./run-state.ts"
import { headerOf } from "./save.ts"

/** The pages of a board as they were, in so far as they have been written since; by number from the start of RAM. */
type Kept = Map<number, Uint8Array>
const keeping = new WeakMap<Board, Set<Kept>>()

/** Begins to keep a board's pages; `stop` ends it. */
const keepPages = (board: Board): { readonly kept: Kept; readonly stop: () => void } => {
  const all = keeping.get(board) ?? new Set<Kept>()
  keeping.set(board, all)
  const kept: Kept = new Map()
  all.add(kept)
  const { physical, ram } = board
  board.written.watch((page) => {
    const at = ram.offset + page * PAGE_BYTES
    let copy: Uint8Array | undefined
    for (const each of all) if (!each.has(page)) each.set(page, (copy ??= physical.bytes.slice(at, at + PAGE_BYTES)))
  })
  const stop = () => {
    all.delete(kept)
    if (all.size === 0) board.written.stop()
  }
  return { kept, stop }
}

/** The state of a guest at a moment. */
export class Moment {
  readonly #header: Omit<Header, "format" | "sections">
  readonly #sections: readonly Section[]
  readonly #memories: readonly Memory[]
  readonly #board: Board
  readonly #kept: Kept
  readonly #stop: () => void
  #container: Container | undefined

  /** Throws SnapshotError when the guest cannot be saved now. */
  constructor(prepared: Prepared, live: Live, clock: SignalClock) {
    const { sections, memories } = partsOf(live)
    const run = runState(prepared.options, prepared.host.startTime, prepared.random.state, clock)
    this.#header = headerOf(prepared, live, run.guest, null)
    this.#sections = [section("run", run), ...sections]
    this.#memories = memories
    this.#board = boardOf(live)
    const { kept, stop } = keepPages(this.#board)
    this.#kept = kept
    this.#stop = stop
  }
  get kind(): Header["kind"] {
    return this.#header.kind
  }
  /** Pages that have been copied because the guest wrote them since. */
  get copied(): number {
    return this.#kept.size
  }
  /** No guest will be made of it any more: what it keeps is given back. */
  discard(): void {
    this.#stop()
    this.#kept.clear()
  }
  /** The moment as a snapshot that was read. Once it was asked for, nothing more is copied. */
  container(): Container {
    if (this.#container !== undefined) return this.#container
    const pages = this.#memories.flatMap((memory) => pageSections(memory.name, this.#then(memory)))
    const places = new Map<string, { readonly entry: SectionEntry; readonly bytes: Uint8Array }>()
    for (const { bytes, ...entry } of [...this.#sections, ...pages])
      places.set(entry.name, { entry: { ...entry, length: bytes.length, sha256: NO_HASH }, bytes })
    const header: Header = { format: { major: MAJOR, minor: MINOR }, ...this.#header, sections: [...places.values()].map(({ entry }) => entry) }
    this.discard()
    return (this.#container = { header, id: NO_HASH, section: (name) => places.get(name)! })
  }
  /** The pages of a memory as they were. */
  #then({ bytes }: Memory): Pages {
    const first = (bytes.byteOffset - this.#board.ram.offset) / PAGE_BYTES
    const total = bytes.length / PAGE_BYTES
    const words = wordsOf(bytes)
    const data: number[] = []
    const contents: Uint8Array[] = []
    for (let page = 0; page < total; page++) {
      const kept = this.#kept.get(first + page)
      if (kept === undefined ? isZeroPage(words, (page * PAGE_BYTES) >> 2) : isZeroPage(wordsOf(kept), 0)) continue
      data.push(page)
      contents.push(kept ?? bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES))
    }
    const together = new Uint8Array(data.length * PAGE_BYTES)
    for (const [i, content] of contents.entries()) together.set(content, i * PAGE_BYTES)
    const offsets = data.map((_, i) => i * PAGE_BYTES)
    return { total, data: Uint32Array.from(data), zero: new Uint32Array(0), stored: encodeLines(together, offsets) }
  }
}
const wordsOf = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
/** What is not written to a file needs no checksum. */
const NO_HASH = new Uint8Array(32)
