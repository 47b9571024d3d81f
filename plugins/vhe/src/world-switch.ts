/** The world switch of a host kernel at EL2: guest EL1 registers live on the CPU from load to put; only traps and the return state move at each entry. */
import {
  activateFpTraps,
  type CpuFeatures,
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
  type WorldSwitch
} from "@eltwo/kvm"

/** The host's own values of what a guest replaces, by CPU. */
const hostContexts = new WeakMap<PhysicalCpu, BigUint64Array>()
export const hostContext = (cpu: PhysicalCpu): BigUint64Array => {
  let context = hostContexts.get(cpu)
  if (!context) hostContexts.set(cpu, (context = newContext()))
  return context
}

interface CommonTraps {
  readonly hstr: bigint
  readonly hcrx: bigint
  /** Of HFGRTR_EL2 and HFGWTR_EL2; the others trap nothing that exists. */
  readonly fine: bigint
}
/** HSTR, HCRX and the fine-grained traps, as far as the machine has them. */
const commonTraps = ({ hstr, hcrx, fine }: CommonTraps, { hcrx: hasHcrx, fineGrainedTraps }: CpuFeatures): readonly (readonly [string, bigint])[] => [
  ["HSTR_EL2", hstr],
  ...(hasHcrx ? [["HCRX_EL2", hcrx] as const] : []),
  ...(fineGrainedTraps
    ? ([
        ["HFGRTR_EL2", fine],
        ["HFGWTR_EL2", fine],
        ["HFGITR_EL2", 0n],
        ["HDFGRTR_EL2", 0n],
        ["HDFGWTR_EL2", 0n]
      ] as const)
    : [])
]

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
    const idView = [
      ["VPIDR_EL2", midr],
      ["VMPIDR_EL2", vcpu.mpidr]
    ] as const
    cpu.writeAll(idView, guestLists.el1LoadFirst, vcpu.system)
    cpu.writeMain(guestLists.cpacr, vcpu.system[SLOT.CPACR_EL1]!)
    cpu.writeList(guestLists.el1Load, vcpu.system)
    const traps = commonTraps({ hstr: GUEST_HSTR, hcrx: guestHcrx(features), fine: guestFineTraps(features) }, features)
    cpu.writeAll([...traps, ["VTCR_EL2", stage2.vtcr]])
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
    cpu.reportList("regs-read", [["ELR_EL1", vcpu.registers.pc], ...(host.features.ras ? [["VDISR_EL2", vcpu.system[SLOT.DISR_EL1]!] as const] : [])])
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
    cpu.writeAll(commonTraps({ hstr: 0n, hcrx: hostHcrx(features), fine: hostFineTraps(features) }, features))
    cpu.readList(guestLists.el1Save, vcpu.system)
    cpu.readList(guestLists.user, vcpu.system)
    cpu.writeList(guestLists.user, hostContext(cpu))
  }
}
