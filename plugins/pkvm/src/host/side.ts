/** What the host kernel keeps about hyp code and its VMs: structures, pages shared with hyp code, pages given to guests. */
import { type Host, HostCall, hostCall, linear, type PhysicalCpu, type Vcpu, type Vm } from "@eltwo/kvm"
import { PKVM_CALLS } from "../hyp/calls.ts"
import { type HostData, keepHostData } from "../hyp/host-data.ts"
import { STRUCTURE_BYTES } from "../hyp/structures.ts"
import { PKVM_ERRNO, type PkvmErrno } from "../ownership/errno.ts"
import { HostShares } from "../ownership/host-shares.ts"
import { type PageList, PageStack } from "../ownership/memcache.ts"
import { type ByteRange, PAGE_BYTES } from "../ownership/page-state.ts"
import type { TeardownPages } from "../ownership/teardown.ts"

/** Pages that a guest has, by its first page of them. */
export interface Mapping {
  readonly pfn: number
  readonly pages: number
}
export interface VmRecord {
  readonly handle: number
  /** Physical address of the structure. */
  readonly structure: number
  readonly mappings: Map<number, Mapping>
  /** Hyp code knows the VM. */
  created: boolean
}
export interface VcpuRecord {
  readonly structure: number
  /** Pages for tables, on their way to hyp code. */
  readonly memcache: PageList
  /** Buffer for SVE registers in memory that hyp code shares. */
  sve: ByteRange | undefined
}
const NAMES = new Map(Object.entries(PKVM_ERRNO).map(([name, value]) => [BigInt.asUintN(64, -BigInt(value)), name as PkvmErrno]))
/** The errno in a register, if it is one that hyp code gives. */
export const errnoIn = (register: bigint): PkvmErrno | undefined => NAMES.get(register)

export class HostSide implements HostData {
  readonly host: Host
  readonly vms = new Map<Vm, VmRecord>()
  readonly vcpus = new Map<Vcpu, VcpuRecord>()
  /** kvm_share_hyp and kvm_unshare_hyp. */
  readonly shares: HostShares
  readonly #structures: number[] = []
  readonly #byAddress = new Map<number, Vcpu>()

  constructor(host: Host) {
    this.host = host
    this.shares = new HostShares({
      share: (pfn) => errnoIn(this.call(HostCall.pkvm_host_share_hyp, BigInt(pfn))),
      unshare: (pfn) => errnoIn(this.call(HostCall.pkvm_host_unshare_hyp, BigInt(pfn)))
    })
  }
  /** The CPU that executes the kernel's code. */
  get cpu(): PhysicalCpu {
    return this.host.cpu
  }
  /** Calls hyp code on it; X1 of the result. */
  call(call: number, ...args: readonly bigint[]): bigint {
    return this.callOn(this.cpu, call, ...args)
  }
  callOn(cpu: PhysicalCpu, call: number, ...args: readonly bigint[]): bigint {
    return hostCall(cpu, PKVM_CALLS, call, ...args)
  }
  /** Memory for a structure; several have places in one page. Undefined: none left. */
  allocateStructure(): number | undefined {
    if (this.#structures.length === 0) {
      const page = this.host.pages.allocate(PAGE_BYTES)
      if (page === undefined) return undefined
      for (let at = PAGE_BYTES - STRUCTURE_BYTES; at >= 0; at -= STRUCTURE_BYTES) this.#structures.push(page + at)
    }
    return this.#structures.pop()
  }
  freeStructure(structure: number): void {
    this.#structures.push(structure)
  }
  /** Places for structures, free in pages that are taken; the last is given out first. */
  get freeStructures(): readonly number[] {
    return this.#structures
  }
  restoreFreeStructures(structures: readonly number[]): void {
    this.#structures.splice(0, this.#structures.length, ...structures)
  }
  /** Writes fields of a structure. */
  fill(structure: number, fields: readonly (readonly [bigint, bigint])[]): void {
    for (const [field, value] of fields) this.cpu.store64(linear(structure) + field, value)
  }
  keepVcpu(vcpu: Vcpu, structure: number): void {
    this.vcpus.set(vcpu, { structure, memcache: new PageStack(), sve: undefined })
    this.#byAddress.set(structure, vcpu)
  }
  forgetVcpu(vcpu: Vcpu): void {
    const record = this.vcpus.get(vcpu)
    if (!record) return
    this.vcpus.delete(vcpu)
    this.#byAddress.delete(record.structure)
  }
  /** The vCPU whose structure is there. */
  vcpuAt(physical: number): Vcpu | undefined {
    return this.#byAddress.get(physical)
  }
  memcache(vcpu: Vcpu): PageList {
    return this.vcpus.get(vcpu)?.memcache ?? new PageStack()
  }
  /** Pages that hyp code gave back with a VM. */
  readonly returned: number[] = []
  handBack({ metadata, stage2 }: TeardownPages): void {
    this.returned.push(...metadata, ...stage2)
  }
}
const sides = new WeakMap<Host | PhysicalCpu, HostSide>()
export const hostSideOf = (of: Host | PhysicalCpu): HostSide => {
  const side = sides.get(of)
  if (!side) throw new RangeError("This host was not started by protected KVM")
  return side
}
export const createHostSide = (host: Host): HostSide => {
  const known = sides.get(host)
  if (known) return known
  const side = new HostSide(host)
  sides.set(host, side)
  for (const cpu of host.cpus) sides.set(cpu, side)
  keepHostData(side)
  return side
}
