/** Trap words and vector lengths on the way in and out, and the guest's FP trap, in hyp code. */
import { EC } from "@eltwo/isa"
import { guestName, SLOT } from "../guest-context.ts"
import type { PhysicalCpu } from "../host/cpu.ts"
import { loadScalable } from "../host/scalable.ts"
import { lengthField } from "../host/vector-lengths.ts"
import type { FpPolicy } from "../mode.ts"
import { hasFpmr } from "../system-registers.ts"
import type { Vcpu } from "../vcpu.ts"
import type { TrapId } from "./trap-words.ts"

const NONE: readonly TrapId[] = []
const FP: readonly TrapId[] = ["fp"]
const SCALABLE: readonly TrapId[] = ["fp", "sve"]

/** Whether the vCPU has SVE. */
const hasSve = ({ fp }: Vcpu): boolean => fp.vl.sve > 0
/** Which controls are open while this guest runs: none before it owns the registers, SME's never. */
const openTo = (cpu: PhysicalCpu, vcpu: Vcpu): readonly TrapId[] => (cpu.fpOwner !== "guest" ? NONE : hasSve(vcpu) ? SCALABLE : FP)

/** Programs the traps of a guest, from scratch. */
export const activateFpTraps = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { trapWords } = vcpu.vm.host
  cpu.writeMain(trapWords.register, trapWords.guest(openTo(cpu, vcpu)))
}
/** The host's resting word: everything open. */
export const deactivateFpTraps = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { trapWords } = vcpu.vm.host
  cpu.writeMain(trapWords.register, trapWords.rest)
}

/** The guest's ZCR_EL1 as hyp code of a mode names it. */
const guestZcr = ({ vm }: Vcpu): string => guestName("ZCR_EL1", vm.host.mode.registers)
/** ZCR_EL2 as code that is the same in all modes names it: under E2H by the name of EL1. */
const ownZcr = ({ vm }: Vcpu): string => (vm.host.mode.registers === "redirected" ? "ZCR_EL1" : "ZCR_EL2")

/** sve_cond_update_zcr: ZCR_EL2 is written when it differs. */
export const limitVectors = (cpu: PhysicalCpu, vectorBytes: number): void => {
  const wanted = lengthField(vectorBytes)
  if (cpu.readMain("ZCR_EL2") !== wanted) cpu.writeMain("ZCR_EL2", wanted)
}
/** The guest's registers, whatever length it uses itself: they are kept at its largest. The traps are open. */
const loadGuest = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { fp } = vcpu
  if (hasSve(vcpu)) {
    limitVectors(cpu, fp.vl.sve)
    loadScalable(cpu, fp, { vl: fp.vl.sve, ffr: true })
    cpu.writeMain(guestZcr(vcpu), vcpu.system[SLOT.ZCR_EL1]!)
  } else cpu.load("fpsimd", fp.name, fp.fpsimd)
  if (hasFpmr(vcpu.vm)) cpu.writeMain("FPMR", fp.fpmr)
}

/**
 * kvm_hyp_handle_fpsimd: the guest used FP without owning the registers. They become the guest's, and the instruction is done again. False: not a trap of
 * lazy switching (no FP unit, or SVE for a vCPU without it); the host kernel answers it.
 */
export const handleFpTrap = (cpu: PhysicalCpu, vcpu: Vcpu): boolean => {
  const { features, mode } = vcpu.vm.host
  const ec = vcpu.fault.esr >>> 26
  if (!features.fp || !(ec === EC.FPAccess || (ec === EC.SVEAccess && hasSve(vcpu)))) return false
  deactivateFpTraps(cpu, vcpu)
  cpu.isb()
  if (cpu.fpOwner === "host") mode.fp.saveHost?.(cpu, vcpu)
  loadGuest(cpu, vcpu)
  cpu.fpOwner = "guest"
  activateFpTraps(cpu, vcpu)
  return true
}

/** The guest's own choice of length leaves the CPU with it. */
const storeGuestZcr = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  vcpu.system[SLOT.ZCR_EL1] = cpu.readMain(guestZcr(vcpu))
}
const ownsVectors = (cpu: PhysicalCpu, vcpu: Vcpu): boolean => cpu.fpOwner === "guest" && hasSve(vcpu)

/** fpsimd_lazy_switch_to_guest and …_to_host: vector lengths of a guest that owns the registers. Afterwards the host sees them at the vCPU's largest length. */
export const lazySwitch: FpPolicy = {
  toGuest(cpu, vcpu) {
    if (!ownsVectors(cpu, vcpu)) return
    cpu.writeMain(ownZcr(vcpu), lengthField(vcpu.fp.vl.sve))
    cpu.writeMain(guestZcr(vcpu), vcpu.system[SLOT.ZCR_EL1]!)
  },
  toHost(cpu, vcpu) {
    if (!ownsVectors(cpu, vcpu)) return
    storeGuestZcr(cpu, vcpu)
    const guest = lengthField(vcpu.fp.vl.sve)
    const { features, mode } = vcpu.vm.host
    // a kernel at EL2 has its own length in ZCR_EL2; one at EL1 uses the register the guest used
    cpu.writeMain(ownZcr(vcpu), mode.hostEl === 2 ? guest : lengthField(features.sveVls.at(-1)!))
    if (mode.hostEl === 1) cpu.writeMain(guestZcr(vcpu), guest)
  }
}
