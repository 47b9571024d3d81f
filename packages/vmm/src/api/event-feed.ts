/** Events for who reads them at leisure, in order. The machine waits when too many are unread. */
import type { TraceEvent } from "../Trace.ts"

/** Unread events at which the machine waits. */
const MOST_UNREAD = 10_000

export class EventFeed {
  #unread: TraceEvent[] = []
  /** What of it was read. */
  #next = 0
  #ended = false
  /** Woken when there is something to read, and when everything is read. */
  #reader: (() => void) | undefined
  #writer: (() => void) | undefined

  push(event: TraceEvent): void {
    this.#unread.push(event)
    this.#wakeReader()
  }
  end(): void {
    this.#ended = true
    this.#wakeReader()
    this.#wakeWriter()
  }
  /** Resolves when there is room. */
  async room(): Promise<void> {
    if (!this.#ended && this.#unread.length - this.#next >= MOST_UNREAD) await new Promise<void>((done) => (this.#writer = done))
  }
  /** The next event; undefined at the end. */
  async read(): Promise<TraceEvent | undefined> {
    while (this.#next >= this.#unread.length) {
      this.#unread = []
      this.#next = 0
      this.#wakeWriter()
      if (this.#ended) return undefined
      await new Promise<void>((done) => (this.#reader = done))
    }
    return this.#unread[this.#next++]
  }
  #wakeReader(): void {
    this.#reader?.()
    this.#reader = undefined
  }
  #wakeWriter(): void {
    this.#writer?.()
    this.#writer = undefined
  }
}
