/** The boundary between host programs at EL0 and the host kernel: exception entry, system calls, return to user. Names are the kernel's plain _EL1 ones. */

import { passTime, refuseHalt, run } from "@eltwo/cpu"
import { EC } from "@eltwo/isa"
import { exitName } from "../account.ts"
import { schedIn, schedOut } from "../run.ts"
import { smeAccess, sveAccess } from "./access-traps.ts"
import type { PhysicalCpu } from "./cpu.ts"
import { isLive, restoreCurrentState, syscallEnter, syscallExit, threadSwitch } from "./fpstate.ts"
import type { Host } from "./host.ts"
import { assertMaySchedule, localIrqDisable, localIrqEnable, localIrqRestore, localIrqSave } from "./masking.ts"
import { deliverSignals } from "./signal-frame.ts"
import { forceSignal, hasSignal, SIGNAL } from "./signal-state.ts"
import { systemCall } from "./syscalls.ts"
import { type Task, TIF } from "./task.ts"

/** Why a host program stopped running. */
export type UserStop = "limit" | "ended" | "waiting"

const SYSCALL_NUMBER = 8

/** Makes a task the CPU's current one. The kernel runs. */
export const switchTo = (cpu: PhysicalCpu, next: Task): void => {
  const { current } = cpu
  if (current === next) return
  assertMaySchedule(cpu)
  const irqsOff = localIrqSave(cpu)
  if (cpu.events.listening) cpu.emit({ what: "sched", kind: "switch", from: current?.name ?? "", to: next.name })
  // vcpu_put comes before the FP core's switch, vcpu_load after it
  if (current && cpu.loaded) schedOut(cpu, cpu.loaded)
  threadSwitch(cpu, next)
  switchThreadPointers(cpu, current, next)
  cpu.write("TTBR0_EL1", next.space.ttbr)
  cpu.isb()
  cpu.current = next
  localIrqRestore(cpu, irqsOff)
  if (next.position?.begun) schedIn(cpu, next.position.vcpu)
}

/** tls_thread_switch. */
const switchThreadPointers = (cpu: PhysicalCpu, current: Task | undefined, next: Task): void => {
  if (current) current.tpidr = cpu.read("TPIDR_EL0")
  cpu.write("TPIDR_EL0", next.tpidr)
  if (!cpu.features.sme) return
  if (current) current.tpidr2 = cpu.read("TPIDR2_EL0")
  cpu.write("TPIDR2_EL0", next.tpidr2)
}

/** ret_to_user: work first, then the registers, then ERET. A signal may end the task: then the kernel stays. */
export const returnToUser = (cpu: PhysicalCpu): void => {
  const task = cpu.current
  if (!task) throw cpu.bug("Return to user without a task")
  do {
    localIrqEnable(cpu)
    if (hasSignal(task)) deliverSignals(cpu, task)
    if (task.ended) return
    if (task.has(TIF.FOREIGN_FPSTATE)) restoreCurrentState(cpu)
    localIrqDisable(cpu)
  } while (task.has(TIF.FOREIGN_FPSTATE) || hasSignal(task))
  syscallExit(cpu)
  checkUserState(cpu, task)
  const { registers } = task
  cpu.write("SP_EL0", registers.sp)
  cpu.write("ELR_EL1", registers.pc)
  cpu.write("SPSR_EL1", registers.pstate)
  cpu.loadGeneral(registers.general)
  cpu.pe.modelledEl = cpu.hostEl
  cpu.eret()
}

/** What must hold at every return to user level: the registers are the task's, bound to it, and its flags say what is open. */
const checkUserState = (cpu: PhysicalCpu, task: Task): void => {
  if (cpu.features.fp && !isLive(cpu, task)) throw cpu.bug(`${task.name} returns to user level with registers that are not its own`)
}

/** kernel_entry: stores the user registers of the current task. */
const enterFromUser = (cpu: PhysicalCpu, task: Task): void => {
  const { registers } = task
  cpu.masking.irqsOff = true
  cpu.saveGeneral(registers.general)
  registers.sp = cpu.read("SP_EL0")
  registers.pc = cpu.read("ELR_EL1")
  registers.pstate = cpu.read("SPSR_EL1")
}

/** Signal of a fault. */
const SIGNALS: ReadonlyMap<number, keyof typeof SIGNAL> = new Map([
  [EC.Unknown, "SIGILL"],
  [EC.IllegalState, "SIGILL"],
  [EC.SystemRegister, "SIGILL"],
  [EC.InstructionAbortLower, "SIGSEGV"],
  [EC.DataAbortLower, "SIGSEGV"],
  [EC.PCAlignment, "SIGBUS"],
  [EC.SPAlignment, "SIGBUS"],
  [EC.BRK64, "SIGTRAP"]
])
/** Code of siginfo: the first of each signal's list of reasons. */
const FAULT_CODE = 1

/**
 * An exception from EL0 has been entered at the host kernel's level: answers it, and goes back unless the program ended. False: it was entered at EL2, and
 * hyp code went back without the kernel.
 */
export const exceptionFromUser = (host: Host, cpu: PhysicalCpu, kind: "synchronous" | "irq" | "fiq" | "serror"): boolean => {
  const task = cpu.current
  if (!task) throw cpu.bug("An exception from EL0 without a task")
  if (cpu.pe.el !== cpu.hostEl && cpu.trapToHyp("host-el0") === "resumed") return false
  enterFromUser(cpu, task)
  if (kind === "synchronous") synchronousFromUser(host, cpu, task)
  else if (cpu.events.listening) cpu.emit({ what: "irq", from: "host-el0", where: "host", kind })
  if (!task.ended && !task.position && !cpu.schedule.needResched) returnToUser(cpu)
  return true
}
const synchronousFromUser = (host: Host, cpu: PhysicalCpu, task: Task): void => {
  const esr = cpu.read("ESR_EL1")
  const ec = Number((esr >> 26n) & 0x3fn)
  if (cpu.events.listening) reportException(cpu, esr, task)
  const far = cpu.read("FAR_EL1")
  if (ec === EC.SVC64) {
    syscallEnter(cpu)
    localIrqEnable(cpu)
    const { x } = task.registers
    x[0] = systemCall(host, cpu, task, Number(x[SYSCALL_NUMBER]! & 0xffff_ffffn))
    return
  }
  localIrqEnable(cpu)
  const signal = signalOf(cpu, task, ec, Number(esr & ISS))
  // a host with FP never traps it: EC.FPAccess is among what no handler expects
  if (!signal) throw cpu.bug(`Unexpected exception from EL0: ${exitName(ec)}`)
  if (signal !== "resume") forceSignal(task, SIGNAL[signal], { code: FAULT_CODE, address: far, esr })
}
const ISS = 0x1ffffffn
const signalOf = (cpu: PhysicalCpu, task: Task, ec: number, iss: number): keyof typeof SIGNAL | "resume" | undefined => {
  if (ec === EC.SVEAccess) return sveAccess(cpu, task)
  if (ec === EC.SMEAccess) return smeAccess(cpu, task, iss)
  return SIGNALS.get(ec)
}

/** Whoever is at EL0 comes into the kernel, as by an interrupt. */
export const interruptUser = (cpu: PhysicalCpu): void => {
  const { current, pe } = cpu
  if (!current || pe.el !== 0) return
  pe.lines.irq = true
  if (run(pe, { instructions: 1 }).kind !== "exception") throw cpu.bug("A host program cannot be interrupted")
  enterFromUser(cpu, current)
}
/** __schedule: another task's turn, in the kernel: whoever is at EL0 is interrupted. */
export const scheduleIn = (cpu: PhysicalCpu, next: Task): void => {
  if (cpu.current === next) return
  interruptUser(cpu)
  switchTo(cpu, next)
  localIrqEnable(cpu)
}
/** Another task's turn, which is at user level: whoever is at EL0 is interrupted, and `next` goes on where it was. */
export const preempt = (cpu: PhysicalCpu, next: Task): void => {
  if (cpu.current === next && cpu.pe.el === 0) return
  interruptUser(cpu)
  switchTo(cpu, next)
  returnToUser(cpu)
}

const reportException = (cpu: PhysicalCpu, esr: bigint, { registers }: Task): void => {
  const ec = Number((esr >> 26n) & 0x3fn)
  const call = ec === EC.SVC64 ? { call: Number(registers.x[SYSCALL_NUMBER]! & 0xffff_ffffn) } : {}
  cpu.emit({ what: "exc", from: "host-el0", where: "host", ec, iss: Number(esr & 0x1ffffffn), ...call })
}

/** Runs the current program for at most `instructions`. The processing element is at EL0, and is again unless the program ended. */
export const runUser = (host: Host, cpu: PhysicalCpu, instructions: number): UserStop => {
  const { pe } = cpu
  cpu.userUntil = pe.retired + BigInt(instructions)
  for (;;) {
    if (cpu.current?.ended) return "ended"
    const left = cpu.userTimeLeft()
    if (left === 0) return "limit"
    const exit = run(pe, { instructions: left, ...host.run })
    const entered = exit.kind === "halt" ? refuseHalt(pe) : exit
    if (entered?.kind === "exception") {
      exceptionFromUser(host, cpu, entered.exception.kind)
    } else if (entered?.kind === "wait") {
      if (entered.until === undefined) return "waiting"
      passTime(pe, entered.until)
    }
  }
}
