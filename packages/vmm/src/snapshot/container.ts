/**
 * The `.el2` file: magic, a checked header, the sections it lists, and a hash of all that. Nothing here knows what a section means.
 *
 *     8 bytes   "EL2SNAP" and the major version of the format
 *     4 bytes   length of the header, little-endian
 *     4 bytes   CRC-32 of the header, little-endian
 *     header    a MessagePack map
 *     sections  one behind the other, in the order of the header
 *     32 bytes  the snapshot's id: SHA-256 of everything up to the end of the header, which has the SHA-256 of each section; before 1.2, of everything before
 */
import { type Saved, type Shape, shape } from "@eltwo/cpu"
import { sha256 } from "@noble/hashes/sha256"
import type { SnapshotError } from "../errors.ts"
import { decode, encode, type Plain, sameBytes } from "./codec.ts"
import { crc32 } from "./crc32.ts"
import { HEADER, type Header, idCovers, isMinorFor, MAJOR, MINOR, type SectionEntry } from "./header.ts"
import type { Made } from "./lines.ts"
import { reading, refuse } from "./refusal.ts"
import { arrange, decodeAs, decodeKnown, decodeShape } from "./shape-schema.ts"

/** SHA-256 of bytes: 32 bytes. A platform may have a faster one. */
export type Hash = (bytes: Uint8Array) => Uint8Array

const MAGIC = new TextEncoder().encode("EL2SNAP")
const PREFIX_BYTES = MAGIC.length + 1 + 4 + 4
const HASH_BYTES = 32
/** Most bytes of a header, of a section of values, and of a file unless its reader says otherwise. */
const HEADER_LIMIT = 1 << 20
const VALUES_LIMIT = 64 << 20
/** Most bytes of a snapshot that is read, unless its reader says otherwise: 256 MiB. */
export const FILE_LIMIT = 256 << 20
const CHANGED = "The file is damaged: get another copy of it."

/** A section as it goes into a file. */
export interface Section<Bytes = Uint8Array> {
  readonly name: string
  readonly version: number
  /** A reader that does not know it must refuse the file. */
  readonly required: boolean
  readonly codec: SectionEntry["codec"]
  /** Bytes when read, and as stored. */
  readonly rawLength: number
  readonly bytes: Bytes
}
/** A section of values, as their shape says. */
export const valuesSection = (name: string, version: number, shape: Shape, value: object): Section => {
  const bytes = encode(arrange(shape, value, name))
  return { name, version, required: true, codec: "none", rawLength: bytes.length, bytes }
}
/** The values of a section. Throws SnapshotError. */
export const readValues = <S extends Shape>(container: Container, name: string, version: number, shape: S): Saved<S> =>
  readKnown(container, name, version, shape) as Saved<S>
/** The same for a shape that is not known here. */
export const readKnown = (container: Container, name: string, version: number, shape: Shape): unknown => {
  const values = checked.get(container)
  const ready = values?.get(name)
  values?.delete(name)
  return ready?.shape === shape && ready.version === version ? ready.value : decodeSection(container, name, version, shape)
}
/** Checks the values of a section. Throws SnapshotError. */
export const checkValues = (container: Container, name: string, version: number, shape: Shape): void => {
  const values = checked.get(container) ?? new Map<string, Checked>()
  checked.set(container, values)
  values.set(name, { version, shape, value: decodeSection(container, name, version, shape) })
}
/** Values that were decoded to check them, until they are read once: they belong to the reader then. */
const checked = new WeakMap<Container, Map<string, Checked>>()
interface Checked {
  readonly version: number
  readonly shape: Shape
  readonly value: unknown
}
const decodeSection = (container: Container, name: string, version: number, shape: Shape): unknown => {
  const { entry, bytes } = container.section(name)
  const path = `section ${name}`
  if (entry.version !== version || entry.codec !== "none")
    refuse("SNAPSHOT_VERSION", {
      path,
      expected: `version ${version}, codec none`,
      actual: `version ${entry.version}, codec ${entry.codec}`,
      hint: "Use the eltwo that wrote it, or a later one."
    })
  return decodeKnown(shape, bytes, path)
}

/**
 * A file that lacks its hashes, which take longer than all else: who writes it can begin with the rest. What `bytes` has outside of `body` is there when `finish`
 * comes back.
 */
export interface Draft {
  /** As long as the file. */
  readonly bytes: Uint8Array
  /** What does not change any more: from one byte up to another. */
  readonly body: { readonly from: number; readonly to: number }
  /** Computes the hashes; gives the whole file. */
  readonly finish: () => Uint8Array
}
/** A file that is whole, as a draft. */
export const wholeDraft = (bytes: Uint8Array): Draft => ({ bytes, body: { from: 0, to: bytes.length }, finish: () => bytes })

/** A snapshot: the same bytes for the same header and sections. What the sections are made of must not change before this comes back; then it may. */
export const draftContainer = (
  header: Omit<Header, "format" | "sections">,
  sections: readonly Section<Uint8Array | Made>[],
  hash: Hash = sha256
): Draft => {
  const headOf = (hashes: readonly Uint8Array[]) => {
    const listed = sections.map(({ bytes, name, version, required, codec, rawLength }, i) => ({
      name,
      version,
      required,
      codec,
      rawLength,
      length: bytes.length,
      sha256: hashes[i]!
    }))
    return encode(arrange(HEADER, { format: { major: MAJOR, minor: MINOR }, ...header, sections: listed }, "header"))
  }
  // until the hashes are known, others of their length
  const headBytes = headOf(sections.map(() => new Uint8Array(HASH_BYTES))).length
  const from = PREFIX_BYTES + headBytes
  const bytes = new Uint8Array(from + sections.reduce((sum, section) => sum + section.bytes.length, 0) + HASH_BYTES)
  let to = from
  const places = sections.map((section) => {
    const place = bytes.subarray(to, to + section.bytes.length)
    if (section.bytes instanceof Uint8Array) place.set(section.bytes)
    else section.bytes.write(place)
    to += place.length
    return place
  })
  const finish = (): Uint8Array => {
    const head = headOf(places.map(hash))
    const view = new DataView(bytes.buffer)
    bytes.set(MAGIC)
    bytes[MAGIC.length] = MAJOR
    view.setUint32(MAGIC.length + 1, head.length, true)
    view.setUint32(MAGIC.length + 5, crc32(head), true)
    bytes.set(head, PREFIX_BYTES)
    bytes.set(hash(bytes.subarray(0, from)), to)
    return bytes
  }
  return { bytes, body: { from, to }, finish }
}
/** As draftContainer, finished. */
export const writeContainer = (...made: Parameters<typeof draftContainer>): Uint8Array => draftContainer(...made).finish()

/** The id that a file says it has. */
export const idAtEnd = (file: Uint8Array): Uint8Array => file.slice(Math.max(0, file.length - HASH_BYTES))

/** A snapshot file that holds together: every hash in it is right. */
export interface Container {
  /** What the file says of itself. */
  readonly header: Header
  /** What snapshots that build on this one call it: 32 bytes. */
  readonly id: Uint8Array
  /** Stored bytes of a section; throws SnapshotError when there is none. Views into the file. */
  section(name: string): { readonly entry: SectionEntry; readonly bytes: Uint8Array }
}
export interface ReadOptions {
  /** Most bytes of a file, 256 MiB unless said. */
  readonly limit?: number
  readonly hash?: Hash | undefined
}

/** Reads a file as far as this: the first thing that is wrong is the result. */
export const readContainer = (file: Uint8Array, options: ReadOptions = {}): Container | SnapshotError => reading(() => open(file, options))

/** As readContainer, for callers inside reading(). */
export const open = (file: Uint8Array, { limit = FILE_LIMIT, hash = sha256 }: ReadOptions = {}): Container => {
  if (file.length > limit)
    refuse("SNAPSHOT_TOO_LARGE", {
      path: "file",
      expected: `at most ${limit} bytes`,
      actual: `${file.length} bytes`,
      hint: "Raise the limit if you trust the file."
    })
  const { header, end } = readHeader(file)
  const id = idAtEnd(file)
  const places = placesOf(file, header, end)
  const covered = idCovers(header.format.minor) === "header" ? end : file.length - HASH_BYTES
  if (!sameBytes(hash(file.subarray(0, covered)), id))
    refuse("SNAPSHOT_CHECKSUM", { path: "file", expected: hex(id), actual: "another hash", hint: CHANGED })
  for (const [name, { entry, bytes }] of places)
    if (!sameBytes(hash(bytes), entry.sha256))
      refuse("SNAPSHOT_CHECKSUM", { path: `section ${name}`, expected: hex(entry.sha256), actual: "another hash", hint: CHANGED })
  return {
    header,
    id,
    section: (name) =>
      places.get(name) ??
      refuse("SNAPSHOT_SECTION", {
        path: `section ${name}`,
        expected: "the section",
        actual: "none",
        hint: "The file was not written by this version of eltwo."
      })
  }
}
export const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

const readHeader = (file: Uint8Array): { readonly header: Header; readonly end: number } => {
  const short = (expected: string) =>
    refuse("SNAPSHOT_LAYOUT", { path: "file", expected, actual: `${file.length} bytes`, hint: "The file is cut off: get another copy of it." })
  const isSnapshot = file.length >= MAGIC.length && sameBytes(file.subarray(0, MAGIC.length), MAGIC)
  if (!isSnapshot)
    refuse("SNAPSHOT_MAGIC", {
      path: "file",
      expected: "a file that begins with EL2SNAP",
      actual: file.length === 0 ? "an empty file" : "other bytes",
      hint: "`eltwo snapshot create` and `eltwo run --snapshot-at` write snapshots."
    })
  if (file.length < PREFIX_BYTES + HASH_BYTES) short("a header")
  const major = file[MAGIC.length]!
  if (major !== MAJOR)
    refuse("SNAPSHOT_VERSION", {
      path: "format",
      expected: `major version ${MAJOR}`,
      actual: `${major}`,
      hint: "Use the eltwo that wrote it, or a later one."
    })
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const length = view.getUint32(MAGIC.length + 1, true)
  if (length > HEADER_LIMIT)
    refuse("SNAPSHOT_LAYOUT", { path: "header", expected: `at most ${HEADER_LIMIT} bytes`, actual: `${length} bytes`, hint: CHANGED })
  const end = PREFIX_BYTES + length
  if (end + HASH_BYTES > file.length) short(`a header of ${length} bytes`)
  const head = file.subarray(PREFIX_BYTES, end)
  if (crc32(head) !== view.getUint32(MAGIC.length + 5, true))
    refuse("SNAPSHOT_CHECKSUM", { path: "header", expected: "its checksum", actual: "another", hint: CHANGED })
  checkFormat(decode(head, "header"))
  const header = decodeAs(HEADER, head, "header")
  const { minor } = header.format
  if (!isMinorFor(minor, header.sections))
    refuse("SNAPSHOT_VERSION", {
      path: "header.format.minor",
      expected: "the minor version that has these sections",
      actual: `${minor}`,
      hint: CHANGED
    })
  return { header, end }
}
/** What the header says of its format, looked at before the rest: a later minor version may have more fields. */
const FORMAT = shape({ fields: { major: "u32", minor: "u32" } })
const checkFormat = (header: Plain): void => {
  const said = typeof header === "object" && header !== null && "format" in header ? (header as { readonly format: Plain }).format : undefined
  const { major, minor } = decodeShape(FORMAT, said, "header.format")
  if (major !== MAJOR || minor > MINOR)
    refuse("SNAPSHOT_VERSION", {
      path: "header.format",
      expected: `at most version ${MAJOR}.${MINOR}`,
      actual: `${major}.${minor}`,
      hint: "Use the eltwo that wrote it, or a later one."
    })
}

type Places = ReadonlyMap<string, { readonly entry: SectionEntry; readonly bytes: Uint8Array }>
/** Where each section lies: they fill the file from the header to the hash, and no length is more than its codec can make true. */
const placesOf = (file: Uint8Array, { sections }: Header, from: number): Places => {
  const places = new Map<string, { readonly entry: SectionEntry; readonly bytes: Uint8Array }>()
  const to = file.length - HASH_BYTES
  let at = from
  for (const entry of sections) {
    const { name, codec, length, rawLength } = entry
    const path = `section ${name}`
    const wrong = (expected: string, actual: string) => refuse("SNAPSHOT_LAYOUT", { path, expected, actual, hint: CHANGED })
    if (!NAME.test(name)) wrong("a name of letters, digits, - and /", "another")
    if (places.has(name)) refuse("SNAPSHOT_SECTION", { path, expected: "each section once", actual: "one twice", hint: CHANGED })
    if (length > to - at) wrong(`at most ${to - at} bytes`, `${length} bytes`)
    if (codec === "none" && rawLength !== length) wrong(`${length} bytes`, `${rawLength} bytes`)
    if (codec === "none" && length > VALUES_LIMIT) wrong(`at most ${VALUES_LIMIT} bytes`, `${length} bytes`)
    if (codec === "lines" && rawLength > MAX_EXPANSION * length) wrong(`at most ${MAX_EXPANSION * length} bytes`, `${rawLength} bytes`)
    if (codec === "sealed" && rawLength > length) wrong(`at most ${length} bytes`, `${rawLength} bytes`)
    places.set(name, { entry, bytes: file.subarray(at, at + length) })
    at += length
  }
  if (at !== to) refuse("SNAPSHOT_LAYOUT", { path: "file", expected: `sections up to byte ${to}`, actual: `up to byte ${at}`, hint: CHANGED })
  return places
}
const NAME = /^[a-z0-9][a-z0-9-]{0,39}(\/[a-z0-9-]{1,40}){0,3}$/
/** A page of one line. */
export const MAX_EXPANSION = 4096 / 72
