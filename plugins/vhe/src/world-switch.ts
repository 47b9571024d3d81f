/** The world switch of a host kernel at EL2: guest EL1 registers live on the CPU from load to put; only traps and the return state move at each entry. */
import {
  activateFpTraps,
  activateHcr,
  commitPending,
  deactivateFpTraps,
  deactivateHcr,
  ENTRY,
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
    vcpu.system[ENTRY.midr] = midr
    vcpu.system[ENTRY.mpidr] = vcpu.mpidr
    cpu.writeList(guestLists.view, vcpu.system)
    cpu.writeMain(guestLists.cpacr, vcpu.system[SLOT.CPACR_EL1]!)
    cpu.writeList(guestLists.el1Load, vcpu.system)
    const { names, values } = guestCommonTraps(guestFeatures(vcpu.vm))
    cpu.writeAll([...names.map((name, i) => [name, values[i]!] as const), ["VTCR_EL2", stage2.vtcr]])
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
    vcpu.system[ENTRY.pc] = vcpu.registers.pc
    vcpu.system[ENTRY.pstate] = returnState(vcpu.registers.pstate)
    cpu.writeList(host.guestLists.entry, vcpu.system)
  },

  leave(cpu, vcpu) {
    const { host } = vcpu.vm
    vcpu.system[SLOT.MDSCR_EL1] = cpu.read("MDSCR_EL1")
    cpu.readList(host.guestLists.exit, vcpu.system)
    vcpu.registers.pc = vcpu.system[ENTRY.pc]!
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
    cpu.writeAll([], hostCommonTraps(features))
    cpu.readList(guestLists.el1Save, vcpu.system)
    cpu.readList(guestLists.user, vcpu.system)
    cpu.writeList(guestLists.user, cpu.hostContext)
  }
}
