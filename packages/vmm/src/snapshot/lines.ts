/**
 * Codec "lines": pages of memory without the lines of 64 bytes that are zero. A page is a bitmap of 8 bytes, lowest bit first, and the lines whose bit is 1. A page
 * of zeroes alone is never written, nor a line of zeroes: a page has one form. It grows at most 64-fold when read.
 */
import { PAGE_BYTES } from "@eltwo/cpu"
import { refuse } from "./refusal.ts"

const LINE_BYTES = 64
const LINE_WORDS = LINE_BYTES / 4
const MAP_BYTES = 8
const PAGE_WORDS = PAGE_BYTES / 4

/** Whether all of a page is zero; `at` is a word index. */
export const isZeroPage = (words: Uint32Array, at: number): boolean => {
  for (let i = at; i < at + PAGE_WORDS; i += 4) if ((words[i]! | words[i + 1]! | words[i + 2]! | words[i + 3]!) !== 0) return false
  return true
}
const isZeroLine = (words: Uint32Array, at: number): boolean => {
  for (let i = at; i < at + LINE_WORDS; i += 4) if ((words[i]! | words[i + 1]! | words[i + 2]! | words[i + 3]!) !== 0) return false
  return true
}

/** Bytes that are made where they are needed. */
export interface Made {
  readonly length: number
  /** Fills `length` bytes. */
  readonly write: (into: Uint8Array) => void
}
/** A page that is not zero: its byte offset in a memory (a multiple of 4), or the page as it is stored. */
export type PageBytes = number | Uint8Array

/** These pages of `memory`, stored. It must not change until they are written. */
export const linesOf = (memory: Uint8Array, pages: readonly PageBytes[]): Made => {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >>> 2)
  const maps = new Uint32Array(2 * pages.length)
  let length = 0
  for (const [index, page] of pages.entries()) {
    if (typeof page !== "number") {
      length += page.length
      continue
    }
    const first = page >>> 2
    length += MAP_BYTES
    for (let line = 0; line < 64; line++) {
      if (isZeroLine(words, first + line * LINE_WORDS)) continue
      maps[2 * index + (line >> 5)]! |= 1 << (line & 31)
      length += LINE_BYTES
    }
  }
  return { length, write: (into) => writeLines(memory, pages, maps, into) }
}
const writeLines = (memory: Uint8Array, pages: readonly PageBytes[], maps: Uint32Array, into: Uint8Array): void => {
  const view = new DataView(into.buffer, into.byteOffset, into.length)
  let at = 0
  for (const [index, page] of pages.entries()) {
    if (typeof page !== "number") {
      into.set(page, at)
      at += page.length
      continue
    }
    const [low, high] = [maps[2 * index]!, maps[2 * index + 1]!]
    view.setUint32(at, low, true)
    view.setUint32(at + 4, high, true)
    at += MAP_BYTES
    for (let line = nextLine(low, high, 0); line < 64; ) {
      const end = endOfRun(low, high, line)
      const from = page + line * LINE_BYTES
      const bytes = (end - line) * LINE_BYTES
      into.set(memory.subarray(from, from + bytes), at)
      at += bytes
      line = nextLine(low, high, end)
    }
  }
}
/** What was made, written. */
export const written = ({ length, write }: Made): Uint8Array => {
  const out = new Uint8Array(length)
  write(out)
  return out
}
/** The first line from `line` on that is in the map, or 64; and the first that is not. */
const nextLine = (low: number, high: number, line: number): number => {
  let at = line
  while (at < 64 && (((at < 32 ? low : high) >>> (at & 31)) & 1) === 0) at++
  return at
}
const endOfRun = (low: number, high: number, line: number): number => nextLine(~low, ~high, line)

/**
 * Where each of `pages` stored pages begins, and behind the last where it ends: byte offsets. Throws SnapshotError when `stored` are not exactly that many pages
 * in their one form.
 */
export const checkLines = (stored: Uint8Array, pages: number, path: string): Float64Array => {
  const wrong = (page: number, expected: string, actual: string) =>
    refuse("SNAPSHOT_ENCODING", { path: `${path} page ${page}`, expected, actual, hint: "The file was not written by eltwo, or was changed." })
  const view = new DataView(stored.buffer, stored.byteOffset, stored.length)
  const starts = new Float64Array(pages + 1)
  let at = 0
  for (let page = 0; page < pages; page++) {
    if (at + MAP_BYTES > stored.length) wrong(page, "a page", "the end of the section")
    const lines = ones(view.getUint32(at, true)) + ones(view.getUint32(at + 4, true))
    if (lines === 0) wrong(page, "a line that is not zero", "a page of zeroes")
    starts[page] = at
    const from = at + MAP_BYTES
    at = from + lines * LINE_BYTES
    if (at > stored.length) wrong(page, "a line", "the end of the section")
    for (let line = from; line < at; line += LINE_BYTES) if (isZeroStored(view, line)) wrong(page, "lines that are not zero", "a line of zeroes")
  }
  if (at !== stored.length) wrong(pages, "the end of the section", `${stored.length - at} bytes more`)
  starts[pages] = at
  return starts
}
const isZeroStored = (view: DataView, line: number): boolean => {
  for (let at = line; at < line + LINE_BYTES; at += 8) if ((view.getUint32(at, true) | view.getUint32(at + 4, true)) !== 0) return false
  return true
}
/** Bits of a 32-bit word that are 1. */
const ones = (word: number): number => {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
/** Whether a stored page is what `memory` has at a byte offset. */
export const isPageOf = ({ buffer, byteOffset, length }: Uint8Array, memory: Uint32Array, offset: number): boolean => {
  const stored = new DataView(buffer, byteOffset, length)
  const [low, high] = [stored.getUint32(0, true), stored.getUint32(4, true)]
  for (let line = 0, at = MAP_BYTES; line < 64; line++) {
    const first = (offset >>> 2) + line * LINE_WORDS
    if ((((line < 32 ? low : high) >>> (line & 31)) & 1) === 0) {
      if (!isZeroLine(memory, first)) return false
      continue
    }
    for (let i = 0; i < LINE_WORDS; i++) if (memory[first + i] !== stored.getUint32(at + 4 * i, true)) return false
    at += LINE_BYTES
  }
  return true
}
/** Puts one stored page, checked, into a page that is zero. */
export const unpackPage = (stored: Uint8Array, page: Uint8Array): void => {
  const view = new DataView(stored.buffer, stored.byteOffset, MAP_BYTES)
  const [low, high] = [view.getUint32(0, true), view.getUint32(4, true)]
  for (let line = nextLine(low, high, 0), at = MAP_BYTES; line < 64; ) {
    const end = endOfRun(low, high, line)
    const bytes = (end - line) * LINE_BYTES
    page.set(stored.subarray(at, at + bytes), line * LINE_BYTES)
    at += bytes
    line = nextLine(low, high, end)
  }
}
