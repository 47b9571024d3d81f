/** Entering the guest and what follows its exit, in hyp code: the same for all modes. */
import { EC } from "@eltwo/isa"
import { exitName } from "../account.ts"
import type { PhysicalCpu } from "../host/cpu.ts"
import { runGuest } from "../host/slice.ts"
import type { HypExitTable } from "../mode.ts"
import type { Vcpu } from "../vcpu.ts"

/** Why the guest was left. */
export enum ExitCode {
  IRQ = 0,
  EL1_SERROR = 1,
  TRAP = 2,
  IL = 3,
  /** Beside one of the others: an SError came with the exit; its syndrome is in fault.disr. */
  SERROR_PENDING = 0x8000_0000
}
/** An exit code without its SError. */
export const withoutSError = (code: ExitCode): ExitCode => code & ~ExitCode.SERROR_PENDING

/** Returns to the guest and comes back with its registers stored. Nothing is entered while an interrupt is pending. */
const guestEnter = (cpu: PhysicalCpu, vcpu: Vcpu): ExitCode => {
  cpu.isb()
  if (cpu.read("ISR_EL1") !== 0n) {
    cpu.isb()
    cpu.account.exit("IRQ")
    return ExitCode.IRQ
  }
  const { registers } = vcpu
  cpu.write("SP_EL0", registers.sp)
  cpu.loadGeneral(registers.general)
  cpu.account.entries++
  cpu.pe.modelledEl = 2
  cpu.eret()
  const code = runGuest(cpu, vcpu)
  cpu.saveGeneral(registers.general)
  registers.sp = cpu.read("SP_EL0")
  return deferredError(cpu, vcpu) ? code | ExitCode.SERROR_PENDING : code
}
/** An SError that became pending with the exit is taken to belong to the guest. */
const deferredError = (cpu: PhysicalCpu, vcpu: Vcpu): boolean => {
  if (!vcpu.vm.host.features.ras) return false
  cpu.port.esb()
  const disr = cpu.read("DISR_EL1")
  if (disr === 0n) return false
  cpu.write("DISR_EL1", 0n)
  vcpu.fault.disr = Number(disr & 0xffff_ffffn)
  return true
}

/** Fault status codes, level masked off. */
export const FSC_TYPE = 0x3c
export const FSC = { addressSize: 0x00, translation: 0x04, accessFlag: 0x08, permission: 0x0c, external: 0x10, externalOnWalk: 0x14 } as const
const S1PTW = 1 << 7
const FNV = 1 << 10
const PAR_FAULT = 1n
const PAR_PAGE = 0x0000_ffff_ffff_f000n
/** A HPFAR value of a fault that has no intermediate physical address. */
export const NO_IPA = -1n

/**
 * FAR_EL2 and the intermediate physical address of an abort. HPFAR_EL2 has it for faults of the stage 2 walk itself; for the others stage 1 is walked again by
 * software. False: it no longer translates, so the guest should simply try again.
 */
const populateFaultInfo = (cpu: PhysicalCpu, vcpu: Vcpu): boolean => {
  const { fault } = vcpu
  const status = fault.esr & FSC_TYPE
  fault.far = cpu.read("FAR_EL2")
  if (status >= FSC.external && status <= FSC.externalOnWalk + 3) {
    const onWalk = status !== FSC.external
    if (onWalk || fault.esr & FNV) {
      fault.hpfar = NO_IPA
      return true
    }
  }
  const reported =
    status === FSC.translation || status === FSC.accessFlag || status === FSC.addressSize || (status === FSC.permission && fault.esr & S1PTW)
  if (reported) {
    fault.hpfar = cpu.read("HPFAR_EL2")
    return true
  }
  const par = cpu.read("PAR_EL1")
  cpu.sys("at s1e1r", fault.far)
  cpu.isb()
  const walked = cpu.read("PAR_EL1")
  cpu.write("PAR_EL1", par)
  if (walked & PAR_FAULT) return false
  fault.hpfar = (walked & PAR_PAGE) >> 8n
  return true
}
/** Early handler of instruction and data aborts. */
export const abortFaultInfo = (cpu: PhysicalCpu, vcpu: Vcpu): boolean => !populateFaultInfo(cpu, vcpu)

/** SPSR_EL2 after a return to a state that cannot be entered: EL2h with IL. */
const PSTATE_IL = 1n << 20n
const EL2 = 8n

/** SMCCC_ARCH_WORKAROUND_1, 2 and 3: the exception vector itself answers them, before anything counts as an exit. */
const WORKAROUNDS: ReadonlySet<bigint> = new Set([0x80008000n, 0x80007fffn, 0x80003fffn])
const HVC64 = BigInt(EC.HVC64)
const answeredByVector = (cpu: PhysicalCpu, { registers: { x } }: Vcpu): boolean => {
  if (!WORKAROUNDS.has(x[0]! & 0xffff_ffffn) || cpu.read("ESR_EL2") >> 26n !== HVC64) return false
  x[0] = 0n
  return true
}

/** Stores the syndrome and offers a trap to the early table. True: enter the guest again. */
const fixupGuestExit = (cpu: PhysicalCpu, vcpu: Vcpu, early: HypExitTable): boolean => {
  vcpu.fault.esr = Number(cpu.read("ESR_EL2") & 0xffff_ffffn)
  const ec = vcpu.fault.esr >>> 26
  cpu.account.exit(exitName(ec))
  if (ec === EC.FPAccess || ec === EC.SVEAccess || ec === EC.SMEAccess) cpu.account.fpTraps++
  return early.get(ec)?.(cpu, vcpu) ?? false
}

/** An SError came with a trap: nothing looks at the trap, the instruction is done again. The address of an HVC's exception is behind it. */
const beforeCall = (cpu: PhysicalCpu, vcpu: Vcpu, code: ExitCode): void => {
  if (withoutSError(code) !== ExitCode.TRAP) return
  vcpu.fault.esr = Number(cpu.read("ESR_EL2") & 0xffff_ffffn)
  const ec = vcpu.fault.esr >>> 26
  cpu.account.exit(exitName(ec))
  if (ec !== EC.HVC64) return
  const elr = vcpu.vm.host.mode.registers === "redirected" ? "ELR_EL1" : "ELR_EL2"
  cpu.write(elr, cpu.read(elr) - 4n)
}

/** Runs the guest until hyp code has to give an exit to the host kernel. Guest state is loaded, traps are active. */
const enterGuest = (cpu: PhysicalCpu, vcpu: Vcpu, early: HypExitTable): ExitCode => {
  for (;;) {
    const code = guestEnter(cpu, vcpu)
    if (code === ExitCode.TRAP && answeredByVector(cpu, vcpu)) continue
    const pstate = cpu.read("SPSR_EL2")
    if (pstate & EL2 && pstate & PSTATE_IL) {
      cpu.account.exit("Illegal")
      return ExitCode.IL
    }
    vcpu.registers.pstate = pstate
    if (withoutSError(code) === ExitCode.EL1_SERROR) vcpu.fault.esr = Number(cpu.read("ESR_EL2") & 0xffff_ffffn)
    if (code & ExitCode.SERROR_PENDING) {
      beforeCall(cpu, vcpu, code)
      return code
    }
    if (code !== ExitCode.TRAP || !fixupGuestExit(cpu, vcpu, early)) return code
  }
}

/** __kvm_vcpu_run: from the host to the guest and, with the exit it gives, back. `early`: what hyp code looks at, the mode's table unless said. */
export const switchToGuest = (cpu: PhysicalCpu, vcpu: Vcpu, early?: HypExitTable): ExitCode => {
  const { mode } = vcpu.vm.host
  mode.worldSwitch.enter(cpu, vcpu)
  const code = enterGuest(cpu, vcpu, early ?? mode.hypExit)
  mode.worldSwitch.leave(cpu, vcpu)
  return code
}
