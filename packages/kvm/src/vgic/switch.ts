/**
 * A vCPU's state in the processor's virtual CPU interface, and how it moves: masks and active priorities from vcpu_load to vcpu_put, list registers and
 * traps for each entry. A kernel at EL2 moves them itself; beside a kernel at EL1 only hyp code reaches them.
 */
import { LIST_REGISTERS } from "@eltwo/isa"
import type { PhysicalCpu } from "../host/cpu.ts"
import type { Vcpu } from "../vcpu.ts"

/** ICH_HCR_EL2 bits. */
export const ICH_HCR = {
  En: 1n << 0n,
  UIE: 1n << 1n,
  LRENPIE: 1n << 2n,
  NPIE: 1n << 3n,
  TC: 1n << 10n,
  TALL0: 1n << 11n,
  TALL1: 1n << 12n,
  TDIR: 1n << 14n,
  EOIcount: 31n << 27n
} as const
export const EOI_COUNT_SHIFT = 27n
/** Without an interrupt controller in the kernel a guest has no CPU interface: all of it traps, and is UNDEFINED. */
const NO_INTERFACE = ICH_HCR.TALL0 | ICH_HCR.TALL1 | ICH_HCR.TC
/** ICC_SRE_EL2: system registers only. Enable lets EL1 reach ICC_SRE_EL1; the guest may not. */
const SRE = 7n
const SRE_ENABLE = 8n
export const HOST_SRE = SRE | SRE_ENABLE

/** ICH_VMCR_EL2 at first: all groups off and everything masked; the least binary points. */
const RESET_VMCR = (2n << 21n) | (3n << 18n) | (1n << 3n)
/** State of a list register, bits 63:62. */
const LR_STATE = 3n << 62n
const LR_NAMES = Array.from({ length: LIST_REGISTERS }, (_, n) => `ICH_LR${n}_EL2`)

/** State of a vCPU in the virtual CPU interface of the processor, as it is switched. */
export class InterruptInterface {
  /** ICH_VMCR_EL2 as last seen. */
  vmcr = RESET_VMCR
  ap0r0 = 0n
  ap1r0 = 0n
  /** ICH_HCR_EL2 while the guest runs. */
  hcr = NO_INTERFACE
  readonly lists = new BigUint64Array(LIST_REGISTERS)
  /** How many of them are in use. */
  used = 0

  /** As VCPU_INIT leaves it, for a VM with an interrupt controller or without. */
  reset(hasController: boolean): void {
    this.vmcr = RESET_VMCR
    this.ap0r0 = 0n
    this.ap1r0 = 0n
    this.hcr = hasController ? ICH_HCR.En : NO_INTERFACE
    this.lists.fill(0n)
    this.used = 0
  }
}

const hasInterface = (vcpu: Vcpu): boolean => vcpu.vm.host.features.gicv3
const writeTraps = (cpu: PhysicalCpu, sre: bigint, hcr: bigint): void => {
  cpu.write("ICC_SRE_EL2", sre)
  cpu.write("ICH_HCR_EL2", hcr)
}
/** What a guest may reach, before the list registers count. */
const activateTraps = (cpu: PhysicalCpu, { interrupts }: Vcpu): void => writeTraps(cpu, SRE, interrupts.hcr)
const deactivateTraps = (cpu: PhysicalCpu): void => writeTraps(cpu, HOST_SRE, 0n)
const restoreLists = (cpu: PhysicalCpu, { interrupts: { hcr, lists, used } }: Vcpu): void => {
  if (used > 0) cpu.writeAll([["ICH_HCR_EL2", hcr], ...LR_NAMES.slice(0, used).map((name, n) => [name, lists[n]!] as const)])
}
/** List registers that the guest has emptied keep what they held, without its state. */
const saveLists = (cpu: PhysicalCpu, { interrupts, vm }: Vcpu): void => {
  const { lists, used } = interrupts
  if (vm.vgic) interrupts.vmcr = cpu.read("ICH_VMCR_EL2")
  if (used === 0) return
  const empty = cpu.read("ICH_ELRSR_EL2")
  for (const [n, name] of LR_NAMES.slice(0, used).entries()) {
    lists[n] = empty & (1n << BigInt(n)) ? lists[n]! & ~LR_STATE : cpu.read(name)
    cpu.write(name, 0n)
  }
  interrupts.hcr = (interrupts.hcr & ~ICH_HCR.EOIcount) | (cpu.read("ICH_HCR_EL2") & ICH_HCR.EOIcount)
  cpu.reportList(
    "regs-read",
    LR_NAMES.slice(0, used).map((name, n) => [name, lists[n]!] as const)
  )
}

/** __vgic_v3_restore_vmcr_aprs and __vgic_v3_save_aprs. */
export const restoreVmcrAprs = (cpu: PhysicalCpu, { interrupts: { vmcr, ap0r0, ap1r0 } }: Vcpu): void =>
  cpu.writeAll([
    ["ICH_VMCR_EL2", vmcr],
    ["ICH_AP0R0_EL2", ap0r0],
    ["ICH_AP1R0_EL2", ap1r0]
  ])
export const saveAprs = (cpu: PhysicalCpu, { interrupts }: Vcpu): void => {
  interrupts.ap0r0 = cpu.read("ICH_AP0R0_EL2")
  interrupts.ap1r0 = cpu.read("ICH_AP1R0_EL2")
}

/** vcpu_load and vcpu_put, after and before the timer. */
export const loadInterface = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  if (!hasInterface(vcpu)) return
  const { host, vgic } = vcpu.vm
  cpu.pe.lines.maintenanceAssertsIrq = vgic !== undefined
  if (host.mode.hostEl === 1) {
    if (vgic) host.mode.services.loadInterrupts?.(cpu, vcpu)
    return
  }
  if (vgic) restoreVmcrAprs(cpu, vcpu)
  activateTraps(cpu, vcpu)
}
export const putInterface = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  if (!hasInterface(vcpu)) return
  const { host, vgic } = vcpu.vm
  cpu.pe.lines.maintenanceAssertsIrq = false
  if (host.mode.hostEl === 1) {
    if (vgic) host.mode.services.putInterrupts?.(cpu, vcpu)
    return
  }
  if (vgic) saveAprs(cpu, vcpu)
  deactivateTraps(cpu)
}
/** Each entry and exit: a kernel at EL2 does it around the run function (`by` 2), hyp code beside a kernel at EL1 within it. */
export const enterInterface = (cpu: PhysicalCpu, vcpu: Vcpu, by: 1 | 2): void => {
  if (!hasInterface(vcpu) || vcpu.vm.host.mode.hostEl !== by) return
  if (by === 1) activateTraps(cpu, vcpu)
  restoreLists(cpu, vcpu)
}
export const leaveInterface = (cpu: PhysicalCpu, vcpu: Vcpu, by: 1 | 2): void => {
  if (!hasInterface(vcpu) || vcpu.vm.host.mode.hostEl !== by) return
  saveLists(cpu, vcpu)
  if (by === 1) deactivateTraps(cpu)
  else if (vcpu.interrupts.used > 0) cpu.write("ICH_HCR_EL2", 0n)
}
