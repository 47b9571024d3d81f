/** Trap words on the way in and out, and the guest's FP trap, in hyp code. */
import { EC } from "@eltwo/isa"
import type { PhysicalCpu } from "../host/cpu.ts"
import type { Vcpu } from "../vcpu.ts"
import type { TrapId } from "./trap-words.ts"

const FP: readonly TrapId[] = ["fp"]
const NONE: readonly TrapId[] = []

/** Which controls are open while this guest runs: none before it owns the registers. */
const openTo = (cpu: PhysicalCpu): readonly TrapId[] => (cpu.fpOwner === "guest" ? FP : NONE)

/** Programs the traps of a guest, from scratch. */
export const activateFpTraps = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { trapWords } = vcpu.vm.host
  cpu.writeMain(trapWords.register, trapWords.guest(openTo(cpu)))
}
/** The host's resting word: everything open. */
export const deactivateFpTraps = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { trapWords } = vcpu.vm.host
  cpu.writeMain(trapWords.register, trapWords.rest)
}

/**
 * kvm_hyp_handle_fpsimd: the guest used FP without owning the registers. They become the guest's, and the instruction is done again. False: not a trap of
 * lazy switching (no FP unit, or SVE for a vCPU without it); the host kernel answers it.
 */
export const handleFpTrap = (cpu: PhysicalCpu, vcpu: Vcpu): boolean => {
  const { features, mode } = vcpu.vm.host
  if (!features.fp || vcpu.fault.esr >>> 26 !== EC.FPAccess) return false
  deactivateFpTraps(cpu, vcpu)
  cpu.isb()
  if (cpu.fpOwner === "host") mode.fp.saveHost?.(cpu, vcpu)
  cpu.load("fpsimd", vcpu.fp.name, vcpu.fp.fpsimd)
  cpu.fpOwner = "guest"
  activateFpTraps(cpu, vcpu)
  return true
}
