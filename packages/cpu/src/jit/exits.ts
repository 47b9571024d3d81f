/** The places where a generated function returns. It gives the number of the place; the table says what that means. */
import type { LEAVE } from "../layout.ts"

export interface Exit {
  /** Address to go on at, in bytes from the region's start; undefined: the function stored it as PC. */
  readonly offset: number | undefined
  /** Offset of the instruction that leaves. */
  readonly from: number
  readonly leave: LEAVE
  /** Instructions paid for at the start of the block and not done. */
  readonly refund: number
}
/** In exit tables, the offset of exits whose PC the function stored itself. */
export const DYNAMIC = 0x7fffffff
