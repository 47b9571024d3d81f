/** Accesses to guest-physical addresses that user space answers. */

import { readGuest, skipInstruction } from "./inject.ts"
import type { Vcpu } from "./vcpu.ts"

/** An MMIO exit in flight. */
export interface MmioAccess {
  readonly bytes: 1 | 2 | 4 | 8
  readonly isWrite: boolean
  readonly signExtend: boolean
  /** The target is a 64-bit register. */
  readonly wide: boolean
  /** Target or source register; 31 is zero. */
  readonly register: number
  /** What user space answers a read with. */
  data: bigint
}
const ISS = { SAS: 22, SSE: 1 << 21, SRT: 16, SF: 1 << 15, WNR: 1 << 6 } as const
const SCTLR_EE = 1n << 25n
const ZERO = 31

/** Decodes the syndrome of an abort whose ISV is set. */
export const decodeMmio = (iss: number): MmioAccess => ({
  bytes: (1 << ((iss >> ISS.SAS) & 3)) as MmioAccess["bytes"],
  isWrite: (iss & ISS.WNR) !== 0,
  signExtend: (iss & ISS.SSE) !== 0,
  wide: (iss & ISS.SF) !== 0,
  register: (iss >> ISS.SRT) & 31,
  data: 0n
})

/** Data of a write, in the byte order of the guest. */
export const mmioWriteData = (vcpu: Vcpu, { bytes, register }: MmioAccess): bigint => {
  const value = register === ZERO ? 0n : vcpu.registers.x[register]!
  return inGuestOrder(vcpu, BigInt.asUintN(8 * bytes, value), bytes)
}
/** The next run: the register of a read is written, and the instruction is over. */
export const completeMmio = (vcpu: Vcpu): void => {
  const access = vcpu.mmio
  if (!access) return
  vcpu.mmio = undefined
  if (!access.isWrite && access.register !== ZERO) vcpu.registers.x[access.register] = extended(access, inGuestOrder(vcpu, access.data, access.bytes))
  skipInstruction(vcpu)
}
const extended = ({ bytes, signExtend, wide }: MmioAccess, data: bigint): bigint => {
  const value = signExtend ? BigInt.asUintN(64, BigInt.asIntN(8 * bytes, data)) : BigInt.asUintN(8 * bytes, data)
  return wide ? value : BigInt.asUintN(32, value)
}
const inGuestOrder = (vcpu: Vcpu, value: bigint, bytes: number): bigint => {
  if (!(readGuest(vcpu, "SCTLR_EL1") & SCTLR_EE)) return value
  let swapped = 0n
  for (let i = 0; i < bytes; i++) swapped = (swapped << 8n) | ((value >> BigInt(8 * i)) & 0xffn)
  return swapped
}
