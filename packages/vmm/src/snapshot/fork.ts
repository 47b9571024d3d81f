/**
 * A guest as it was at a moment, kept in memory: what is small is copied at once, pages of memory when the guest first writes them. Making one costs next to
 * nothing however much memory the guest has; a guest that goes on from it is made when it is asked for.
 */
import { boardOf, type Live } from "../live.ts"
import type { Prepared } from "../run-result.ts"
import type { SignalClock } from "../signal-schedule.ts"
import type { Container, Section } from "./container.ts"
import { type Header, MAJOR, MINOR, type SectionEntry } from "./header.ts"
import { type Kept, keepPages } from "./kept-pages.ts"
import { written } from "./lines.ts"
import type { Memory } from "./memory.ts"
import { type Pages, pageSections, pagesOf } from "./pages.ts"
import { partsOf, section } from "./parts.ts"
import { runState } from "./run-state.ts"
import { headerOf } from "./save.ts"

/** The state of a guest at a moment. */
export class Moment {
  readonly #header: Omit<Header, "format" | "sections">
  readonly #sections: readonly Section[]
  readonly #memories: readonly Memory[]
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
    const { kept, stop } = keepPages(boardOf(live))
    this.#kept = kept
    this.#stop = stop
  }
  /** What the guest is. */
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
  }
  /** The moment as a snapshot that was read. Once it was asked for, nothing more is copied. */
  container(): Container {
    if (this.#container !== undefined) return this.#container
    const pages = this.#memories.flatMap((memory) => pageSections(memory.name, this.#then(memory)))
    const places = new Map<string, { readonly entry: SectionEntry; readonly bytes: Uint8Array }>()
    for (const { bytes, ...entry } of [...this.#sections, ...pages])
      places.set(entry.name, { entry: { ...entry, length: bytes.length, sha256: NO_HASH }, bytes })
    const header: Header = {
      format: { major: MAJOR, minor: MINOR },
      ...this.#header,
      sections: [...places.values()].map(({ entry }) => entry)
    }
    this.discard()
    return (this.#container = { header, id: NO_HASH, section: (name) => places.get(name)! })
  }
  /** The pages of a memory as they were. */
  #then(memory: Memory): Omit<Pages, "starts"> {
    const { stored, ...rest } = pagesOf(memory, { kept: this.#kept })
    return { ...rest, stored: written(stored) }
  }
}
/** What is not written to a file needs no checksum. */
const NO_HASH = new Uint8Array(32)
