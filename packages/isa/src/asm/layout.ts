/** Addresses for the sections of a program: those with equal permissions side by side, each group on pages of its own. */
import type { Section } from "./section.ts"

export const PAGE_BYTES = 4096

/** Memory with one set of permissions. */
export interface AssembledSegment {
  readonly address: bigint
  /** What it starts with; zeros follow up to `memoryBytes`. */
  readonly contents: Uint8Array
  readonly memoryBytes: number
  readonly writable: boolean
  readonly executable: boolean
  readonly sections: readonly Section[]
}

/** Code, constants, data; within data, what has bytes before what is only zeros. */
const rank = ({ flags }: Section): number => (flags.executable ? (flags.writable ? 1 : 0) : flags.writable ? (flags.zeros ? 4 : 3) : 2)
const up = (address: bigint, alignment: number): bigint => {
  const step = BigInt(alignment)
  return ((address + step - 1n) / step) * step
}
const permissions = ({ flags }: Section): string => `${flags.writable}${flags.executable}`

/** Gives every allocated section its address, from `origin` up. A string says why that cannot be. */
export const placeSections = (sections: readonly Section[], origin: bigint): string | undefined => {
  let address = origin
  let before: Section | undefined
  for (const section of allocated(sections)) {
    if (before && permissions(before) !== permissions(section)) address = up(address, PAGE_BYTES)
    address = up(address, section.alignment)
    section.address = address
    address += BigInt(section.length)
    before = section
  }
  for (const section of sections) if (!section.flags.allocated) section.address = 0n
  return address > 1n << 64n ? `the program ends at 0x${address.toString(16)}, beyond 64-bit addresses` : undefined
}
const allocated = (sections: readonly Section[]): readonly Section[] =>
  sections
    .filter(({ flags }) => flags.allocated)
    .map((section, index) => ({ section, index }))
    .sort((a, b) => rank(a.section) - rank(b.section) || a.index - b.index)
    .map(({ section }) => section)

/** The segments of sections that have addresses; sections without bytes are in none. */
export const segmentsOf = (sections: readonly Section[]): readonly AssembledSegment[] => {
  const groups = new Map<string, Section[]>()
  for (const section of allocated(sections)) {
    if (section.length === 0) continue
    const group = groups.get(permissions(section))
    if (group) group.push(section)
    else groups.set(permissions(section), [section])
  }
  return [...groups.values()].map((group) => {
    const first = group[0]!
    const last = group.at(-1)!
    const address = first.address!
    const stored = group.findLast(({ flags }) => !flags.zeros)
    const contents = new Uint8Array(stored ? Number(stored.address! + BigInt(stored.length) - address) : 0)
    for (const section of group) if (!section.flags.zeros) contents.set(section.bytes, Number(section.address! - address))
    const memoryBytes = Number(last.address! + BigInt(last.length) - address)
    return { address, contents, memoryBytes, writable: first.flags.writable, executable: first.flags.executable, sections: group }
  })
}
