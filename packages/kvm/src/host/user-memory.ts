/** Copies between the kernel and a program's memory: through its translation tables, with the permissions they give. */
import { type Board, PAGE_BYTES } from "@eltwo/cpu"
import type { AddressSpace } from "./address-space.ts"

const USER_END = 2n ** 48n
/** What structures on a program's stack are aligned to. */
export const round16 = (bytes: number): number => Math.ceil(bytes / 16) * 16

/** Physical runs behind a range of user addresses; undefined when part of it is not there, or not to be written. */
const runs = (space: AddressSpace, address: bigint, length: number, write: boolean): readonly { physical: number; bytes: number }[] | undefined => {
  if (length < 0 || address < 0n || address + BigInt(length) > USER_END) return undefined
  const found: { physical: number; bytes: number }[] = []
  const start = Number(address)
  for (let done = 0; done < length; ) {
    const at = start + done
    const bytes = Math.min(length - done, PAGE_BYTES - (at % PAGE_BYTES))
    const physical = space.accessible(at, write)
    if (physical === undefined) return undefined
    space.touch(physical)
    found.push({ physical, bytes })
    done += bytes
  }
  return found
}
/** copy_from_user: a copy of `length` bytes at a user address; undefined (EFAULT) when some of them cannot be read. */
export const readUser = ({ physical: memory }: Board, space: AddressSpace, address: bigint, length: number): Uint8Array | undefined => {
  const parts = runs(space, address, length, false)
  if (!parts) return undefined
  const copy = new Uint8Array(length)
  let done = 0
  for (const { physical, bytes } of parts) {
    const at = memory.at(physical, bytes)
    if (at < 0) return undefined
    copy.set(memory.bytes.subarray(at, at + bytes), done)
    done += bytes
  }
  return copy
}
/** copy_to_user: all or nothing. False (EFAULT) when some of the range cannot be written. */
export const writeUser = (board: Board, space: AddressSpace, address: bigint, bytes: Uint8Array): boolean => {
  const parts = runs(space, address, bytes.length, true)
  if (!parts || parts.some((p) => board.physical.at(p.physical, p.bytes) < 0)) return false
  let done = 0
  for (const part of parts) {
    board.write(part.physical, bytes.subarray(done, done + part.bytes))
    done += part.bytes
  }
  return true
}
