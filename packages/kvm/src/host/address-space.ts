/** Virtual memory of the host: the kernel's linear map of all RAM, and the user ranges of tasks. 48-bit addresses, 4 KiB granule. */
import { PAGE_BYTES } from "@eltwo/cpu"
import type { Errno } from "../errno.ts"
import { PageTables, type TableMemory } from "./page-tables.ts"

/** Where the kernel sees physical address 0. */
const LINEAR_BASE = 0xffff_0000_0000_0000n
/** Address of RAM in the kernel's linear map. */
export const linear = (physical: number): bigint => LINEAR_BASE + BigInt(physical)

const INPUT_BITS = 48
/** Leaf attributes of stage 1. AttrIndx selects from MAIR: 0 Normal write-back, 1 Device-nGnRE. */
const ACCESSED = 1n << 10n
const INNER_SHAREABLE = 3n << 8n
const NOT_GLOBAL = 1n << 11n
const USER = 1n << 6n
const READ_ONLY = 1n << 7n
const PXN = 1n << 53n
const UXN = 1n << 54n
const NORMAL = ACCESSED | INNER_SHAREABLE
export const MAIR = 0x04ffn
/** TCR: both ranges of 48 bits with a 4 KiB granule, inner-shareable write-back walks, 48-bit output, 16-bit ASIDs. */
export const TCR = 16n | (5n << 8n) | (3n << 12n) | (16n << 16n) | (5n << 24n) | (3n << 28n) | (2n << 30n) | (5n << 32n) | (1n << 36n)

/** The kernel's own tables: `bytes` of RAM from `base` in the linear map. */
export const kernelTables = (memory: TableMemory, root: number, base: number, bytes: number): PageTables => {
  const tables = new PageTables(memory, root, 0, INPUT_BITS)
  tables.map(base, base, bytes, NORMAL | PXN | UXN)
  return tables
}

export interface Permissions {
  readonly write?: boolean
  readonly execute?: boolean
}
export interface Region {
  readonly address: number
  readonly physical: number
  readonly bytes: number
  readonly permissions: Permissions
}
/** The user range of a task. */
export class AddressSpace {
  readonly asid: number
  readonly tables: PageTables
  /** What was mapped, in that order. */
  readonly regions: Region[] = []

  /** What the kernel does before it copies to or from physical memory that is mapped here: hyp code may not let it. */
  readonly touch: (physical: number) => void

  constructor(memory: TableMemory, root: number, asid: number, touch: (physical: number) => void = () => {}) {
    this.asid = asid
    this.touch = touch
    this.tables = new PageTables(memory, root, 0, INPUT_BITS)
  }
  /** TTBR0 value. */
  get ttbr(): bigint {
    return (BigInt(this.asid) << 48n) | BigInt(this.tables.root)
  }
  /** Maps physical pages at a user address. */
  map(address: number, physical: number, bytes: number, { write = false, execute = false }: Permissions): Errno | undefined {
    if (address % PAGE_BYTES || bytes % PAGE_BYTES || bytes <= 0 || address < 0 || address + bytes > 2 ** INPUT_BITS) return "EINVAL"
    const attributes = NORMAL | NOT_GLOBAL | USER | PXN | (write ? 0n : READ_ONLY) | (execute ? 0n : UXN)
    if (!this.tables.map(address, physical, bytes, attributes)) return "ENOMEM"
    this.regions.push({ address, physical, bytes, permissions: { write, execute } })
    return undefined
  }
  /** Physical address behind a user address, if the program may read it, or write it. */
  accessible(address: number, write: boolean): number | undefined {
    const leaf = this.tables.leaf(address)
    if (!leaf || !(leaf.attributes & USER) || (write && leaf.attributes & READ_ONLY)) return undefined
    return leaf.physical
  }
  /** Physical address behind a user address, if it is mapped. */
  physical(address: number): number | undefined {
    return this.tables.leaf(address)?.physical
  }
}
