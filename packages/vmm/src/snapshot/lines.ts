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
/** The pages of `memory` at these byte offsets (multiples of 4), none of which is zero. The memory must not change until they are written. */
export const linesOf = (memory: Uint8Array, offsets: ArrayLike<number>): Made => {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >>> 2)
  const maps = new Uint32Array(2 * offsets.length)
  let lines = 0
  for (let page = 0; page < offsets.length; page++) {
    const first = offsets[page]! >>> 2
    for (let line = 0; line < 64; line++) {
      if (isZeroLine(words, first + line * LINE_WORDS)) continue
      maps[2 * page + (line >> 5)]! |= 1 << (line & 31)
      lines++
    }
  }
  return { length: offsets.length * MAP_BYTES + lines * LINE_BYTES, write: (into) => writeLines(memory, offsets, maps, into) }
}
const writeLines = (memory: Uint8Array, offsets: ArrayLike<number>, maps: Uint32Array, into: Uint8Array): void => {
  const view = new DataView(into.buffer, into.byteOffset, into.length)
  let at = 0
  for (let page = 0; page < offsets.length; page++) {
    const [low, high] = [maps[2 * page]!, maps[2 * page + 1]!]
    view.setUint32(at, low, true)
    view.setUint32(at + 4, high, true)
    at += MAP_BYTES
    for (let line = nextLine(low, high, 0); line < 64; ) {
      const end = endOfRun(low, high, line)
      const from = offsets[page]! + line * LINE_BYTES
      const bytes = (end - line) * LINE_BYTES
      into.set(memory.subarray(from, from + bytes), at)
      at += bytes
      line = nextLine(low, high, end)
    }
  }
}
/** As linesOf, written. */
export const encodeLines = (memory: Uint8Array, offsets: ArrayLike<number>): Uint8Array => {
  const { length, write } = linesOf(memory, offsets)
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

/** Calls `run` for each run of neighbouring lines of `pages` pages: which page, its byte offset there, where its bytes are in `stored`, how many. Throws SnapshotError. */
const walk = (stored: Uint8Array, pages: number, path: string, run: (page: number, to: number, from: number, bytes: number) => void): void => {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.length)
  const wrong = (page: number, expected: string, actual: string) =>
    refuse("SNAPSHOT_ENCODING", { path: `${path} page ${page}`, expected, actual, hint: "The file was not written by eltwo, or was changed." })
  let at = 0
  for (let page = 0; page < pages; page++) {
    if (at + MAP_BYTES > stored.length) wrong(page, "a page", "the end of the section")
    const [low, high] = [view.getUint32(at, true), view.getUint32(at + 4, true)]
    if (low === 0 && high === 0) wrong(page, "a line that is not zero", "a page of zeroes")
    at += MAP_BYTES
    for (let line = nextLine(low, high, 0); line < 64; ) {
      const end = endOfRun(low, high, line)
      const bytes = (end - line) * LINE_BYTES
      if (at + bytes > stored.length) wrong(page, "a line", "the end of the section")
      run(page, line * LINE_BYTES, at, bytes)
      at += bytes
      line = nextLine(low, high, end)
    }
  }
  if (at !== stored.length) wrong(pages, "the end of the section", `${stored.length - at} bytes more`)
}
/** Throws SnapshotError when `stored` are not exactly `pages` pages in their one form. */
export const checkLines = (stored: Uint8Array, pages: number, path: string): void => {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.length)
  walk(stored, pages, path, (page, _, from, bytes) => {
    for (let line = from; line < from + bytes; line += LINE_BYTES) {
      let at = line
      while (at < line + LINE_BYTES && view.getUint32(at, true) === 0) at += 4
      if (at === line + LINE_BYTES)
        refuse("SNAPSHOT_ENCODING", {
          path: `${path} page ${page}`,
          expected: "lines that are not zero",
          actual: "a line of zeroes",
          hint: "The file was not written by eltwo, or was changed."
        })
    }
  })
}
/** Whether the stored page that begins at byte `from` is what `memory` has at a byte offset. */
export const isPageOf = (stored: DataView, from: number, memory: Uint32Array, offset: number): boolean => {
  const [low, high] = [stored.getUint32(from, true), stored.getUint32(from + 4, true)]
  for (let line = 0, at = from + MAP_BYTES; line < 64; line++) {
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
/** Writes checked pages to `memory` at these byte offsets. What is not in them is left as it is: the memory is zero there. */
export const decodeLines = (stored: Uint8Array, offsets: ArrayLike<number>, memory: Uint8Array): void =>
  walk(stored, offsets.length, "pages", (page, to, from, bytes) => memory.set(stored.subarray(from, from + bytes), offsets[page]! + to))
