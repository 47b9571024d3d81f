/** Stage 2 of the host: the identity map of everything that is not somebody else's, made of real tables when the host first touches it. */
import { type Host, PageTables, type TableMemory, vtcrOf } from "@eltwo/kvm"
import { donatedDescriptor, ownerIn } from "../ownership/descriptors.ts"
import { HypBug } from "../ownership/errno.ts"
import type { HostStage2 } from "../ownership/mappings.ts"
import type { MemoryMap } from "../ownership/memory-map.ts"
import { type Owner, PAGE_BYTES, Prot } from "../ownership/page-state.ts"
import { accessBits, DEVICE_LEAF, LEAF_SIZES, normalMemory, VALID } from "./leaves.ts"

const START_LEVEL = 0
/** What became of a fault: "mapped" now, "present" before (by another CPU), or "refused": not the host's. */
export type FaultResult = "mapped" | "present" | "refused"

export class RealHostStage2 implements HostStage2 {
  readonly tables: PageTables
  readonly vtcr: bigint
  /** VMID 0 is the host's. */
  readonly vttbr: bigint
  readonly #memoryMap: MemoryMap
  readonly #ram: bigint
  readonly #text: bigint
  readonly #inputBytes: number
  readonly #flush: () => void

  /** `flush` forgets the host's translations everywhere. */
  constructor(host: Host, memory: TableMemory, root: number, memoryMap: MemoryMap, flush: () => void) {
    const { physicalBits } = host.features
    this.tables = new PageTables(memory, root, START_LEVEL, physicalBits)
    this.vtcr = vtcrOf(physicalBits, host.features)
    this.vttbr = BigInt(root)
    this.#memoryMap = memoryMap
    this.#ram = normalMemory(host) | accessBits(Prot.RWX, true)
    this.#text = normalMemory(host) | accessBits(Prot.R, true)
    this.#inputBytes = 2 ** physicalBits
    this.#flush = flush
  }
  map(pfn: number, pages: number): void {
    this.#each(pfn, pages, (page) => this.#ram | BigInt(page * PAGE_BYTES))
  }
  /** Hyp code that the host may read: it is part of the kernel's image. */
  mapText(pfn: number): void {
    this.#each(pfn, 1, (page) => this.#text | BigInt(page * PAGE_BYTES))
  }
  annotate(pfn: number, pages: number, owner: Owner): void {
    const note = donatedDescriptor(owner)
    this.#each(pfn, pages, () => note)
  }
  owner(pfn: number): Owner | undefined {
    return ownerIn(this.tables.entry(pfn * PAGE_BYTES).descriptor)
  }
  /**
   * The host touched an address that nothing maps: maps the largest page or block around it that stays in one memory region, or beside all of them, and
   * covers nothing that is somebody's.
   */
  fault(address: number): FaultResult {
    if (address >= this.#inputBytes) return "refused"
    const { descriptor, bytes } = this.tables.entry(address)
    if (descriptor & VALID) return "present"
    if (descriptor !== 0n) return "refused"
    const isRam = this.#memoryMap.isMemory(Math.floor(address / PAGE_BYTES))
    const size =
      LEAF_SIZES.find((s) => s <= bytes && this.#memoryMap.isUniform(Math.floor(address / s) * (s / PAGE_BYTES), s / PAGE_BYTES)) ?? PAGE_BYTES
    const from = Math.floor(address / size) * size
    const leaf = (isRam ? this.#ram : DEVICE_LEAF) | BigInt(from)
    this.#set(from, size, leaf)
    return "mapped"
  }
  /** Whether the host reaches a page, now or when it touches it. */
  isHosts(address: number): boolean {
    const { descriptor } = this.tables.entry(address)
    return descriptor === 0n || (descriptor & VALID) !== 0n
  }

  /** Without memory for a table, mappings of devices make room. */
  #set(input: number, bytes: number, descriptor: bigint): void {
    if (this.tables.set(input, bytes, descriptor)) return
    this.#dropDevices()
    if (!this.tables.set(input, bytes, descriptor)) throw new HypBug("no memory for tables of the host's stage 2")
  }
  /** Mappings of what is no RAM come back when they are touched; their tables are free meanwhile. */
  #dropDevices(): void {
    for (const { input, descriptor } of [...this.tables.entries()]) {
      if (!(descriptor & VALID) || this.#memoryMap.isMemory(Math.floor(input / PAGE_BYTES))) continue
      this.tables.unmap(input, PAGE_BYTES)
      this.tables.prune(input)
    }
    this.#flush()
  }
  #each(pfn: number, pages: number, descriptor: (pfn: number) => bigint): void {
    let removed = false
    for (let page = pfn; page < pfn + pages; page++) {
      const before = this.tables.entry(page * PAGE_BYTES)
      removed ||= (before.descriptor & VALID) !== 0n
      this.#set(page * PAGE_BYTES, PAGE_BYTES, descriptor(page))
    }
    if (removed) this.#flush()
  }
}
