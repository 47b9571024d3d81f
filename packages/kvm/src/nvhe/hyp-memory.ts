/**
 * Virtual memory of hyp code beside a kernel at EL1: one range of addresses of its own (TTBR0_EL2), in which only what the kernel has mapped for
 * it exists. The kernel passes pointers by its own addresses; hyp code must translate them first.
 */
import { PAGE_BYTES } from "@eltwo/cpu"
import { linear } from "../host/address-space.ts"
import type { PhysicalCpu } from "../host/cpu.ts"
import type { Host } from "../host/host.ts"
import { PageTables } from "../host/page-tables.ts"
import type { Stage2 } from "../stage2.ts"

/** Bits of a virtual address of hyp code. */
export const HYP_INPUT_BITS = 48
/** What a kernel address keeps, and the bit that no physical address of the identity map has. */
const VA_MASK = (1n << 47n) - 1n
const HYP_TAG = 1n << 47n
/** Hyp code's address of what the kernel has at `address`. */
export const kernHypVa = (address: bigint): bigint => (address & VA_MASK) | HYP_TAG

const ACCESSED = 1n << 10n
const INNER_SHAREABLE = 3n << 8n
const NORMAL = ACCESSED | INNER_SHAREABLE
/** Leaf attributes in the two formats of an EL2 regime: alone (one XN, AP[1] RES1), or under E2H as at EL1. */
export const HYP_LEAF = {
  alone: { data: NORMAL | (1n << 6n) | (1n << 54n), text: NORMAL | (3n << 6n) },
  e2h: { data: NORMAL | (1n << 53n) | (1n << 54n), text: NORMAL | (2n << 6n) | (1n << 54n) }
} as const

/** Fields of the objects the kernel passes to hyp code, in bytes from where a CPU's page of them begins. */
const MMU = { at: 0n, vtcr: 0n, vttbr: 8n } as const
const VCPU = { at: 0x100n, mmu: 0n } as const

/** A page of exception vectors: while the host runs, and while a guest does. */
const VECTORS = { host: 0n, guest: 0x800n } as const

/** Hyp code's tables and vectors, and a page for each CPU with the objects that calls point to. */
export class HypMemory {
  /** Physical address of hyp code's page of vectors. */
  readonly vectors: number
  /** As VBAR_EL2 holds them. */
  readonly hostVectors: bigint
  readonly guestVectors: bigint
  readonly #objects = new Map<PhysicalCpu, number>()
  readonly #host: Host
  /** The tables as the kernel made them; hyp code that makes its own gives them back. */
  #tables: PageTables | undefined
  #root: number

  /** Maps hyp code's vectors and each CPU's objects. Throws RangeError when RAM is too small. */
  constructor(host: Host) {
    const page = (): number => {
      const physical = host.tables.allocate()
      if (physical === undefined) throw new RangeError("RAM is too small for hyp code")
      return physical
    }
    this.#host = host
    const { data, text } = host.mode.e2h ? HYP_LEAF.e2h : HYP_LEAF.alone
    this.#root = page()
    const tables = new PageTables(host.tables, this.#root, 0, HYP_INPUT_BITS)
    const map = (physical: number, attributes: bigint): void => {
      if (!tables.map(Number(kernHypVa(linear(physical))), physical, PAGE_BYTES, attributes)) throw new RangeError("RAM is too small for hyp code")
    }
    this.#tables = tables
    const vectors = page()
    this.vectors = vectors
    map(vectors, text)
    this.hostVectors = kernHypVa(linear(vectors) + VECTORS.host)
    this.guestVectors = kernHypVa(linear(vectors) + VECTORS.guest)
    for (const cpu of host.cpus) {
      const objects = page()
      map(objects, data)
      this.#objects.set(cpu, objects)
    }
  }

  /** Physical address of the first table. */
  get root(): number {
    return this.#root
  }
  /** The kernel maps more of its memory for hyp code. */
  mapData(physical: number, bytes: number): void {
    const { data } = this.#host.mode.e2h ? HYP_LEAF.e2h : HYP_LEAF.alone
    if (!this.#tables?.map(Number(kernHypVa(linear(physical))), physical, bytes, data)) throw new RangeError("RAM is too small for hyp code")
  }
  /** Hyp code has tables of its own from here. */
  useTables(root: number): void {
    this.#root = root
  }
  /** The kernel gives up its tables of hyp code, which are not in use any more. */
  dropTables(root: number): void {
    this.#tables?.destroy()
    this.#tables = undefined
    this.#host.tables.free(root)
  }
  /** Physical address of a CPU's page of objects. */
  objects(cpu: PhysicalCpu): number {
    return this.#objects.get(cpu)!
  }
  /** The kernel describes a stage 2; the result is its address of the description. */
  describeMmu(cpu: PhysicalCpu, { vtcr, vttbr }: Stage2): bigint {
    const mmu = this.#object(cpu, MMU.at)
    cpu.store64(mmu + MMU.vtcr, vtcr)
    cpu.store64(mmu + MMU.vttbr, vttbr)
    return mmu
  }
  /** The kernel describes a vCPU by its stage 2. */
  describeVcpu(cpu: PhysicalCpu, stage2: Stage2): bigint {
    const vcpu = this.#object(cpu, VCPU.at)
    cpu.store64(vcpu + VCPU.mmu, this.describeMmu(cpu, stage2))
    return vcpu
  }
  /** Hyp code's address of a CPU's page. */
  perCpu(cpu: PhysicalCpu): bigint {
    return kernHypVa(this.#object(cpu, 0n))
  }
  #object(cpu: PhysicalCpu, at: bigint): bigint {
    return linear(this.#objects.get(cpu)!) + at
  }
}

const memories = new WeakMap<PhysicalCpu, HypMemory>()
/** Hyp code's memory of a CPU that runs it. */
export const hypMemoryOf = (cpu: PhysicalCpu): HypMemory => {
  const memory = memories.get(cpu)
  if (!memory) throw cpu.bug("There is no hyp code at EL2")
  return memory
}
/** Makes it for all CPUs of a host, once. */
export const createHypMemory = (host: Host): HypMemory => {
  const [first] = host.cpus
  const memory = memories.get(first!) ?? new HypMemory(host)
  for (const cpu of host.cpus) memories.set(cpu, memory)
  return memory
}

/** Hyp code's own translation: its tables and how memory gets into them. */
export interface HypMmu {
  readonly vtcr: bigint
  readonly vttbr: bigint
}
/** Hyp code reads the stage 2 that a kernel pointer describes. */
export const readMmu = (cpu: PhysicalCpu, pointer: bigint): HypMmu => {
  const mmu = kernHypVa(pointer)
  return { vtcr: cpu.load64(mmu + MMU.vtcr), vttbr: cpu.load64(mmu + MMU.vttbr) }
}
/** The same of a vCPU. */
export const readVcpuMmu = (cpu: PhysicalCpu, pointer: bigint): HypMmu => readMmu(cpu, cpu.load64(kernHypVa(pointer) + VCPU.mmu))
