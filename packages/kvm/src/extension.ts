/** What an extension says to KVM: the shape of its `kvm` part. Data only; read when a host is made. */
import type { Machine } from "@eltwo/isa"

/** When a guest and user space see something: with a feature of the vCPU (its bit), or while a field of the VM's ID registers is not 0. */
export type Visibility = { readonly vcpuFeature: number } | { readonly idRegister: string; readonly low: number }

/** Registers whose size is the vCPU's largest vector length (in bytes), in the order of their saved image. */
export interface VectorFile {
  /** Lowest index of its ids; register n has `index + (n << 5)`, whose low 5 bits are the slice. */
  readonly index: number
  readonly registers: number
  /** log2 of a slice's bytes: the size code of the ids. */
  readonly sliceLog2: number
  /** Vector bytes for each of its bytes: 1 for Z, 8 for P. */
  readonly vectorBytesPerByte: number
}
/** Vectors of which user space chooses the largest length before it finalises the vCPU. */
export interface VectorRegisters {
  /** Bits 31:16 of their ids. */
  readonly coprocessor: number
  /** Index of the bitmap of vector lengths: bit n stands for (n + 1) x 16 bytes. */
  readonly lengthsIndex: number
  readonly files: readonly VectorFile[]
}
/** A feature that KVM_ARM_VCPU_INIT can ask for. */
export interface VcpuFeaturePart {
  /** Number of its bit, and of its KVM_ARM_VCPU_FINALIZE. */
  readonly bit: number
  /** Feature of the processor without which it is refused. */
  readonly requires: string
  /** It needs KVM_ARM_VCPU_FINALIZE, after which these are there; the V registers' core ids are not. */
  readonly vectors?: VectorRegisters
}
/** A field of an ID register that guests do not read as the processor has it. */
export interface HiddenField {
  readonly register: string
  readonly low: number
  /** Bits; 4 unless said. */
  readonly width?: number
  /** It is read as the processor has it with this feature of the vCPU; without: as 0. */
  readonly unless?: number
  /** User space may not change it even then. */
  readonly fixed?: boolean
}
/** What KVM gives guests and user space of an extension. */
export interface KvmPart {
  readonly vcpuFeature?: VcpuFeaturePart
  /** System registers that a guest has under a condition. Registers that neither this nor the kernel's own table names are UNDEFINED to guests. */
  readonly registers?: readonly { readonly name: string; readonly visible: Visibility }[]
  readonly hiddenFields?: readonly HiddenField[]
}

/** Bits of the features word that have a meaning, and those that are the kernel's own: POWER_OFF and PSCI_0_2. */
export const VCPU_FEATURES = 9
export const RESERVED_FEATURES = [0, 2] as const

/** The parts of a machine's extensions; see kvmPartProblem. */
export const kvmParts = ({ extensions }: Pick<Machine, "extensions">): readonly KvmPart[] =>
  extensions.flatMap(({ kvm }) => (kvm === undefined ? [] : [kvm as KvmPart]))
/** The vCPU features that a machine's processor can give. */
export const vcpuFeaturesOf = (machine: Pick<Machine, "extensions" | "features">): readonly VcpuFeaturePart[] =>
  kvmParts(machine).flatMap(({ vcpuFeature }) => (vcpuFeature && machine.features.has(vcpuFeature.requires) ? [vcpuFeature] : []))

/** Bytes of a saved image at a vector length. */
export const vectorImageBytes = ({ files }: VectorRegisters, vectorBytes: number): number =>
  files.reduce((all, { registers, vectorBytesPerByte }) => all + (registers * vectorBytes) / vectorBytesPerByte, 0)
/** Whether a feature is in a word of VCPU_INIT; undefined: not initialised. */
export const hasVmFeature = (features: number | undefined, feature: number): boolean => ((features ?? 0) & (1 << feature)) !== 0
