/** Memory in a snapshot: which pages there are, and their bytes. Pages of zeroes are left out; with a parent, so are those that have not changed. */
import { PAGE_BYTES, type Saved, shape } from "@eltwo/cpu"
import { sameBytes } from "./codec.ts"
import { type Container, readValues, type Section, valuesSection } from "./container.ts"
import type { Kept } from "./kept-pages.ts"
import { checkLines, isPageOf, isZeroPage, linesOf, type Made, type PageBytes, unpackPage, written } from "./lines.ts"
import type { Memory } from "./memory.ts"
import { refuse } from "./refusal.ts"

/** The sections of a memory. */
const indexSection = (memory: string) => `${memory}/index`
const pagesSection = (memory: string) => `${memory}/pages`
const VERSION = 1

const INDEX = shape({
  fields: {
    /** Pages of the memory. */
    total: "u32",
    /** Numbers of the pages that follow, and with a parent of those that are zero now: 4 bytes each, little-endian, ascending. */
    data: "bytes",
    zero: "bytes"
  }
})
type Index = Saved<typeof INDEX>

/** Pages as a snapshot has them, checked. Numbers count from the start of the memory. */
export interface Pages {
  readonly total: number
  readonly data: Uint32Array
  readonly zero: Uint32Array
  /** Codec lines. */
  readonly stored: Uint8Array
  /** Where each page of `data` begins in `stored`, and behind the last where it ends: byte offsets. */
  readonly starts: Float64Array
}
/** Pages of a memory as they are to be saved, before it goes on. */
export interface PresentPages extends Omit<Pages, "stored" | "starts"> {
  readonly stored: Made
}
/** Pages as they are stored, by number. */
export type Pieces = ReadonlyMap<number, Uint8Array>

/** What a page holds; undefined: zeroes. `kept` has pages as they were. */
const contentOf = ({ physical, first }: Memory, words: Uint32Array, page: number, kept?: Kept): PageBytes | undefined => {
  const then = kept?.get(first + page)
  if (then !== undefined) return isZeroPage(wordsOf(then), 0) ? undefined : written(linesOf(then, [0]))
  const piece = physical.isUsed(first + page) ? undefined : physical.unusedPiece(first + page)
  if (piece !== undefined && physical.source?.unpack === unpackPage) return piece
  // of another form
  if (piece !== undefined) physical.at(physical.ram.base + (first + page) * PAGE_BYTES, PAGE_BYTES)
  if (!physical.isUsed(first + page)) return undefined
  return isZeroPage(words, page * PAGE_WORDS) ? undefined : page * PAGE_BYTES
}
const isContent = (piece: Uint8Array, content: PageBytes, words: Uint32Array): boolean =>
  typeof content === "number" ? isPageOf(piece, words, content) : piece === content || sameBytes(piece, content)

interface Against {
  /** What the memory was: only what differs from it is wanted. */
  readonly base?: Pieces | undefined
  /** Pages that have changed since the moment that is wanted, as they were. */
  readonly kept?: Kept | undefined
}
/** Pages of `memory`: all that are not zero, or those that differ from `base`. */
export const pagesOf = (memory: Memory, { base, kept }: Against = {}): PresentPages => {
  const words = wordsOf(memory.bytes)
  const total = memory.bytes.length / PAGE_BYTES
  const data: number[] = []
  const zero: number[] = []
  const contents: PageBytes[] = []
  for (let page = 0; page < total; page++) {
    const content = contentOf(memory, words, page, kept)
    const before = base?.get(page)
    if (content === undefined) {
      if (before !== undefined) zero.push(page)
    } else if (before === undefined || !isContent(before, content, words)) {
      data.push(page)
      contents.push(content)
    }
  }
  return { total, data: Uint32Array.from(data), zero: Uint32Array.from(zero), stored: linesOf(memory.bytes, contents) }
}
/** What has changed in `memory`: only pages of `kept`, as they were, can have. */
export const pagesChanged = ({ bytes, first }: Memory, kept: Kept): PresentPages => {
  const words = wordsOf(bytes)
  const total = bytes.length / PAGE_BYTES
  const data: number[] = []
  const zero: number[] = []
  for (const page of Array.from(kept.keys(), (number) => number - first).sort((a, b) => a - b)) {
    if (page < 0 || page >= total || isSamePage(wordsOf(kept.get(first + page)!), words, page * PAGE_WORDS)) continue
    if (isZeroPage(words, page * PAGE_WORDS)) zero.push(page)
    else data.push(page)
  }
  const offsets = data.map((page) => page * PAGE_BYTES)
  return { total, data: Uint32Array.from(data), zero: Uint32Array.from(zero), stored: linesOf(bytes, offsets) }
}
const PAGE_WORDS = PAGE_BYTES / 4
const wordsOf = ({ buffer, byteOffset, length }: Uint8Array): Uint32Array => new Uint32Array(buffer, byteOffset, length / 4)
const isSamePage = (one: Uint32Array, words: Uint32Array, at: number): boolean => {
  for (let i = 0; i < PAGE_WORDS; i++) if (one[i] !== words[at + i]) return false
  return true
}

const bytesOf = (numbers: Uint32Array): Uint8Array => {
  const out = new Uint8Array(4 * numbers.length)
  const view = new DataView(out.buffer)
  for (const [i, number] of numbers.entries()) view.setUint32(4 * i, number, true)
  return out
}
export const pageSections = <Bytes extends Uint8Array | Made>(
  memory: string,
  { total, data, zero, stored }: Omit<PresentPages, "stored"> & { readonly stored: Bytes }
): readonly Section<Uint8Array | Bytes>[] => {
  const index: Index = { total, data: bytesOf(data), zero: bytesOf(zero) }
  return [
    valuesSection(indexSection(memory), VERSION, INDEX, index),
    { name: pagesSection(memory), version: VERSION, required: true, codec: "lines", rawLength: data.length * PAGE_BYTES, bytes: stored }
  ]
}

const HINT = "The file was not written by eltwo, or was changed."
/** Ascending numbers below `total`. */
const numbersOf = (bytes: Uint8Array, total: number, path: string): Uint32Array => {
  const wrong = (expected: string, actual: string) => refuse("SNAPSHOT_CONTENT", { path, expected, actual, hint: HINT })
  if (bytes.length % 4 !== 0) wrong("4 bytes for each page", `${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const numbers = new Uint32Array(bytes.length / 4)
  for (let i = 0; i < numbers.length; i++) {
    const number = view.getUint32(4 * i, true)
    if (number >= total) wrong(`a page below ${total}`, `${number}`)
    if (i > 0 && number <= numbers[i - 1]!) wrong("ascending pages", `${number} behind ${numbers[i - 1]}`)
    numbers[i] = number
  }
  return numbers
}
/** Pages read from containers: they are checked once. */
const known = new WeakMap<Container, Map<string, Pages>>()
/** The pages of a snapshot, checked to the last line. Throws SnapshotError. */
export const readPages = (container: Container, memory: string): Pages => {
  const of = known.get(container) ?? new Map<string, Pages>()
  known.set(container, of)
  const pages = of.get(memory) ?? checkedPages(container, memory)
  of.set(memory, pages)
  return pages
}
/** The pages of a memory in each snapshot of a chain, oldest first: as many in all of them, so that no page is another memory's. Throws SnapshotError. */
export const readChain = (chain: readonly Container[], memory: string): readonly Pages[] => {
  const pages = chain.map((container) => readPages(container, memory))
  const { total } = pages.at(-1)!
  const other = pages.find((each) => each.total !== total)
  if (other !== undefined)
    refuse("SNAPSHOT_CONTENT", {
      path: `section ${indexSection(memory)}.total`,
      expected: `${total} pages in each snapshot of a chain`,
      actual: `${other.total}`,
      hint: HINT
    })
  return pages
}
const checkedPages = (container: Container, memory: string): Pages => {
  const path = `section ${indexSection(memory)}`
  const { total, data: dataBytes, zero: zeroBytes } = readValues(container, indexSection(memory), VERSION, INDEX)
  const data = numbersOf(dataBytes, total, `${path}.data`)
  const zero = numbersOf(zeroBytes, total, `${path}.zero`)
  const present = new Set(data)
  if (zero.some((page) => present.has(page)))
    refuse("SNAPSHOT_CONTENT", { path: `${path}.zero`, expected: "pages that have no bytes", actual: "one that has", hint: HINT })
  if (zero.length > 0 && container.header.parent === null)
    refuse("SNAPSHOT_CONTENT", { path: `${path}.zero`, expected: "no pages of zeroes without a parent", actual: `${zero.length}`, hint: HINT })
  const { entry, bytes } = container.section(pagesSection(memory))
  if (entry.codec !== "lines" || entry.version !== VERSION || entry.rawLength !== data.length * PAGE_BYTES)
    refuse("SNAPSHOT_CONTENT", {
      path: `section ${pagesSection(memory)}`,
      expected: `version ${VERSION}, codec lines, ${data.length * PAGE_BYTES} bytes`,
      actual: `version ${entry.version}, codec ${entry.codec}, ${entry.rawLength} bytes`,
      hint: HINT
    })
  const starts = checkLines(bytes, data.length, `section ${pagesSection(memory)}`)
  return { total, data, zero, stored: bytes, starts }
}
/** The pages as they are after the last of a chain, oldest first, without those that are zero. `first` is added to their numbers. */
export const piecesOf = (chain: readonly Pages[], first = 0): Pieces => {
  const newest = new Map<number, Uint8Array>()
  for (const { data, zero, stored, starts } of chain) {
    for (const page of zero) newest.delete(first + page)
    for (const [index, page] of data.entries()) newest.set(first + page, stored.subarray(starts[index], starts[index + 1]))
  }
  return newest
}
/** One set of pages for a chain, oldest first: as a full snapshot would have them. */
export const flattenPages = (chain: readonly Pages[]): PresentPages => {
  const pieces = piecesOf(chain)
  const data = Uint32Array.from(pieces.keys()).sort()
  const contents = Array.from(data, (page) => pieces.get(page)!)
  return { total: chain.at(-1)!.total, data, zero: new Uint32Array(0), stored: linesOf(new Uint8Array(0), contents) }
}
