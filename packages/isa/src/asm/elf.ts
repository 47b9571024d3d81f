/** An assembled program as a file: a static AArch64 ELF executable, or the bytes of its memory. */
import type { AssembledSymbol, Assembly } from "./assembler.ts"
import { PAGE_BYTES } from "./layout.ts"

const HEADER_BYTES = 64
const PROGRAM_HEADER_BYTES = 56
const SECTION_HEADER_BYTES = 64
const SYMBOL_BYTES = 24
const ET_EXEC = 2
const EM_AARCH64 = 183
const PT_LOAD = 1
const SHT = { PROGBITS: 1, SYMTAB: 2, STRTAB: 3, NOBITS: 8 } as const
const SHF = { WRITE: 1n, ALLOC: 2n, EXECINSTR: 4n } as const
const SHN_ABS = 0xfff1
const BINDING = { local: 0, global: 1, weak: 2 } as const
const TYPE = { none: 0, object: 1, function: 2 } as const

/** Names one after the other, each ending with a zero. */
class StringTable {
  readonly #pieces: Uint8Array[] = [new Uint8Array(1)]
  #length = 1
  add(name: string): number {
    const bytes = new TextEncoder().encode(`${name}\0`)
    const at = this.#length
    this.#pieces.push(bytes)
    this.#length += bytes.length
    return at
  }
  bytes(): Uint8Array {
    const all = new Uint8Array(this.#length)
    let at = 0
    for (const piece of this.#pieces) {
      all.set(piece, at)
      at += piece.length
    }
    return all
  }
}
interface SectionHeader {
  readonly name: string
  readonly type: number
  readonly flags?: bigint
  readonly address?: bigint
  readonly offset: number
  readonly size: number
  readonly link?: number
  readonly info?: number
  readonly alignment: number
  readonly entryBytes?: number
}
/** Bytes put one after the other, and where they lie. */
class FileBytes {
  readonly pieces: { readonly at: number; readonly bytes: Uint8Array }[] = []
  length = 0
  add(bytes: Uint8Array, alignment: number, remainder = 0): number {
    this.length += (((remainder - this.length) % alignment) + alignment) % alignment
    const at = this.length
    this.pieces.push({ at, bytes })
    this.length += bytes.length
    return at
  }
  joined(): Uint8Array {
    const all = new Uint8Array(this.length)
    for (const { at, bytes } of this.pieces) all.set(bytes, at)
    return all
  }
}

const sorted = (symbols: readonly AssembledSymbol[]): readonly AssembledSymbol[] => [
  ...symbols.filter(({ binding }) => binding === "local"),
  ...symbols.filter(({ binding }) => binding !== "local")
]

/** A static executable: a PT_LOAD segment for each set of permissions, sections and symbols. */
export const toElf = ({ entry, segments, sections, symbols }: Assembly): Uint8Array => {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES + segments.length * PROGRAM_HEADER_BYTES))
  const file = new FileBytes()
  file.add(new Uint8Array(header.buffer), 1)
  const offsets = segments.map(({ contents, address }) => file.add(contents, PAGE_BYTES, Number(address % BigInt(PAGE_BYTES))))

  const names = new StringTable()
  const sectionNames = new StringTable()
  const segmentOf = (address: bigint) =>
    segments.findIndex((segment) => address >= segment.address && address < segment.address + BigInt(segment.memoryBytes))
  const headers: SectionHeader[] = [
    { name: "", type: 0, offset: 0, size: 0, alignment: 0 },
    ...sections.map(({ name, address, length, alignment, zeros, writable, executable }): SectionHeader => {
      const segment = segmentOf(address)
      const flags = SHF.ALLOC | (writable ? SHF.WRITE : 0n) | (executable ? SHF.EXECINSTR : 0n)
      const offset = offsets[segment]! + Number(address - segments[segment]!.address)
      return { name, type: zeros ? SHT.NOBITS : SHT.PROGBITS, flags, address, offset, size: length, alignment }
    })
  ]
  const ordered = sorted(symbols)
  const table = symbolTable(ordered, names, (name) =>
    name === undefined
      ? SHN_ABS
      : Math.max(
          0,
          headers.findIndex((h) => h.name === name)
        )
  )
  const locals = 1 + ordered.filter(({ binding }) => binding === "local").length
  headers.push({
    name: ".symtab",
    type: SHT.SYMTAB,
    offset: file.add(table, 8),
    size: table.length,
    link: headers.length + 1,
    info: locals,
    alignment: 8,
    entryBytes: SYMBOL_BYTES
  })
  const strings = names.bytes()
  headers.push({ name: ".strtab", type: SHT.STRTAB, offset: file.add(strings, 1), size: strings.length, alignment: 1 })
  const nameOffsets = [...headers.map(({ name }) => name), ".shstrtab"].map((name) => (name === "" ? 0 : sectionNames.add(name)))
  const sectionStrings = sectionNames.bytes()
  headers.push({ name: ".shstrtab", type: SHT.STRTAB, offset: file.add(sectionStrings, 1), size: sectionStrings.length, alignment: 1 })
  const sectionTable = sectionHeaders(headers, nameOffsets)
  const sectionTableOffset = file.add(sectionTable, 8)

  header.setUint32(0, 0x464c457f, true)
  for (const [at, value] of [
    [4, 2],
    [5, 1],
    [6, 1]
  ] as const)
    header.setUint8(at, value)
  header.setUint16(16, ET_EXEC, true)
  header.setUint16(18, EM_AARCH64, true)
  header.setUint32(20, 1, true)
  header.setBigUint64(24, BigInt.asUintN(64, entry), true)
  header.setBigUint64(32, BigInt(HEADER_BYTES), true)
  header.setBigUint64(40, BigInt(sectionTableOffset), true)
  for (const [at, value] of [
    [52, HEADER_BYTES],
    [54, PROGRAM_HEADER_BYTES],
    [56, segments.length],
    [58, SECTION_HEADER_BYTES],
    [60, headers.length],
    [62, headers.length - 1]
  ] as const)
    header.setUint16(at, value, true)
  for (const [index, { address, contents, memoryBytes, writable, executable }] of segments.entries()) {
    const at = HEADER_BYTES + index * PROGRAM_HEADER_BYTES
    header.setUint32(at, PT_LOAD, true)
    header.setUint32(at + 4, 4 | (writable ? 2 : 0) | (executable ? 1 : 0), true)
    const words = [BigInt(offsets[index]!), address, address, BigInt(contents.length), BigInt(memoryBytes), BigInt(PAGE_BYTES)]
    for (const [word, value] of words.entries()) header.setBigUint64(at + 8 + 8 * word, value, true)
  }
  return file.joined()
}

const symbolTable = (symbols: readonly AssembledSymbol[], names: StringTable, sectionNumber: (name: string | undefined) => number): Uint8Array => {
  const view = new DataView(new ArrayBuffer((symbols.length + 1) * SYMBOL_BYTES))
  for (const [index, { name, value, size, binding, type, section }] of symbols.entries()) {
    const at = (index + 1) * SYMBOL_BYTES
    view.setUint32(at, names.add(name), true)
    view.setUint8(at + 4, (BINDING[binding] << 4) | TYPE[type])
    view.setUint16(at + 6, sectionNumber(section), true)
    view.setBigUint64(at + 8, value, true)
    view.setBigUint64(at + 16, BigInt(size), true)
  }
  return new Uint8Array(view.buffer)
}
const sectionHeaders = (headers: readonly SectionHeader[], names: readonly number[]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(headers.length * SECTION_HEADER_BYTES))
  for (const [index, { type, flags = 0n, address = 0n, offset, size, link = 0, info = 0, alignment, entryBytes = 0 }] of headers.entries()) {
    const at = index * SECTION_HEADER_BYTES
    view.setUint32(at, names[index]!, true)
    view.setUint32(at + 4, type, true)
    for (const [word, value] of [flags, address, BigInt(offset), BigInt(size)].entries()) view.setBigUint64(at + 8 + 8 * word, value, true)
    view.setUint32(at + 40, link, true)
    view.setUint32(at + 44, info, true)
    view.setBigUint64(at + 48, BigInt(alignment), true)
    view.setBigUint64(at + 56, BigInt(entryBytes), true)
  }
  return new Uint8Array(view.buffer)
}

/** The memory of a program from its lowest address up to its last byte that is not only zeros: what a loader without a format copies. */
export const toFlat = ({ segments }: Assembly): Uint8Array => {
  const stored = segments.filter(({ contents }) => contents.length > 0)
  const first = stored[0]
  const last = stored.at(-1)
  if (!first || !last) return new Uint8Array(0)
  const bytes = new Uint8Array(Number(last.address - first.address) + last.contents.length)
  for (const { address, contents } of stored) bytes.set(contents, Number(address - first.address))
  return bytes
}
