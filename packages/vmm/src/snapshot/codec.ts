/**
 * Values to bytes and back: MessagePack's core and nothing else, so that any language can read a section. What eltwo writes has one form only: keys in the order
 * of the shape, the smallest headers, no value that reads back as another. Who reads checks that by writing again (decodeAs in shape-schema.ts).
 */
import { Packr } from "msgpackr/pack"
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
  const problem = unsavable(value, 0)
  if (problem !== undefined) throw new TypeError(problem)
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
  const value = copied(packr.unpack(bytes.slice()) as Plain)
  const unlike = unsavable(value, 0)
  if (unlike !== undefined)
    refuse("SNAPSHOT_ENCODING", {
      path,
      expected: "values as eltwo writes them",
      actual: unlike,
      hint: "The file was not written by eltwo, or was changed."
    })
  return value
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

/** Why a value cannot be saved. msgpackr writes some values as something else without a word; none of those gets to it. */
const unsavable = (value: Plain, depth: number): string | undefined => {
  if (depth > DEEPEST) return `a value deeper than ${DEEPEST}`
  switch (typeof value) {
    case "boolean":
    case "string":
      return undefined
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? undefined : `the number ${Object.is(value, -0) ? "-0" : value}`
    case "bigint":
      return value < -(1n << 63n) || value >= 1n << 64n ? "a bigint of more than 64 bits" : undefined
    case "object":
      break
    default:
      return `a ${typeof value}`
  }
  if (value === null || value instanceof Uint8Array) return undefined
  if (ArrayBuffer.isView(value)) return "a typed array that is not of bytes"
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return "an object that is not plain"
  for (const element of Object.values(value)) {
    const problem = unsavable(element, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}
