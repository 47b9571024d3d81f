import type { FieldValues, Instruction } from "@eltwo/isa"
import type { Board } from "./board.ts"
import { invalidTag, PE, TLB_BANK_BYTES, TLB_BANKS, TLB_ENTRIES, TLB_ENTRY, TLB_ENTRY_BYTES } from "./layout.ts"
import { PAGE_BYTES } from "./memory.ts"

/** A decoded word of a page. */
export interface Operation {
  readonly word: number
  /** undefined: the word is UNDEFINED on this machine. */
  readonly instruction: Instruction | undefined
  readonly fields: FieldValues
}
/** The decoded words of one page of RAM; a hole is a word nobody executed since the page was last written. */
export interface CodePage {
  readonly page: number
  /** Byte address of the page in the machine's memory. */
  readonly offset: number
  readonly operations: (Operation | undefined)[]
  /** Set once the page was written: whoever still holds this object must look again. */
  stale: boolean
}

/**
 * Pages of RAM that hold decoded or translated code. A page enters when its first word is decoded and leaves when it is written.
 * While it is in, no TLB bank has its write tag, so that every store to it takes the slow path and is seen here.
 */
export class CodePages {
  readonly #board: Board
  readonly #pages: (CodePage | undefined)[]
  readonly #listeners: ((page: number) => void)[] = []

  constructor(board: Board) {
    this.#board = board
    this.#pages = new Array<CodePage | undefined>(board.ram.bytes / PAGE_BYTES)
  }

  /** Whether stores to this page of RAM (counted from its start) must be reported with `written`. */
  holds(page: number): boolean {
    return this.#pages[page] !== undefined
  }
  /** The decoded words of a page; takes its write tags away when it is new. */
  page(page: number): CodePage {
    const known = this.#pages[page]
    if (known) return known
    const { ram } = this.#board
    const fresh: CodePage = { page, offset: ram.offset + page * PAGE_BYTES, operations: new Array<undefined>(1024).fill(undefined), stale: false }
    this.#pages[page] = fresh
    for (const pe of this.#board.pes) withholdWrites(pe.words, fresh.offset)
    return fresh
  }
  /** The page was written, or is about to be: what was decoded or translated from it is gone. */
  written(page: number): void {
    const known = this.#pages[page]
    if (!known) return
    known.stale = true
    this.#pages[page] = undefined
    for (const listener of this.#listeners) listener(page)
  }
  /** As `written` for every page that `bytes` bytes at guest-physical `physical` touch. */
  writtenRange(physical: number, bytes: number): void {
    const memory = this.#board.physical
    if (bytes <= 0) return
    const last = memory.pageOf(physical + bytes - 1)
    for (let page = memory.pageOf(physical); page <= last; page++) this.written(page)
  }
  /** Calls `listener` with the number of each code page that is written, before its content is used again. */
  onWritten(listener: (page: number) => void): void {
    this.#listeners.push(listener)
  }
}

/** Takes away the write tag of every TLB entry of a block that leads to the page at `offset`. */
const withholdWrites = (words: Uint32Array, offset: number): void => {
  for (let bank = 0; bank < TLB_BANKS; bank++) {
    const start = (PE.TLBS + bank * TLB_BANK_BYTES) >> 2
    for (let index = 0; index < TLB_ENTRIES; index++) {
      const entry = start + ((index * TLB_ENTRY_BYTES) >> 2)
      if (words[entry + (TLB_ENTRY.OFFSET >> 2)] !== offset) continue
      words[entry + (TLB_ENTRY.WRITE >> 2)] = invalidTag(index)
      words[entry + (TLB_ENTRY.WRITE >> 2) + 1] = 0
    }
  }
}
