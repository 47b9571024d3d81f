/** KVM_ARM_VM_SMCCC_FILTER: which SMCCC functions the kernel answers, refuses, or gives to user space. */
import type { Errno } from "./errno.ts"

/** KVM_SMCCC_FILTER_*: the kernel answers, the guest gets NOT_SUPPORTED, or user space answers. */
export type FilterAction = "handle" | "deny" | "forward"
/** Function ids, from `base` on. */
export interface FilterRange {
  /** First function id, 32 bits, and how many. */
  readonly base: number
  /** Number of function ids. */
  readonly count: number
}
interface Entry extends FilterRange {
  readonly action: FilterAction
}
/** The Arm architecture calls, fast and 64-bit fast: user space may not touch them. */
const RESERVED: readonly FilterRange[] = [
  { base: 0x80000000, count: 0x10000 },
  { base: 0xc0000000, count: 0x10000 }
]
const overlap = (a: FilterRange, b: FilterRange): boolean => a.base < b.base + b.count && b.base < a.base + a.count

export class SmcccFilter {
  readonly #entries: Entry[] = []

  /** The ranges with what happens to them, in the order they were given. */
  get entries(): readonly (FilterRange & { readonly action: FilterAction })[] {
    return this.#entries
  }
  add({ base, count }: FilterRange, action: FilterAction, hasRun: boolean): Errno | undefined {
    const inRange = Number.isInteger(base) && Number.isInteger(count) && base >= 0 && count > 0 && base + count <= 2 ** 32
    if (!inRange || !["handle", "deny", "forward"].includes(action)) return "EINVAL"
    if (hasRun) return "EBUSY"
    if ([...RESERVED, ...this.#entries].some((e) => overlap(e, { base, count }))) return "EEXIST"
    this.#entries.push({ base, count, action })
    return undefined
  }
  action(functionId: number): FilterAction {
    return this.#entries.find((e) => functionId >= e.base && functionId < e.base + e.count)?.action ?? "handle"
  }
}
