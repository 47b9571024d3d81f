/**
 * The walk over a MessagePack value before anything is made of it: only what eltwo writes passes. No extension, nothing deep, no more elements than bytes, no key
 * twice, nothing behind the value. It allocates nothing but a stack of `depth` frames and the keys of open maps.
 */

export interface ScanLimits {
  /** Arrays and maps within one another. */
  readonly depth: number
  /** Values in all, keys included. */
  readonly values: number
}
/** What is wrong, and at which byte. */
export interface ScanProblem {
  readonly at: number
  readonly expected: string
  readonly actual: string
}

interface Frame {
  /** Values that still have to come; a map counts keys and values. */
  left: number
  /** Keys seen; undefined: an array. */
  readonly keys: Set<string> | undefined
}
const LONGEST_KEY = 64

/** Undefined when `bytes` are exactly one value within the limits. */
export const prescan = (bytes: Uint8Array, limits: ScanLimits): ScanProblem | undefined => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames: Frame[] = [{ left: 1, keys: undefined }]
  let values = 0
  let at = 0
  const problem = (expected: string, actual: string): ScanProblem => ({ at, expected, actual })
  /** An unsigned number of `width` bytes behind the token; -1 when the bytes end before. */
  const count = (width: 1 | 2 | 4): number => {
    if (at + 1 + width > bytes.length) return -1
    return width === 1 ? view.getUint8(at + 1) : width === 2 ? view.getUint16(at + 1) : view.getUint32(at + 1)
  }
  for (;;) {
    let top = frames[frames.length - 1]!
    while (top.left === 0) {
      frames.pop()
      if (frames.length === 0) return at === bytes.length ? undefined : problem("the end", `${bytes.length - at} bytes behind the value`)
      top = frames[frames.length - 1]!
    }
    if (at >= bytes.length) return problem("a value", "the end of the bytes")
    if (++values > limits.values) return problem(`at most ${limits.values} values`, "more")
    const isKey = top.keys !== undefined && top.left % 2 === 0
    top.left--
    const token = bytes[at]!
    const found = measure(token, count)
    if (typeof found === "string") return problem("a value of MessagePack's core", found)
    const { head, kind, length } = found
    if (length < 0 || at + head > bytes.length) return problem("a whole value", "the end of the bytes")
    if (isKey && kind !== "text") return problem("a text as key", `token 0x${token.toString(16)}`)
    if (kind === "text" || kind === "bytes" || kind === "plain") {
      if (at + head + length > bytes.length) return problem(`${length} bytes`, `${bytes.length - at - head} bytes`)
      if (isKey) {
        if (length > LONGEST_KEY) return problem(`a key of at most ${LONGEST_KEY} bytes`, `${length} bytes`)
        const key = String.fromCharCode(...bytes.subarray(at + head, at + head + length))
        if (top.keys!.has(key)) return problem("each key once", `'${key}' again`)
        top.keys!.add(key)
      }
      at += head + length
      continue
    }
    const parts = kind === "map" ? 2 * length : length
    if (parts > bytes.length - at - head) return problem(`at most ${bytes.length - at - head} elements`, `${parts}`)
    if (frames.length > limits.depth) return problem(`a depth of at most ${limits.depth}`, "more")
    at += head
    frames.push({ left: parts, keys: kind === "map" ? new Set() : undefined })
  }
}

interface Measure {
  /** Bytes of the token and its count. */
  readonly head: number
  readonly kind: "plain" | "text" | "bytes" | "array" | "map"
  /** Bytes behind the head, or elements; -1: the bytes end within the count. */
  readonly length: number
}
const PLAIN: Readonly<Record<number, number>> = {
  192: 0, // nil
  194: 0, // false
  195: 0, // true
  202: 4, // float 32
  203: 8, // float 64
  204: 1, // uint 8 to uint 64
  205: 2,
  206: 4,
  207: 8,
  208: 1, // int 8 to int 64
  209: 2,
  210: 4,
  211: 8
}
const WIDTHS = [1, 2, 4] as const
/** The family of a token; a string names one that is refused. */
const measure = (token: number, count: (width: 1 | 2 | 4) => number): Measure | string => {
  if (token < 0x80 || token >= 0xe0) return { head: 1, kind: "plain", length: 0 }
  if (token < 0x90) return { head: 1, kind: "map", length: token & 15 }
  if (token < 0xa0) return { head: 1, kind: "array", length: token & 15 }
  if (token < 0xc0) return { head: 1, kind: "text", length: token & 31 }
  const plain = PLAIN[token]
  if (plain !== undefined) return { head: 1, kind: "plain", length: plain }
  const wide = (first: number, kind: Measure["kind"], from: 0 | 1): Measure => {
    const width = WIDTHS[token - first + from]!
    return { head: 1 + width, kind, length: count(width) }
  }
  if (token >= 0xc4 && token <= 0xc6) return wide(0xc4, "bytes", 0)
  if (token >= 0xd9 && token <= 0xdb) return wide(0xd9, "text", 0)
  if (token === 0xdc || token === 0xdd) return wide(0xdc, "array", 1)
  if (token === 0xde || token === 0xdf) return wide(0xde, "map", 1)
  return token === 0xc1 ? "the unused token 0xc1" : `extension token 0x${token.toString(16)}`
}
