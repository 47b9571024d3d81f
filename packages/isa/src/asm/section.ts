/** A named part of the program being assembled: its bytes, in the order in which statements add to them. */

export interface SectionFlags {
  /** Part of the program's memory; others (comments, debug information) are checked and left out. */
  readonly allocated: boolean
  readonly writable: boolean
  readonly executable: boolean
  /** Has no bytes in the file: memory that starts as zeros. */
  readonly zeros: boolean
}

/** What sections with well-known names are; a suffix after a dot changes nothing. */
const WELL_KNOWN: readonly (readonly [RegExp, SectionFlags])[] = [
  [/^\.(text|init|fini)(\.|$)/, { allocated: true, writable: false, executable: true, zeros: false }],
  [/^\.(bss|sbss|tbss)(\.|$)/, { allocated: true, writable: true, executable: false, zeros: true }],
  [/^\.(data|sdata|init_array|fini_array|preinit_array)(\.|$)/, { allocated: true, writable: true, executable: false, zeros: false }],
  [/^\.(rodata|eh_frame|gcc_except_table)(\.|$)/, { allocated: true, writable: false, executable: false, zeros: false }]
]
const OTHER: SectionFlags = { allocated: false, writable: false, executable: false, zeros: false }
export const defaultFlags = (name: string): SectionFlags => WELL_KNOWN.find(([pattern]) => pattern.test(name))?.[1] ?? OTHER

/** How many bytes all sections of a program may have together. */
export class Budget {
  left: number
  constructor(bytes: number) {
    this.left = bytes
  }
  /** False, and nothing taken, when there is not as much left. */
  take(bytes: number): boolean {
    if (bytes > this.left) return false
    this.left -= bytes
    return true
  }
}

const NOP = [0x1f, 0x20, 0x03, 0xd5]
const INITIAL_BYTES = 256

export class Section {
  readonly name: string
  readonly flags: SectionFlags
  /** In bytes. */
  alignment = 1
  /** Where it starts; known after layout. */
  address: bigint | undefined
  #length = 0
  #buffer = new Uint8Array(0)
  readonly #budget: Budget

  constructor(name: string, flags: SectionFlags, budget: Budget) {
    this.name = name
    this.flags = flags
    this.#budget = budget
  }

  /** Bytes so far: the offset of what comes next. */
  get length(): number {
    return this.#length
  }
  /** Its contents; empty when it has none in the file. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.flags.zeros ? 0 : this.#length)
  }
  /** Adds `count` bytes of the pattern, from its start; false when the program would become too large. */
  append(count: number, pattern: ArrayLike<number> = [0]): boolean {
    if (!this.#budget.take(count)) return false
    if (!this.flags.zeros) {
      this.#reserve(this.#length + count)
      for (let i = 0; i < count; i++) this.#buffer[this.#length + i] = pattern[i % pattern.length]!
    }
    this.#length += count
    return true
  }
  /** Puts the low `count` bytes of a number where room was made for them. */
  put(offset: number, count: number, value: bigint): void {
    if (this.flags.zeros) return
    for (let i = 0, rest = value; i < count; i++, rest >>= 8n) this.#buffer[offset + i] = Number(rest & 0xffn)
  }
  putWord(offset: number, word: number): void {
    for (let i = 0; i < 4; i++) this.#buffer[offset + i] = word >>> (8 * i)
  }
  /** Goes on at the next multiple of `alignment`: over zeros, or over NOPs where code is. False when the program would become too large. */
  align(alignment: number, { code, fill }: { readonly code: boolean; readonly fill?: readonly number[] }): boolean {
    this.alignment = Math.max(this.alignment, alignment)
    const distance = (alignment - (this.#length % alignment)) % alignment
    if (fill) return this.append(distance, fill)
    const ragged = distance % 4
    return this.append(ragged) && this.append(distance - ragged, code ? NOP : [0])
  }
  #reserve(length: number): void {
    if (length <= this.#buffer.length) return
    const larger = new Uint8Array(Math.max(INITIAL_BYTES, 2 * this.#buffer.length, length))
    larger.set(this.#buffer)
    this.#buffer = larger
  }
}
