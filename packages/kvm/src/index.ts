// For user space: hosts, VMs and vCPUs. Calls give their result or an errno.

export { type Account, type ExitName, exitName, type Moves } from "./account.ts"
export { API_VERSION, Capability, type CapabilityRequest } from "./capabilities.ts"
export type { Crash } from "./crash.ts"
export { DEVICE_GROUP, TIMER_ATTRIBUTE } from "./device-attributes.ts"
export type { ClearRequest, DirtyBitmap } from "./dirty-log.ts"
export { ERRNO, type Errno, isErrno } from "./errno.ts"
export type { KvmEvent, Listener, Place, SchedulerStep } from "./events.ts"
export { createHost, Host, type HostOptions } from "./host/host.ts"
export { IRQ_TYPE, type IrqLine } from "./irq-line.ts"
export type { MemoryRequest, MemorySlot } from "./memory-slots.ts"
export { REG } from "./one-reg.ts"
export { PSCI, PSCI_FUNCTION, PSCI_VERSIONS } from "./psci.ts"
export { KVM_RUN } from "./run.ts"
export { EXIT_NUMBER, type RunExit, SystemEvent } from "./run-exit.ts"
export type { FilterAction, FilterRange } from "./smccc-filter.ts"
export type { TrailEntry } from "./trail.ts"
export { type MpState, type RunLimits, Vcpu } from "./vcpu.ts"
export type { VcpuEvents } from "./vcpu-events.ts"
export { VcpuFeature, type VcpuInit } from "./vcpu-init.ts"
export { vcpuVectors } from "./vector-registers.ts"
export { DEVICE_TYPE, VGIC_ADDRESS, VGIC_CTRL, VGIC_GROUP, VgicDevice } from "./vgic/device.ts"
export { type MemoryRegion, Vm } from "./vm.ts"

// For who drives the host's kernel: threads and CPUs, programs at EL0 and their FP state.

export { offlineCpu, onlineCpu, resumeCpu, suspendCpu } from "./host/cpu-power.ts"
export type { UserStop } from "./host/entry.ts"
export { execTask, type ProgramEntry } from "./host/exec.ts"
export { CLONE, type CloneRequest, cloneTask } from "./host/fork.ts"
export { brokenInvariants } from "./host/invariants.ts"
export { kernelNeonBegin, kernelNeonEnd } from "./host/kernel-neon.ts"
export {
  getFpContext,
  localBhDisable,
  localBhEnable,
  localIrqDisable,
  localIrqEnable,
  localIrqRestore,
  localIrqSave,
  preemptDisable,
  preemptEnable,
  putFpContext,
  serveSoftirqs,
  withFpContext
} from "./host/masking.ts"
export { getRegisterSet, NT, setRegisterSet } from "./host/regsets.ts"
export {
  type AfterRun,
  DEFAULT_SCHEDULE,
  type ExitHandler,
  Scheduler,
  type SchedulerOptions,
  type SchedulerStop,
  type ThreadOptions
} from "./host/scheduler.ts"
export { SIGNAL, sendSignal } from "./host/signal-state.ts"
export { type HostFile, Task, TIF, UserRegisters } from "./host/task.ts"

// For extension plugins: the shape of their `kvm` part.

export type { HiddenField, KvmPart, VcpuFeaturePart, VectorFile, VectorRegisters, Visibility } from "./extension.ts"

// For mode plugins: the contract, and what hyp code and world switches are made of.

export { type Saved, shape } from "@eltwo/cpu"
export type { FpHooks } from "./fp.ts"
export { type ContextRegister, ENTRY, type GuestLists, guestLists, guestName, newContext, SLOT } from "./guest-context.ts"
export { linear } from "./host/address-space.ts"
export { PhysicalCpu, type RegisterBlock, type RegisterValues, registerBlock } from "./host/cpu.ts"
export { type CpuFeatures, cpuFeatures } from "./host/cpu-features.ts"
export { type FpMemory, type FpOwner, fpMemory, hasZa, isStreaming, SVCR, smeBytes, sveBytes, type VectorLengths } from "./host/fp-memory.ts"
export { type Entry, PageTables, type TableMemory } from "./host/page-tables.ts"
export { loadScalable, saveScalable, type VectorLayout } from "./host/scalable.ts"
export { closestLength, defaultLengths, lengthField, type SupportedLengths } from "./host/vector-lengths.ts"
export {
  counterAccess,
  firstRunHcr,
  GUEST_MDCR,
  guestHcrx,
  HCR,
  HOST_MDCR,
  HOST_VHE_HCR,
  hostNvheHcr,
  initialGuestHcr,
  MDCR
} from "./hyp/controls.ts"
export { HYP_EXITS } from "./hyp/exits.ts"
export { activateFpTraps, deactivateFpTraps, handleFpTrap, lazySwitch } from "./hyp/fpsimd.ts"
export { abortFaultInfo, ExitCode, NO_IPA, switchToGuest } from "./hyp/guest.ts"
export { activateHcr, deactivateHcr, guestCommonTraps, hostCommonTraps, returnState } from "./hyp/switch-state.ts"
export { type TrapSpelling, type TrapWords, trapWords } from "./hyp/trap-words.ts"
export { commitPending, type PendingChange } from "./inject.ts"
export * from "./mode.ts"
export { HostCall, type HostCallHandler, type HostCallTable, handleHostTrap, hostCall, returnToHost } from "./nvhe/host-call.ts"
export { HYP_INPUT_BITS, HYP_LEAF, type HypMmu, hypMemoryOf, kernHypVa, readMmu } from "./nvhe/hyp-memory.ts"
export { HOST_CALLS, kernelAtEl1 } from "./nvhe/mode.ts"
export { type SwitchPolicy, TRUSTING, worldSwitchBy } from "./nvhe/world-switch.ts"
export { BLOCK_BYTES, Stage2, vtcrOf } from "./stage2.ts"
export { guestFeatures, hasFpmr } from "./system-registers.ts"
export { InterruptInterface } from "./vgic/switch.ts"

// For snapshots.

export {
  CPU_STATE,
  GIC_STATE,
  type HostState,
  hostMisfit,
  hostState,
  KERNEL_STATE,
  MACHINE_VCPU_STATE,
  MACHINE_VM_STATE,
  type RestoreHostOptions,
  restoreHost,
  SCHEDULER_STATE,
  TASK_STATE
} from "./state/host-state.ts"
export { VCPU_STATE, type VcpuState } from "./state/vcpu-state.ts"
export { isVmBusy, restoreVm, VM_STATE, type VmBusy, type VmState, vmState } from "./state/vm-state.ts"
