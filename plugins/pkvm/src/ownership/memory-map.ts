/** Which pages are RAM. Fixed at boot, before hyp stops trusting the host. */
import type { Outcome } from "./errno.ts"

/** A run of RAM pages. */
export interface MemoryRegion {
  readonly pfn: number
  readonly pages: number
  /** RAM that the kernel must not map: never shared, never donated. */
  readonly noMap?: boolean
}
/** Regions the host may report. */
export const MAX_REGIONS = 128

export class MemoryMap {
  readonly regions: readonly MemoryRegion[]
  /** Pages of the physical address space. */
  readonly pageLimit: number

  /** `physicalBits` is the size of the physical address space, log2 of bytes. */
  constructor(regions: readonly MemoryRegion[], physicalBits: number) {
    this.regions = [...regions].sort((a, b) => a.pfn - b.pfn)
    this.pageLimit = 2 ** (physicalBits - 12)
    const overlap = this.regions.some((r, i) => i > 0 && this.regions[i - 1]!.pfn + this.regions[i - 1]!.pages > r.pfn)
    if (regions.length > MAX_REGIONS || overlap) throw new RangeError("memory regions overlap, or are too many")
  }
  isMemory(pfn: number): boolean {
    return this.#at(pfn).region !== undefined
  }
  /** Whether a range lies in one region, or in one gap between regions. */
  isUniform(pfn: number, pages: number): boolean {
    return pfn + pages <= this.#at(pfn).end
  }
  /** EINVAL: the range ends beyond the physical address space. For callers whose page count comes from outside. */
  checkLimit(pfn: number, pages: number): Outcome {
    return pages >= 1 && pfn < this.pageLimit && pages <= this.pageLimit - pfn ? undefined : "EINVAL"
  }
  /** EINVAL: the range leaves its region, or the gap between regions that it starts in. EPERM: not RAM, or RAM not to be mapped. */
  checkAllowed(pfn: number, pages: number): Outcome {
    const { region, end } = this.#at(pfn)
    if (pfn + pages > end) return "EINVAL"
    return region === undefined || region.noMap ? "EPERM" : undefined
  }

  /** The region of a page, if any, and the page after the region or the gap. */
  #at(pfn: number): { readonly region: MemoryRegion | undefined; readonly end: number } {
    let low = 0
    let high = this.regions.length
    while (low < high) {
      const middle = (low + high) >> 1
      const region = this.regions[middle]!
      if (pfn < region.pfn) high = middle
      else if (pfn >= region.pfn + region.pages) low = middle + 1
      else return { region, end: region.pfn + region.pages }
    }
    return { region: undefined, end: this.regions[low]?.pfn ?? Number.POSITIVE_INFINITY }
  }
}
