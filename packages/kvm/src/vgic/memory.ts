/** A guest's access to guest-physical memory where its interrupt controller is. */
import { readDistributor, readRedistributor, type Width, writeDistributor, writeRedistributor } from "./registers.ts"
import { DISTRIBUTOR_BYTES, type Vgic } from "./vgic.ts"

export interface MemoryAccess {
  readonly physical: number
  readonly bytes: Width
  /** Data of a write. */
  readonly write?: bigint
}
/** What a read gives (0 for a write); undefined: the controller is not there. */
export const accessController = (vgic: Vgic, { physical, bytes, write }: MemoryAccess): bigint | undefined => {
  const { distributor, redistributors } = vgic
  if (!redistributors || distributor === undefined) return undefined
  const at = physical - distributor
  if (at >= 0 && at < DISTRIBUTOR_BYTES) {
    if (write === undefined) return readDistributor(vgic, at, bytes)
    writeDistributor(vgic, at, bytes, write)
    return 0n
  }
  const found = redistributors.find(({ base, bytes: length }) => physical >= base && physical < base + length)
  if (!found) return undefined
  if (write === undefined) return readRedistributor(vgic, found, physical - found.base, bytes)
  writeRedistributor(vgic, found, physical - found.base, bytes, write)
  return 0n
}
