/** A VM's memory by the virtual addresses of what its vCPU executes now. RAM only; permissions are not looked at, as by a debugger. */
import { isErrno, REG, type Vcpu, type Vm } from "@eltwo/kvm"
import type { GuestView } from "../bare/semihosting.ts"
import { physicalOf, type TranslationRegisters } from "./translation.ts"

const PAGE = 4096
const MOST_AT_ONCE = 2 ** 31
const IDS = {
  sctlr: REG.system(3, 0, 1, 0, 0),
  tcr: REG.system(3, 0, 2, 0, 2),
  ttbr0: REG.system(3, 0, 2, 0, 0),
  ttbr1: REG.system(3, 0, 2, 0, 1)
} as const

export const guestView = (vm: Vm, vcpu: Vcpu): GuestView => {
  const get = (id: bigint): bigint => {
    const value = vcpu.getOneReg(id)
    return isErrno(value) ? 0n : value
  }
  const registers = (): TranslationRegisters => ({ sctlr: get(IDS.sctlr), tcr: get(IDS.tcr), ttbr0: get(IDS.ttbr0), ttbr1: get(IDS.ttbr1) })
  const descriptor = (physical: number): bigint | undefined => {
    const bytes = vm.read(physical, 8)
    return isErrno(bytes) ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
  }
  /** Calls `each` with every piece of the range within one page. False when one of them is not there. */
  const pieces = (address: bigint, bytes: number, each: (physical: number, done: number, length: number) => boolean): boolean => {
    const how = registers()
    for (let done = 0; done < bytes; ) {
      const from = BigInt.asUintN(64, address + BigInt(done))
      const length = Math.min(bytes - done, PAGE - Number(from & 0xfffn))
      const physical = physicalOf(from, how, descriptor)
      if (physical === undefined || vm.slots.physical(physical, length) === undefined || !each(physical, done, length)) return false
      done += length
    }
    return true
  }
  return {
    read(address, bytes) {
      if (bytes > MOST_AT_ONCE || bytes > ramBytes(vm)) return undefined
      const out = new Uint8Array(bytes)
      const whole = pieces(address, bytes, (physical, done, length) => {
        const piece = vm.read(physical, length)
        if (isErrno(piece)) return false
        out.set(piece, done)
        return true
      })
      return whole ? out : undefined
    },
    write(address, bytes) {
      // All of it or nothing: looked up before anything is written.
      if (!pieces(address, bytes.length, () => true)) return false
      return pieces(address, bytes.length, (physical, done, length) => vm.write(physical, bytes.subarray(done, done + length)) === undefined)
    }
  }
}
const ramBytes = (vm: Vm): number => [...vm.slots].reduce((sum, { length }) => sum + length, 0)
