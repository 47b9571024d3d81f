/** Exceptions for the guest's EL1, and skipping instructions: pended by the host kernel, committed before the next entry or return to user space. */
import { EC } from "@eltwo/isa"
import { type ContextRegister, guestName, SLOT } from "./guest-context.ts"
import type { PhysicalCpu } from "./host/cpu.ts"
import { HCR } from "./hyp/controls.ts"
import type { Vcpu } from "./vcpu.ts"

/** At most one at a time. */
export type PendingChange = { readonly kind: "exception"; readonly offset: number } | { readonly kind: "skip" } | { readonly kind: "undefined" }

const SYNC = 0x000
const SERROR = 0x180
const FROM_SP_ELX = 0x200
const FROM_LOWER = 0x400
const IL = 1 << 25
const PSTATE = {
  SP: 1n,
  EL1H: 5n,
  MODE: 15n,
  SS: 1n << 21n,
  PAN: 1n << 22n,
  DIT: 1n << 24n,
  SSBS: 1n << 12n,
  BTYPE: 3n << 10n,
  A: 1n << 8n,
  DAIF: 15n << 6n,
  NZCV: 15n << 28n
} as const
const SCTLR_SPAN = 1n << 23n
const SCTLR_DSSBS = 1n << 44n
const WORD = 4n

/** The CPU that has a guest register now, if the mode keeps it there; else it is in memory. */
const holder = ({ loadedOn, vm }: Vcpu, register: ContextRegister): PhysicalCpu | undefined =>
  vm.host.mode.guestRegistersStay && vm.host.guestLists.live.has(register) ? loadedOn : undefined
const nameOf = ({ vm }: Vcpu, register: ContextRegister): string => guestName(register, vm.host.mode.registers)

/** vcpu_read_sys_reg: from the processor while it is there, else from memory. */
export const readGuest = (vcpu: Vcpu, register: ContextRegister): bigint => readGuests(vcpu, [register])[0]!
/** Several together: all of them are on the CPU, or none. */
const readGuests = (vcpu: Vcpu, registers: readonly ContextRegister[]): readonly bigint[] => {
  const cpu = holder(vcpu, registers[0]!)
  if (!cpu) return registers.map((r) => vcpu.system[SLOT[r]]!)
  const named = registers.map((r) => nameOf(vcpu, r)).map((name) => [name, cpu.read(name)] as const)
  cpu.reportList("regs-read", named)
  return named.map(([, value]) => value)
}
/** vcpu_write_sys_reg. */
export const writeGuest = (vcpu: Vcpu, register: ContextRegister, value: bigint): void => writeGuests(vcpu, [[register, value]])
const writeGuests = (vcpu: Vcpu, values: readonly (readonly [ContextRegister, bigint])[]): void => {
  const cpu = holder(vcpu, values[0]![0])
  if (cpu) cpu.writeAll(values.map(([register, value]) => [nameOf(vcpu, register), value]))
  else for (const [register, value] of values) vcpu.system[SLOT[register]] = value
}

/** kvm_incr_pc: the trapped instruction has been done. */
export const skipInstruction = (vcpu: Vcpu): void => pend(vcpu, { kind: "skip" })
const pend = (vcpu: Vcpu, change: PendingChange): void => {
  if (vcpu.pending && vcpu.loadedOn) throw vcpu.loadedOn.bug("Two changes of the guest's PC are pending")
  vcpu.pending = change
}

/** A synchronous exception of this class and syndrome. */
const injectSync = (vcpu: Vcpu, ec: number, iss: number): void => {
  pend(vcpu, { kind: "exception", offset: SYNC })
  writeGuest(vcpu, "ESR_EL1", BigInt(((ec << 26) | IL | iss) >>> 0))
}
export const injectUndefined = (vcpu: Vcpu): void => injectSync(vcpu, EC.Unknown, 0)
/** The trapped access, as a trap of EL1's own. */
export const injectSystemAccess = (vcpu: Vcpu): void => injectSync(vcpu, EC.SystemRegister, vcpu.fault.esr & 0x1ffffff)
const fromEl0 = (vcpu: Vcpu): boolean => (vcpu.registers.pstate & 12n) === 0n
/** An abort with this fault status code; FAR_EL1 := `address`. */
export const injectAbort = (vcpu: Vcpu, kind: "instruction" | "data", fsc: number, address: bigint): void => {
  const lower = fromEl0(vcpu)
  const ec = kind === "instruction" ? (lower ? EC.InstructionAbortLower : EC.InstructionAbort) : lower ? EC.DataAbortLower : EC.DataAbort
  injectSync(vcpu, ec, fsc)
  writeGuest(vcpu, "FAR_EL1", address)
}
const DEFAULT_SERROR_ISS = 1 << 24
/** A virtual SError: at once if the guest has it unmasked, else by HCR_EL2.VSE. */
export const injectSError = (vcpu: Vcpu, iss: number = DEFAULT_SERROR_ISS): void => {
  if (vcpu.registers.pstate & PSTATE.A || vcpu.pending) {
    vcpu.hcr |= HCR.VSE
    vcpu.vsesr = BigInt(iss)
    return
  }
  pend(vcpu, { kind: "exception", offset: SERROR })
  writeGuest(vcpu, "ESR_EL1", BigInt(((EC.SError << 26) | IL | iss) >>> 0))
}

/** adjust_pc: makes the pending change real. */
export const commitPending = (vcpu: Vcpu): void => {
  const { pending } = vcpu
  if (!pending) return
  vcpu.pending = undefined
  if (pending.kind === "skip") skip(vcpu)
  else if (pending.kind === "exception") enterException(vcpu, pending.offset)
  else {
    injectUndefined(vcpu)
    commitPending(vcpu)
  }
}
const skip = ({ registers }: Vcpu): void => {
  registers.pc = BigInt.asUintN(64, registers.pc + WORD)
  registers.pstate &= ~(PSTATE.BTYPE | PSTATE.SS)
}
const enterException = (vcpu: Vcpu, kind: number): void => {
  const { registers, vm } = vcpu
  const { features } = vm.host
  const old = registers.pstate
  const [vbar, sctlr] = readGuests(vcpu, ["VBAR_EL1", "SCTLR_EL1"]) as [bigint, bigint]
  writeGuests(vcpu, [
    ["ELR_EL1", registers.pc],
    ["SPSR_EL1", old]
  ])
  const from = (old & 12n) === 0n ? FROM_LOWER : old & PSTATE.SP ? FROM_SP_ELX : 0
  registers.pc = BigInt.asUintN(64, vbar + BigInt(from + kind))
  let state = (old & (PSTATE.NZCV | PSTATE.DIT | PSTATE.PAN)) | PSTATE.DAIF | PSTATE.EL1H
  if (features.pan && !(sctlr & SCTLR_SPAN)) state |= PSTATE.PAN
  if (features.ssbs && sctlr & SCTLR_DSSBS) state |= PSTATE.SSBS
  registers.pstate = state
}
