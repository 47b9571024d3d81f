/** Boot: EL2 as it is set up before any mode decision, and the host kernel's own address space. */

import { counterAccess, hostFineTraps, hostHcrx, hostNvheHcr } from "../hyp/controls.ts"
import { trapWords } from "../hyp/trap-words.ts"
import { HOST_SRE } from "../vgic/switch.ts"
import { linear, MAIR, TCR } from "./address-space.ts"
import type { PhysicalCpu } from "./cpu.ts"
import type { CpuFeatures } from "./cpu-features.ts"

const SCTLR_EL2_RES1 = 0x30c50830n
/** LEN of ZCR_ELx and SMCR_ELx: the largest length. */
const LEN_MAX = 15n
const SMCR = { FA64: 1n << 31n, EZT0: 1n << 30n } as const
/** SMCR_ELx bits of what a machine has. */
export const streamingControls = ({ fa64, sme2 }: CpuFeatures): bigint => (fa64 ? SMCR.FA64 : 0n) | (sme2 ? SMCR.EZT0 : 0n)

/** The EL2 initial state of a processor that came out of reset at EL2: with HCR_EL2.E2H = 0, and again in the other layouts where hyp code wants them. */
export const initialiseEl2 = (cpu: PhysicalCpu, features: CpuFeatures, e2h = false): void => {
  const { register, rest } = trapWords(cpu.pe.controls.machine, e2h ? "cpacr" : "classic")
  cpu.write("HCR_EL2", hostNvheHcr(features, e2h))
  cpu.isb()
  cpu.write("SCTLR_EL2", SCTLR_EL2_RES1)
  if (features.hcrx) cpu.write("HCRX_EL2", hostHcrx(features))
  cpu.write("CNTHCTL_EL2", counterAccess(e2h))
  cpu.write("CNTVOFF_EL2", 0n)
  cpu.write("MDCR_EL2", 0n)
  cpu.write("VTTBR_EL2", 0n)
  cpu.write("VPIDR_EL2", cpu.read("MIDR_EL1"))
  cpu.write("VMPIDR_EL2", cpu.read("MPIDR_EL1"))
  cpu.write(register, rest)
  cpu.write("HSTR_EL2", 0n)
  if (features.gicv3) {
    cpu.write("ICC_SRE_EL2", HOST_SRE)
    cpu.write("ICH_HCR_EL2", 0n)
  }
  if (features.fineGrainedTraps) {
    for (const register of ["HFGRTR_EL2", "HFGWTR_EL2"]) cpu.write(register, hostFineTraps(features))
    for (const register of ["HFGITR_EL2", "HDFGRTR_EL2", "HDFGWTR_EL2"]) cpu.write(register, 0n)
  }
  cpu.isb()
  if (features.sve) cpu.write("ZCR_EL2", LEN_MAX)
  if (features.sme) cpu.write("SMCR_EL2", LEN_MAX | streamingControls(features))
  cpu.isb()
}

/** SCTLR_EL1 of a running kernel: MMU, caches, stack alignment at both levels; EL0 may zero, maintain caches, read CTR_EL0 and wait. PAN is set on entry. */
const SCTLR = { M: 0, C: 2, SA: 3, SA0: 4, I: 12, DZE: 14, UCT: 15, nTWI: 16, nTWE: 18, UCI: 26 } as const
const KERNEL_SCTLR = Object.values(SCTLR).reduce((all, bit) => all | (1n << BigInt(bit)), 0n)
/** SCTLR_EL1.EnFPM and EnTP2: EL0 may use FPMR and TPIDR2_EL0. */
const ENFPM = 1n << 34n
const ENTP2 = 1n << 60n

/** At the host kernel's own level, by its plain register names: its translation tables, vectors, MMU on. */
export const enableKernelSpace = (cpu: PhysicalCpu, features: CpuFeatures, kernelRoot: number, emptyRoot: number, vectors: number): void => {
  cpu.write("MAIR_EL1", MAIR)
  cpu.write("TCR_EL1", TCR)
  cpu.write("TTBR0_EL1", BigInt(emptyRoot))
  cpu.write("TTBR1_EL1", BigInt(kernelRoot))
  cpu.write("VBAR_EL1", linear(vectors))
  cpu.isb()
  cpu.write("SCTLR_EL1", KERNEL_SCTLR | (features.fpmr ? ENFPM : 0n) | (features.sme ? ENTP2 : 0n))
  cpu.isb()
  if (features.sve) cpu.write("ZCR_EL1", 0n)
  if (features.sme) {
    cpu.write("SMCR_EL1", streamingControls(features))
    cpu.write("SMPRI_EL1", 0n)
  }
  cpu.isb()
}
