/** KVM_ARM_VCPU_INIT: features of a vCPU, checked in the order of the kernel. */
import { type Errno, isErrno } from "./errno.ts"
import { hasVmFeature, type VcpuFeaturePart, type VectorRegisters, vcpuFeaturesOf, vectorImageBytes } from "./extension.ts"
import { resetIdRegisters } from "./id-registers.ts"
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

/** struct kvm_vcpu_init. */
export interface VcpuInit {
  /** GENERIC_V8 unless said. */
  readonly target?: number
  /** Bits: 1 << VcpuFeature.PSCI_0_2. */
  readonly features: number
  /** features[1..6]: all zero. */
  readonly moreFeatures?: readonly number[]
}
const bit = (feature: VcpuFeature): number => 1 << feature
/** What this kernel model gives whatever the processor is. */
const ALWAYS = bit(VcpuFeature.POWER_OFF) | bit(VcpuFeature.PSCI_0_2)
/** What extensions add for this processor. */
const partsOf = ({ vm: { host } }: Vcpu): readonly VcpuFeaturePart[] => vcpuFeaturesOf(host.cpus[0]!.pe.controls.machine)

export const initVcpu = (vcpu: Vcpu, { target = GENERIC_V8, features, moreFeatures = [] }: VcpuInit): Errno | undefined => {
  const { vm } = vcpu
  if (target !== GENERIC_V8) return "EINVAL"
  if (features & ~KNOWN || features < 0 || !Number.isInteger(features) || moreFeatures.some((f) => f !== 0)) return "ENOENT"
  const supported = partsOf(vcpu).reduce((all, part) => all | bit(part.bit), ALWAYS)
  if (features & ~supported) return "EINVAL"
  const lasting = features & ~bit(VcpuFeature.POWER_OFF)
  if ((vm.features ?? lasting) !== lasting || (vcpu.features ?? lasting) !== lasting) return "EINVAL"
  if (vm.features === undefined)
    for (const [encoding, value] of resetIdRegisters(vm.host.systemRegisters, lasting, vm.vgic !== undefined)) vm.idRegisters.set(encoding, value)
  vm.features = lasting
  vcpu.features = lasting
  // a choice of lengths that was not finalised is forgotten
  if (!vcpu.fp.sve) vcpu.fp.vl.sve = vectorsOf(vcpu) ? vm.host.features.sveVls.at(-1)! : 0
  resetVcpu(vcpu)
  vcpu.setMpState(features & bit(VcpuFeature.POWER_OFF) ? "stopped" : "runnable")
  return undefined
}
export const hasFeature = (vcpu: Vcpu, feature: number): boolean => hasVmFeature(vcpu.features, feature)

/** The vector registers of user space that a vCPU has by its features, finalised or not. */
export const vectorsOf = (vcpu: Vcpu): VectorRegisters | undefined =>
  partsOf(vcpu).find((part) => part.vectors && hasFeature(vcpu, part.bit))?.vectors
/** A vCPU whose vector lengths are still to be chosen cannot run. */
export const isFinalized = (vcpu: Vcpu): boolean => vcpu.fp.sve !== null || !vectorsOf(vcpu)

/** KVM_ARM_VCPU_FINALIZE: the vector length stays, and there is memory for the registers. */
export const finalizeVcpu = (vcpu: Vcpu, feature: number): Errno | undefined => {
  const problem = makeVectors(vcpu, feature)
  if (problem !== undefined) return problem
  const { host } = vcpu.vm
  const { vms } = host.mode
  const refused = vms && host.inKernel(() => vms.finalizeVcpu(host.cpu, vcpu))
  if (refused === undefined) return undefined
  vcpu.fp.sve = null
  return isErrno(refused) ? refused : "EIO"
}
/** The part of it that hyp code has nothing to do with. */
export const makeVectors = (vcpu: Vcpu, feature: number): Errno | undefined => {
  if (vcpu.features === undefined) return "ENOEXEC"
  const vectors = partsOf(vcpu).find((part) => part.bit === feature && hasFeature(vcpu, feature))?.vectors
  if (!vectors) return "EINVAL"
  if (vcpu.fp.sve) return "EPERM"
  vcpu.fp.sve = new Uint8Array(vectorImageBytes(vectors, vcpu.fp.vl.sve))
  return undefined
}
