/** What hyp code keeps of a host: page ownership with the tables behind it, its vCPUs, and how far its own start has come. */
import { HCR, type Host, hostNvheHcr, type PhysicalCpu } from "@eltwo/kvm"
import type { HypVcpu } from "../hyp-vcpu.ts"
import type { HypPool } from "../ownership/hyp-pool.ts"
import type { HypVm, HypVcpu as VcpuPages } from "../ownership/hyp-vm.ts"
import type { PageRecords } from "../ownership/page-records.ts"
import type { Pkvm } from "../ownership/pkvm.ts"
import type { RealHostStage2 } from "./host-stage2.ts"
import type { RealHypStage1 } from "./hyp-stage1.ts"

/** Pages of a run. */
export interface PageRun {
  readonly pfn: number
  readonly pages: number
}
export interface RealPkvm extends Pkvm {
  readonly hostStage2: RealHostStage2
  readonly hypStage1: RealHypStage1
}
/** What hyp code keeps of the host, its VMs and who owns which page. */
export interface HypState {
  readonly host: Host
  readonly pkvm: RealPkvm
  /** By their records of pages. */
  readonly vcpus: Map<VcpuPages, HypVcpu>
  /** Hyp code's text, which the host may read. */
  readonly text: PageRun
  /** The memory that was hyp code's before the host was deprivileged. */
  readonly pool: PageRun
  /** Pages of it for tables: hyp code's own, and the host's stage 2. */
  readonly tablePools: { readonly stage1: HypPool; readonly stage2: HypPool }
  /** ID registers of the processor by name, as they were when hyp code started. */
  readonly idRegisters: ReadonlyMap<string, bigint>
  /** The CPU that executes hyp code now: descriptors are read and written by its own loads and stores. */
  cpu: PhysicalCpu
  /** The static key "protected initialised": calls of the early kind are refused, those about VMs accepted. */
  initialised: boolean
  /** CPUs whose host is behind its stage 2. */
  readonly finalized: Set<PhysicalCpu>
  /** Uses of pages by guests that ended with their VM before the host took them back: it never gets those pages back. */
  readonly lost: Map<number, number>
  /** Which vCPU of each VM ran last on each CPU. */
  readonly lastRan: WeakMap<PhysicalCpu, Map<HypVm, number>>
  /** Reports what pages changed hands since it was asked last; nothing when nobody listens. */
  readonly records: PageRecords & { report(cpu: PhysicalCpu, actor: string, transition: string): void }
}
const states = new WeakMap<Host | PhysicalCpu, HypState>()
/** Hyp code's data of the host that a CPU belongs to; undefined before hyp code has taken over. */
export const hypStateOf = (host: Host): HypState | undefined => states.get(host)
export const keepHypState = (state: HypState): void => {
  states.set(state.host, state)
  for (const cpu of state.host.cpus) states.set(cpu, state)
}
/** The same on a CPU that came to hyp code: it makes the accesses from now on. */
export const hypStateOn = (cpu: PhysicalCpu): HypState => {
  const state = states.get(cpu)
  if (!state) throw cpu.bug("Hyp code has not taken over")
  state.cpu = cpu
  return state
}
/** The vCPU that is loaded on a CPU. */
export const loadedHypVcpu = (state: HypState, cpu: PhysicalCpu): HypVcpu | undefined => {
  const pages = state.pkvm.loaded.get(cpu.index)
  return pages && state.vcpus.get(pages)
}

/** HCR_EL2 while the host runs: SMC traps, and from finalize on it is behind its stage 2. */
export const hostHcr = (cpu: PhysicalCpu, host: Host): bigint => {
  const { features, mode } = host
  const behind = states.get(host)?.finalized.has(cpu) ?? false
  return hostNvheHcr(features, mode.e2h) | HCR.TSC | (behind ? HCR.VM | (features.stage2ForceWriteBack ? HCR.FWB : 0n) : 0n)
}
