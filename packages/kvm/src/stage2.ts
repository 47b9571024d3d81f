/** Stage 2 of one VM: VTCR, VTTBR, and the tables in host memory that map guest pages. */
import { PAGE_BYTES } from "@eltwo/cpu"
import type { CpuFeatures } from "./host/cpu-features.ts"
import { PageTables, type TableMemory } from "./host/page-tables.ts"

/** Leaf attributes of stage 2. */
const ACCESSED = 1n << 10n
const INNER_SHAREABLE = 3n << 8n
const READ = 1n << 6n
const WRITE = 2n << 6n
const VALID = 1n
/** MemAttr: Normal write-back, as FEAT_S2FWB and as the base architecture spell it. */
const NORMAL_FORCED = 6n << 2n
const NORMAL = 15n << 2n

/** Bytes of a block mapping. */
export const BLOCK_BYTES = 2 * 1024 * 1024
const VMID_SHIFT = 48n

/** T0SZ, start level and concatenation of an input size. */
const START_LEVEL_1 = 1
const geometry = (ipaBits: number): { readonly startLevel: number; readonly sl0: bigint; readonly rootPages: number } => {
  // up to 16 first-level tables are put side by side, which saves a level
  const startLevel = ipaBits <= 34 ? 2 : ipaBits <= 43 ? START_LEVEL_1 : 0
  const resolved = 12 + 9 * (4 - startLevel)
  return { startLevel, sl0: BigInt(2 - startLevel), rootPages: 2 ** Math.max(0, ipaBits - resolved) }
}

/** VTCR_EL2: inner-shareable write-back walks of a 4 KiB granule, the host's physical range, 16-bit VMIDs where there are. */
export const vtcrOf = (ipaBits: number, { physicalRange, vmid16 }: CpuFeatures): bigint =>
  BigInt(64 - ipaBits) |
  (geometry(ipaBits).sl0 << 6n) |
  (5n << 8n) |
  (3n << 12n) |
  (BigInt(physicalRange) << 16n) |
  (vmid16 ? 1n << 19n : 0n) |
  (1n << 31n)

/** A VM's second stage of translation. */
export class Stage2 {
  readonly ipaBits: number
  readonly vtcr: bigint
  vmid: number
  readonly tables: PageTables
  readonly rootBytes: number
  readonly #attributes: bigint

  constructor(memory: TableMemory, root: number, ipaBits: number, vmid: number, features: CpuFeatures) {
    const { startLevel, rootPages } = geometry(ipaBits)
    this.ipaBits = ipaBits
    this.vmid = vmid
    this.vtcr = vtcrOf(ipaBits, features)
    this.rootBytes = rootPages * PAGE_BYTES
    this.tables = new PageTables(memory, root, startLevel, ipaBits)
    this.#attributes = ACCESSED | INNER_SHAREABLE | READ | (features.stage2ForceWriteBack ? NORMAL_FORCED : NORMAL)
  }
  /** Bytes of the first tables, which are aligned to their size. */
  static rootBytes(ipaBits: number): number {
    return geometry(ipaBits).rootPages * PAGE_BYTES
  }
  get vttbr(): bigint {
    return (BigInt(this.vmid) << VMID_SHIFT) | BigInt(this.tables.root)
  }
  /** Takes write permission away from what maps a guest page: a block with it. True when it had any. */
  protect(ipa: number): boolean {
    const { descriptor, bytes } = this.tables.entry(ipa)
    if (!(descriptor & VALID) || !(descriptor & WRITE)) return false
    this.tables.set(ipa - (ipa % bytes), bytes, descriptor & ~WRITE)
    return true
  }
  /** Maps guest pages. False: no memory for tables. */
  map(ipa: number, physical: number, bytes: number, writable: boolean): boolean {
    return this.tables.map(ipa, physical, bytes, this.#attributes | (writable ? WRITE : 0n), BLOCK_BYTES)
  }
}
