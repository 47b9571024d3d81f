/** Exceptions of the host that come to hyp code beside calls: aborts of its stage 2, and what is trapped from it. */
import { EC } from "@eltwo/isa"
import { guestName, type Host, type HostTrapHandler, type PhysicalCpu, returnToHost } from "@eltwo/kvm"
import type { FaultResult } from "./host-stage2.ts"
import { orPanic } from "./panic.ts"
import { hypStateOn } from "./state.ts"

const FSC_TYPE = 0x3cn
const TRANSLATION = 0x04n
const S1PTW = 1n << 7n
const EC_SHIFT = 26n
const FROM_EL0 = 0n
const MODE_EL = 12n

/** The abort of an access that hyp code does not allow is the host's own, with a mark by which its kernel knows why: S1PTW. */
export const hostTrap: HostTrapHandler = (cpu) => {
  const state = hypStateOn(cpu)
  const esr = cpu.read("ESR_EL2")
  const ec = Number(esr >> EC_SHIFT)
  if (ec !== EC.InstructionAbortLower && ec !== EC.DataAbortLower) throw cpu.bug(`Unexpected exception from the host: ${EC[ec] ?? ec}`)
  const ipa = Number((cpu.read("HPFAR_EL2") << 8n) | (cpu.read("FAR_EL2") & 0xfffn))
  // an address that the host has, but not for this kind of access
  const result: FaultResult = (esr & FSC_TYPE) === TRANSLATION ? orPanic(cpu, () => state.pkvm.hostStage2.fault(ipa)) : "refused"
  if (cpu.events.listening) cpu.emit({ what: "host-stage2-fault", ipa, result })
  if (result === "refused") injectAbort(cpu, state.host, esr)
  returnToHost(cpu)
  return result === "refused" ? "injected" : "resumed"
}

const PSTATE = { NZCV: 15n << 28n, DIT: 1n << 24n, PAN: 1n << 22n, SSBS: 1n << 12n, DAIF: 15n << 6n, EL1H: 5n } as const
const SCTLR = { SPAN: 1n << 23n, DSSBS: 1n << 44n } as const
const VECTOR = { fromEl0: 0x400n, fromEl1: 0x200n } as const

/** The host goes on in its vector for synchronous exceptions. */
const injectAbort = (cpu: PhysicalCpu, { mode, features }: Host, esr: bigint): void => {
  const [elr, spsr] = mode.registers === "redirected" ? ["ELR_EL1", "SPSR_EL1"] : ["ELR_EL2", "SPSR_EL2"]
  const el1 = (register: "ESR_EL1" | "FAR_EL1" | "ELR_EL1" | "SPSR_EL1" | "VBAR_EL1" | "SCTLR_EL1"): string => guestName(register, mode.registers)
  const old = cpu.read(spsr!)
  const fromEl0 = (old & MODE_EL) === FROM_EL0
  const sctlr = cpu.read(el1("SCTLR_EL1"))
  cpu.write(el1("ESR_EL1"), (esr + (fromEl0 ? 0n : 1n << EC_SHIFT)) | S1PTW)
  cpu.write(el1("FAR_EL1"), cpu.read("FAR_EL2"))
  cpu.write(el1("ELR_EL1"), cpu.read(elr!))
  cpu.write(el1("SPSR_EL1"), old)
  cpu.write(elr!, cpu.read(el1("VBAR_EL1")) + (fromEl0 ? VECTOR.fromEl0 : VECTOR.fromEl1))
  const pan = features.pan && !(sctlr & SCTLR.SPAN) ? PSTATE.PAN : 0n
  const ssbs = features.ssbs && sctlr & SCTLR.DSSBS ? PSTATE.SSBS : 0n
  cpu.write(spsr!, (old & (PSTATE.NZCV | PSTATE.DIT | PSTATE.PAN)) | PSTATE.DAIF | PSTATE.EL1H | pan | ssbs)
}
