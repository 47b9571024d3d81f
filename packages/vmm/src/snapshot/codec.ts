/**
 * Values to bytes and back: MessagePack's core and nothing else, so that any language can read a section. What eltwo writes has one form only: keys in the order
 * of the shape, the smallest headers, no value that reads back as another. Who reads checks that by writing again (decodeAs in shape-schema.ts).
 */
import { Packr } from "msgpackr"
import { prescan, type ScanLimits } from "./prescan.ts"
import { refuse } from "./refusal.ts"

/**
 * Without records a map is written as a map, and as small as it can be; 64-bit numbers are bigints both ways; bytes are copied out of the file. Anything msgpackr
 * would write with an extension is stopped by `check`, anything it would read so by the pre-scan.
 */
const packr = new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: true, int64AsType: "bigint", copyBuffers: true })

/** What a section may hold. */
export type Plain = null | boolean | number | bigint | string | Uint8Array | readonly Plain[] | { readonly [key: string]: Plain }

const DEEPEST = 16
export const SCAN_LIMITS: ScanLimits = { depth: DEEPEST, values: 1_000_000 }

/** Bytes of a value. Throws TypeError for what the format cannot hold: that is a defect of whoever made the value. */
export const encode = (value: Plain): Uint8Array => {
  check(value, 0)
  // The result shares the packer's buffer.
  return new Uint8Array(packr.pack(value))
}
/** The value of bytes a stranger may have made, of any kind. Throws SnapshotError; `path` says whose bytes they are. */
export const decode = (bytes: Uint8Array, path: string): Plain => {
  const problem = prescan(bytes, SCAN_LIMITS)
  if (problem !== undefined)
    refuse("SNAPSHOT_ENCODING", {
      path: `${path} at byte ${problem.at}`,
      expected: problem.expected,
      actual: problem.actual,
      hint: "The file was not written by eltwo, or was changed."
    })
  // a copy, because msgpackr leaves a property of its own on what it reads
  return copied(packr.unpack(bytes.slice()) as Plain)
}

/** msgpackr gives Buffers on Node. */
const copied = (value: Plain): Plain => {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(copied)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copied(inner)]))
}
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** msgpackr writes some values as something else without a word; none of those gets to it. */
const check = (value: Plain, depth: number): void => {
  if (depth > DEEPEST) throw new TypeError(`A saved value is deeper than ${DEEPEST}`)
  switch (typeof value) {
    case "boolean":
    case "string":
      return
    case "number":
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new TypeError(`${value} cannot be saved`)
      return
    case "bigint":
      if (value < -(1n << 63n) || value >= 1n << 64n) throw new TypeError("A saved bigint has at most 64 bits")
      return
    case "object":
      break
    default:
      throw new TypeError(`A ${typeof value} cannot be saved`)
  }
  if (value === null) return
  if (ArrayBuffer.isView(value)) {
    if (!(value instanceof Uint8Array)) throw new TypeError("Only bytes can be saved, not other typed arrays")
    return
  }
  if (Array.isArray(value)) {
    for (const element of value as readonly Plain[]) check(element, depth + 1)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError("Only plain objects can be saved")
  for (const element of Object.values(value)) check(element, depth + 1)
}
