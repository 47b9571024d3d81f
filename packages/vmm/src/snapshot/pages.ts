/** Memory in a snapshot: which pages there are, and their bytes. Pages of zeroes are left out; with a parent, so are those that have not changed. */
import { PAGE_BYTES, type Saved, shape } from "@eltwo/cpu"
import { type Container, readValues, type Section, valuesSection } from "./container.ts"
import type { Kept } from "./kept-pages.ts"
import { checkLines, decodeLines, isPageOf, isZeroPage, linesOf, type Made } from "./lines.ts"
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
}
/** Pages of a memory as they are to be saved, before it goes on. */
export interface PresentPages extends Omit<Pages, "stored"> {
  readonly stored: Made
}

/** Pages of `memory`: all that are not zero, or those that differ from `base`. */
export const pagesOf = (memory: Uint8Array, base?: Pages): PresentPages => {
  const words = wordsOf(memory)
  const total = memory.length / PAGE_BYTES
  const data: number[] = []
  const zero: number[] = []
  const starts = base && startsOf(base)
  const stored = base && viewOf(base.stored)
  for (let page = 0, next = 0; page < total; page++) {
    const inBase = base !== undefined && base.data[next] === page
    const index = inBase ? next++ : -1
    if (isZeroPage(words, page * PAGE_WORDS)) {
      if (inBase) zero.push(page)
    } else if (!inBase || !isPageOf(stored!, starts![index]!, words, page * PAGE_BYTES)) data.push(page)
  }
  return { total, data: Uint32Array.from(data), zero: Uint32Array.from(zero), stored: linesOfPages(memory, data) }
}
/** What has changed in `memory`: only pages of `kept`, as they were, can have. `first` is the number that the first page of the memory has there. */
export const pagesChanged = (memory: Uint8Array, first: number, kept: Kept): PresentPages => {
  const words = wordsOf(memory)
  const total = memory.length / PAGE_BYTES
  const data: number[] = []
  const zero: number[] = []
  for (const page of Array.from(kept.keys(), (number) => number - first).sort((a, b) => a - b)) {
    if (page < 0 || page >= total || isSamePage(wordsOf(kept.get(first + page)!), words, page * PAGE_WORDS)) continue
    if (isZeroPage(words, page * PAGE_WORDS)) zero.push(page)
    else data.push(page)
  }
  return { total, data: Uint32Array.from(data), zero: Uint32Array.from(zero), stored: linesOfPages(memory, data) }
}
const PAGE_WORDS = PAGE_BYTES / 4
const wordsOf = ({ buffer, byteOffset, length }: Uint8Array): Uint32Array => new Uint32Array(buffer, byteOffset, length / 4)
const isSamePage = (one: Uint32Array, words: Uint32Array, at: number): boolean => {
  for (let i = 0; i < PAGE_WORDS; i++) if (one[i] !== words[at + i]) return false
  return true
}
const linesOfPages = (memory: Uint8Array, pages: readonly number[]): Made =>
  linesOf(
    memory,
    pages.map((page) => page * PAGE_BYTES)
  )

const bytesOf = (numbers: Uint32Array): Uint8Array => {
  const out = new Uint8Array(4 * numbers.length)
  const view = new DataView(out.buffer)
  for (const [i, number] of numbers.entries()) view.setUint32(4 * i, number, true)
  return out
}
export const pageSections = <Bytes extends Uint8Array | Made>(
  memory: string,
  { total, data, zero, stored }: Omit<Pages, "stored"> & { readonly stored: Bytes }
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
  checkLines(bytes, data.length, `section ${pagesSection(memory)}`)
  return { total, data, zero, stored: bytes }
}
/** Puts the pages of a full snapshot into memory that is zero. */
export const applyPages = ({ data, stored }: Pages, memory: Uint8Array): void =>
  decodeLines(
    stored,
    Array.from(data, (page) => page * PAGE_BYTES),
    memory
  )
/** One set of pages for a chain, oldest first: the pages as they are after the last, without those that are zero. */
export const flattenPages = (chain: readonly Pages[]): Pages => {
  if (chain.length === 1) return chain[0]!
  const newest = new Map<number, { readonly from: Pages; readonly index: number }>()
  for (const from of chain) {
    for (const page of from.zero) newest.delete(page)
    for (const [index, page] of from.data.entries()) newest.set(page, { from, index })
  }
  const starts = new Map(chain.map((pages) => [pages, startsOf(pages)]))
  const data = Uint32Array.from(newest.keys()).sort()
  const pieces = Array.from(data, (page) => {
    const { from, index } = newest.get(page)!
    const places = starts.get(from)!
    return from.stored.subarray(places[index], places[index + 1])
  })
  const stored = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    stored.set(piece, at)
    at += piece.length
  }
  return { total: chain.at(-1)!.total, data, zero: new Uint32Array(0), stored }
}
const MAP_BYTES = 8
const LINE_BYTES = 64
const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length)
/** Byte where each stored page begins, and behind the last where it ends. */
const startsOf = ({ data, stored }: Pages): readonly number[] => {
  const view = viewOf(stored)
  const starts = [0]
  for (let i = 0, at = 0; i < data.length; i++) {
    at += MAP_BYTES + LINE_BYTES * (ones(view.getUint32(at, true)) + ones(view.getUint32(at + 4, true)))
    starts.push(at)
  }
  return starts
}
/** Bits of a 32-bit word that are 1. */
const ones = (word: number): number => {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
