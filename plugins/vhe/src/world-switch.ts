/** The world switch of a host kernel at EL2: guest EL1 registers live on the CPU from load to put; only traps and the return state move at each entry. */
import {
  activateFpTraps,
  commitPending,
  deactivateFpTraps,
  GUEST_HSTR,
  GUEST_MDCR,
  guestFineTraps,
  guestHcrx,
  HCR,
  HOST_MDCR,
  HOST_VHE_HCR,
  hostFineTraps,
  hostHcrx,
  newContext,
  type PhysicalCpu,
  SLOT,
  type Vcpu,
  type WorldSwitch
} from "@eltwo/kvm"

/** The host's own values of what a guest replaces, by CPU. */
const hostContexts = new WeakMap<PhysicalCpu, BigUint64Array>()
export const hostContext = (cpu: PhysicalCpu): BigUint64Array => {
  let context = hostContexts.get(cpu)
  if (!context) hostContexts.set(cpu, (context = newContext()))
  return context
}

/** HSTR, HCRX and the fine-grained traps. */
const commonTraps = (cpu: PhysicalCpu, values: { readonly hstr: bigint; readonly hcrx: bigint; readonly fine: bigint }, { vm }: Vcpu): void => {
  const { features } = vm.host
  const written = ["HSTR_EL2"]
  cpu.write("HSTR_EL2", values.hstr)
  if (features.hcrx) {
    cpu.write("HCRX_EL2", values.hcrx)
    written.push("HCRX_EL2")
  }
  if (features.fineGrainedTraps) {
    for (const register of ["HFGRTR_EL2", "HFGWTR_EL2"]) cpu.write(register, values.fine)
    for (const register of ["HFGITR_EL2", "HDFGRTR_EL2", "HDFGWTR_EL2"]) cpu.write(register, 0n)
    written.push("HFGRTR_EL2", "HFGWTR_EL2", "HFGITR_EL2", "HDFGRTR_EL2", "HDFGWTR_EL2")
  }
  cpu.reportList("regs-write", written)
}

const PSTATE_MODE = 15n
const EL2T = 8n
const EL2H = 9n
const EL1T = 4n
const EL1H = 5n
const IL = 1n << 20n
/** The guest's PSTATE as it may be entered: its EL2 modes are EL1's; what is above them makes an illegal return. */
const returnState = (pstate: bigint): bigint => {
  const mode = pstate & PSTATE_MODE
  if (mode < EL2T) return pstate
  if (mode === EL2T) return (pstate & ~PSTATE_MODE) | EL1T
  return mode === EL2H ? (pstate & ~PSTATE_MODE) | EL1H : (pstate & ~0x1fn) | EL2H | IL
}

export const worldSwitch: WorldSwitch = {
  loadDebug(cpu) {
    cpu.write("MDCR_EL2", GUEST_MDCR)
  },
  load(cpu, vcpu) {
    const { host, stage2 } = vcpu.vm
    const { guestLists, features, midr } = host
    cpu.readList(guestLists.user, hostContext(cpu))
    cpu.writeList(guestLists.user, vcpu.system)
    cpu.write("VPIDR_EL2", midr)
    cpu.write("VMPIDR_EL2", vcpu.mpidr)
    cpu.reportList("regs-write", ["VPIDR_EL2", "VMPIDR_EL2"])
    cpu.writeList(guestLists.el1LoadFirst, vcpu.system)
    cpu.writeMain(guestLists.cpacr, vcpu.system[SLOT.CPACR_EL1]!)
    cpu.writeList(guestLists.el1Load, vcpu.system)
    commonTraps(cpu, { hstr: GUEST_HSTR, hcrx: guestHcrx(features), fine: guestFineTraps(features) }, vcpu)
    cpu.write("VTCR_EL2", stage2.vtcr)
    cpu.reportList("regs-write", ["VTCR_EL2"])
    cpu.writeMain("VTTBR_EL2", stage2.vttbr)
  },

  enter(cpu, vcpu) {
    const { host } = vcpu.vm
    cpu.context = "hyp"
    host.mode.fp.toGuest(cpu, vcpu)
    hostContext(cpu)[SLOT.MDSCR_EL1] = cpu.read("MDSCR_EL1")
    cpu.writeMain("HCR_EL2", vcpu.hcr)
    if (vcpu.hcr & HCR.VSE) cpu.write("VSESR_EL2", vcpu.vsesr)
    activateFpTraps(cpu, vcpu)
    cpu.writeMain("VBAR_EL1", host.guestVectors)
    commitPending(vcpu)
    cpu.write("MDSCR_EL1", vcpu.system[SLOT.MDSCR_EL1]!)
    cpu.write("ELR_EL1", vcpu.registers.pc)
    cpu.write("SPSR_EL1", returnState(vcpu.registers.pstate))
    if (host.features.ras) cpu.write("VDISR_EL2", vcpu.system[SLOT.DISR_EL1]!)
    cpu.reportList("regs-write", host.features.ras ? ["ELR_EL1", "SPSR_EL1", "VDISR_EL2"] : ["ELR_EL1", "SPSR_EL1"])
  },

  leave(cpu, vcpu) {
    const { host } = vcpu.vm
    vcpu.system[SLOT.MDSCR_EL1] = cpu.read("MDSCR_EL1")
    vcpu.registers.pc = cpu.read("ELR_EL1")
    if (host.features.ras) vcpu.system[SLOT.DISR_EL1] = cpu.read("VDISR_EL2")
    cpu.reportList("regs-read", host.features.ras ? ["ELR_EL1", "VDISR_EL2"] : ["ELR_EL1"])
    // a virtual SError that was delivered is not pending any more
    if (vcpu.hcr & HCR.VSE) vcpu.hcr = (vcpu.hcr & ~HCR.VSE) | (cpu.read("HCR_EL2") & HCR.VSE)
    cpu.writeMain("HCR_EL2", HOST_VHE_HCR)
    deactivateFpTraps(cpu, vcpu)
    cpu.writeMain("VBAR_EL1", host.vectors)
    cpu.write("MDSCR_EL1", hostContext(cpu)[SLOT.MDSCR_EL1]!)
    cpu.isb()
    host.mode.fp.toHost(cpu, vcpu)
    cpu.context = "host"
  },

  putDebug(cpu) {
    cpu.write("MDCR_EL2", HOST_MDCR)
  },
  put(cpu, vcpu) {
    const { guestLists, features } = vcpu.vm.host
    commonTraps(cpu, { hstr: 0n, hcrx: hostHcrx(features), fine: hostFineTraps(features) }, vcpu)
    cpu.readList(guestLists.el1Save, vcpu.system)
    cpu.readList(guestLists.user, vcpu.system)
    cpu.writeList(guestLists.user, hostContext(cpu))
  }
}
