/** The guest's own stage 1 tables, walked by software: only to say at which level an access of the table walk failed. */
import { readGuest } from "./inject.ts"
import type { Vcpu } from "./vcpu.ts"

const LAST_LEVEL = 3
const STRIDE = 9
const PAGE_BITS = 12
const PAGE = 4096n
const TABLE_DESCRIPTOR = 3n
const ADDRESS = 0x0000_ffff_ffff_f000n
const field = (value: bigint, low: number, width: number): number => Number((value >> BigInt(low)) & ((1n << BigInt(width)) - 1n))

/** Level at which the walk for `address` reads its descriptor from the page of `ipa`; undefined when it does not (any more). */
export const descriptorLevel = (vcpu: Vcpu, address: bigint, ipa: number): number | undefined => {
  const tcr = readGuest(vcpu, "TCR_EL1")
  const upper = ((address >> 55n) & 1n) === 1n
  const inputBits = 64 - field(tcr, upper ? 16 : 0, 6)
  let table = readGuest(vcpu, upper ? "TTBR1_EL1" : "TTBR0_EL1") & 0x0000_ffff_ffff_fffen
  const page = BigInt(ipa) / PAGE
  for (let level = LAST_LEVEL + 1 - Math.ceil((inputBits - PAGE_BITS) / STRIDE); level <= LAST_LEVEL; level++) {
    if (level < 0) return undefined
    const shift = PAGE_BITS + STRIDE * (LAST_LEVEL - level)
    const index = field(address, shift, Math.min(STRIDE, inputBits - shift))
    const at = table + BigInt(8 * index)
    if (at / PAGE === page) return level
    const descriptor = vcpu.vm.read(Number(at), 8)
    if (typeof descriptor === "string") return undefined
    const value = new DataView(descriptor.buffer).getBigUint64(0, true)
    if ((value & TABLE_DESCRIPTOR) !== TABLE_DESCRIPTOR) return undefined
    table = value & ADDRESS
  }
  return undefined
}
