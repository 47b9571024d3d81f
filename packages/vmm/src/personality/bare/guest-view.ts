/** Memory by the virtual addresses of what a processing element executes now, as a debugger sees it: permissions of the current level, RAM only. */
import { Abort, type Pe, translate } from "@eltwo/cpu"
import type { GuestView } from "./semihosting.ts"

const PAGE = 4096

/** Byte address in the machine's memory of a range within one page; -1 when it cannot be accessed. */
const place = (pe: Pe, address: bigint, bytes: number, access: "read" | "write"): number => {
  try {
    return pe.board.physical.at(translate(pe, address, access).physical, bytes)
  } catch (error) {
    if (error instanceof Abort) return -1
    throw error
  }
}

/** The view of a processing element. The most it reads or writes at once is all of RAM. */
export const guestView = (pe: Pe): GuestView => {
  const { physical, code, ram } = pe.board
  /** Calls `each` with every piece of the range within one page. False when one of them is not there. */
  const pieces = (address: bigint, bytes: number, access: "read" | "write", each: (at: number, done: number, length: number) => void): boolean => {
    for (let done = 0; done < bytes; ) {
      const from = BigInt.asUintN(64, address + BigInt(done))
      const length = Math.min(bytes - done, PAGE - Number(from & 0xfffn))
      const at = place(pe, from, length, access)
      if (at < 0) return false
      each(at, done, length)
      done += length
    }
    return true
  }
  return {
    read(address, bytes) {
      if (bytes > ram.bytes) return undefined
      const out = new Uint8Array(bytes)
      return pieces(address, bytes, "read", (at, done, length) => out.set(physical.bytes.subarray(at, at + length), done)) ? out : undefined
    },
    write(address, bytes) {
      // All of it or nothing: looked up before anything is written.
      if (bytes.length > ram.bytes || !pieces(address, bytes.length, "write", () => {})) return false
      return pieces(address, bytes.length, "write", (at, done, length) => {
        code.storedRange(at - ram.offset + ram.base, length)
        physical.bytes.set(bytes.subarray(done, done + length), at)
      })
    }
  }
}
