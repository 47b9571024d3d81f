/** The ranges of a process's address space and what may be done in them: Linux's VMAs. */

export interface AreaKind {
  /** Bits of PROTECTION. */
  readonly protection: number
  /** Pages that are not there yet read as zero, and may be forgotten (MADV_DONTNEED); otherwise the contents came from a file. */
  readonly anonymous: boolean
}
export interface Area extends AreaKind {
  /** Page-aligned; `end` is the first address behind. */
  readonly start: number
  readonly end: number
}

const isSame = (a: Area, b: Area): boolean => a.end === b.start && a.protection === b.protection && a.anonymous === b.anonymous

/** Areas by ascending address, none overlapping, neighbours of the same kind joined. */
export class Areas {
  readonly #list: Area[] = []

  get count(): number {
    return this.#list.length
  }
  [Symbol.iterator](): Iterator<Area> {
    return this.#list[Symbol.iterator]()
  }
  /** Index of the first area that ends above `address`. */
  #above(address: number): number {
    let low = 0
    let high = this.#list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#list[middle]!.end > address) high = middle
      else low = middle + 1
    }
    return low
  }
  at(address: number): Area | undefined {
    const area = this.#list[this.#above(address)]
    return area !== undefined && area.start <= address ? area : undefined
  }
  isFree(start: number, end: number): boolean {
    const area = this.#list[this.#above(start)]
    return area === undefined || area.start >= end
  }
  /** What lies in [start, end): areas that reach out of it are cut. */
  within(start: number, end: number): readonly Area[] {
    const found: Area[] = []
    for (let i = this.#above(start); i < this.#list.length && this.#list[i]!.start < end; i++) {
      const area = this.#list[i]!
      found.push({ ...area, start: Math.max(area.start, start), end: Math.min(area.end, end) })
    }
    return found
  }
  /** Whether every address of [start, end) is in an area. */
  covers(start: number, end: number): boolean {
    let covered = start
    for (let i = this.#above(start); covered < end; i++) {
      const area = this.#list[i]
      if (area === undefined || area.start > covered) return false
      covered = area.end
    }
    return true
  }
  /** Makes [start, end) one area of this kind, or free; what was there is cut. */
  set(start: number, end: number, kind: AreaKind | undefined): void {
    let first = this.#above(start)
    let behind = first
    while (behind < this.#list.length && this.#list[behind]!.start < end) behind++
    const pieces: Area[] = []
    if (first > 0) pieces.push(this.#list[--first]!)
    for (let i = first + pieces.length; i < behind; i++) {
      const area = this.#list[i]!
      if (area.start < start) pieces.push({ ...area, end: start })
    }
    if (kind !== undefined) pieces.push({ start, end, protection: kind.protection, anonymous: kind.anonymous })
    const last = this.#list[behind - 1]
    if (behind > 0 && last !== undefined && last.end > end) pieces.push({ ...last, start: end })
    if (behind < this.#list.length) pieces.push(this.#list[behind++]!)
    const joined: Area[] = []
    for (const piece of pieces) {
      const below = joined.at(-1)
      if (below !== undefined && isSame(below, piece)) joined[joined.length - 1] = { ...below, end: piece.end }
      else joined.push(piece)
    }
    this.#list.splice(first, behind - first, ...joined)
  }
  /** The highest free range of `bytes` bytes in [lowest, top): its start; undefined when there is none. */
  highestGap(bytes: number, lowest: number, top: number): number | undefined {
    for (let i = this.#list.length - 1; i >= 0; i--) {
      const area = this.#list[i]!
      if (area.start >= top) continue
      if (top - area.end >= bytes) break
      top = Math.min(top, area.start)
    }
    return top - bytes >= lowest ? top - bytes : undefined
  }
}
