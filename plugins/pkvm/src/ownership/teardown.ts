/** The end of a VM: no more vCPUs; the host takes the guest's pages one by one; then hyp gives back everything else. */
import { mustHold, type Outcome, type PkvmErrno } from "./errno.ts"
import { hypDonateHost, unpinShared } from "./host-hyp.ts"
import { emptyPool, giveBack, type HypVm, vmReferences } from "./hyp-vm.ts"
import type { PageList } from "./memcache.ts"
import type { Pkvm } from "./pkvm.ts"
import { removeVm, vmByHandle } from "./vm-table.ts"

/** EINVAL: no such VM, a vCPU of it is loaded, or its teardown has started already. */
export const startTeardown = (pkvm: Pkvm, handle: number): Outcome => {
  const vm = idleVm(pkvm, handle)
  if (!vm || vm.dying) return "EINVAL"
  vm.dying = true
  return undefined
}
/** Pages the host has again, which it learns from lists in its own structure. */
export interface TeardownPages {
  /** Of hyp's VM and vCPUs, cleared. */
  readonly metadata: readonly number[]
  /** Of stage 2, and of vCPUs' lists that were not used. */
  readonly stage2: readonly number[]
}
/**
 * Ends a dying VM; its handle is free. EINVAL: no such VM, not dying, a vCPU of it is loaded. Pages that the host did not reclaim before stay what
 * they are: no VM has them, and no one gets them.
 */
export const finalizeTeardown = (pkvm: Pkvm, handle: number): PkvmErrno | TeardownPages => {
  const vm = idleVm(pkvm, handle)
  if (!vm?.dying) return "EINVAL"
  removeVm(pkvm.vms, handle)
  vm.stage2.destroy()
  const stage2 = [...emptyPool(pkvm, vm.pool)]
  const metadata: number[] = []
  for (const vcpu of vm.vcpus) {
    if (!vcpu) continue
    unpinShared(pkvm, vcpu.hostVcpu)
    if (vcpu.sve) unpinShared(pkvm, vcpu.sve)
    stage2.push(...emptyMemcache(pkvm, vcpu.memcache))
    metadata.push(...giveBack(pkvm, vcpu.area))
  }
  metadata.push(...giveBack(pkvm, vm.area))
  unpinShared(pkvm, vm.hostVm)
  return { metadata, stage2 }
}

const idleVm = (pkvm: Pkvm, handle: number): HypVm | undefined => {
  const vm = vmByHandle(pkvm.vms, handle)
  return vm && vmReferences(pkvm, vm) === 0 ? vm : undefined
}
const emptyMemcache = (pkvm: Pkvm, memcache: PageList): readonly number[] => {
  const pages: number[] = []
  for (let pfn = memcache.pop(); pfn !== undefined; pfn = memcache.pop()) {
    mustHold(hypDonateHost(pkvm, pfn, 1), "page of a vCPU's list")
    pages.push(pfn)
  }
  return pages
}
