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
  let all = 0
  for (let i = at; i < at + LINE_WORDS; i++) all |= words[i]!
  return all === 0
}

/** The pages of `memory` at these byte offsets (multiples of 4), none of which is zero. */
export const encodeLines = (memory: Uint8Array, offsets: ArrayLike<number>): Uint8Array => {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >> 2)
  const maps = new Uint32Array(2 * offsets.length)
  let lines = 0
  for (let page = 0; page < offsets.length; page++) {
    const first = offsets[page]! >> 2
    for (let line = 0; line < 64; line++) {
      if (isZeroLine(words, first + line * LINE_WORDS)) continue
      maps[2 * page + (line >> 5)]! |= 1 << (line & 31)
      lines++
    }
  }
  const out = new Uint8Array(offsets.length * MAP_BYTES + lines * LINE_BYTES)
  const view = new DataView(out.buffer)
  let at = 0
  for (let page = 0; page < offsets.length; page++) {
    view.setUint32(at, maps[2 * page]!, true)
    view.setUint32(at + 4, maps[2 * page + 1]!, true)
    at += MAP_BYTES
    for (let line = 0; line < 64; line++) {
      if (((maps[2 * page + (line >> 5)]! >>> (line & 31)) & 1) === 0) continue
      const from = offsets[page]! + line * LINE_BYTES
      out.set(memory.subarray(from, from + LINE_BYTES), at)
      at += LINE_BYTES
    }
  }
  return out
}

/** Calls `line` for each line of `pages` pages: which page, its byte offset there, and where its bytes are in `stored`. Throws SnapshotError. */
const walk = (stored: Uint8Array, pages: number, path: string, line: (page: number, to: number, from: number) => void): void => {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.length)
  const wrong = (page: number, expected: string, actual: string) =>
    refuse("SNAPSHOT_ENCODING", { path: `${path} page ${page}`, expected, actual, hint: "The file was not written by eltwo, or was changed." })
  let at = 0
  for (let page = 0; page < pages; page++) {
    if (at + MAP_BYTES > stored.length) wrong(page, "a page", "the end of the section")
    const maps = [view.getUint32(at, true), view.getUint32(at + 4, true)] as const
    if (maps[0] === 0 && maps[1] === 0) wrong(page, "a line that is not zero", "a page of zeroes")
    at += MAP_BYTES
    for (let index = 0; index < 64; index++) {
      if (((maps[index >> 5 === 0 ? 0 : 1] >>> (index & 31)) & 1) === 0) continue
      if (at + LINE_BYTES > stored.length) wrong(page, "a line", "the end of the section")
      line(page, index * LINE_BYTES, at)
      at += LINE_BYTES
    }
  }
  if (at !== stored.length) wrong(pages, "the end of the section", `${stored.length - at} bytes more`)
}
/** Throws SnapshotError when `stored` are not exactly `pages` pages in their one form. */
export const checkLines = (stored: Uint8Array, pages: number, path: string): void =>
  walk(stored, pages, path, (page, _, from) => {
    let all = 0
    for (let i = from; i < from + LINE_BYTES; i++) all |= stored[i]!
    if (all === 0)
      refuse("SNAPSHOT_ENCODING", {
        path: `${path} page ${page}`,
        expected: "lines that are not zero",
        actual: "a line of zeroes",
        hint: "The file was not written by eltwo, or was changed."
      })
  })
/** Whether a stored page is what `memory` has at a byte offset. */
export const isPageOf = (stored: Uint8Array, memory: Uint8Array, offset: number): boolean => {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.length)
  for (let line = 0, at = MAP_BYTES; line < 64; line++) {
    const from = offset + line * LINE_BYTES
    const isStored = ((view.getUint32(line >> 5 === 0 ? 0 : 4, true) >>> (line & 31)) & 1) !== 0
    for (let i = 0; i < LINE_BYTES; i++) if (memory[from + i] !== (isStored ? stored[at + i] : 0)) return false
    if (isStored) at += LINE_BYTES
  }
  return true
}
/** Writes checked pages to `memory` at these byte offsets. What is not in them is left as it is: the memory is zero there. */
export const decodeLines = (stored: Uint8Array, offsets: ArrayLike<number>, memory: Uint8Array): void =>
  walk(stored, offsets.length, "pages", (page, to, from) => memory.set(stored.subarray(from, from + LINE_BYTES), offsets[page]! + to))
