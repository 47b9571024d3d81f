/** Hyp's own VMs and vCPUs: made of memory that the host donates, beside structures of the host that stay pinned. */

import { mustHold, type Outcome } from "./errno.ts"
import { hostDonateHyp, hypDonateHost, pinShared, unpinShared } from "./host-hyp.ts"
import { HypPool } from "./hyp-pool.ts"
import type { GuestStage2 } from "./mappings.ts"
import { type PageList, PageStack } from "./memcache.ts"
import { type ByteRange, PAGE_BYTES, pagesOf } from "./page-state.ts"
import type { Pkvm } from "./pkvm.ts"
import { HANDLE_OFFSET, insertVm, vmByHandle } from "./vm-table.ts"

export interface HypVm {
  readonly handle: number
  readonly protected: boolean
  /** Teardown has started: no vCPU is loaded any more. */
  dying: boolean
  /** The host's structure, pinned. */
  readonly hostVm: ByteRange
  /** Hyp's structure. Loaded vCPUs count as references of its first page. */
  readonly area: ByteRange
  readonly pool: HypPool
  readonly stage2: GuestStage2
  /** One place for each vCPU that the host had made by then. */
  readonly vcpus: (HypVcpu | undefined)[]
}
export interface HypVcpu {
  readonly vm: HypVm
  readonly index: number
  /** The host's structure, pinned. */
  readonly hostVcpu: ByteRange
  /** The host's buffer for SVE registers, pinned, where the vCPU has SVE. */
  readonly sve: ByteRange | undefined
  readonly area: ByteRange
  /** Donated pages for the VM's tables. */
  readonly memcache: PageList
  /** Number of the physical CPU that has it loaded. */
  loadedOn: number | undefined
}

const POINTER_BYTES = 8

/** What the host's structure says is read when it is pinned. */
export interface VmRequest {
  readonly hostVm: ByteRange
  /** As the host's structure says. */
  readonly createdVcpus: number
  readonly handle: number
  readonly protected: boolean
  /** Memory to donate for hyp's structure, which has a pointer to each vCPU. */
  readonly area: ByteRange
  /** Memory to donate for the first tables. */
  readonly tables: ByteRange
}
/**
 * Makes the VM of a reserved handle. In order: EPERM, EINVAL: the host's structure cannot be pinned; EINVAL: no vCPU, bad handle; ENOMEM: the memory
 * cannot be donated, or is not enough for tables; EINVAL: the handle is not reserved. After an error all memory is the host's again (what was donated
 * is cleared).
 */
export const initVm = (pkvm: Pkvm, request: VmRequest): Outcome => {
  const { hostVm } = request
  const pinned = pinShared(pkvm, hostVm)
  if (pinned) return pinned
  const { createdVcpus, handle, area, tables } = request
  const refuse = (errno: Outcome, ...donated: readonly ByteRange[]): Outcome => {
    for (const range of donated) giveBack(pkvm, range)
    unpinShared(pkvm, hostVm)
    return errno
  }
  if (!(createdVcpus >= 1) || !(handle >= HANDLE_OFFSET)) return refuse("EINVAL")
  if (createdVcpus * POINTER_BYTES > area.bytes || donate(pkvm, area)) return refuse("ENOMEM")
  if (donate(pkvm, tables)) return refuse("ENOMEM", area)
  pkvm.memory.zero(area.address, area.bytes)
  const { pfn, pages } = pagesOf(tables)
  const pool = new HypPool(pkvm.records, pkvm.memory, pfn, pages)
  const stage2 = pkvm.newGuestStage2(pool)
  if (stage2 === undefined) {
    emptyPool(pkvm, pool)
    return refuse("ENOMEM", area)
  }
  const vcpus = new Array<HypVcpu | undefined>(createdVcpus).fill(undefined)
  const inserted = insertVm(pkvm.vms, { handle, protected: request.protected, dying: false, hostVm, area, pool, stage2, vcpus })
  if (inserted === undefined) return undefined
  stage2.destroy()
  emptyPool(pkvm, pool)
  return refuse(inserted, area)
}

export interface VcpuRequest {
  readonly handle: number
  readonly hostVcpu: ByteRange
  /** As the host's structure says. */
  readonly index: number
  readonly area: ByteRange
  /** What else the host's structure can be refused for, asked when it is pinned. */
  readonly check?: (vm: HypVm) => Outcome
  /** The buffer for SVE registers, for a vCPU that has SVE. */
  readonly sve?: ByteRange | undefined
}
/**
 * Makes a vCPU. In order: ENOMEM: the memory cannot be donated; ENOENT: no such VM; EBUSY: the host's structure cannot be pinned; what `check` says;
 * EPERM, EINVAL: the SVE buffer cannot be pinned; EINVAL: no place of that index, or a vCPU is there. After an error all memory is the host's again.
 */
export const initVcpu = (pkvm: Pkvm, request: VcpuRequest): Outcome => {
  const { handle, hostVcpu, area } = request
  if (donate(pkvm, area)) return "ENOMEM"
  pkvm.memory.zero(area.address, area.bytes)
  const outcome = ((): Outcome => {
    const vm = vmByHandle(pkvm.vms, handle)
    if (!vm) return "ENOENT"
    if (pinShared(pkvm, hostVcpu)) return "EBUSY"
    const { index } = request
    const checked = request.check?.(vm)
    // what there is to pin follows from the check
    const sve = checked === undefined ? request.sve : undefined
    const refusal = checked ?? (sve && pinShared(pkvm, sve))
    if (refusal) {
      unpinShared(pkvm, hostVcpu)
      return refusal
    }
    const place = index >= 0 && index < vm.vcpus.length && vm.vcpus[index] === undefined
    if (!place) {
      unpinShared(pkvm, hostVcpu)
      if (sve) unpinShared(pkvm, sve)
      return "EINVAL"
    }
    vm.vcpus[index] = { vm, index, hostVcpu, sve, area, memcache: new PageStack(), loadedOn: undefined }
    return undefined
  })()
  if (outcome) giveBack(pkvm, area)
  return outcome
}

/** Loads a vCPU on a physical CPU. False, and nothing happens: the CPU has one, the VM is unknown or dying, no such vCPU, it is loaded elsewhere. */
export const loadVcpu = (pkvm: Pkvm, cpu: number, handle: number, index: number): boolean => {
  if (pkvm.loaded.has(cpu)) return false
  const vm = vmByHandle(pkvm.vms, handle)
  const vcpu = vm?.dying ? undefined : vm?.vcpus[index]
  if (!vm || !vcpu || vcpu.loadedOn !== undefined) return false
  vcpu.loadedOn = cpu
  pkvm.loaded.set(cpu, vcpu)
  const { records } = pkvm
  records.setRefcount(firstPage(vm), records.refcount(firstPage(vm)) + 1)
  return true
}
/** Puts what is loaded on a CPU, if anything is. */
export const putVcpu = ({ loaded, records }: Pkvm, cpu: number): void => {
  const vcpu = loaded.get(cpu)
  if (!vcpu) return
  loaded.delete(cpu)
  vcpu.loadedOn = undefined
  records.setRefcount(firstPage(vcpu.vm), records.refcount(firstPage(vcpu.vm)) - 1)
}
/** References to a VM: its loaded vCPUs. */
export const vmReferences = ({ records }: Pkvm, vm: HypVm): number => records.refcount(firstPage(vm))

/** Takes all free pages out of a VM's pool and gives them to the host; they are zero. */
export const emptyPool = (pkvm: Pkvm, pool: HypPool): readonly number[] => {
  const pages: number[] = []
  for (let pfn = pool.allocate(); pfn !== undefined; pfn = pool.allocate()) {
    pkvm.records.setRefcount(pfn, 0)
    mustHold(hypDonateHost(pkvm, pfn, 1), "page of a VM's tables")
    pages.push(pfn)
  }
  return pages
}
/** Clears what hyp had and gives it to the host. */
export const giveBack = (pkvm: Pkvm, range: ByteRange): readonly number[] => {
  const { pfn, pages } = pagesOf(range)
  pkvm.memory.zero(pfn * PAGE_BYTES, pages * PAGE_BYTES)
  mustHold(hypDonateHost(pkvm, pfn, pages), "donated memory")
  return Array.from({ length: pages }, (_, page) => pfn + page)
}

const firstPage = (vm: HypVm): number => vm.area.address / PAGE_BYTES
const donate = (pkvm: Pkvm, range: ByteRange): Outcome => {
  if (range.address % PAGE_BYTES !== 0) return "EINVAL"
  const { pfn, pages } = pagesOf(range)
  return hostDonateHyp(pkvm, pfn, pages)
}
