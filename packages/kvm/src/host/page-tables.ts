/** Translation tables with a 4 KiB granule, of either stage: what differs between stages is the leaf attributes, which the caller gives. */
import { PAGE_BYTES } from "@eltwo/cpu"

const LAST_LEVEL = 3
const STRIDE = 9
const PAGE_BITS = 12
const VALID = 1n
const TABLE = 2n
const ADDRESS = 0x0000_ffff_ffff_f000n
/** Blocks are used at levels 2 (2 MiB) and 1 (1 GiB). */
const LARGEST_BLOCK_LEVEL = 1

/** The memory tables lie in. Addresses are physical. */
export interface TableMemory {
  /** One zeroed page; undefined when there is none. */
  allocate(): number | undefined
  free(page: number): void
  read(address: number): bigint
  write(address: number, descriptor: bigint): void
}
/** What decides about an address: a leaf, or an invalid descriptor, which may say why it is (an owner of the page). */
export interface Entry {
  readonly descriptor: bigint
  /** Bytes it decides about, from a multiple of that. */
  readonly bytes: number
}
/** A leaf: what it maps and how large it is, in bytes. */
export interface Leaf {
  readonly physical: number
  readonly bytes: number
  readonly attributes: bigint
}
const bytesOf = (level: number): number => 2 ** (PAGE_BITS + STRIDE * (LAST_LEVEL - level))

/** Translation tables in memory of the machine, of stage 1 or stage 2. */
export class PageTables {
  /** Physical address of the first table. */
  readonly root: number
  readonly #memory: TableMemory
  readonly #startLevel: number
  readonly #inputBits: number

  /** `root` has one descriptor for each part of the input range at `startLevel`: several concatenated pages where that is more than 512. */
  constructor(memory: TableMemory, root: number, startLevel: number, inputBits: number) {
    this.#memory = memory
    this.root = root
    this.#startLevel = startLevel
    this.#inputBits = inputBits
  }

  /**
   * Maps `bytes` from `input` to `physical`, all multiples of the page size, with blocks where both addresses allow and at most `largest` bytes each.
   * A present mapping is replaced. False when a table could not be allocated; what was mapped before that stays.
   */
  map(input: number, physical: number, bytes: number, attributes: bigint, largest: number = bytesOf(LARGEST_BLOCK_LEVEL)): boolean {
    for (let done = 0; done < bytes; ) {
      const level = this.#levelFor(input + done, physical + done, bytes - done, largest)
      const at = this.#descriptor(input + done, level)
      if (at === undefined) return false
      this.#release(this.#memory.read(at), level)
      this.#memory.write(at, BigInt(physical + done) | attributes | VALID | (level === LAST_LEVEL ? TABLE : 0n))
      done += bytesOf(level)
    }
    return true
  }
  /** Removes all mappings of a range. Blocks that reach out of it are removed whole. True when there were any. */
  unmap(input: number, bytes: number): boolean {
    let found = false
    for (let at = input; at < input + bytes; ) {
      const { address, descriptor, level } = this.#walk(at)
      const size = bytesOf(level)
      if (descriptor & VALID) {
        this.#memory.write(address, 0n)
        found = true
      }
      at = at - (at % size) + size
    }
    return found
  }
  /** The leaf that maps an address, if any. */
  leaf(input: number): Leaf | undefined {
    const { descriptor, level } = this.#walk(input)
    if (!(descriptor & VALID)) return undefined
    const bytes = bytesOf(level)
    return { physical: Number(descriptor & ADDRESS) + (input % bytes), bytes, attributes: descriptor & ~ADDRESS & ~(VALID | TABLE) }
  }
  /** The entry that decides about an address. */
  entry(input: number): Entry {
    const { descriptor, level } = this.#walk(input)
    return { descriptor, bytes: bytesOf(level) }
  }
  /**
   * Puts a descriptor of any kind for `bytes` bytes (a page or a block) in place of what is there; the bits that tell a page from a block come with it. False
   * when a table could not be allocated; then nothing has changed but tables that say the same.
   */
  set(input: number, bytes: number, descriptor: bigint): boolean {
    const level = LAST_LEVEL - Math.log2(bytes / PAGE_BYTES) / STRIDE
    const at = this.#descriptor(input, level)
    if (at === undefined) return false
    this.#release(this.#memory.read(at), level)
    this.#memory.write(at, descriptor & VALID && level === LAST_LEVEL ? descriptor | TABLE : descriptor)
    return true
  }
  /** Gives back the tables on the way to an address that say nothing, from the last one up. */
  prune(input: number): void {
    for (;;) {
      const { tables } = this.#path(input)
      const last = tables.at(-1)
      if (!last || tables.length === 1 || !this.#isEmpty(last.table)) return
      this.#memory.write(tables.at(-2)!.address, 0n)
      this.#memory.free(last.table)
    }
  }
  /** All leaves and all invalid descriptors that say something, in order. */
  *entries(): Generator<Entry & { readonly input: number }> {
    for (let input = 0; input < 2 ** this.#inputBits; ) {
      const { descriptor, bytes } = this.entry(input)
      if (descriptor !== 0n) yield { input, descriptor, bytes }
      input += bytes
    }
  }
  /** Pages of all tables, the first one's among them. */
  *tablePages(table = this.root, level = this.#startLevel): Generator<number> {
    const entries = level === this.#startLevel ? 2 ** this.#inputBits / bytesOf(level) : 2 ** STRIDE
    for (let page = table; page < table + entries * 8; page += PAGE_BYTES) yield page
    if (level === LAST_LEVEL) return
    for (let i = 0; i < entries; i++) {
      const descriptor = this.#memory.read(table + 8 * i)
      if ((descriptor & (VALID | TABLE)) === (VALID | TABLE)) yield* this.tablePages(Number(descriptor & ADDRESS), level + 1)
    }
  }
  /** Gives back all tables, the root excepted. */
  destroy(): void {
    const entries = 2 ** this.#inputBits / bytesOf(this.#startLevel)
    for (let i = 0; i < entries; i++) {
      this.#release(this.#memory.read(this.root + 8 * i), this.#startLevel)
      this.#memory.write(this.root + 8 * i, 0n)
    }
  }

  #levelFor(input: number, physical: number, left: number, largest: number): number {
    for (let level = Math.max(LARGEST_BLOCK_LEVEL, this.#startLevel); level < LAST_LEVEL; level++) {
      const size = bytesOf(level)
      if (size <= largest && size <= left && input % size === 0 && physical % size === 0) return level
    }
    return LAST_LEVEL
  }
  #index(input: number, level: number): number {
    const index = Math.floor(input / bytesOf(level))
    return level === this.#startLevel ? index : index % 2 ** STRIDE
  }
  /** Follows tables as far as they go. */
  #walk(input: number): { readonly address: number; readonly descriptor: bigint; readonly level: number } {
    let table = this.root
    for (let level = this.#startLevel; ; level++) {
      const address = table + 8 * this.#index(input, level)
      const descriptor = this.#memory.read(address)
      if (level === LAST_LEVEL || (descriptor & (VALID | TABLE)) !== (VALID | TABLE)) return { address, descriptor, level }
      table = Number(descriptor & ADDRESS)
    }
  }
  /** The tables on the way, and where each has its descriptor for the address. */
  #path(input: number): { readonly tables: readonly { readonly table: number; readonly address: number }[] } {
    const tables: { readonly table: number; readonly address: number }[] = []
    let table = this.root
    for (let level = this.#startLevel; ; level++) {
      const address = table + 8 * this.#index(input, level)
      tables.push({ table, address })
      const descriptor = this.#memory.read(address)
      if (level === LAST_LEVEL || (descriptor & (VALID | TABLE)) !== (VALID | TABLE)) return { tables }
      table = Number(descriptor & ADDRESS)
    }
  }
  #isEmpty(table: number): boolean {
    for (let i = 0; i < PAGE_BYTES / 8; i++) if (this.#memory.read(table + 8 * i) !== 0n) return false
    return true
  }
  /** Address of the descriptor for an input address at a level; makes tables on the way. A block in the way is split into its parts. */
  #descriptor(input: number, level: number): number | undefined {
    let table = this.root
    for (let l = this.#startLevel; ; l++) {
      const address = table + 8 * this.#index(input, l)
      if (l === level) return address
      const descriptor = this.#memory.read(address)
      if ((descriptor & (VALID | TABLE)) === (VALID | TABLE)) {
        table = Number(descriptor & ADDRESS)
        continue
      }
      const fresh = this.#memory.allocate()
      if (fresh === undefined) return undefined
      if (descriptor & VALID) this.#split(descriptor, l, fresh)
      this.#memory.write(address, BigInt(fresh) | TABLE | VALID)
      table = fresh
    }
  }
  #split(block: bigint, level: number, table: number): void {
    const size = BigInt(bytesOf(level + 1))
    const page = level + 1 === LAST_LEVEL ? TABLE : 0n
    for (let i = 0; i < 2 ** STRIDE; i++) this.#memory.write(table + 8 * i, (block + BigInt(i) * size) | page)
  }
  /** Gives back the tables below a descriptor of `level`. */
  #release(descriptor: bigint, level: number): void {
    if (level === LAST_LEVEL || (descriptor & (VALID | TABLE)) !== (VALID | TABLE)) return
    const table = Number(descriptor & ADDRESS)
    for (let i = 0; i < PAGE_BYTES / 8; i++) this.#release(this.#memory.read(table + 8 * i), level + 1)
    this.#memory.free(table)
  }
}
