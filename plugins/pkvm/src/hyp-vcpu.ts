/** Hyp code's own vCPU: beside the host's structure, which the host may write at any time. */
import { type Host, newContext, type PhysicalCpu, UserRegisters, type Vcpu } from "@eltwo/kvm"
import type { HypVcpu as VcpuPages } from "./ownership/hyp-vm.ts"
import type { Pkvm } from "./ownership/pkvm.ts"

export interface HypVcpu {
  /** Its memory, index, and the CPU that has it loaded. */
  readonly pages: VcpuPages
  readonly index: number
  /** The VM was created as a protected one. */
  readonly protected: boolean
  /** The host's vCPU: what flush reads and sync writes. */
  readonly hostVcpu: Vcpu
  /** What hyp code runs. Registers, controls and syndrome are its own; what it does not have is read from the host's. */
  readonly state: Vcpu
}

/** Own registers, controls and syndrome, all zero, before an original's everything else. */
const shadowOf = (original: Vcpu): Vcpu => {
  const own: Partial<Vcpu> = {
    registers: new UserRegisters(),
    system: newContext(),
    fault: { esr: 0, far: 0n, hpfar: 0n },
    fp: { ...original.fp, fpsimd: new Uint8Array(original.fp.fpsimd.length) },
    hcr: 0n,
    mdcr: 0n,
    vsesr: 0n,
    pending: undefined,
    halt: undefined
  }
  return Object.create(original, Object.getOwnPropertyDescriptors(own)) as Vcpu
}

export const newHypVcpu = (pages: VcpuPages, hostVcpu: Vcpu): HypVcpu => ({
  pages,
  index: pages.index,
  protected: pages.vm.protected,
  hostVcpu,
  state: shadowOf(hostVcpu)
})

/** What hyp code keeps of a host: page ownership, its vCPUs, and what is loaded where. */
export interface HypState {
  readonly host: Host
  readonly pkvm: Pkvm
  /** By their records of pages. */
  readonly vcpus: Map<VcpuPages, HypVcpu>
  /** The CPU that executes hyp code now: descriptors are read and written by its own loads and stores. */
  cpu: PhysicalCpu
}
const states = new WeakMap<Host, HypState>()
/** Hyp code's data of the host that a CPU belongs to; undefined before hyp code has taken over. */
export const hypStateOf = (host: Host): HypState | undefined => states.get(host)
export const keepHypState = (state: HypState): void => {
  states.set(state.host, state)
}
/** The vCPU that is loaded on a CPU. */
export const loadedHypVcpu = (state: HypState, cpu: PhysicalCpu): HypVcpu | undefined => {
  const pages = state.pkvm.loaded.get(cpu.index)
  return pages && state.vcpus.get(pages)
}
