/** The SVE register file as one component. */
import type { Component, RegisterBytes } from "@eltwo/isa"

const VECTORS = 32
/** P0 to P15, and FFR as the seventeenth. */
const PREDICATES = 17
const STATUS_BYTES = 8
const predicateBytes = (registers: RegisterBytes): number => registers.vectorBytes / 8
const bytes = (registers: RegisterBytes): number => VECTORS * registers.vectorBytes + PREDICATES * predicateBytes(registers) + STATUS_BYTES

/** Calls `each` for every register file entry in the order of the image, with the bytes of it that the vector length uses. */
const walk = (registers: RegisterBytes, each: (register: Uint8Array, at: number) => void): number => {
  const { vectorBytes } = registers,
    length = predicateBytes(registers)
  for (let n = 0; n < VECTORS; n++) each(registers.Z(n).subarray(0, vectorBytes), n * vectorBytes)
  for (let n = 0; n < PREDICATES; n++) each(registers.P(n).subarray(0, length), VECTORS * vectorBytes + n * length)
  return VECTORS * vectorBytes + PREDICATES * length
}
const words = (image: Uint8Array): DataView => new DataView(image.buffer, image.byteOffset, image.byteLength)

/** Z0..Z31, P0..P15 and FFR at the vector length in force, FPSR, FPCR. */
export const sveState: Component = {
  id: "sve",
  version: 1,
  access: "SVE",
  bytes,
  save(registers, image) {
    const at = walk(registers, (register, offset) => image.set(register, offset))
    words(image).setUint32(at, registers.getWord("FPSR"), true)
    words(image).setUint32(at + 4, registers.getWord("FPCR"), true)
  },
  load(registers, image) {
    const at = walk(registers, (register, offset) => register.set(image.subarray(offset, offset + register.length)))
    registers.setWord("FPSR", words(image).getUint32(at, true))
    registers.setWord("FPCR", words(image).getUint32(at + 4, true))
  },
  zero(registers) {
    walk(registers, (register) => register.fill(0))
    registers.setWord("FPSR", 0)
    registers.setWord("FPCR", 0)
  }
}
export const components: readonly Component[] = [sveState]
