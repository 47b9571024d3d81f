/** Where the redistributors of vCPUs lie in guest-physical memory: in one region without end, or in regions of a number of them. */
import type { Vcpu } from "../vcpu.ts"

/** A frame of registers of the redistributor, and one of its private interrupts. */
export const REDISTRIBUTOR_BYTES = 0x20000
export const INTERRUPT_FRAME = 0x10000

export interface RedistributorRegion {
  readonly index: number
  readonly base: number
  /** Redistributors it has room for; 0: as many as there are vCPUs. */
  readonly count: number
}
export interface Redistributor {
  readonly vcpu: Vcpu
  readonly base: number
  readonly bytes: number
  /** GICR_TYPER.Last: none follows it. */
  readonly last: boolean
}
const endOf = ({ base, count }: RedistributorRegion): number => base + count * REDISTRIBUTOR_BYTES

/** As many as there is room for, in the order of the vCPUs. */
export const mapRedistributors = (regions: readonly RedistributorRegion[], vcpus: readonly Vcpu[]): readonly Redistributor[] => {
  const mapped: Redistributor[] = []
  const left = [...vcpus]
  for (const region of regions) {
    const here = left.splice(0, region.count || left.length)
    const goesOn = region.count > 0 && here.length === region.count && regions.some((other) => other !== region && other.base === endOf(region))
    for (const [n, vcpu] of here.entries())
      mapped.push({ vcpu, base: region.base + n * REDISTRIBUTOR_BYTES, bytes: REDISTRIBUTOR_BYTES, last: n === here.length - 1 && !goesOn })
  }
  return mapped
}
