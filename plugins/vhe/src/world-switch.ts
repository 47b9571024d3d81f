/** The world switch of a host kernel at EL2: guest EL1 registers live on the CPU from load to put; only traps and the return state move at each entry. */
import {
  activateFpTraps,
  activateHcr,
  commitPending,
  deactivateFpTraps,
  deactivateHcr,
  GUEST_MDCR,
  guestCommonTraps,
  guestFeatures,
  HOST_MDCR,
  HOST_VHE_HCR,
  hostCommonTraps,
  returnState,
  SLOT,
  type WorldSwitch
} from "@eltwo/kvm"

export const worldSwitch: WorldSwitch = {
  loadDebug(cpu) {
    cpu.write("MDCR_EL2", GUEST_MDCR)
  },
  load(cpu, vcpu) {
    const { host, stage2 } = vcpu.vm
    const { guestLists, midr } = host
    cpu.readList(guestLists.user, cpu.hostContext)
    cpu.writeList(guestLists.user, vcpu.system)
    const idView = [
      ["VPIDR_EL2", midr],
      ["VMPIDR_EL2", vcpu.mpidr]
    ] as const
    cpu.writeAll(idView, guestLists.el1LoadFirst, vcpu.system)
    cpu.writeMain(guestLists.cpacr, vcpu.system[SLOT.CPACR_EL1]!)
    cpu.writeList(guestLists.el1Load, vcpu.system)
    cpu.writeAll([...guestCommonTraps(guestFeatures(vcpu.vm)), ["VTCR_EL2", stage2.vtcr]])
    cpu.writeMain("VTTBR_EL2", stage2.vttbr)
  },

  enter(cpu, vcpu) {
    const { host } = vcpu.vm
    cpu.context = "hyp"
    host.mode.fp.toGuest(cpu, vcpu)
    cpu.hostContext[SLOT.MDSCR_EL1] = cpu.read("MDSCR_EL1")
    activateHcr(cpu, vcpu)
    activateFpTraps(cpu, vcpu)
    cpu.writeMain("VBAR_EL1", host.guestVectors)
    commitPending(vcpu)
    cpu.write("MDSCR_EL1", vcpu.system[SLOT.MDSCR_EL1]!)
    cpu.writeAll([
      ["ELR_EL1", vcpu.registers.pc],
      ["SPSR_EL1", returnState(vcpu.registers.pstate)],
      ...(host.features.ras ? [["VDISR_EL2", vcpu.system[SLOT.DISR_EL1]!] as const] : [])
    ])
  },

  leave(cpu, vcpu) {
    const { host } = vcpu.vm
    vcpu.system[SLOT.MDSCR_EL1] = cpu.read("MDSCR_EL1")
    vcpu.registers.pc = cpu.read("ELR_EL1")
    if (host.features.ras) vcpu.system[SLOT.DISR_EL1] = cpu.read("VDISR_EL2")
    if (cpu.events.listening)
      cpu.reportList("regs-read", [
        ["ELR_EL1", vcpu.registers.pc],
        ...(host.features.ras ? [["VDISR_EL2", vcpu.system[SLOT.DISR_EL1]!] as const] : [])
      ])
    deactivateHcr(cpu, vcpu, HOST_VHE_HCR)
    deactivateFpTraps(cpu, vcpu)
    cpu.writeMain("VBAR_EL1", host.vectors)
    cpu.write("MDSCR_EL1", cpu.hostContext[SLOT.MDSCR_EL1]!)
    cpu.isb()
    host.mode.fp.toHost(cpu, vcpu)
    cpu.context = "host"
  },

  putDebug(cpu) {
    cpu.write("MDCR_EL2", HOST_MDCR)
  },
  put(cpu, vcpu) {
    const { guestLists, features } = vcpu.vm.host
    cpu.writeAll(hostCommonTraps(features))
    cpu.readList(guestLists.el1Save, vcpu.system)
    cpu.readList(guestLists.user, vcpu.system)
    cpu.writeList(guestLists.user, cpu.hostContext)
  }
}
