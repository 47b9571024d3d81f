/** All that hyp's page ownership is made of. The functions beside this file change it; each does all of a transition or nothing. */
import type { HypPool } from "./hyp-pool.ts"
import type { HypVcpu } from "./hyp-vm.ts"
import type { GuestStage2, HostStage2, HypStage1, PhysicalMemory } from "./mappings.ts"
import type { MemoryMap } from "./memory-map.ts"
import type { PageRecords } from "./page-records.ts"
import type { VmTable } from "./vm-table.ts"

export interface Pkvm {
  readonly memoryMap: MemoryMap
  readonly memory: PhysicalMemory
  readonly records: PageRecords
  readonly hostStage2: HostStage2
  readonly hypStage1: HypStage1
  readonly vms: VmTable
  /** The vCPU that is loaded on a physical CPU. */
  readonly loaded: Map<number, HypVcpu>
  /** Pages of a second-level block: 512. */
  readonly blockPages: number
  /** Makes the tables of a VM, the first of them from `pool`; undefined when the pool is too small for them. */
  readonly newGuestStage2: (pool: HypPool) => GuestStage2 | undefined
}
