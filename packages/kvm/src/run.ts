/**
 * KVM_RUN: load, then {flush FP, enter, sync FP, handle the exit} until user space is needed, then put. A thread of the scheduler can be stopped before each
 * entry, and go on later and elsewhere: what there is to know of it is in the vCPU.
 */
import { virtualTime } from "@eltwo/cpu"
import { ERRNO, type Errno, isErrno } from "./errno.ts"
import { type Handled, handleExit } from "./exit.ts"
import type { PhysicalCpu } from "./host/cpu.ts"
import { localIrqDisable, localIrqEnable } from "./host/masking.ts"
import { hasSignal } from "./host/signal-state.ts"
import { type ThreadSchedule, timeLeft } from "./host/thread.ts"
import { firstRunHcr, HCR } from "./hyp/controls.ts"
import { switchToGuest } from "./hyp/guest.ts"
import { commitPending } from "./inject.ts"
import { completeMmio } from "./mmio.ts"
import { type RunExit, SystemEvent } from "./run-exit.ts"
import { loadTimers, putTimers, timersChanged } from "./timer.ts"
import type { Vcpu } from "./vcpu.ts"
import { isFinalized } from "./vcpu-init.ts"
import { flushInterrupts, hasPendingInterrupt, syncInterrupts } from "./vgic/run.ts"
import { enterInterface, leaveInterface, loadInterface, putInterface } from "./vgic/switch.ts"

/** The request number of KVM_RUN. */
export const KVM_RUN = 0xae80

/** Why a thread stops within KVM_RUN, where it will go on. */
export enum Yield {
  /** Another thread, or another CPU, has its turn. */
  RESCHED = 1,
  /** Nothing to do until `vcpu.sleep` is over. */
  SLEEP = 2
}

/** The call as the kernel's ioctl sees it, without a scheduler: 0 or a negative error number. */
export const runIoctl = (cpu: PhysicalCpu, vcpu: Vcpu): number => {
  const result = beginRun(cpu, vcpu) ?? continueRun(cpu, vcpu)
  if (typeof result === "number") throw cpu.bug("A thread that is not scheduled gave up its CPU")
  return finishRun(cpu, vcpu, result)
}
/** Says what the call came back with: the exit is in `lastExit` and in kvm_run. */
export const finishRun = (cpu: PhysicalCpu, vcpu: Vcpu, result: RunExit | Errno): number => {
  vcpu.lastExit = result
  const reason = isErrno(result) ? result : result.reason
  cpu.account.run(reason)
  if (cpu.events.listening) cpu.emit({ what: "exit", vcpu: vcpu.name, reason })
  if (!isErrno(result)) vcpu.page.put(result)
  return isErrno(result) ? -ERRNO[result] : reason === "intr" ? -ERRNO.EINTR : 0
}

/** Checks, then vcpu_load. Undefined: `continueRun` goes on. */
export const beginRun = (cpu: PhysicalCpu, vcpu: Vcpu): RunExit | Errno | undefined => {
  if (vcpu.vm.closed) return "EIO"
  if (vcpu.features === undefined) return "ENOEXEC"
  if (!isFinalized(vcpu)) return "EPERM"
  const refused = vcpu.hasRun ? undefined : firstRun(cpu, vcpu)
  if (refused) return refused
  completeMmio(vcpu)
  // a question not answered is asked again, if the PC is still there
  vcpu.halt = undefined
  if (vcpu.pendingReset && vcpu.mpState === "runnable") vcpu.reset()
  vcpu.sleep = undefined
  vcpuLoad(cpu, vcpu)
  return vcpu.immediateExit ? endRun(cpu, vcpu, "EINTR") : undefined
}
/** Runs the loaded vCPU until user space is needed, and puts it; or until its thread has to wait. */
export const continueRun = (cpu: PhysicalCpu, vcpu: Vcpu): RunExit | Errno | Yield => {
  const result = loop(cpu, vcpu)
  return typeof result === "number" ? result : endRun(cpu, vcpu, result)
}
const endRun = <R extends RunExit | Errno>(cpu: PhysicalCpu, vcpu: Vcpu, result: R): R => {
  if (vcpu.pending) (vcpu.vm.host.mode.services.adjustPc ?? adjustHere)(cpu, vcpu)
  vcpuPut(cpu, vcpu)
  return result
}
/** kvm_sched_out, the preempt notifier: the thread leaves the CPU before user space is needed. */
export const schedOut = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { thread } = vcpu
  if (cpu.events.listening && thread?.schedule?.state === "runnable")
    cpu.emit({ what: "sched", kind: "preempt-in-kvm", thread: thread.name, vcpu: vcpu.name })
  vcpuPut(cpu, vcpu)
}
/** kvm_sched_in. */
export const schedIn = (cpu: PhysicalCpu, vcpu: Vcpu): void => vcpuLoad(cpu, vcpu)
const adjustHere = (_: PhysicalCpu, vcpu: Vcpu): void => commitPending(vcpu)
/** What is decided once: traps by the features of host and VM; ID registers are frozen from here. */
const firstRun = (cpu: PhysicalCpu, vcpu: Vcpu): Errno | undefined => {
  const { host, vgic } = vcpu.vm
  const unmapped = vgic?.map()
  if (unmapped) {
    vcpu.vm.dead = true
    return unmapped
  }
  if (vgic && new Set(vcpu.vm.timerInterrupts).size < vcpu.vm.timerInterrupts.length) return "EINVAL"
  const refused = host.mode.vms?.firstRun(cpu, vcpu)
  if (refused) return refused
  vcpu.hasRun = true
  vcpu.vm.hasRun = true
  vcpu.hcr |= firstRunHcr(host.features) | (host.mode.e2h ? HCR.E2H : 0n)
  return undefined
}

const vcpuLoad = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { vm } = vcpu
  const { mode, hooks } = vm.host
  cpu.loaded = vcpu
  vcpu.loadedOn = cpu
  if (cpu.lastRan.get(vm.id) !== vcpu.id) {
    mode.services.flushContext(cpu, vm.stage2)
    cpu.lastRan.set(vm.id, vcpu.id)
  }
  loadTimers(cpu, vcpu)
  loadInterface(cpu, vcpu)
  mode.worldSwitch.loadDebug(cpu, vcpu)
  mode.worldSwitch.load(cpu, vcpu)
  hooks.load(cpu, vcpu)
  mode.vms?.load(cpu, vcpu)
}
const vcpuPut = (cpu: PhysicalCpu, vcpu: Vcpu): void => {
  const { mode, hooks } = vcpu.vm.host
  mode.vms?.put(cpu, vcpu)
  mode.worldSwitch.putDebug(cpu, vcpu)
  hooks.put(cpu, vcpu)
  mode.worldSwitch.put(cpu, vcpu)
  putTimers(cpu, vcpu)
  putInterface(cpu, vcpu)
  vcpu.loadedOn = undefined
  cpu.loaded = undefined
}

const loop = (cpu: PhysicalCpu, vcpu: Vcpu): RunExit | Errno | Yield => {
  const { mode, hooks } = vcpu.vm.host
  for (;;) {
    const interrupted = beforeEntry(cpu, vcpu)
    if (interrupted) return interrupted
    localIrqDisable(cpu)
    flushInterrupts(cpu, vcpu)
    enterInterface(cpu, vcpu, 2)
    hooks.ctxFlush(cpu, vcpu)
    const code = mode.services.runVcpu?.(cpu, vcpu) ?? switchToGuest(cpu, vcpu)
    leaveInterface(cpu, vcpu, 2)
    syncInterrupts(cpu, vcpu)
    const timers = timersChanged(cpu, vcpu)
    hooks.ctxSync(cpu, vcpu)
    localIrqEnable(cpu)
    const handled = handleExit(cpu, vcpu, code)
    if (handled !== undefined) return handled
    if (vcpu.halt !== undefined) return { reason: "debug", immediate: vcpu.halt }
    if (timers) return signal(vcpu)
  }
}
const signal = ({ deviceIrqLevel }: Vcpu) => ({ reason: "intr", deviceIrqLevel }) as const
const WAKEUP = { reason: "systemEvent", type: SystemEvent.WAKEUP, data: [] } as const
/** An interrupt ends a suspension, which user space is told of. */
const wokenUp = (cpu: PhysicalCpu, vcpu: Vcpu): boolean =>
  vcpu.mpState === "suspended" &&
  ((vcpu.hcr & (HCR.VI | HCR.VF)) !== 0n || (vcpu.vm.vgic !== undefined && hasPendingInterrupt(cpu, vcpu, vcpu.vm.vgic)))
/** Signals and requests, before interrupts go off. */
const beforeEntry = (cpu: PhysicalCpu, vcpu: Vcpu): Handled | Yield => {
  if (cpu.current?.schedule) return beforeScheduledEntry(cpu, vcpu, cpu.current.schedule)
  if (vcpu.slice.left <= 0) return signal(vcpu)
  if (wokenUp(cpu, vcpu)) return WAKEUP
  if (vcpu.mpState !== "runnable") return { reason: "stopped" }
  return timersChanged(cpu, vcpu) ? signal(vcpu) : undefined
}
/** The same of a thread that others wait for: signals, requests, then whether it has time left. */
const beforeScheduledEntry = (cpu: PhysicalCpu, vcpu: Vcpu, thread: ThreadSchedule): Handled | Yield => {
  const { schedule } = cpu
  if (vcpu.vm.closed) return "EIO"
  if (thread.interrupted || hasSignal(cpu.current!)) {
    thread.interrupted = false
    return signal(vcpu)
  }
  if (wokenUp(cpu, vcpu)) return WAKEUP
  if (vcpu.mpState !== "runnable" || vcpu.sleep) return Yield.SLEEP
  if (vcpu.pendingReset) {
    vcpuPut(cpu, vcpu)
    vcpu.reset()
    vcpuLoad(cpu, vcpu)
  }
  const left = timeLeft(schedule, virtualTime(cpu.pe))
  if (left <= 0 || schedule.needResched || schedule.work-- <= 0) return Yield.RESCHED
  vcpu.slice = { left, options: vcpu.vm.host.run }
  return timersChanged(cpu, vcpu) ? signal(vcpu) : undefined
}
