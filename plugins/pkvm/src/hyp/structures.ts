/** What hyp code reads of the host's structures, which are pinned while it does, and which the host can fill with anything. */
import { kernHypVa, type PhysicalCpu } from "@eltwo/kvm"
import { PAGE_BYTES } from "../ownership/page-state.ts"

const KERNEL_ADDRESS_BITS = 47
/** Physical address behind a pointer of the kernel's linear map. */
export const physicalOf = (pointer: bigint): number => Number(BigInt.asUintN(KERNEL_ADDRESS_BITS, pointer))

/** Bytes of a structure of the host, VM or vCPU. */
export const STRUCTURE_BYTES = 1024
/** Fields, in bytes from the start; each has eight. */
export const VM_FIELD = { handle: 0n, createdVcpus: 8n, isProtected: 16n } as const
export const VCPU_FIELD = { index: 0n, sveBuffer: 8n, sveBytes: 16n } as const

/** Hyp code reads a field of a structure it has pinned. */
export const readField = (cpu: PhysicalCpu, pointer: bigint, field: bigint): bigint => cpu.load64(kernHypVa(pointer) + field)

/** Memory of hyp code's own structures. */
const HYP_VM_BYTES = 1024
const POINTER_BYTES = 8
const HYP_VCPU_BYTES = 4096
const pages = (bytes: number): number => Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES
export const hypVmBytes = (createdVcpus: number): number => pages(HYP_VM_BYTES + POINTER_BYTES * createdVcpus)
export const hypVcpuBytes = pages(HYP_VCPU_BYTES)
/** First table of a guest's stage 2. */
export const FIRST_TABLE_BYTES = PAGE_BYTES
