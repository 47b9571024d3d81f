/** Exceptions that hyp code itself gives a protected guest: committed at once, on the processor, and the guest goes on in its vector. */
import { commitPending, guestName, type PhysicalCpu, SLOT, type Vcpu } from "@eltwo/kvm"

const SYNC = 0
const UNDEFINED_ESR = 0x0200_0000n
const INSTRUCTION_BYTES = 4n
const BTYPE_AND_SS = (3n << 10n) | (1n << 21n)

/** ELR_EL2 and SPSR_EL2 by the names hyp code has for them. */
const returnNames = ({ vm }: Vcpu): { readonly elr: string; readonly spsr: string } =>
  vm.host.mode.registers === "redirected" ? { elr: "ELR_EL1", spsr: "SPSR_EL1" } : { elr: "ELR_EL2", spsr: "SPSR_EL2" }

/**
 * A synchronous exception with this syndrome. The vector base is read from the processor, SCTLR_EL1 is as it was when the vCPU last came out: the
 * guest is still loaded.
 */
export const injectNow = (cpu: PhysicalCpu, vcpu: Vcpu, esr: bigint): true => {
  const { registers, system, vm } = vcpu
  const { elr, spsr } = returnNames(vcpu)
  const el1 = (register: "ESR_EL1" | "ELR_EL1" | "SPSR_EL1" | "VBAR_EL1"): string => guestName(register, vm.host.mode.registers)
  registers.pc = cpu.read(elr)
  registers.pstate = cpu.read(spsr)
  system[SLOT.VBAR_EL1] = cpu.read(el1("VBAR_EL1"))
  vcpu.pending = { kind: "exception", offset: SYNC }
  commitPending(vcpu)
  cpu.write(el1("ESR_EL1"), esr)
  cpu.write(el1("ELR_EL1"), system[SLOT.ELR_EL1]!)
  cpu.write(el1("SPSR_EL1"), system[SLOT.SPSR_EL1]!)
  cpu.write(elr, registers.pc)
  cpu.write(spsr, registers.pstate)
  return true
}
export const undefinedNow = (cpu: PhysicalCpu, vcpu: Vcpu): true => injectNow(cpu, vcpu, UNDEFINED_ESR)

/** The trapped instruction has been done. */
export const skipNow = (cpu: PhysicalCpu, vcpu: Vcpu): true => {
  const { elr, spsr } = returnNames(vcpu)
  cpu.write(elr, BigInt.asUintN(64, cpu.read(elr) + INSTRUCTION_BYTES))
  cpu.write(spsr, cpu.read(spsr) & ~BTYPE_AND_SS)
  return true
}
/** The instruction before the preferred return address is to be done again. */
export const repeatCall = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { elr } = returnNames(vcpu)
  cpu.write(elr, BigInt.asUintN(64, cpu.read(elr) - INSTRUCTION_BYTES))
}
