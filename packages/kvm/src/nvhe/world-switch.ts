/**
 * The world switch beside a kernel at EL1, in hyp code: every register of EL1 and EL0 that host and guest both use is swapped at each entry and
 * each exit. Nothing of the guest is on the CPU between vcpu_load and the entry but its timers.
 */
import type { RegisterList } from "@eltwo/cpu"
import { ENTRY, type GuestLists, SLOT } from "../guest-context.ts"
import type { PhysicalCpu, RegisterBlock } from "../host/cpu.ts"
import type { Host } from "../host/host.ts"
import { counterAccess, emulatedTimerAccess, HOST_MDCR, hostNvheHcr } from "../hyp/controls.ts"
import { activateFpTraps, deactivateFpTraps } from "../hyp/fpsimd.ts"
import { activateHcr, deactivateHcr, guestCommonTraps, hostCommonTraps, returnState } from "../hyp/switch-state.ts"
import { commitPending } from "../inject.ts"
import type { WorldSwitch } from "../mode.ts"
import { guestFeatures } from "../system-registers.ts"
import type { Vcpu } from "../vcpu.ts"
import { enterInterface, leaveInterface } from "../vgic/switch.ts"
import { type HypMmu, hypMemoryOf, readVcpuMmu } from "./hyp-memory.ts"

/** What hyp code takes from the host kernel on trust, or decides itself. */
export interface SwitchPolicy {
  /** Stage 2 of the guest that is about to run. */
  guestStage2(cpu: PhysicalCpu, vcpu: Vcpu): HypMmu
  /** Stage 2 that the host is behind; none: VTTBR_EL2 is 0 while it runs. */
  readonly hostStage2?: (cpu: PhysicalCpu) => HypMmu
  /** HCR_EL2 while the host runs. */
  hostHcr(cpu: PhysicalCpu, host: Host): bigint
  /** HSTR_EL2, HCRX_EL2 and fine-grained traps of this guest. */
  guestTraps(vcpu: Vcpu): RegisterBlock
  /** The registers that this guest has: host and guest are swapped by the same lists. */
  guestLists(vcpu: Vcpu): GuestLists
}
/** Everything as the kernel says: the pointer of the call describes the vCPU. */
export const TRUSTING: SwitchPolicy = {
  guestStage2: (cpu) => readVcpuMmu(cpu, cpu.pe.x[1]!),
  hostHcr: (_, { features, mode }) => hostNvheHcr(features, mode.e2h),
  guestTraps: ({ vm }) => guestCommonTraps(guestFeatures(vm)),
  guestLists: ({ vm }) => vm.host.guestLists
}

/** Common, EL1, user and return state into a context. */
const save = (cpu: PhysicalCpu, list: RegisterList, context: BigUint64Array): void => {
  context[SLOT.MDSCR_EL1] = cpu.read("MDSCR_EL1")
  cpu.readList(list, context)
}
const restore = (cpu: PhysicalCpu, { view, cpacr, allLoad }: GuestLists, context: BigUint64Array): void => {
  cpu.write("MDSCR_EL1", context[SLOT.MDSCR_EL1]!)
  cpu.writeList(view, context)
  cpu.writeMain(cpacr, context[SLOT.CPACR_EL1]!)
  cpu.writeList(allLoad, context)
}

/** The world switch of modes whose kernel is at EL1, by a policy. */
export const worldSwitchBy = (policy: SwitchPolicy): WorldSwitch => ({
  loadDebug() {},
  load() {},

  enter(cpu, vcpu) {
    const { host } = vcpu.vm
    const { vtcr, vttbr } = policy.guestStage2(cpu, vcpu)
    const lists = policy.guestLists(vcpu)
    host.mode.fp.toGuest(cpu, vcpu)
    save(cpu, lists.hostSave, cpu.hostContext)
    commitPending(vcpu)
    const { registers, system } = vcpu
    system[ENTRY.pc] = registers.pc
    system[ENTRY.pstate] = returnState(registers.pstate)
    system[ENTRY.midr] = host.midr
    system[ENTRY.mpidr] = vcpu.mpidr
    restore(cpu, lists, system)
    cpu.writeAll([["VTCR_EL2", vtcr]])
    cpu.writeMain("VTTBR_EL2", vttbr)
    activateHcr(cpu, vcpu)
    cpu.writeAll([["MDCR_EL2", vcpu.mdcr]], policy.guestTraps(vcpu))
    activateFpTraps(cpu, vcpu)
    cpu.writeMain("VBAR_EL2", hypMemoryOf(cpu).guestVectors)
    enterInterface(cpu, vcpu, 1)
    cpu.write("CNTHCTL_EL2", emulatedTimerAccess(host.mode.e2h))
  },

  leave(cpu, vcpu) {
    const { host } = vcpu.vm
    const { features, mode } = host
    const lists = policy.guestLists(vcpu)
    // the exit has stored SPSR_EL2
    save(cpu, lists.guestSave, vcpu.system)
    vcpu.registers.pc = vcpu.system[ENTRY.pc]!
    cpu.write("CNTHCTL_EL2", counterAccess(mode.e2h))
    leaveInterface(cpu, vcpu, 1)
    cpu.writeAll([["MDCR_EL2", HOST_MDCR]], hostCommonTraps(features))
    deactivateHcr(cpu, vcpu, policy.hostHcr(cpu, host))
    deactivateFpTraps(cpu, vcpu)
    cpu.writeMain("VBAR_EL2", hypMemoryOf(cpu).hostVectors)
    const behind = policy.hostStage2?.(cpu)
    if (behind) cpu.writeAll([["VTCR_EL2", behind.vtcr]])
    cpu.writeMain("VTTBR_EL2", behind?.vttbr ?? 0n)
    cpu.hostContext[ENTRY.midr] = cpu.read("MIDR_EL1")
    cpu.hostContext[ENTRY.mpidr] = cpu.read("MPIDR_EL1")
    restore(cpu, lists, cpu.hostContext)
    mode.fp.toHost(cpu, vcpu)
  },

  putDebug() {},
  put() {}
})
export const worldSwitch: WorldSwitch = worldSwitchBy(TRUSTING)
