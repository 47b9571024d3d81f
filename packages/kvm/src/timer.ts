/** The guest's timers: on the CPU from load to put; without an interrupt controller their outputs are told to user space. */
import { physicalCount, timerDeadline, timerOutput, virtualTime } from "@eltwo/cpu"
import { systemEncoding } from "@eltwo/isa"
import type { Handled } from "./exit.ts"
import { type ContextRegister, guestName, SLOT } from "./guest-context.ts"
import type { PhysicalCpu } from "./host/cpu.ts"
import { retireEmulated } from "./host/slice.ts"
import { sleepVcpu } from "./host/vcpu-sleep.ts"
import { HCR } from "./hyp/controls.ts"
import type { Mode } from "./mode.ts"
import type { Vcpu } from "./vcpu.ts"
import { forgetTimers, hasPendingInterrupt } from "./vgic/run.ts"

const TIMERS = ["CNTV", "CNTP"] as const
const control = (timer: (typeof TIMERS)[number]): ContextRegister => `${timer}_CTL_EL0`
const compare = (timer: (typeof TIMERS)[number]): ContextRegister => `${timer}_CVAL_EL0`
const ENABLE = 1n
const ENABLE_AND_MASK = 3n

/** The host kernel's name of a guest timer register: at EL1 there is only one. */
const hostName = (register: ContextRegister, { hostEl, registers }: Mode): string => guestName(register, hostEl === 1 ? "plain" : registers)

export const loadTimers = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { mode } = vcpu.vm.host
  mode.services.loadTimer(cpu, vcpu.vm.counterOffset ?? 0n)
  for (const timer of TIMERS) {
    cpu.write(hostName(compare(timer), mode), vcpu.system[SLOT[compare(timer)]]!)
    cpu.write(hostName(control(timer), mode), vcpu.system[SLOT[control(timer)]]!)
  }
  cpu.pe.lines.timersAssertIrq = true
}
/** Stops the timers on the CPU; what they were set to stays in the vCPU. */
export const putTimers = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { mode } = vcpu.vm.host
  for (const timer of TIMERS) {
    const name = hostName(control(timer), mode)
    const kept = vcpu.system[SLOT[control(timer)]]! & ~ENABLE_AND_MASK
    vcpu.system[SLOT[control(timer)]] = (cpu.read(name) & ENABLE_AND_MASK) | kept
    vcpu.system[SLOT[compare(timer)]] = cpu.read(hostName(compare(timer), mode))
    if (vcpu.system[SLOT[control(timer)]]! & ENABLE) cpu.write(name, 0n)
  }
  mode.services.putTimer?.(cpu)
  forgetTimers(cpu)
}
const PHYSICAL_TIMER = ["CNTP_TVAL_EL0", "CNTP_CTL_EL0", "CNTP_CVAL_EL0"] as const
const CNTP_TVAL_EL0 = systemEncoding(3, 3, 14, 2, 0)
/**
 * The physical timer's register of an encoding. A guest that is trapped on it (a host kernel at EL1 emulates the timer) has the CPU's own while it is loaded,
 * and the kernel reaches it by the same name.
 */
export const physicalTimerRegister = (encoding: number): string | undefined => PHYSICAL_TIMER[encoding - CNTP_TVAL_EL0]
/** Trapped reads and writes of it. The control register keeps whatever it is given, and its ISTATUS does not ask whether the timer is on. */
export const readPhysicalTimer = (cpu: PhysicalCpu, vcpu: Vcpu, register: string): bigint => {
  const value = register === PHYSICAL_CONTROL ? physicalControl(cpu, vcpu) : cpu.read(register)
  retireEmulated(cpu, vcpu)
  return value
}
const physicalControl = (cpu: PhysicalCpu, vcpu: Vcpu): bigint => {
  const kept = vcpu.system[SLOT[PHYSICAL_CONTROL]]! & ~ENABLE_AND_MASK
  const expired = physicalCount(cpu.pe) >= cpu.read("CNTP_CVAL_EL0")
  return (cpu.read(PHYSICAL_CONTROL) & ENABLE_AND_MASK) | kept | (expired ? ISTATUS : 0n)
}
export const writePhysicalTimer = (cpu: PhysicalCpu, vcpu: Vcpu, register: string, value: bigint): void => {
  cpu.write(register, value)
  if (register === PHYSICAL_CONTROL) vcpu.system[SLOT[PHYSICAL_CONTROL]] = value & ~ISTATUS
  retireEmulated(cpu, vcpu)
}
const PHYSICAL_CONTROL = "CNTP_CTL_EL0"
const ISTATUS = 4n
/** Timer outputs of the loaded vCPU: bit 0 virtual, bit 1 physical. */
const outputs = ({ pe }: PhysicalCpu): number => (timerOutput(pe, "CNTV") ? 1 : 0) | (timerOutput(pe, "CNTP") ? 2 : 0)
/** After an exit or before an entry: an output that is high stays masked at the host until it falls. True when user space has to hear of a change. */
export const timersChanged = (cpu: PhysicalCpu, vcpu: Vcpu): boolean => {
  if (vcpu.vm.vgic) return false
  const level = outputs(cpu)
  cpu.pe.lines.timersAssertIrq = level === 0
  if (level === vcpu.deviceIrqLevel) return false
  vcpu.deviceIrqLevel = level
  return true
}

/**
 * WFI: the vCPU sleeps until an interrupt is pending for it. Only its timers can make one while it sleeps, so time passes to the next deadline; without one it
 * is for somebody else to wake it (see sleepVcpu). A timer output that user space has been told of is for user space to make an interrupt of.
 * `deadline`: virtual count at which the sleep ends anyway.
 */
export const waitForInterrupt = (cpu: PhysicalCpu, vcpu: Vcpu, deadline: bigint | undefined): Handled => {
  const { vgic } = vcpu.vm
  if (vcpu.hcr & (HCR.VI | HCR.VF) || (vgic ? hasPendingInterrupt(cpu, vcpu, vgic) : outputs(cpu) & ~vcpu.deviceIrqLevel)) return undefined
  const { pe } = cpu
  const timer = timerDeadline(pe)
  const until = Math.min(timer, deadline === undefined ? Number.POSITIVE_INFINITY : untilCount(cpu, vcpu, deadline))
  return sleepVcpu(cpu, vcpu, Number.isFinite(until) ? virtualTime(pe) + BigInt(Math.ceil(until)) : undefined)
}
const INSTRUCTIONS_PER_SECOND = 1_000_000_000n
/** Instructions until the guest's virtual counter reaches a value; 0 when it has. */
const untilCount = ({ pe }: PhysicalCpu, { vm }: Vcpu, count: bigint): number => {
  const left = count + (vm.counterOffset ?? 0n) - physicalCount(pe)
  return left <= 0n ? 0 : Number((left * INSTRUCTIONS_PER_SECOND) / pe.board.counterFrequency) + 1
}
