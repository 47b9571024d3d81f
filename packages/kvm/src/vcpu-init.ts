/** KVM_ARM_VCPU_INIT: features of a vCPU, checked in the order of the kernel. */
import type { Errno } from "./errno.ts"
import { resetVcpu } from "./reset.ts"
import type { Vcpu } from "./vcpu.ts"

/** Feature bits of KVM_ARM_VCPU_INIT. */
export enum VcpuFeature {
  POWER_OFF = 0,
  EL1_32BIT = 1,
  PSCI_0_2 = 2,
  PMU_V3 = 3,
  SVE = 4,
  PTRAUTH_ADDRESS = 5,
  PTRAUTH_GENERIC = 6,
  HAS_EL2 = 7,
  HAS_EL2_E2H0 = 8
}
const KNOWN = 0x1ff
export const GENERIC_V8 = 5

export interface VcpuInit {
  /** GENERIC_V8 unless said. */
  readonly target?: number
  /** Bits: 1 << VcpuFeature.PSCI_0_2. */
  readonly features: number
  /** features[1..6]: all zero. */
  readonly moreFeatures?: readonly number[]
}
const bit = (feature: VcpuFeature): number => 1 << feature
/** What this kernel model and its processor can give. */
const SUPPORTED = bit(VcpuFeature.POWER_OFF) | bit(VcpuFeature.PSCI_0_2)

export const initVcpu = (vcpu: Vcpu, { target = GENERIC_V8, features, moreFeatures = [] }: VcpuInit): Errno | undefined => {
  const { vm } = vcpu
  if (target !== GENERIC_V8) return "EINVAL"
  if (features & ~KNOWN || features < 0 || !Number.isInteger(features) || moreFeatures.some((f) => f !== 0)) return "ENOENT"
  if (features & ~SUPPORTED) return "EINVAL"
  const lasting = features & ~bit(VcpuFeature.POWER_OFF)
  if ((vm.features ?? lasting) !== lasting || (vcpu.features ?? lasting) !== lasting) return "EINVAL"
  vm.features = lasting
  vcpu.features = lasting
  resetVcpu(vcpu)
  vcpu.setMpState(features & bit(VcpuFeature.POWER_OFF) ? "stopped" : "runnable")
  return undefined
}
export const hasFeature = (vcpu: Vcpu, feature: VcpuFeature): boolean => ((vcpu.features ?? 0) & bit(feature)) !== 0
