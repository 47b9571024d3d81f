/** Why KVM_RUN came back: KVM_EXIT_* as values. */
import type { Crash } from "./crash.ts"

/** KVM_SYSTEM_EVENT_*. */
export enum SystemEvent {
  SHUTDOWN = 1,
  RESET = 2,
  CRASH = 3,
  WAKEUP = 4,
  SUSPEND = 5
}

/** Why KVM_RUN came back, closed: these are all. */
export type RunExit =
  /** Nothing has run yet. */
  | { readonly reason: "unknown" }
  /** A call the filter forwards: function id in `nr`, arguments in X1..; the PC is past the call, user space sets X0... */
  | { readonly reason: "hypercall"; readonly nr: number; readonly smc: boolean }
  /** HLT: as an external debugger would see it. The PC is the HLT's. Answer with completeHalt or refuseHalt. */
  | { readonly reason: "debug"; readonly immediate: number }
  /** Guest access of `bytes` bytes at a guest-physical address no slot backs (or a write to a read-only one). Reads: answer with setMmioData. */
  | { readonly reason: "mmio"; readonly physical: number; readonly bytes: 1 | 2 | 4 | 8; readonly isWrite: boolean; readonly value: bigint }
  /** The instruction's syndrome does not describe the access (KVM_CAP_ARM_NISV_TO_USER). */
  | { readonly reason: "nisv"; readonly iss: number; readonly physical: number }
  /** A signal came, the instructions were used up, or `deviceIrqLevel` (bit 0 virtual timer, bit 1 physical) changed. */
  | { readonly reason: "intr"; readonly deviceIrqLevel: number }
  /** WFI, and nothing can wake the vCPU but user space. */
  | { readonly reason: "wfi" }
  /** The vCPU is powered off. */
  | { readonly reason: "stopped" }
  | { readonly reason: "systemEvent"; readonly type: SystemEvent; readonly data: readonly bigint[] }
  /** The guest could not be entered with this state. */
  | { readonly reason: "failEntry"; readonly hardwareReason: number; readonly cpu: number }
  | { readonly reason: "internalError"; readonly message: string }
  /** The modelled kernel crashed. */
  | { readonly reason: "crash"; readonly crash: Crash }

/** Numbers of KVM_EXIT_*, as in kvm_run; those of no kernel are not there. */
export const EXIT_NUMBER: Readonly<Partial<Record<RunExit["reason"], number>>> = {
  unknown: 0,
  hypercall: 3,
  debug: 4,
  mmio: 6,
  failEntry: 9,
  intr: 10,
  wfi: 10,
  stopped: 10,
  internalError: 17,
  systemEvent: 24,
  nisv: 28
}
