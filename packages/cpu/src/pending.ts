/** Interrupts: the lines into a processing element, which of them is taken when and where, and waiting for them. */
import { EC } from "@eltwo/isa"
import { HCR } from "./controls.ts"
import { Abort, ownTarget, type PendingException, synchronous } from "./exception.ts"
import { PSTATE } from "./layout.ts"
import { translate } from "./mmu.ts"
import type { Pe } from "./pe.ts"
import { TIMERS, type TimerName, timerDeadline, timerOutput, untilVirtualCount, virtualTime } from "./timer.ts"
import { maintenanceInterrupt, virtualLine } from "./virtual-interrupts.ts"

/** Input lines. Whoever changes one says so with `Pe.attention`. */
export interface InterruptLines {
  irq: boolean
  fiq: boolean
  /** A physical SError with this syndrome (25 bits) is pending. */
  serror: number | undefined
  /** Lines of a virtual interrupt controller; HCR_EL2.VI and VF count as well. */
  virtualIrq: boolean
  virtualFiq: boolean
  /** Timer outputs assert IRQ directly: for machines without an interrupt controller. */
  timersAssertIrq: boolean
  /** So does the maintenance interrupt of the virtual CPU interface. */
  maintenanceAssertsIrq: boolean
  /**
   * INTIDs of timers (see TIMER_INTID) that are acknowledged and not deactivated yet: their output asserts nothing. Deactivating an interrupt of a list
   * register that stands for one of them takes it out.
   */
  readonly active: Set<number>
}
/** The private peripheral interrupts of the timers. */
export const TIMER_INTID: Readonly<Record<TimerName, number>> = { CNTHP: 26, CNTV: 27, CNTHV: 28, CNTP: 30 }
export const idleLines = (): InterruptLines => ({
  irq: false,
  fiq: false,
  serror: undefined,
  virtualIrq: false,
  virtualFiq: false,
  timersAssertIrq: true,
  maintenanceAssertsIrq: false,
  active: new Set()
})

const irqAsserted = (pe: Pe): boolean => {
  const { lines } = pe
  return (
    lines.irq ||
    (lines.timersAssertIrq && TIMERS.some((timer) => !lines.active.has(TIMER_INTID[timer]) && timerOutput(pe, timer))) ||
    (lines.maintenanceAssertsIrq && maintenanceInterrupt(pe))
  )
}
const virtualIrqAsserted = (pe: Pe): boolean => pe.lines.virtualIrq || (pe.controls.hcr & HCR.VI) !== 0 || virtualLine(pe) === "irq"
const virtualFiqAsserted = (pe: Pe): boolean => pe.lines.virtualFiq || (pe.controls.hcr & HCR.VF) !== 0 || virtualLine(pe) === "fiq"

type Kind = "irq" | "fiq" | "serror"
const ROUTE = { irq: HCR.IMO, fiq: HCR.FMO, serror: HCR.AMO } as const
const MASK = { irq: PSTATE.I, fiq: PSTATE.F, serror: PSTATE.A } as const

/** A physical interrupt: to EL2 when routed there, which PSTATE of a lower level cannot mask outside host mode. */
const physical = (pe: Pe, kind: Kind, iss: number): PendingException | undefined => {
  const { controls, el, pstate } = pe,
    toEL2 = el === 2 || controls.tge || (controls.hcr & ROUTE[kind]) !== 0,
    routed = controls.tge || (controls.hcr & ROUTE[kind]) !== 0
  if (el === 2 && !routed) return undefined
  const unmaskable = toEL2 && el < 2 && !controls.host
  if (!unmaskable && pstate & MASK[kind]) return undefined
  return { kind, target: toEL2 ? 2 : 1, ec: EC.SError, iss, returnTo: "this" }
}
/** A virtual interrupt, while its physical kind is routed to EL2. */
const virtual = (pe: Pe, kind: Kind, iss: number): PendingException | undefined => {
  const { controls, el, pstate } = pe
  if (el === 2 || controls.tge || !(controls.hcr & ROUTE[kind]) || pstate & MASK[kind]) return undefined
  return { kind, target: 1, ec: EC.SError, iss, returnTo: "this", virtual: true }
}

const VSESR_ISS = 0x1ffffff
/** The interrupt to take before the next instruction, if any. */
export const pendingInterrupt = (pe: Pe): PendingException | undefined => {
  const { lines, controls } = pe,
    { hcr } = controls
  return (
    (lines.serror !== undefined ? physical(pe, "serror", lines.serror) : undefined) ??
    (lines.fiq ? physical(pe, "fiq", 0) : undefined) ??
    (irqAsserted(pe) ? physical(pe, "irq", 0) : undefined) ??
    (hcr & HCR.VSE ? virtual(pe, "serror", Number(pe.system[controls.slot.VSESR_EL2]!) & VSESR_ISS) : undefined) ??
    (virtualFiqAsserted(pe) ? virtual(pe, "fiq", 0) : undefined) ??
    (virtualIrqAsserted(pe) ? virtual(pe, "irq", 0) : undefined)
  )
}
/** What taking an interrupt consumes: a pending SError. */
export const consume = (pe: Pe, { kind, virtual: isVirtual }: PendingException): void => {
  if (kind !== "serror") return
  if (!isVirtual) {
    pe.lines.serror = undefined
    return
  }
  pe.controls.clearInForce(pe.controls.slot.HCR_EL2, BigInt(HCR.VSE))
}

const DEFERRED = 1n << 31n
/**
 * ESB: an SError that is pending and masked is pending no more; its syndrome is in DISR_EL1, or in VDISR_EL2 where it is virtual. One that is not masked has
 * been taken before.
 */
export const synchronizeErrors = (pe: Pe): void => {
  const { lines, controls, el } = pe
  if (!controls.machine.features.has("RAS")) return
  const { slot, hcr } = controls
  if (lines.serror !== undefined) {
    if (physical(pe, "serror", lines.serror) !== undefined) return
    pe.system[slot.DISR_EL1] = DEFERRED | BigInt(lines.serror)
    lines.serror = undefined
  } else if (hcr & HCR.VSE && el < 2 && !controls.tge && hcr & HCR.AMO && virtual(pe, "serror", 0) === undefined) {
    pe.system[slot.VDISR_EL2] = DEFERRED | (pe.system[slot.VSESR_EL2]! & BigInt(VSESR_ISS))
    controls.clearInForce(slot.HCR_EL2, BigInt(HCR.VSE))
  }
}

/** ISR_EL1: pending interrupts as EL1 sees them (virtual where routed), or the physical ones at EL2. A 8, I 7, F 6. */
export const interruptStatus = (pe: Pe): bigint => {
  const { lines, controls, el } = pe,
    { hcr } = controls,
    seesVirtual = (kind: Kind) => el < 2 && !controls.tge && (hcr & ROUTE[kind]) !== 0,
    irq = seesVirtual("irq") ? virtualIrqAsserted(pe) : irqAsserted(pe),
    fiq = seesVirtual("fiq") ? virtualFiqAsserted(pe) : lines.fiq,
    serror = seesVirtual("serror") ? (hcr & HCR.VSE) !== 0 : lines.serror !== undefined
  return BigInt((serror ? PSTATE.A : 0) | (irq ? PSTATE.I : 0) | (fiq ? PSTATE.F : 0))
}
/** Whether something would end WFI now: masks do not count. */
export const wakes = (pe: Pe): boolean => {
  const { lines, controls, el } = pe,
    virtualCounts = el < 2 && !controls.tge,
    pendingVirtual = (route: number, asserted: (pe: Pe) => boolean) => virtualCounts && (controls.hcr & route) !== 0 && asserted(pe)
  return (
    irqAsserted(pe) ||
    lines.fiq ||
    lines.serror !== undefined ||
    pendingVirtual(HCR.IMO, virtualIrqAsserted) ||
    pendingVirtual(HCR.FMO, virtualFiqAsserted) ||
    pendingVirtual(HCR.AMO, () => (controls.hcr & HCR.VSE) !== 0)
  )
}

/** SEV (to every processing element) and SEVL. */
export const sendEvent = (pe: Pe, local: boolean): void => {
  for (const other of local ? [pe] : pe.board.pes) {
    other.eventRegister = true
    other.attention = true
  }
}

/** A wait that has begun: WFI or WFE with nothing to wake it yet. */
export interface Waiting {
  readonly event: "interrupt" | "event"
  /** Virtual time (see virtualTime) at which a timer will end it. */
  readonly until?: bigint
}
const SCTLR_NTWI = 1 << 16
const SCTLR_NTWE = 1 << 18
/** ISS of EC.WFx: CV and COND, RV and the register of WFxT, and TI. */
const WFX_ISS = 0x1e00000
const RV = 1 << 2

/**
 * WFI, WFE (`limit` = -1n) and WFIT, WFET (the virtual count that ends them). Throws Abort when trapped; nothing when there is no reason to wait. A caller that
 * gets a reason decides what to do meanwhile; the instruction is complete.
 */
export const wait = (pe: Pe, operation: "waitForInterrupt" | "waitForEvent", limit: bigint): Waiting | undefined => {
  const isEvent = operation === "waitForEvent"
  if (isEvent && pe.eventRegister) {
    pe.eventRegister = false
    return undefined
  }
  if (wakes(pe)) return undefined
  const timed = limit >= 0n,
    left = timed ? untilVirtualCount(pe, limit) : undefined
  if (left === 0n) return undefined
  trapWait(pe, isEvent, timed)
  const event = isEvent ? "event" : "interrupt",
    deadline = timerDeadline(pe),
    timer = Number.isFinite(deadline) ? virtualTime(pe) + BigInt(Math.ceil(deadline)) : undefined,
    limited = left === undefined ? undefined : virtualTime(pe) + left,
    until = timer !== undefined && limited !== undefined ? (timer < limited ? timer : limited) : (timer ?? limited)
  return until === undefined ? { event } : { event, until }
}
/** The instruction being executed. */
const wordAtPc = (pe: Pe): number => {
  const at = pe.board.physical.at(translate(pe, pe.pc, "execute").physical, 4)
  return at < 0 ? 0 : pe.board.physical.view.getUint32(at, true)
}
const trapWait = (pe: Pe, isEvent: boolean, timed: boolean): void => {
  const { controls, el } = pe
  if (el === 2) return
  const iss = () => WFX_ISS | (timed ? ((wordAtPc(pe) & 31) << 5) | RV | 2 : 0) | (isEvent ? 1 : 0)
  const sctlr = controls.low(controls.host ? controls.slot.SCTLR_EL2 : controls.slot.SCTLR_EL1)
  if (el === 0 && !(sctlr & (isEvent ? SCTLR_NTWE : SCTLR_NTWI))) throw new Abort(synchronous(ownTarget(pe), { ec: EC.WFx, iss: iss() }))
  if (controls.hcr & (isEvent ? HCR.TWE : HCR.TWI)) throw new Abort(synchronous(2, { ec: EC.WFx, iss: iss() }))
}
