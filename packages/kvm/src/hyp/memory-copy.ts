/** A memory copy or set that this processor cannot go on with (EC 0x27): back to its prologue, with the registers as before it. */
import type { PhysicalCpu } from "../host/cpu.ts"
import type { Vcpu } from "../vcpu.ts"

const ISS = { SET: 1 << 24, FROM_EPILOGUE: 1 << 18, WRONG_OPTION: 1 << 17, OPTION_A: 1 << 16 } as const
const N = 1n << 31n
const ZERO = 31

/** kvm_hyp_handle_mops. */
export const rewindMemoryCopy = (cpu: PhysicalCpu, { fault, registers }: Vcpu): boolean => {
  const { esr } = fault
  const [to, from, size] = [(esr >> 10) & 31, (esr >> 5) & 31, esr & 31]
  const { x } = registers
  const get = (n: number): bigint => (n === ZERO ? 0n : x[n]!)
  const add = (n: number, amount: bigint): void => {
    if (n !== ZERO) x[n] = BigInt.asUintN(64, x[n]! + amount)
  }
  const left = get(size)
  // the wrong option means that the registers are in the format of the other one
  const optionA = ((esr & ISS.OPTION_A) !== 0) !== ((esr & ISS.WRONG_OPTION) !== 0)
  if (esr & ISS.SET) {
    if (optionA) {
      add(to, left)
      add(size, -2n * left)
    }
  } else if (optionA) {
    if (left >> 63n) {
      add(to, left)
      add(from, left)
      add(size, -2n * left)
    }
  } else if (cpu.read("SPSR_EL2") & N) {
    add(to, -left)
    add(from, -left)
  }
  cpu.write("ELR_EL2", BigInt.asUintN(64, cpu.read("ELR_EL2") - (esr & ISS.FROM_EPILOGUE ? 8n : 4n)))
  return true
}
