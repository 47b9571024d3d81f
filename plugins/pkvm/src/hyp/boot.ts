/** How hyp code takes over: memory of its own, tables of its own, every page's owner noted, and the host behind a stage 2. */
import { type Host, hypMemoryOf, type PhysicalCpu } from "@eltwo/kvm"
import type { Outcome } from "../ownership/errno.ts"
import { HypPool } from "../ownership/hyp-pool.ts"
import { MemoryMap } from "../ownership/memory-map.ts"
import { Vmemmap } from "../ownership/page-records.ts"
import { HYP, PAGE_BYTES, PageState, pagesOf } from "../ownership/page-state.ts"
import { newVmTable } from "../ownership/vm-table.ts"
import { identificationOf } from "../vcpu/features.ts"
import { createHostFp } from "../vcpu/host-fp.ts"
import { RealGuestStage2 } from "./guest-stage2.ts"
import { RealHostStage2 } from "./host-stage2.ts"
import { RealHypStage1 } from "./hyp-stage1.ts"
import { boardMemory, pooledTables } from "./memory.ts"
import { ObservedRecords } from "./observed-records.ts"
import { type HypState, hostHcr, hypStateOf, keepHypState, type PageRun, type RealPkvm } from "./state.ts"
import { forgetEl2, forgetGuest, forgetHost } from "./tlb.ts"

const ENTRIES = 512
/** Tables that are there whatever is mapped: the first, and those of levels that span all of RAM; twice where RAM crosses a boundary. */
const UPPER_TABLES = 8
/** More for the host: devices, and memory that is mapped in smaller pieces than it could be. */
const SPARE = 16

interface PoolPlan {
  readonly records: number
  readonly stage1: number
  readonly stage2: number
}
const planOf = ({ board }: Host): PoolPlan => {
  const pages = board.ram.bytes / PAGE_BYTES
  const tables = Math.ceil(pages / ENTRIES) + Math.ceil(pages / ENTRIES / ENTRIES) + UPPER_TABLES
  return { records: Math.ceil(Vmemmap.bytes(pages) / PAGE_BYTES), stage1: tables, stage2: tables + SPARE }
}
/** Memory that hyp code needs for records of all pages and for all tables that can be there, in bytes. */
export const poolBytes = (host: Host): number => {
  const { records, stage1, stage2 } = planOf(host)
  return (records + stage1 + stage2) * PAGE_BYTES
}

/** Memory of hyp code outside the pool that the host had made: vectors and each CPU's own page, and buffers for the host's FP state. */
const ownMemory = (host: Host): { readonly text: PageRun; readonly data: readonly PageRun[] } => ({
  text: { pfn: hypMemoryOf(host.cpus[0]!).vectors / PAGE_BYTES, pages: 1 },
  data: [
    ...host.cpus.map((cpu) => ({ pfn: hypMemoryOf(cpu).objects(cpu) / PAGE_BYTES, pages: 1 })),
    ...createHostFp(host).map((range) => pagesOf(range))
  ]
})

/**
 * pkvm_init, on the first CPU: the pool is cut up, hyp code gets tables of its own and leaves the host's, and what it has is not the host's any more. EINVAL:
 * the pool is not pages.
 */
export const pkvmInit = (cpu: PhysicalCpu, host: Host, physical: number, bytes: number): Outcome => {
  if (physical % PAGE_BYTES !== 0 || bytes % PAGE_BYTES !== 0) return "EINVAL"
  const { board, features, mode } = host
  const plan = planOf(host)
  const pool: PageRun = { pfn: physical / PAGE_BYTES, pages: bytes / PAGE_BYTES }
  if (pool.pages < plan.records + plan.stage1 + plan.stage2) return "ENOMEM"
  const ram = { pfn: board.ram.base / PAGE_BYTES, pages: board.ram.bytes / PAGE_BYTES }
  const memory = boardMemory(host)
  memory.zero(physical, bytes)
  const recordBytes = Vmemmap.bytes(ram.pages)
  const view = new DataView(board.memory.buffer, board.physical.at(physical, recordBytes), recordBytes)
  const records = new ObservedRecords(host, ram.pfn, view)
  const poolOf = (from: number, pages: number) => new HypPool(records, memory, pool.pfn + from, pages)
  const stage1Pool = poolOf(plan.records, plan.stage1)
  const stage2Pool = poolOf(plan.records + plan.stage1, pool.pages - plan.records - plan.stage1)
  const running = { cpu }
  const idRegisters = new Map(identificationOf(host).map((name) => [name, cpu.read(name)] as const))
  const memoryMap = new MemoryMap([ram], features.physicalBits)
  const firstTable = (from: HypPool): number => from.allocate()! * PAGE_BYTES
  const hypStage1 = new RealHypStage1(pooledTables(running, stage1Pool), firstTable(stage1Pool), mode.e2h, () => forgetEl2(running.cpu))
  const hostStage2 = new RealHostStage2(host, pooledTables(running, stage2Pool), firstTable(stage2Pool), memoryMap, () =>
    forgetHost(running.cpu, hostStage2)
  )
  const pkvm: RealPkvm = {
    memoryMap,
    memory,
    records,
    hostStage2,
    hypStage1,
    vms: newVmTable(),
    loaded: new Map(),
    blockPages: ENTRIES,
    newGuestStage2: (tables) => RealGuestStage2.make(running, host, tables, (guest) => forgetGuest(running.cpu, hostStage2.vtcr, guest))
  }
  const { text, data } = ownMemory(host)
  hypStage1.mapText(text.pfn, text.pages)
  for (const run of [pool, ...data]) hypStage1.map(run.pfn, run.pages)
  const state: HypState = Object.assign(running, {
    host,
    pkvm,
    records,
    text,
    pool,
    tablePools: { stage1: stage1Pool, stage2: stage2Pool },
    idRegisters,
    vcpus: new Map(),
    lost: new Map(),
    lastRan: new WeakMap(),
    initialised: false,
    finalized: new Set<PhysicalCpu>()
  })
  keepHypState(state)
  hypMemoryOf(cpu).useTables(hypStage1.root)
  kvmHypInit(cpu, host)
  for (const pfn of [...hypStage1.pages()]) {
    records.setHypState(pfn, PageState.OWNED)
    hostStage2.annotate(pfn, 1, HYP)
    records.setHostState(pfn, PageState.NOPAGE)
  }
  for (let page = text.pfn; page < text.pfn + text.pages; page++) hostStage2.mapText(page)
  return undefined
}

/** kvm_hyp_init by the parameters that hyp code has set: its own tables, and the host's SMC trapped. */
export const kvmHypInit = (cpu: PhysicalCpu, host: Host): void => {
  cpu.write("TTBR0_EL2", BigInt(hypMemoryOf(cpu).root))
  cpu.write("HCR_EL2", hostHcr(cpu, host))
  cpu.isb()
  cpu.sys("tlbi alle2")
  cpu.isb()
}

/** pkvm_prot_finalize: the host of this CPU is behind its stage 2. EPERM: it is already. */
export const protFinalize = (cpu: PhysicalCpu, state: HypState): Outcome => {
  if (state.finalized.has(cpu)) return "EPERM"
  state.finalized.add(cpu)
  loadHostStage2(cpu, state)
  return undefined
}
const loadHostStage2 = (cpu: PhysicalCpu, { pkvm: { hostStage2 }, host }: HypState): void => {
  const { vtcr, vttbr } = hostStage2
  cpu.writeAll([["VTCR_EL2", vtcr]])
  cpu.writeMain("VTTBR_EL2", vttbr)
  cpu.writeMain("HCR_EL2", hostHcr(cpu, host))
  cpu.isb()
  cpu.sys("tlbi vmalls12e1")
  cpu.isb()
}
/** A CPU that had no power comes back: its kernel does not go on before it is behind its stage 2 again. */
export const restoreProtection = (cpu: PhysicalCpu, host: Host): void => {
  const state = hypStateOf(host)
  if (state?.finalized.has(cpu)) loadHostStage2(cpu, state)
}
