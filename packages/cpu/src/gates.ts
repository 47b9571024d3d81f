/** Evaluates the declared gates: enables for EL1, enables for EL2, then processor state. */
import type { ControlPair, Instruction, ResolvedCheck, ResolvedControl, ResolvedGate, ResolvedTrap, ResolvedVariant } from "@eltwo/isa"
import { ownTarget, type PendingException, synchronous, undefinedInstruction } from "./exception.ts"
import type { Pe } from "./pe.ts"
import { closedByEL1, closedByEL2 } from "./trap-controls.ts"

const SM = 1
const ZA = 2

/** The exception an instruction of this access class takes now, if any. */
export const checkAccess = (pe: Pe, access: string, instruction: Instruction, _word: number): PendingException | undefined => {
  const { machine } = pe.controls,
    gate = machine.gates.get(access)
  if (!gate) return undefined
  return evaluate(pe, gate, needsLegality(gate) && machine.legalInStreaming(instruction))
}
/** As checkAccess, for a register or a register file: legality in streaming mode does not arise. */
export const checkGate = (pe: Pe, access: string): PendingException | undefined => {
  const gate = pe.controls.machine.gates.get(access)
  return gate && evaluate(pe, gate, true)
}
/** Whether the gate's verdict depends on which instruction asks. */
export const needsLegality = (gate: ResolvedGate): boolean => gate.variants.some((v) => v.checks.some((c) => c.needs === "legalInStreaming"))

export const evaluate = (pe: Pe, gate: ResolvedGate, legalInStreaming: boolean): PendingException | undefined => {
  const streaming = (pe.svcr & SM) !== 0,
    variant = gate.variants.find((v) => v.streaming === undefined || v.streaming === streaming)
  return variant && (before(pe, variant) ?? forEL1(pe, variant.controls) ?? forEL2(pe, variant.controls) ?? ofState(pe, variant, legalInStreaming))
}

/** Whether a trap control stops an access of the current exception level. */
export const trapApplies = (pe: Pe, trap: ResolvedTrap): boolean => {
  const { controls, el } = pe
  if (el === 2 || !trap.from.includes(el as 0 | 1)) return false
  const control = controls.host ? trap.host : trap.control
  return control !== undefined && controls.field(control) === (trap.when ?? 1)
}
/** Level a trap goes to: EL2 for the hypervisor's controls and whenever EL1 is bypassed. */
export const trapTarget = (pe: Pe, trap: ResolvedTrap): 1 | 2 => (trap.target === 2 ? 2 : ownTarget(pe))

const before = (pe: Pe, variant: ResolvedVariant): PendingException | undefined => {
  for (const trap of variant.before)
    if (trapApplies(pe, trap)) return trap.ec ? synchronous(trapTarget(pe, trap), { ec: trap.ec, iss: 0 }) : undefinedInstruction(pe)
  return undefined
}
const forEL1 = (pe: Pe, enables: readonly ResolvedControl[]): PendingException | undefined => {
  const closed = enables.find((enable) => closedByEL1(pe, enable))
  return closed && (pe.controls.tge ? synchronous(2, closed.rerouted ?? closed.syndrome) : synchronous(1, closed.syndrome))
}
const forEL2 = (pe: Pe, enables: readonly ResolvedControl[]): PendingException | undefined => {
  const closed = enables.find((enable) => closedByEL2(pe, enable))
  return closed && synchronous(2, closed.syndrome)
}
const ofState = (pe: Pe, variant: ResolvedVariant, legalInStreaming: boolean): PendingException | undefined => {
  for (const check of variant.checks) {
    const target = failing(pe, check, legalInStreaming)
    if (target) return synchronous(target, check.syndrome)
  }
  return undefined
}
/** A pair of controls: the first counts at EL0 and EL1 outside host mode. */
const bothSet = ({ controls, el }: Pe, pair: ControlPair): boolean =>
  (el === 2 || controls.host || controls.field(pair.el1) === 1) && controls.field(pair.el2) === 1
/** Whether all of A64 is legal in streaming mode now (SMCR_ELx.FA64). */
export const fullA64 = (pe: Pe): boolean => {
  const pair = pe.controls.machine.fullA64
  return pair !== undefined && bothSet(pe, pair)
}
/** Target of the exception when the check fails. */
const failing = (pe: Pe, { needs, pair }: ResolvedCheck, legalInStreaming: boolean): 1 | 2 | undefined => {
  const { controls, svcr } = pe,
    below = pe.el < 2 && !controls.host
  switch (needs) {
    case "SM":
      return svcr & SM ? undefined : ownTarget(pe)
    case "ZA":
      return svcr & ZA ? undefined : ownTarget(pe)
    case "legalInStreaming": {
      return legalInStreaming || (pair && bothSet(pe, pair)) ? undefined : ownTarget(pe)
    }
    case "controls":
      if (pair && below && controls.field(pair.el1) === 0) return ownTarget(pe)
      return pair && controls.field(pair.el2) === 0 ? 2 : undefined
  }
}
