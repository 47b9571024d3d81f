/** The generic timer on virtual time. One retired instruction is one nanosecond, so a counter tick is 10^9 / CNTFRQ instructions. */
import { PE } from "./layout.ts"
import type { Pe } from "./pe.ts"

/** A processing element's timers: EL1 physical and virtual, EL2 physical and virtual. */
export type TimerName = "CNTP" | "CNTV" | "CNTHP" | "CNTHV"
export const INSTRUCTIONS_PER_SECOND = 1_000_000_000n

const ENABLE = 1n
const IMASK = 2n
const ISTATUS = 4n
const SLOTS = {
  CNTP: { control: "CNTP_CTL_EL0", compare: "CNTP_CVAL_EL0" },
  CNTV: { control: "CNTV_CTL_EL0", compare: "CNTV_CVAL_EL0" },
  CNTHP: { control: "CNTHP_CTL_EL2", compare: "CNTHP_CVAL_EL2" },
  CNTHV: { control: "CNTHV_CTL_EL2", compare: "CNTHV_CVAL_EL2" }
} as const
export const TIMERS = Object.keys(SLOTS) as readonly TimerName[]

/** Virtual time in instructions: those retired, and those that passed while waiting. */
export const virtualTime = (pe: Pe): bigint => pe.retired + pe.doublewords[PE.IDLE >> 3]!
/** Lets time pass without instructions, up to `time` (as virtualTime); never backwards. */
export const passTime = (pe: Pe, time: bigint): void => {
  const now = virtualTime(pe)
  if (time > now) pe.doublewords[PE.IDLE >> 3]! += time - now
  pe.attention = true
}

/** CNTPCT_EL0: ticks of the system counter since the machine started. */
export const physicalCount = (pe: Pe): bigint => (virtualTime(pe) * pe.board.counterFrequency) / INSTRUCTIONS_PER_SECOND
/** CNTVCT_EL0 as the current exception level reads it: EL2 under E2H, and EL0 in host mode, see no offset. */
export const virtualCount = (pe: Pe): bigint => {
  const { controls, el } = pe
  const plain = (el === 2 && controls.e2h) || (el === 0 && controls.host)
  return BigInt.asUintN(64, physicalCount(pe) - (plain ? 0n : controls.written(controls.slot.CNTVOFF_EL2)))
}
const offsetOf = (pe: Pe, timer: TimerName): bigint => (timer === "CNTV" ? pe.controls.written(pe.controls.slot.CNTVOFF_EL2) : 0n)
const countOf = (pe: Pe, timer: TimerName): bigint => BigInt.asUintN(64, physicalCount(pe) - offsetOf(pe, timer))

const controlSlot = (pe: Pe, timer: TimerName): number => pe.controls.slot[SLOTS[timer].control]
const compareSlot = (pe: Pe, timer: TimerName): number => pe.controls.slot[SLOTS[timer].compare]
const conditionMet = (pe: Pe, timer: TimerName): boolean => countOf(pe, timer) >= pe.system[compareSlot(pe, timer)]!

export const readTimerControl = (pe: Pe, timer: TimerName): bigint => {
  const control = pe.system[controlSlot(pe, timer)]!
  return control & ENABLE && conditionMet(pe, timer) ? control | ISTATUS : control
}
export const writeTimerControl = (pe: Pe, timer: TimerName, value: bigint): void => {
  pe.system[controlSlot(pe, timer)] = value & (ENABLE | IMASK)
  pe.attention = true
}
export const readTimerCompare = (pe: Pe, timer: TimerName): bigint => pe.system[compareSlot(pe, timer)]!
export const writeTimerCompare = (pe: Pe, timer: TimerName, value: bigint): void => {
  pe.system[compareSlot(pe, timer)] = value
  pe.attention = true
}
/** TVAL: the distance to the compare value, 32 bits. */
export const readTimerValue = (pe: Pe, timer: TimerName): bigint => BigInt.asUintN(32, readTimerCompare(pe, timer) - countOf(pe, timer))
export const writeTimerValue = (pe: Pe, timer: TimerName, value: bigint): void =>
  writeTimerCompare(pe, timer, BigInt.asUintN(64, countOf(pe, timer) + BigInt.asIntN(32, value)))

/** Whether the timer's output is asserted: enabled, not masked, condition met. */
export const timerOutput = (pe: Pe, timer: TimerName): boolean => {
  const control = pe.system[controlSlot(pe, timer)]!
  return (control & (ENABLE | IMASK)) === ENABLE && conditionMet(pe, timer)
}
/** Instructions until the next timer output is asserted; Infinity when none will be. */
export const timerDeadline = (pe: Pe): number => {
  let nearest = Number.POSITIVE_INFINITY
  for (const timer of TIMERS) {
    const control = pe.system[controlSlot(pe, timer)]!
    if ((control & (ENABLE | IMASK)) !== ENABLE || conditionMet(pe, timer)) continue
    const count = BigInt.asUintN(64, pe.system[compareSlot(pe, timer)]! + offsetOf(pe, timer)),
      { counterFrequency } = pe.board,
      time = (count * INSTRUCTIONS_PER_SECOND + counterFrequency - 1n) / counterFrequency
    nearest = Math.min(nearest, Math.max(1, Number(time - virtualTime(pe))))
  }
  return nearest
}
/** Instructions until the virtual counter, as the current level reads it, reaches `count` (WFIT, WFET); 0 when it has. */
export const untilVirtualCount = (pe: Pe, count: bigint): bigint => {
  const left = count - virtualCount(pe)
  if (left <= 0n) return 0n
  const { counterFrequency } = pe.board
  return (left * INSTRUCTIONS_PER_SECOND + counterFrequency - 1n) / counterFrequency
}
