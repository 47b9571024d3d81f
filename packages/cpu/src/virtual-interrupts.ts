/**
 * The virtual CPU interface of GICv3: EL2 offers interrupts in list registers, the guest acknowledges and ends them. 4 list registers, 5 bits of priority
 * and of preemption, INTIDs of 24 bits. Group 0 is the virtual FIQ, group 1 the virtual IRQ.
 */
import { HCR } from "./controls.ts"
import { PE } from "./layout.ts"
import type { Pe } from "./pe.ts"

export type Group = 0 | 1
/** What acknowledging gives when there is nothing, and the first of the INTIDs that mean something else. */
export const SPURIOUS = 1023
const SPECIAL = 1020
/** Above: message-signalled; the guest ends them at once in either EOI mode. */
const FIRST_LPI = 8192
const INTID = 0xffffff

export const PRIORITY_BITS = 5
const UNIMPLEMENTED = (1 << (8 - PRIORITY_BITS)) - 1
export const PRIORITY_MASK = 0xff & ~UNIMPLEMENTED
const IDLE_PRIORITY = 0xff
/** Least binary point of group 0: no bit of the implemented priority is below it. That of group 1 is one more. */
export const LEAST_BPR = 7 - PRIORITY_BITS
const BIT_OF_PRIORITY = 8 - PRIORITY_BITS

/** The upper word of a list register. */
const LR = { PINTID: 0x1fff, EOI: 1 << 9, PRIORITY: 16, GROUP1: 1 << 28, HW: 1 << 29, PENDING: 1 << 30, ACTIVE: 1 << 31 } as const
const STATE = LR.PENDING | LR.ACTIVE
/** Bits of the upper word that keep what is written. */
const LR_WRITABLE = LR.PINTID | (PRIORITY_MASK << LR.PRIORITY) | LR.GROUP1 | LR.HW | STATE
export const VMCR = { VENG0: 1 << 0, VENG1: 1 << 1, VFIQEn: 1 << 3, VCBPR: 1 << 4, VEOIM: 1 << 9, VBPR1: 18, VBPR0: 21, VPMR: 24 } as const
const ICH_HCR = { En: 1, UIE: 2, LRENPIE: 4, NPIE: 8, VGrp0EIE: 16, VGrp0DIE: 32, VGrp1EIE: 64, VGrp1DIE: 128, EOIcount: 27 } as const
const EOICOUNT_MASK = 31 << ICH_HCR.EOIcount

const LIST = ["ICH_LR0_EL2", "ICH_LR1_EL2", "ICH_LR2_EL2", "ICH_LR3_EL2"] as const
const ACTIVE_PRIORITIES = ["ICH_AP0R0_EL2", "ICH_AP1R0_EL2"] as const
const SYSTEM_WORDS = PE.SYSTEM >> 2

const wordOf = (slot: number): number => SYSTEM_WORDS + 2 * slot
const lowOf = (pe: Pe, index: number): number => pe.words[wordOf(pe.controls.slot[LIST[index]!])]!
const highOf = (pe: Pe, index: number): number => pe.signedWords[wordOf(pe.controls.slot[LIST[index]!]) + 1]!
const setHigh = (pe: Pe, index: number, high: number): void => {
  pe.signedWords[wordOf(pe.controls.slot[LIST[index]!]) + 1] = high
}
const ichHcr = ({ controls }: Pe): number => controls.low(controls.slot.ICH_HCR_EL2)
export const vmcr = (pe: Pe): number => pe.words[wordOf(pe.controls.slot.ICH_VMCR_EL2)]!
const activeWord = (pe: Pe, group: Group): number => wordOf(pe.controls.slot[ACTIVE_PRIORITIES[group]])
const groupOf = (high: number): Group => (high & LR.GROUP1 ? 1 : 0)
const priorityOf = (high: number): number => (high >>> LR.PRIORITY) & 0xff

/** Bits of a priority that decide about preemption, for a binary point in the numbering of group 0. */
const preemptionMask = (binaryPoint: number): number => 0xff & (-1 << (binaryPoint + 1))
const groupMask = (pe: Pe, group: Group): number => {
  const control = vmcr(pe)
  return preemptionMask(group === 0 || control & VMCR.VCBPR ? (control >> VMCR.VBPR0) & 7 : ((control >> VMCR.VBPR1) & 7) - 1)
}
/** Lowest set bit's number; 32 for none. */
const lowestBit = (word: number): number => (word === 0 ? 32 : 31 - Math.clz32(word & -word))
/** Priority of the active interrupt of highest priority (least value), 0xff when there is none. */
export const virtualRunningPriority = (pe: Pe): number => {
  const active = pe.signedWords[activeWord(pe, 0)]! | pe.signedWords[activeWord(pe, 1)]!
  return active === 0 ? IDLE_PRIORITY : lowestBit(active) << BIT_OF_PRIORITY
}

/** The list register of the pending interrupt of highest priority whose group is enabled; -1: none. The first one wins among equals. */
const highestPending = (pe: Pe): number => {
  const enabled = vmcr(pe)
  let best = -1
  let priority = IDLE_PRIORITY + 1
  for (let i = 0; i < LIST.length; i++) {
    const high = highOf(pe, i)
    if ((high & STATE) !== LR.PENDING || !(enabled & (high & LR.GROUP1 ? VMCR.VENG1 : VMCR.VENG0))) continue
    if (priorityOf(high) >= priority) continue
    priority = priorityOf(high)
    best = i
  }
  return best
}
/** Whether an interrupt may be taken now: above the mask, and above what is running. */
const preempts = (pe: Pe, high: number): boolean => {
  const priority = priorityOf(high)
  if (!(ichHcr(pe) & ICH_HCR.En) || priority >= vmcr(pe) >>> VMCR.VPMR) return false
  const running = virtualRunningPriority(pe)
  const mask = groupMask(pe, groupOf(high))
  return running === IDLE_PRIORITY || (priority & mask) < (running & mask)
}
/** Which virtual line the list registers assert. */
export const virtualLine = (pe: Pe): "irq" | "fiq" | undefined => {
  if (!(ichHcr(pe) & ICH_HCR.En)) return undefined
  const index = highestPending(pe)
  if (index < 0) return undefined
  const high = highOf(pe, index)
  return preempts(pe, high) ? (groupOf(high) ? "irq" : "fiq") : undefined
}

/** ICV_HPPIRn: what would be acknowledged if nothing were masked. */
export const virtualHighest = (pe: Pe, group: Group): number => {
  const index = highestPending(pe)
  return index < 0 || groupOf(highOf(pe, index)) !== group ? SPURIOUS : lowOf(pe, index) & INTID
}
/** ICV_IARn: acknowledges. */
export const acknowledgeVirtual = (pe: Pe, group: Group): number => {
  const index = highestPending(pe)
  if (index < 0) return SPURIOUS
  const high = highOf(pe, index)
  if (groupOf(high) !== group || !preempts(pe, high)) return SPURIOUS
  const intid = lowOf(pe, index) & INTID
  pe.attention = true
  if (isSpecial(intid)) {
    setHigh(pe, index, high & ~LR.PENDING)
    return intid
  }
  setHigh(pe, index, (high & ~LR.PENDING) | LR.ACTIVE)
  pe.signedWords[activeWord(pe, group)]! |= 1 << ((priorityOf(high) & groupMask(pe, group)) >> BIT_OF_PRIORITY)
  return intid
}
const isSpecial = (intid: number): boolean => intid >= SPECIAL && intid <= SPURIOUS

const findActive = (pe: Pe, intid: number): number => {
  for (let i = 0; i < LIST.length; i++) if (highOf(pe, i) & LR.ACTIVE && (lowOf(pe, i) & INTID) === intid) return i
  return -1
}
/** Clears the highest active priority; the result is it, or 0xff when there was none. */
const dropPriority = (pe: Pe): number => {
  const at = ([0, 1] as const).map((group) => activeWord(pe, group))
  const [bit0, bit1] = at.map((word) => lowestBit(pe.signedWords[word]!)) as [number, number]
  const bit = Math.min(bit0, bit1)
  if (bit === 32) return IDLE_PRIORITY
  pe.signedWords[bit0 <= bit1 ? at[0]! : at[1]!]! &= ~(1 << bit)
  return bit << BIT_OF_PRIORITY
}
/** No list register has the interrupt that is being deactivated: the hypervisor is told how often that happened. */
const countEnd = ({ controls }: Pe): void => {
  const { slot } = controls
  const count = (BigInt(controls.low(slot.ICH_HCR_EL2) >>> ICH_HCR.EOIcount) + 1n) & 31n
  const kept = BigInt(~EOICOUNT_MASK >>> 0)
  controls.setByProcessor(slot.ICH_HCR_EL2, (controls.written(slot.ICH_HCR_EL2) & kept) | (count << BigInt(ICH_HCR.EOIcount)))
}
/** A deactivated interrupt that stands for a physical one deactivates that too. */
const deactivate = (pe: Pe, index: number): void => {
  const high = highOf(pe, index)
  if (high & LR.HW) pe.lines.active.delete(high & LR.PINTID)
  setHigh(pe, index, high & ~LR.ACTIVE)
}
/** ICV_EOIRn: priority drop and, unless EOI mode keeps them apart, deactivation. */
export const endVirtual = (pe: Pe, group: Group, value: number): void => {
  const intid = value & INTID
  if (isSpecial(intid)) return
  const index = findActive(pe, intid)
  const dropped = dropPriority(pe)
  if (dropped === IDLE_PRIORITY) return
  pe.attention = true
  const split = (vmcr(pe) & VMCR.VEOIM) !== 0
  if (index < 0) {
    if (!split && intid < FIRST_LPI) countEnd(pe)
    return
  }
  const high = highOf(pe, index)
  const matches = groupOf(high) === group && (priorityOf(high) & groupMask(pe, group)) === dropped
  if (matches && (!split || intid >= FIRST_LPI)) deactivate(pe, index)
}
/** ICV_DIR. */
export const deactivateVirtual = (pe: Pe, value: number): void => {
  const intid = value & INTID
  if (isSpecial(intid) || !(vmcr(pe) & VMCR.VEOIM)) return
  pe.attention = true
  const index = findActive(pe, intid)
  if (index >= 0) deactivate(pe, index)
  else if (intid < FIRST_LPI) countEnd(pe)
}

/** ICV_BPRn as read. A common binary point reads as group 0's, one more for group 1. */
export const virtualBinaryPoint = (pe: Pe, group: Group): number => {
  const control = vmcr(pe)
  if (group === 0) return (control >> VMCR.VBPR0) & 7
  return control & VMCR.VCBPR ? Math.min(7, ((control >> VMCR.VBPR0) & 7) + 1) : (control >> VMCR.VBPR1) & 7
}
export const setVirtualBinaryPoint = (pe: Pe, group: Group, value: number): void => {
  const control = vmcr(pe)
  if (group === 1 && control & VMCR.VCBPR) return
  const at = group === 0 ? VMCR.VBPR0 : VMCR.VBPR1
  setVmcr(pe, (control & ~(7 << at)) | ((value & 7) << at))
}
const VMCR_WRITABLE = VMCR.VENG0 | VMCR.VENG1 | VMCR.VCBPR | VMCR.VEOIM | (7 << VMCR.VBPR1) | (7 << VMCR.VBPR0) | (PRIORITY_MASK << VMCR.VPMR)
/** ICH_VMCR_EL2, and what the guest's names for its parts write: binary points are never below the least. */
export const setVmcr = (pe: Pe, value: number): void => {
  const field = (at: number, least: number): number => Math.max(least, (value >> at) & 7) << at
  const points = field(VMCR.VBPR0, LEAST_BPR) | field(VMCR.VBPR1, LEAST_BPR + 1)
  const rest = value & VMCR_WRITABLE & ~((7 << VMCR.VBPR0) | (7 << VMCR.VBPR1))
  pe.words[wordOf(pe.controls.slot.ICH_VMCR_EL2)] = (rest | points | VMCR.VFIQEn) >>> 0
  pe.attention = true
}
/** What a write of a list register keeps. */
export const listRegisterValue = (value: bigint): bigint =>
  (BigInt((Number((value >> 32n) & 0xffff_ffffn) & LR_WRITABLE) >>> 0) << 32n) | (value & 0xffff_ffffn)

const listed = (pe: Pe, which: (high: number) => boolean): number => {
  let bits = 0
  for (let i = 0; i < LIST.length; i++) if (which(highOf(pe, i))) bits |= 1 << i
  return bits
}
/** ICH_EISR_EL2: ended interrupts whose list register asks for a maintenance interrupt. */
export const endedLists = (pe: Pe): number => listed(pe, (high) => (high & (STATE | LR.HW)) === 0 && (high & LR.EOI) !== 0)
/** ICH_ELRSR_EL2: list registers that may be used again. */
export const emptyLists = (pe: Pe): number => listed(pe, (high) => (high & STATE) === 0 && ((high & LR.HW) !== 0 || (high & LR.EOI) === 0))
/** ICH_MISR_EL2: reasons for a maintenance interrupt. */
export const maintenanceStatus = (pe: Pe): number => {
  const control = ichHcr(pe)
  const groups = vmcr(pe)
  const used = listed(pe, (high) => (high & STATE) !== 0)
  const reasons: readonly (readonly [number, boolean])[] = [
    [1, endedLists(pe) !== 0],
    [2, (control & ICH_HCR.UIE) !== 0 && (used & (used - 1)) === 0],
    [4, (control & ICH_HCR.LRENPIE) !== 0 && (control & EOICOUNT_MASK) !== 0],
    [8, (control & ICH_HCR.NPIE) !== 0 && listed(pe, (high) => (high & STATE) === LR.PENDING) === 0],
    [16, (control & ICH_HCR.VGrp0EIE) !== 0 && (groups & VMCR.VENG0) !== 0],
    [32, (control & ICH_HCR.VGrp0DIE) !== 0 && (groups & VMCR.VENG0) === 0],
    [64, (control & ICH_HCR.VGrp1EIE) !== 0 && (groups & VMCR.VENG1) !== 0],
    [128, (control & ICH_HCR.VGrp1DIE) !== 0 && (groups & VMCR.VENG1) === 0]
  ]
  return reasons.reduce((status, [bit, holds]) => (holds ? status | bit : status), 0)
}
/** Whether the interface asks for the hypervisor. */
export const maintenanceInterrupt = (pe: Pe): boolean => (ichHcr(pe) & ICH_HCR.En) !== 0 && maintenanceStatus(pe) !== 0

/** Whether EL1's names mean the virtual interface: group 0 by HCR_EL2.FMO, group 1 by IMO, what both share by either. */
export const isVirtual = ({ controls, el }: Pe, group: Group | "common"): boolean => {
  const bits = group === 0 ? HCR.FMO : group === 1 ? HCR.IMO : HCR.FMO | HCR.IMO
  return el === 1 && (controls.hcr & bits) !== 0
}
