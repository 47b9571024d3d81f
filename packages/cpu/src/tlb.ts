/** The soft TLB that engines look addresses up in: banks of page translations, each belonging to one translation context (layout.ts has the format). */
import { invalidTag, PE, TLB_BANK_BYTES, TLB_BANKS, TLB_ENTRIES, TLB_ENTRY, TLB_ENTRY_BYTES } from "./layout.ts"
import type { Pe } from "./pe.ts"

const READ_TAG = TLB_ENTRY.READ >> 2
const WRITE_TAG = TLB_ENTRY.WRITE >> 2
const OFFSET = TLB_ENTRY.OFFSET >> 2
const ENTRY_WORDS = TLB_ENTRY_BYTES >> 2
const BANK_WORDS = TLB_BANK_BYTES >> 2

const EMPTY = new Uint32Array(BANK_WORDS)
for (let i = 0; i < TLB_ENTRIES; i++) EMPTY[i * ENTRY_WORDS + READ_TAG] = EMPTY[i * ENTRY_WORDS + WRITE_TAG] = invalidTag(i)

interface Bank {
  /** What the translations in it depend on; undefined: unused. */
  context: number | undefined
  /** A number no other content of any bank had: instruction fetch keeps it beside what it caches. */
  stamp: number
  lastUse: number
  /** It holds pages of larger mappings, which one invalidation must take away together. */
  blocks: boolean
}

export class Tlb {
  readonly #pe: Pe
  readonly #words: Uint32Array
  readonly #banks: readonly Bank[]
  #current = 0
  #uses = 0
  #stamps = 0

  constructor(pe: Pe) {
    this.#pe = pe
    this.#words = pe.words
    this.#banks = Array.from({ length: TLB_BANKS }, () => ({ context: undefined, stamp: 0, lastUse: 0, blocks: false }))
    this.clear()
  }

  /** Makes the bank of `context` the one in use; the least recently used one makes room. */
  select(context: number): void {
    const banks = this.#banks
    if (banks[this.#current]!.context !== context) {
      let found = banks.findIndex((b) => b.context === context)
      if (found < 0) {
        found = banks.reduce((oldest, b, i) => (b.lastUse < banks[oldest]!.lastUse ? i : oldest), 0)
        this.#empty(found)
        banks[found]!.context = context
      }
      this.#current = found
      this.#words[PE.TLB >> 2] = this.#pe.base + PE.TLBS + found * TLB_BANK_BYTES
    }
    const bank = banks[this.#current]!
    bank.lastUse = ++this.#uses
    this.#pe.fetchEpoch = bank.stamp
  }

  /** Enters a page into the bank in use. `offset` is its first byte's address in the machine's memory. Tags carry the address as used, top byte included. */
  enter(low: number, high: number, offset: number, readable: boolean, writable: boolean, block: boolean): void {
    const index = (low >>> 12) & (TLB_ENTRIES - 1)
    const page = (low & ~0xfff) >>> 0
    const words = this.#words
    const entry = this.#bankWord(this.#current) + index * ENTRY_WORDS
    words[entry + READ_TAG] = readable ? page : invalidTag(index)
    words[entry + READ_TAG + 1] = readable ? high : 0
    words[entry + WRITE_TAG] = writable ? page : invalidTag(index)
    words[entry + WRITE_TAG + 1] = writable ? high : 0
    words[entry + OFFSET] = offset
    if (block) this.#banks[this.#current]!.blocks = true
  }

  /** Forgets every translation, of all contexts. */
  clear(): void {
    for (let i = 0; i < TLB_BANKS; i++) {
      this.#empty(i)
      this.#banks[i]!.context = undefined
    }
    this.#current = 0
    this.#words[PE.TLB >> 2] = this.#pe.base + PE.TLBS
    this.#pe.fetchEpoch = this.#banks[0]!.stamp
  }
  /** Forgets every translation; contexts keep their banks. */
  invalidateAll(): void {
    for (let i = 0; i < TLB_BANKS; i++) this.#empty(i)
    this.#pe.fetchEpoch = this.#banks[this.#current]!.stamp
  }
  /** Forgets the page at an address (its low word) in every context. Where larger mappings are, the whole bank goes. */
  invalidatePage(low: number): void {
    const index = (low >>> 12) & (TLB_ENTRIES - 1)
    for (const [i, bank] of this.#banks.entries()) {
      if (bank.blocks) {
        this.#empty(i)
        continue
      }
      const entry = this.#bankWord(i) + index * ENTRY_WORDS
      this.#words.set(EMPTY.subarray(index * ENTRY_WORDS, (index + 1) * ENTRY_WORDS), entry)
      bank.stamp = ++this.#stamps
    }
    this.#pe.fetchEpoch = this.#banks[this.#current]!.stamp
  }

  #bankWord(bank: number): number {
    return (PE.TLBS + bank * TLB_BANK_BYTES) >> 2
  }
  #empty(index: number): void {
    const bank = this.#banks[index]!
    this.#words.set(EMPTY, this.#bankWord(index))
    bank.stamp = ++this.#stamps
    bank.blocks = false
  }
}
