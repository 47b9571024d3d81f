/** KVM_RUN: load, then {flush FP, enter, sync FP, handle the exit} until user space is needed, then put. */
import { ERRNO, isErrno } from "./errno.ts"
import { type Handled, handleExit } from "./exit.ts"
import type { PhysicalCpu } from "./host/cpu.ts"
import { serviceInterrupts } from "./host/interrupts.ts"
import type { KvmRunPage } from "./host/kvm-run-page.ts"
import { firstRunHcr, HCR } from "./hyp/controls.ts"
import { switchToGuest } from "./hyp/guest.ts"
import { commitPending } from "./inject.ts"
import { completeMmio } from "./mmio.ts"
import { loadTimers, putTimers, timersChanged } from "./timer.ts"
import type { Vcpu } from "./vcpu.ts"

/** The request number of KVM_RUN. */
export const KVM_RUN = 0xae80

/** The call as the kernel's ioctl sees it: 0 or a negative error number; the exit is in `lastExit` and in kvm_run. */
export const runIoctl = (cpu: PhysicalCpu, vcpu: Vcpu, page: KvmRunPage): number => {
  const result = runVcpu(cpu, vcpu)
  vcpu.lastExit = result ?? { reason: "unknown" }
  const reason = isErrno(result) ? result : (result?.reason ?? "unknown")
  cpu.account.run(reason)
  if (cpu.events.listening) cpu.emit({ what: "exit", vcpu: vcpu.name, reason })
  if (!isErrno(result)) page.put(vcpu, vcpu.lastExit)
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
  vcpuLoad(cpu, vcpu)
  const result = vcpu.immediateExit ? "EINTR" : loop(cpu, vcpu)
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
  const { host } = vcpu.vm
  const refused = host.mode.vms?.firstRun(cpu, vcpu)
  if (refused) return refused
  vcpu.hasRun = true
  vcpu.vm.hasRun = true
  vcpu.hcr |= firstRunHcr(host.features) | (host.mode.e2h ? HCR.E2H : 0n)
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
  vcpu.loadedOn = undefined
  cpu.loaded = undefined
}

const loop = (cpu: PhysicalCpu, vcpu: Vcpu): Handled => {
  const { mode, hooks } = vcpu.vm.host
  for (;;) {
    const interrupted = beforeEntry(cpu, vcpu)
    if (interrupted) return interrupted
    hooks.ctxFlush(cpu, vcpu)
    const code = mode.services.runVcpu?.(cpu, vcpu) ?? switchToGuest(cpu, vcpu)
    const timers = timersChanged(cpu, vcpu)
    hooks.ctxSync(cpu, vcpu)
    serviceInterrupts(cpu)
    const handled = handleExit(cpu, vcpu, code)
    if (handled !== undefined) return handled
    if (vcpu.halt !== undefined) return { reason: "debug", immediate: vcpu.halt }
    if (timers) return signal(vcpu)
  }
}
const signal = ({ deviceIrqLevel }: Vcpu) => ({ reason: "intr", deviceIrqLevel }) as const
/** Signals and requests, before interrupts go off. */
const beforeEntry = (cpu: PhysicalCpu, vcpu: Vcpu): Handled => {
  if (vcpu.slice.left <= 0) return signal(vcpu)
  if (vcpu.mpState !== "runnable") return { reason: "stopped" }
  return timersChanged(cpu, vcpu) ? signal(vcpu) : undefined
}
