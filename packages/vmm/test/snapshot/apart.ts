/** Snapshots taken apart and put together again with every checksum right, as only who knows the format can. */
import { createHash } from "node:crypto"
import { decode, encode, type Plain } from "../../src/snapshot/codec.ts"
import { crc32 } from "../../src/snapshot/crc32.ts"

/** The fast one: the reader is what is tested. */
export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest())

export type Random = (below: number) => number
export const randomOf = (seed: number): Random => {
  // neighbours are to have nothing in common
  let state = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return Math.floor(((state >>> 0) / 2 ** 32) * below)
  }
}
export const pick = <T>(list: readonly T[], random: Random): T => list[random(list.length)]!

/** A snapshot to mutate. */
export interface Sample {
  readonly name: string
  readonly file: Uint8Array
  /** What it builds on, the full one first. */
  readonly parents: readonly Uint8Array[]
  /** Other snapshots, of this guest later and of others: for sections that are not its own. */
  readonly others: readonly Uint8Array[]
  /** What all of them are sealed with. */
  readonly key?: Uint8Array
}
/** What a mutation is called, its bytes, and whether every checksum in it is right. */
export interface Mutant {
  readonly name: string
  readonly bytes: Uint8Array
  readonly sealed: boolean
  /** What it is given as building on; the sample's parents when left out. */
  readonly parents?: readonly Uint8Array[]
}
export type Kind = (sample: Sample, random: Random) => Mutant
/** A mutation of the parts, with every checksum made right. */
export const resealed =
  (name: string, change: (parts: Parts, random: Random, sample: Sample) => void): Kind =>
  (sample, random) => {
    const parts = partsOf(sample.file)
    change(parts, random, sample)
    return { name, bytes: sealed(sample.file, parts), sealed: true }
  }

const PREFIX = 16
/** A snapshot taken apart: its header without the list of sections, and each entry of that with its bytes. */
export interface Parts {
  head: Uint8Array
  sections: { entry: Record<string, Plain>; bytes: Uint8Array }[]
  header: Record<string, Plain>
}
/** Files taken apart, and values of their sections: the same few are asked for again and again. Nobody changes what is in here. */
const known = new WeakMap<Uint8Array, Parts>()
const values = new WeakMap<Uint8Array, Plain>()
export const partsOf = (file: Uint8Array): Parts => {
  const { head, header, sections } = known.get(file) ?? takenApart(file)
  return { head, header: { ...header }, sections: sections.map(({ entry, bytes }) => ({ entry: { ...entry }, bytes })) }
}
const takenApart = (file: Uint8Array): Parts => {
  const length = new DataView(file.buffer, file.byteOffset).getUint32(8, true)
  const head = file.slice(PREFIX, PREFIX + length)
  const header = decode(head, "header") as Record<string, Plain>
  let at = PREFIX + length
  const sections = (header["sections"] as Record<string, Plain>[]).map((entry) => {
    const bytes = file.slice(at, at + Number(entry["length"]))
    at += bytes.length
    return { entry, bytes }
  })
  const parts = { head, header, sections }
  known.set(file, parts)
  return parts
}
/** The value of a section. Throws SnapshotError. */
export const valueIn = ({ bytes }: Pick<Parts["sections"][number], "bytes">): Plain => {
  const value = values.get(bytes) ?? decode(bytes, "section")
  values.set(bytes, value)
  return value
}
export const join = (pieces: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}
/** A file of a header as bytes and section bytes, with every checksum right. */
export const assemble = (file: Uint8Array, head: Uint8Array, sections: readonly Uint8Array[]): Uint8Array => {
  const prefix = file.slice(0, PREFIX)
  const view = new DataView(prefix.buffer)
  view.setUint32(8, head.length, true)
  view.setUint32(12, crc32(head), true)
  const front = join([prefix, head])
  const body = join([front, ...sections])
  return join([body, sha256(isOld(head) ? body : front)])
}
/** Whether a header is of a version before 1.2, whose id is the hash of the whole file. */
const isOld = (head: Uint8Array): boolean => {
  try {
    const { format } = decode(head, "header") as { readonly format?: { readonly minor?: Plain } | null }
    return typeof format?.minor === "number" && format.minor < 2
  } catch {
    return false
  }
}
/** The same with entries that fit their sections. */
export const sealed = (file: Uint8Array, { header, sections }: Parts): Uint8Array => {
  const entries = sections.map(({ entry, bytes }) => ({
    ...entry,
    ...(entry["codec"] === "none" ? { rawLength: bytes.length } : {}),
    length: bytes.length,
    sha256: sha256(bytes)
  }))
  return assemble(
    file,
    encode({ ...header, sections: entries } as Plain),
    sections.map(({ bytes }) => bytes)
  )
}
export const flipped = (bytes: Uint8Array, random: Random, times = 1): Uint8Array => {
  const out = bytes.slice()
  for (let i = 0; i < times; i++) out[random(out.length)]! ^= 1 << random(8)
  return out
}
/** A snapshot with sections of another one: in the place of its own of these names, or behind them. */
export const withSections = (file: Uint8Array, other: Uint8Array, names: readonly string[]): Uint8Array => {
  const [parts, donor] = [partsOf(file), partsOf(other)]
  const named = ({ sections }: Parts, name: unknown) => sections.find(({ entry }) => entry["name"] === name)
  const isTaken = ({ entry }: Parts["sections"][number]): boolean => names.includes(String(entry["name"]))
  const kept = parts.sections.map((section) => (isTaken(section) && named(donor, section.entry["name"])) || section)
  const more = donor.sections.filter((section) => isTaken(section) && named(parts, section.entry["name"]) === undefined)
  return sealed(file, { ...parts, sections: [...kept, ...more] })
}
