/** What the host kernel at EL2 does itself where others make a hypercall. */
import { HCR, HOST_VHE_HCR, type HypServices, type PhysicalCpu, type Stage2 } from "@eltwo/kvm"

/** TLB maintenance of a VM's EL1&0 regime: its VMID in force, and TGE off so that EL1&0 is the guest's. */
const withVmid = (cpu: PhysicalCpu, { vttbr }: Stage2, maintain: () => void): void => {
  cpu.writeMain("VTTBR_EL2", vttbr)
  cpu.writeMain("HCR_EL2", HOST_VHE_HCR & ~HCR.TGE)
  cpu.context = "hyp"
  cpu.isb()
  maintain()
  cpu.isb()
  cpu.writeMain("HCR_EL2", HOST_VHE_HCR)
  cpu.context = "host"
  cpu.isb()
}
export const services: HypServices = {
  loadTimer(cpu, counterOffset) {
    cpu.write("CNTVOFF_EL2", counterOffset)
  },
  flushContext(cpu, stage2) {
    withVmid(cpu, stage2, () => cpu.sys("tlbi vmalle1"))
  },
  flushVmid(cpu, stage2) {
    withVmid(cpu, stage2, () => cpu.sys("tlbi vmalls12e1is"))
  }
}
