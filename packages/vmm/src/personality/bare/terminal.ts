/** The other end of a serial line or debug console: standard input and output, a byte at a time for the guest and in pieces for the host. */
import type { HostStreams } from "../linux/host.ts"

const PIECE = 4096

export class Terminal {
  readonly #streams: HostStreams
  readonly #output = new Uint8Array(PIECE)
  #pending = 0
  #input = new Uint8Array(0)
  #next = 0
  #ended = false

  constructor(streams: HostStreams) {
    this.#streams = streams
  }
  /** Input that was taken from the host and not read yet, and whether that was all there will be. Output is flushed. */
  get state(): { readonly input: Uint8Array; readonly ended: boolean } {
    this.flush()
    return { input: this.#input.slice(this.#next), ended: this.#ended }
  }
  restore({ input, ended }: { readonly input: Uint8Array; readonly ended: boolean }): void {
    this.#input = input.slice()
    this.#next = 0
    this.#ended = ended
  }
  write(byte: number): void {
    this.#output[this.#pending++] = byte
    if (this.#pending === PIECE) this.flush()
  }
  /** Hands on what was written. */
  flush(): void {
    if (this.#pending > 0) this.#streams.writeOutput(1, this.#output.slice(0, this.#pending))
    this.#pending = 0
  }
  /** The next byte of standard input, for which the host may have to wait; undefined when there is none, now or ever. */
  read(): number | undefined {
    if (this.#next < this.#input.length) return this.#input[this.#next++]
    if (this.#ended) return undefined
    this.flush()
    const input = this.#streams.readInput(PIECE)
    if (input === undefined) return undefined
    this.#input = input.slice()
    this.#next = 0
    this.#ended = this.#input.length === 0
    return this.#ended ? undefined : this.#input[this.#next++]
  }
}
