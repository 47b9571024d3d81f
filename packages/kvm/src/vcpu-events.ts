/** KVM_GET_VCPU_EVENTS and KVM_SET_VCPU_EVENTS: SErrors and external aborts that user space gives to a guest. */
import type { Errno } from "./errno.ts"
import { HCR } from "./hyp/controls.ts"
import { commitPending, injectAbort, injectSError } from "./inject.ts"
import type { Vcpu } from "./vcpu.ts"

/** struct kvm_vcpu_events: exceptions that are pending. */
export interface VcpuEvents {
  /** An SError is pending, or (set) is to be. */
  readonly serrorPending: boolean
  /** `serrorEsr` counts. Read: the processor has FEAT_RAS. */
  readonly serrorHasEsr: boolean
  /** ISS of the SError: bits 24:0. */
  readonly serrorEsr: bigint
  /** A synchronous external abort of the data access last reported: the guest's registers show it when the call returns. Read: always false. */
  readonly extDabtPending: boolean
  /** Reserved bytes: 0. */
  readonly reserved?: number
}
const ISS_BITS = 0x1ffffffn
const EXTERNAL = 0x10

export const getVcpuEvents = ({ features, hcr, vsesr, vm }: Vcpu): VcpuEvents | Errno => {
  if (features === undefined) return "ENOEXEC"
  const { ras } = vm.host.features
  const serrorPending = (hcr & HCR.VSE) !== 0n
  return { serrorPending, serrorHasEsr: ras, serrorEsr: serrorPending && ras ? vsesr : 0n, extDabtPending: false }
}
/** ENOEXEC: not initialised; EINVAL: reserved bytes, or a syndrome that cannot be. An external abort has taken effect even then. */
export const setVcpuEvents = (vcpu: Vcpu, events: VcpuEvents): Errno | undefined => {
  if (vcpu.features === undefined) return "ENOEXEC"
  if (events.reserved) return "EINVAL"
  if (events.extDabtPending) {
    injectAbort(vcpu, "data", EXTERNAL, vcpu.fault.far)
    takeNow(vcpu)
  }
  if (!events.serrorPending) return undefined
  if (events.serrorHasEsr && (!vcpu.vm.host.features.ras || events.serrorEsr & ~ISS_BITS)) return "EINVAL"
  injectSError(vcpu, events.serrorHasEsr ? Number(events.serrorEsr) : undefined)
  takeNow(vcpu)
  return undefined
}
/** The exception, if it is one already: an access that waits for user space is over, and not completed. */
const takeNow = (vcpu: Vcpu): void => {
  if (vcpu.pending) vcpu.mmio = undefined
  commitPending(vcpu)
}
