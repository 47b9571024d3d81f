/** What descriptors of stage 2 say about owners: the notes in invalid ones of the host, the state bits in valid ones of a guest. */
import { Component, HYP, type Owner, PageState } from "./page-state.ts"

/** Type of an invalid descriptor that is not empty: bits 63:60. */
const TYPE_SHIFT = 60n
export const InvalidType = { LOCKED: 1n, DONATED: 2n, POISONED: 3n } as const
const OWNER_SHIFT = 1n
const PAYLOAD_SHIFT = 4n
const PAYLOAD_MASK = (1n << 56n) - 1n
const HANDLE_BITS = 16n
const HANDLE_MASK = (1n << HANDLE_BITS) - 1n

/** A guest's descriptor of a page that was taken back by force. */
export const POISONED_DESCRIPTOR = InvalidType.POISONED << TYPE_SHIFT

/** The descriptor by which host stage 2 says that a page is not the host's: owner in bits 3:1; for a guest, handle and page number in bits 59:4. */
export const donatedDescriptor = (owner: Owner): bigint => {
  const donated = InvalidType.DONATED << TYPE_SHIFT
  if (owner.kind === "hyp") return donated | (BigInt(Component.HYP) << OWNER_SHIFT)
  const payload = BigInt(owner.handle) | (BigInt(owner.gfn) << HANDLE_BITS)
  return donated | ((payload & PAYLOAD_MASK) << PAYLOAD_SHIFT) | (BigInt(Component.GUEST) << OWNER_SHIFT)
}
/** The owner an invalid descriptor of host stage 2 names; undefined for a valid, empty or other one. */
export const ownerIn = (descriptor: bigint): Owner | undefined => {
  if (descriptor & 1n || descriptor >> TYPE_SHIFT !== InvalidType.DONATED) return undefined
  const component = Number((descriptor >> OWNER_SHIFT) & 7n)
  if (component === Component.HYP) return HYP
  if (component !== Component.GUEST) return undefined
  const payload = (descriptor >> PAYLOAD_SHIFT) & PAYLOAD_MASK
  return { kind: "guest", handle: Number(payload & HANDLE_MASK), gfn: Number(payload >> HANDLE_BITS) }
}

/** Software bits of a valid descriptor of a guest that hold the page state. */
const STATE_SHIFT = 55n
export const GUEST_STATE_MASK = 3n << STATE_SHIFT
export const guestStateBits = (state: PageState): bigint => BigInt(state) << STATE_SHIFT
const STATES = [PageState.OWNED, PageState.SHARED_OWNED, PageState.SHARED_BORROWED, PageState.NOPAGE] as const
export const guestStateIn = (descriptor: bigint): PageState => STATES[Number((descriptor & GUEST_STATE_MASK) >> STATE_SHIFT)]!
