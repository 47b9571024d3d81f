/**
 * Reads 64-bit little-endian AArch64 ELF programs. The file is hostile: every offset is checked before it is used, and a refusal is a value with one reason.
 * Sources: the System V ABI (generic) and the ELF supplement for the Arm 64-bit architecture.
 */

/** Why a file is not loadable. `at` is the byte offset in the file where the reason lies. */
export interface ElfProblem {
  /** Stable name of what is wrong. */
  readonly reason:
    | "not-elf"
    | "truncated"
    | "wrong-class"
    | "wrong-byte-order"
    | "wrong-machine"
    | "wrong-type"
    | "no-segments"
    | "too-many-segments"
    | "bad-segment"
    | "overlapping-segments"
    | "too-large"
    | "bad-entry"
    | "dynamic"
  /** Byte offset in the file. */
  readonly at: number
  /** What is wrong, in one sentence. */
  readonly message: string
}

/** A part of a program that is loaded; addresses and lengths in bytes. */
export interface Segment {
  /** Virtual address of the first byte, and the physical one that bare-metal images are loaded at. */
  readonly address: bigint
  /** Physical address it is made for. */
  readonly physical: bigint
  /** Bytes from the file; the rest up to `memoryBytes` is zero. */
  readonly contents: Uint8Array
  /** Bytes in memory: those of the file, and zeroes behind them. */
  readonly memoryBytes: number
  /** PF_R. */
  readonly readable: boolean
  /** PF_W. */
  readonly writable: boolean
  /** PF_X. */
  readonly executable: boolean
}

/** A static program, checked: all of its segments lie inside the file and the address space. */
export interface Elf {
  /** Virtual address of the first instruction. */
  readonly entry: bigint
  /** Position-independent (ET_DYN): addresses are relative to a base of the loader's choice. */
  readonly relocatable: boolean
  /** PT_LOAD segments by ascending address. */
  readonly segments: readonly Segment[]
  /** Where the program headers lie in memory and how many there are: AT_PHDR, AT_PHNUM. Undefined when no segment holds them. */
  readonly headersAddress: bigint | undefined
  /** Number of program headers. */
  readonly headerCount: number
  /** Alignment, in bytes, of the image's base: the largest p_align. */
  readonly alignment: number
  /** The program has code on its stack (PT_GNU_STACK with PF_X). */
  readonly executableStack: boolean
}

const HEADER_BYTES = 64
const PROGRAM_HEADER_BYTES = 56
const MAX_SEGMENTS = 128
const PT = { LOAD: 1, DYNAMIC: 2, INTERP: 3, GNU_STACK: 0x6474e551 } as const
const PF = { X: 1, W: 2, R: 4 } as const
const ET = { EXEC: 2, DYN: 3 } as const
const EM_AARCH64 = 183

const hex = (n: bigint | number) => `0x${n.toString(16)}`
const problem = (reason: ElfProblem["reason"], at: number, message: string): ElfProblem => ({ reason, at, message })
/** Whether parseElf gave a reason instead of a program. */
export const isElfProblem = (result: Elf | ElfProblem): result is ElfProblem => "reason" in result
/** True when the bytes begin like an ELF file of any kind. */
export const looksLikeElf = (file: Uint8Array): boolean =>
  file.length >= 4 && file[0] === 0x7f && file[1] === 0x45 && file[2] === 0x4c && file[3] === 0x46

/** Parses an executable. `memoryBytes` bounds what all segments together may take. */
export const parseElf = (file: Uint8Array, memoryBytes: number): Elf | ElfProblem => {
  if (!looksLikeElf(file)) return problem("not-elf", 0, "the file does not begin with the ELF magic 7f 45 4c 46")
  if (file.length < HEADER_BYTES) return problem("truncated", file.length, `the file has ${file.length} bytes; an ELF header has ${HEADER_BYTES}`)
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  if (file[4] !== 2) return problem("wrong-class", 4, `ELF class ${file[4]}; expected 2 (64-bit)`)
  if (file[5] !== 1) return problem("wrong-byte-order", 5, `ELF data encoding ${file[5]}; expected 1 (little-endian)`)
  const machine = view.getUint16(18, true)
  if (machine !== EM_AARCH64) return problem("wrong-machine", 18, `machine ${machine}; expected ${EM_AARCH64} (AArch64)`)
  const type = view.getUint16(16, true)
  if (type !== ET.EXEC && type !== ET.DYN) return problem("wrong-type", 16, `file type ${type}; expected 2 (executable) or 3 (position-independent)`)

  const table = view.getBigUint64(32, true)
  const entryBytes = view.getUint16(54, true)
  const headerCount = view.getUint16(56, true)
  if (headerCount === 0) return problem("no-segments", 56, "the file has no program headers, so nothing to load")
  if (headerCount > MAX_SEGMENTS) return problem("too-many-segments", 56, `${headerCount} program headers; at most ${MAX_SEGMENTS} are read`)
  if (entryBytes !== PROGRAM_HEADER_BYTES)
    return problem("bad-segment", 54, `program headers of ${entryBytes} bytes; expected ${PROGRAM_HEADER_BYTES}`)
  if (table > BigInt(file.length) || table + BigInt(headerCount * PROGRAM_HEADER_BYTES) > BigInt(file.length))
    return problem("truncated", 32, `the program headers at ${hex(table)} end behind the file's ${file.length} bytes`)

  const segments: Segment[] = []
  let alignment = 4096
  let total = 0
  let headersAddress: bigint | undefined
  let executableStack = false
  for (let i = 0; i < headerCount; i++) {
    const at = Number(table) + i * PROGRAM_HEADER_BYTES
    const kind = view.getUint32(at, true)
    if (kind === PT.INTERP) return problem("dynamic", at, "the program asks for a dynamic loader; only static programs run (link with -static)")
    const flags = view.getUint32(at + 4, true)
    if (kind === PT.GNU_STACK) executableStack = (flags & PF.X) !== 0
    if (kind !== PT.LOAD) continue
    const offset = view.getBigUint64(at + 8, true)
    const address = view.getBigUint64(at + 16, true)
    const physical = view.getBigUint64(at + 24, true)
    const fileBytes = view.getBigUint64(at + 32, true)
    const inMemory = view.getBigUint64(at + 40, true)
    const align = view.getBigUint64(at + 48, true)
    if (inMemory === 0n) continue
    if (fileBytes > 0n && (offset > BigInt(file.length) || fileBytes > BigInt(file.length) - offset))
      return problem("truncated", at + 8, `segment ${i} takes file bytes ${hex(offset)}..${hex(offset + fileBytes)}; the file has ${file.length}`)
    if (fileBytes > inMemory) return problem("bad-segment", at + 32, `segment ${i} has ${fileBytes} bytes in the file but only ${inMemory} in memory`)
    if (address + inMemory > 1n << 48n)
      return problem("bad-segment", at + 16, `segment ${i} ends at ${hex(address + inMemory)}, beyond 48-bit addresses`)
    if (physical + inMemory > 1n << 48n)
      return problem("bad-segment", at + 24, `segment ${i} ends at physical ${hex(physical + inMemory)}, beyond 48 bits`)
    if (align > 1n && ((align & (align - 1n)) !== 0n || align > 1n << 32n))
      return problem("bad-segment", at + 48, `segment ${i} wants alignment ${hex(align)}; expected a power of two up to 4 GiB`)
    if (align > 1n && (address - offset) % align !== 0n && align >= 4096n)
      return problem(
        "bad-segment",
        at + 16,
        `segment ${i}: address ${hex(address)} and file offset ${hex(offset)} differ modulo the alignment ${hex(align)}`
      )
    if (inMemory > BigInt(memoryBytes))
      return problem("too-large", at + 40, `segment ${i} takes ${inMemory} bytes; the machine has ${memoryBytes} (see --mem)`)
    total += Number(inMemory)
    if (total > memoryBytes) return problem("too-large", at + 40, `the segments take more than the machine's ${memoryBytes} bytes (see --mem)`)
    alignment = Math.max(alignment, Number(align))
    if (offset <= table && table + BigInt(headerCount * PROGRAM_HEADER_BYTES) <= offset + fileBytes) headersAddress = address + table - offset
    segments.push({
      address,
      physical,
      contents: file.subarray(Number(offset), Number(offset + fileBytes)),
      memoryBytes: Number(inMemory),
      readable: (flags & PF.R) !== 0,
      writable: (flags & PF.W) !== 0,
      executable: (flags & PF.X) !== 0
    })
  }
  if (segments.length === 0) return problem("no-segments", 56, "the file has no segment to load (PT_LOAD)")
  segments.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0))
  for (let i = 1; i < segments.length; i++) {
    const below = segments[i - 1]!
    if (below.address + BigInt(below.memoryBytes) > segments[i]!.address)
      return problem("overlapping-segments", Number(table), `the segments at ${hex(below.address)} and ${hex(segments[i]!.address)} overlap`)
  }
  const entry = view.getBigUint64(24, true)
  if (!segments.some((s) => s.executable && entry >= s.address && entry < s.address + BigInt(s.memoryBytes)))
    return problem("bad-entry", 24, `the entry point ${hex(entry)} is in no executable segment`)
  if ((entry & 3n) !== 0n) return problem("bad-entry", 24, `the entry point ${hex(entry)} is not a multiple of 4`)
  return { entry, relocatable: type === ET.DYN, segments, headersAddress, headerCount, alignment, executableStack }
}
