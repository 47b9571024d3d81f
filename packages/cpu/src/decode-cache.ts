import { type Access, type FieldValues, fieldsOf, type Instruction } from "@eltwo/isa"
import type { Board, InstructionSet } from "./board.ts"
import { invalidTag, PE, TLB_BANK_BYTES, TLB_BANKS, TLB_ENTRIES, TLB_ENTRY, TLB_ENTRY_BYTES } from "./layout.ts"
import { PAGE_BYTES } from "./memory.ts"

/** A decoded word. */
export interface Operation {
  readonly word: number
  /** undefined: the word is UNDEFINED on this machine. */
  readonly instruction: Instruction | undefined
  readonly fields: FieldValues
  readonly access: Access
  /** It may change the PC or what follows depends on. */
  readonly endsBlock: boolean
  /** It accesses memory with the stack pointer as base, which SCTLR_ELx.SA may want aligned. */
  readonly stackBase: boolean
}

/** Decodes a word, as an operation that does not depend on where the word lies. */
export const operationOf = (isa: InstructionSet, word: number): Operation => {
  const instruction = isa.decode(word)
  if (!instruction) return { word, instruction, fields: {}, access: "none", endsBlock: true, stackBase: false }
  const { declaration } = instruction
  const fields = fieldsOf(instruction, word)
  const access = typeof declaration.access === "function" ? declaration.access(fields as never) : (declaration.access ?? "none")
  return {
    word,
    instruction,
    fields,
    access,
    endsBlock: declaration.endsBlock ?? false,
    stackBase: fields.Rn === 31 && declaration.assembly.includes("[<Xn|SP>")
  }
}
/** The decoded words of one page of RAM; a hole is a word that nothing depends on: not executed nor translated since the page was last written. */
export interface CodePage {
  readonly page: number
  /** Byte address of the page in the machine's memory. */
  readonly offset: number
  readonly operations: (Operation | undefined)[]
  /** Set when the page is forgotten as code: whoever still holds this object must look again. */
  stale: boolean
  /** Stores beside the code since a word was last decoded. */
  strayStores: number
}

const MAXIMUM_DECODED = 1 << 16
/** More code than this, 64 MiB, is decoded again now and then: what decoding costs in memory is bounded. */
const MAXIMUM_PAGES = 1 << 14
/** So many stores to data beside code cost as much as decoding the page again. */
const MAXIMUM_STRAY_STORES = 1024

/**
 * Pages of RAM that hold decoded or translated code. While a page is in, no TLB bank has its write tag, so that every store to it takes the slow
 * path and is seen here. It leaves when it turns out to be used as data.
 */
export class CodePages {
  readonly #board: Board
  readonly #pages: (CodePage | undefined)[]
  /** 1: some TLB bank may have a write tag for the page. */
  readonly #tagged: Uint8Array
  #count = 0
  readonly #listeners: ((page: number) => void)[] = []
  /** Operations by word, shared by all pages. */
  #decoded = new Map<number, Operation>()

  constructor(board: Board) {
    this.#board = board
    this.#pages = new Array<CodePage | undefined>(board.ram.bytes / PAGE_BYTES)
    this.#tagged = new Uint8Array(board.ram.bytes / PAGE_BYTES)
  }

  /**
   * Whether stores to this page of RAM (counted from its start) must be reported with `stored`. Who is told that they need not may enter a write tag
   * for it; that is noted.
   */
  holds(page: number): boolean {
    if (this.#pages[page] !== undefined) return true
    this.#tagged[page] = 1
    return false
  }
  /** The decoded words of a page; takes its write tags away when it is new. */
  page(page: number): CodePage {
    const known = this.#pages[page]
    if (known) return known
    if (this.#count >= MAXIMUM_PAGES) this.forgetAll()
    this.#count++
    const { physical, ram } = this.#board
    const fresh: CodePage = {
      page,
      offset: physical.at(ram.base + page * PAGE_BYTES, PAGE_BYTES),
      operations: new Array<undefined>(1024).fill(undefined),
      stale: false,
      strayStores: 0
    }
    this.#pages[page] = fresh
    if (this.#tagged[page] === 1) for (const pe of this.#board.pes) withholdWrites(pe.words, fresh.offset)
    this.#tagged[page] = 0
    return fresh
  }
  /** Decodes word number `index` of a page and notes that it is in use. */
  decode(code: CodePage, index: number): Operation {
    code.strayStores = 0
    return (code.operations[index] = this.#operation(this.#board.physical.view.getUint32(code.offset + 4 * index, true)))
  }
  #operation(word: number): Operation {
    const known = this.#decoded.get(word)
    if (known) return known
    const fresh = operationOf(this.#board.isa, word)
    if (this.#decoded.size >= MAXIMUM_DECODED) this.#decoded = new Map()
    this.#decoded.set(word, fresh)
    return fresh
  }
  /** Bytes within one page of RAM are about to be written: what was decoded or translated from them is gone. */
  stored(physical: number, bytes: number): void {
    const { physical: memory, written } = this.#board
    const page = memory.pageOf(physical)
    written.written(page)
    const known = this.#pages[page]
    if (!known) return
    const first = (physical % PAGE_BYTES) >> 2
    const last = ((physical % PAGE_BYTES) + bytes - 1) >> 2
    let hit = false
    for (let word = first; word <= last; word++) {
      if (!known.operations[word]) continue
      known.operations[word] = undefined
      hit = true
    }
    if (hit) for (const listener of this.#listeners) listener(known.page)
    else if (++known.strayStores > MAXIMUM_STRAY_STORES) this.forget(known.page)
  }
  /** The page is no longer code: nothing decoded or translated from it is used again, and stores to it may be fast. */
  forget(page: number): void {
    const known = this.#pages[page]
    if (!known) return
    known.stale = true
    this.#pages[page] = undefined
    this.#count--
    for (const listener of this.#listeners) listener(page)
  }
  /** No page is code any longer. */
  forgetAll(): void {
    for (const known of this.#pages) if (known) this.forget(known.page)
  }
  /** As `stored` for any range of RAM. */
  storedRange(physical: number, bytes: number): void {
    for (let at = physical; at < physical + bytes; at = (Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES)
      this.stored(at, Math.min(PAGE_BYTES - (at % PAGE_BYTES), physical + bytes - at))
  }
  /** Calls `listener` with the number of each page some of whose code was written, before it is executed again. */
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
