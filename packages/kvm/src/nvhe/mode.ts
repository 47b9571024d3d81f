/** What modes with the host kernel at EL1 and hyp code at EL2 have in common; how they spell registers and traps is the mode's own. */
import type { PhysicalCpu } from "../host/cpu.ts"
import type { Host } from "../host/host.ts"
import { HYP_EXITS } from "../hyp/exits.ts"
import { lazySwitch } from "../hyp/fpsimd.ts"
import { switchToGuest } from "../hyp/guest.ts"
import { commitPending } from "../inject.ts"
import type { HypServices, Mode } from "../mode.ts"
import type { Vcpu } from "../vcpu.ts"
import { restoreVmcrAprs, saveAprs } from "../vgic/switch.ts"
import { startHyp } from "./boot.ts"
import { HostCall, type HostCallTable, hostCall } from "./host-call.ts"
import { createHypMemory, type HypMmu, hypMemoryOf, readMmu } from "./hyp-memory.ts"
import { worldSwitch } from "./world-switch.ts"

/** TLB maintenance under a VM's VMID. */
const withVmid = (cpu: PhysicalCpu, { vtcr, vttbr }: HypMmu, maintain: () => void): void => {
  cpu.writeAll([["VTCR_EL2", vtcr]])
  cpu.writeMain("VTTBR_EL2", vttbr)
  cpu.isb()
  maintain()
  cpu.isb()
  cpu.writeMain("VTTBR_EL2", 0n)
  cpu.isb()
}
const loadedVcpu = (cpu: PhysicalCpu): Vcpu => {
  if (!cpu.loaded) throw cpu.bug("A call about a vCPU that is not loaded")
  return cpu.loaded
}
/** The calls of a kernel that hyp code trusts. */
export const HOST_CALLS: HostCallTable = new Map([
  [
    HostCall.kvm_adjust_pc,
    (cpu) => {
      commitPending(loadedVcpu(cpu))
      return 0n
    }
  ],
  [HostCall.kvm_vcpu_run, (cpu) => BigInt(switchToGuest(cpu, loadedVcpu(cpu)))],
  [
    HostCall.kvm_flush_vm_context,
    (cpu) => {
      cpu.sys("tlbi alle1is")
      return 0n
    }
  ],
  [
    HostCall.kvm_tlb_flush_vmid,
    (cpu, mmu) => {
      withVmid(cpu, readMmu(cpu, mmu), () => cpu.sys("tlbi vmalls12e1is"))
      return 0n
    }
  ],
  [
    HostCall.kvm_flush_cpu_context,
    (cpu, mmu) => {
      withVmid(cpu, readMmu(cpu, mmu), () => cpu.sys("tlbi vmalle1"))
      return 0n
    }
  ],
  [
    HostCall.kvm_timer_set_cntvoff,
    (cpu, offset) => {
      cpu.write("CNTVOFF_EL2", offset)
      return 0n
    }
  ],
  [
    HostCall.vgic_v3_save_aprs,
    (cpu) => {
      saveAprs(cpu, loadedVcpu(cpu))
      return 0n
    }
  ],
  [
    HostCall.vgic_v3_restore_vmcr_aprs,
    (cpu) => {
      restoreVmcrAprs(cpu, loadedVcpu(cpu))
      return 0n
    }
  ]
])

/** What the kernel at EL1 asks of hyp code that answers `table`. */
const servicesBy = (table: HostCallTable): HypServices => {
  const call = (cpu: PhysicalCpu, which: HostCall, argument: bigint): bigint => hostCall(cpu, table, which, argument)
  return {
    loadTimer: (cpu, counterOffset) => void call(cpu, HostCall.kvm_timer_set_cntvoff, counterOffset),
    putTimer: (cpu) => void call(cpu, HostCall.kvm_timer_set_cntvoff, 0n),
    flushContext: (cpu, stage2) => void call(cpu, HostCall.kvm_flush_cpu_context, hypMemoryOf(cpu).describeMmu(cpu, stage2)),
    flushVmid: (cpu, stage2) => void call(cpu, HostCall.kvm_tlb_flush_vmid, hypMemoryOf(cpu).describeMmu(cpu, stage2)),
    loadInterrupts: (cpu, { vm }) => void call(cpu, HostCall.vgic_v3_restore_vmcr_aprs, hypMemoryOf(cpu).describeVcpu(cpu, vm.stage2)),
    putInterrupts: (cpu, { vm }) => void call(cpu, HostCall.vgic_v3_save_aprs, hypMemoryOf(cpu).describeVcpu(cpu, vm.stage2)),
    runVcpu: (cpu, { vm }) => Number(call(cpu, HostCall.kvm_vcpu_run, hypMemoryOf(cpu).describeVcpu(cpu, vm.stage2))),
    adjustPc: (cpu, { vm }) => void call(cpu, HostCall.kvm_adjust_pc, hypMemoryOf(cpu).describeVcpu(cpu, vm.stage2))
  }
}

/**
 * A mode of this family but for its names and spellings; `hostCalls` may answer more, or less, than HOST_CALLS. `atStart` is what hyp code does on a CPU that
 * comes out of reset, before its kernel goes on.
 */
export const kernelAtEl1 = (hostCalls: HostCallTable = HOST_CALLS, atStart?: (cpu: PhysicalCpu, host: Host) => void) =>
  ({
    hostEl: 1,
    guestRegistersStay: false,
    init: (cpu, host) => startHyp(cpu, host, createHypMemory(host), atStart),
    services: servicesBy(hostCalls),
    hostCalls,
    worldSwitch,
    hypExit: HYP_EXITS,
    fp: lazySwitch
  }) satisfies Partial<Mode>
