/** Hyp code's own vCPU: beside the host's structure, which the host may write at any time. */
import { newContext, UserRegisters, type Vcpu } from "@eltwo/kvm"
import type { HypVcpu as VcpuPages } from "./ownership/hyp-vm.ts"

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
    fault: { esr: 0, far: 0n, hpfar: 0n, disr: 0 },
    fp: { ...original.fp, fpsimd: new Uint8Array(original.fp.fpsimd.length) },
    hcr: 0n,
    mdcr: 0n,
    vsesr: 0n,
    pending: undefined,
    halt: undefined
  }
  return Object.create(original, Object.getOwnPropertyDescriptors(own)) as Vcpu
}

/** One whose memory is still to be given. */
export const newHypVcpu = (hostVcpu: Vcpu, index: number, isProtected: boolean): Omit<HypVcpu, "pages"> => ({
  index,
  protected: isProtected,
  hostVcpu,
  state: shadowOf(hostVcpu)
})

export { type HypState, hypStateOf, loadedHypVcpu } from "./hyp/state.ts"
