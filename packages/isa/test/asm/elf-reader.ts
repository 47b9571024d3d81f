/** What an ELF file says, for comparing two of them: sections in memory, symbols, segments. It trusts the file. */
export interface ReadElf {
  readonly entry: bigint
  readonly sections: readonly { readonly name: string; readonly address: bigint; readonly length: number; readonly bytes: Uint8Array }[]
  readonly symbols: readonly {
    readonly name: string
    readonly value: bigint
    readonly size: bigint
    readonly info: number
    readonly section: number
  }[]
  readonly segments: readonly {
    readonly type: number
    readonly flags: number
    readonly address: bigint
    readonly bytes: Uint8Array
    readonly length: bigint
  }[]
}
const SHF_ALLOC = 2n
const SHT = { SYMTAB: 2, NOBITS: 8 }

export const readElf = (file: Uint8Array): ReadElf => {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const u16 = (at: number) => view.getUint16(at, true)
  const u32 = (at: number) => view.getUint32(at, true)
  const u64 = (at: number) => view.getBigUint64(at, true)
  const number = (at: number) => Number(u64(at))
  const text = (at: number): string => {
    const end = file.indexOf(0, at)
    return new TextDecoder().decode(file.subarray(at, end))
  }
  const headers = Array.from({ length: u16(60) }, (_, i) => {
    const at = number(40) + i * u16(58)
    return {
      name: u32(at),
      type: u32(at + 4),
      flags: u64(at + 8),
      address: u64(at + 16),
      offset: number(at + 24),
      length: number(at + 32),
      link: u32(at + 40)
    }
  })
  const names = headers[u16(62)]!.offset
  const table = headers.find(({ type }) => type === SHT.SYMTAB)!
  const strings = headers[table.link]!.offset
  return {
    entry: u64(24),
    sections: headers
      .filter(({ flags, length }) => flags & SHF_ALLOC && length > 0)
      .map(({ name, type, address, offset, length }) => ({
        name: text(names + name),
        address,
        length,
        bytes: file.subarray(offset, type === SHT.NOBITS ? offset : offset + length)
      })),
    symbols: Array.from({ length: table.length / 24 - 1 }, (_, i) => {
      const at = table.offset + 24 * (i + 1)
      return { name: text(strings + u32(at)), info: file[at + 4]!, section: u16(at + 6), value: u64(at + 8), size: u64(at + 16) }
    }),
    segments: Array.from({ length: u16(56) }, (_, i) => {
      const at = number(32) + i * u16(54)
      const offset = number(at + 8)
      return {
        type: u32(at),
        flags: u32(at + 4),
        address: u64(at + 16),
        bytes: file.subarray(offset, offset + number(at + 32)),
        length: u64(at + 40)
      }
    })
  }
}
