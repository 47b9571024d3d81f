/** Who may use a page, as each of the three components sees it. */

/** Pages have 4 KiB in every table of the model. */
export const PAGE_BYTES = 4096

/** What one component is to a page. The values are those of the page record and of the software bits of a guest's descriptor. */
export const PageState = { OWNED: 0, SHARED_OWNED: 1, SHARED_BORROWED: 2, NOPAGE: 3 } as const
export type PageState = (typeof PageState)[keyof typeof PageState]
/** A guest page that the host took back by force; only guests have this state, and it has no software bits. */
export const POISON = 4
export type GuestState = PageState | typeof POISON

/** Component numbers, as host stage 2 notes an owner. */
export const Component = { HOST: 0, HYP: 1, GUEST: 2 } as const

/** Who has a page that the host gave away, as host stage 2 notes it. */
export type Owner = { readonly kind: "hyp" } | { readonly kind: "guest"; readonly handle: number; readonly gfn: number }
export const HYP: Owner = Object.freeze({ kind: "hyp" })

/** Access bits of a mapping, as the host passes them. */
export const Prot = { X: 1, W: 2, R: 4, RWX: 7 } as const

/** A run of bytes by physical address. */
export interface ByteRange {
  readonly address: number
  readonly bytes: number
}
/** First page and number of pages that a byte range touches. */
export const pagesOf = ({ address, bytes }: ByteRange): { readonly pfn: number; readonly pages: number } => {
  const pfn = Math.floor(address / PAGE_BYTES)
  return { pfn, pages: Math.ceil((address + bytes) / PAGE_BYTES) - pfn }
}
/** The page number in a register: shifting it to an address loses the top 12 bits. */
export const pageNumber = (register: bigint): number => Number(BigInt.asUintN(52, register))
