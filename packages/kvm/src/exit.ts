/** handle_exit: what the host kernel does about an exit, by exit code and exception class. */
import { EC } from "@eltwo/isa"
import { guestAbort } from "./abort.ts"
import type { Errno } from "./errno.ts"
import type { PhysicalCpu } from "./host/cpu.ts"
import { yieldVcpu } from "./host/vcpu-sleep.ts"
import { ExitCode } from "./hyp/guest.ts"
import { handleSmccc } from "./hypercall.ts"
import { injectSError, injectUndefined, skipInstruction } from "./inject.ts"
import type { RunExit } from "./run-exit.ts"
import { handleSystemAccess } from "./system-access.ts"
import { waitForInterrupt } from "./timer.ts"
import type { Vcpu } from "./vcpu.ts"

/** What KVM_RUN comes back with, or undefined: the guest goes on. An errno is RUN's own failure. */
export type Handled = RunExit | Errno | undefined
type Handler = (vcpu: Vcpu, cpu: PhysicalCpu) => Handled

const ISS = 0x1ffffff
const WFX_TI = 3
const WFE = 1
const WFIT = 2

const undefinedInstruction: Handler = (vcpu) => {
  injectUndefined(vcpu)
  return undefined
}
const wfx: Handler = (vcpu, cpu) => {
  skipInstruction(vcpu)
  const kind = vcpu.fault.esr & WFX_TI
  // WFE and WFET yield; a deadline that has passed ends WFIT at once
  if (kind & WFE) return yieldVcpu(cpu)
  const deadline = kind === WFIT ? vcpu.registers.x[(vcpu.fault.esr >> 5) & 31] : undefined
  return waitForInterrupt(cpu, vcpu, deadline)
}
const hvc: Handler = (vcpu) => handleSmccc(vcpu, false)
/** An SMC is trapped at its own address; one with an immediate is not a call. */
const smc: Handler = (vcpu) => {
  skipInstruction(vcpu)
  if (vcpu.fault.esr & 0xffff) {
    vcpu.registers.x[0] = 0xffff_ffff_ffff_ffffn
    return undefined
  }
  return handleSmccc(vcpu, true)
}

/** Classes not in the table are UNDEFINED: SVE's for a vCPU without it, SME's, and those unknown to the kernel. */
const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [EC.WFx, wfx],
  [EC.FPAccess, undefinedInstruction],
  [EC.PAuth, undefinedInstruction],
  [EC.LS64, undefinedInstruction],
  [EC.HVC64, hvc],
  [EC.SMC64, smc],
  [EC.SystemRegister, handleSystemAccess],
  [EC.InstructionAbortLower, guestAbort],
  [EC.DataAbortLower, guestAbort]
])

const RAS = { IDS: 1 << 24, AET: 7 << 10, FSC: 0x3f, corrected: 6 << 10, restartable: 2 << 10, serror: 0x11 } as const
/** An SError taken while the guest ran, by its syndrome: one that harmed nothing is forgotten, any other is the guest's. */
const guestError = (vcpu: Vcpu, iss: number): void => {
  const severity = iss & RAS.AET
  const harmless = !(iss & RAS.IDS) && (iss & RAS.FSC) === RAS.serror && (severity === RAS.corrected || severity === RAS.restartable)
  if (!harmless) injectSError(vcpu)
}

export const handleExit = (cpu: PhysicalCpu, vcpu: Vcpu, code: ExitCode): Handled => {
  if (code & ExitCode.SERROR_PENDING) {
    guestError(vcpu, vcpu.fault.disr & ISS)
    return undefined
  }
  switch (code) {
    case ExitCode.IRQ:
      return undefined
    case ExitCode.EL1_SERROR:
      guestError(vcpu, vcpu.fault.esr & ISS)
      return undefined
    case ExitCode.IL:
      return { reason: "failEntry", hardwareReason: code, cpu: cpu.index }
    case ExitCode.TRAP:
      return (HANDLERS.get(vcpu.fault.esr >>> 26) ?? undefinedInstruction)(vcpu, cpu)
    default:
      // hyp code refused to run it
      return { reason: "internalError", message: `Unsupported exit code ${code}` }
  }
}
