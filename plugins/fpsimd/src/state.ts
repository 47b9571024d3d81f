/** The FPSIMD register file as one component, in the layout of the kernel's user_fpsimd_state. */
import type { Component, RegisterBytes } from "@eltwo/isa"

const V_BYTES = 16
const FPSR = 32 * V_BYTES
const FPCR = FPSR + 4
const BYTES = FPCR + 4 + 8

/** Writing V zeroes the rest of Z. */
const writeV = (registers: RegisterBytes, n: number, image: Uint8Array | undefined): void => {
  const Z = registers.Z(n)
  Z.fill(0)
  if (image) for (let i = 0; i < V_BYTES; i++) Z[i] = image[n * V_BYTES + i]!
}
const word = (image: Uint8Array): DataView => new DataView(image.buffer, image.byteOffset, BYTES)

/** V0..V31 (16 bytes each), FPSR, FPCR, and two words that are zero. */
export const fpsimdState: Component = {
  id: "fpsimd",
  version: 1,
  access: "FP",
  bytes: () => BYTES,
  save(registers, image) {
    for (let n = 0; n < 32; n++) {
      const Z = registers.Z(n)
      for (let i = 0; i < V_BYTES; i++) image[n * V_BYTES + i] = Z[i]!
    }
    word(image).setUint32(FPSR, registers.getWord("FPSR"), true)
    word(image).setUint32(FPCR, registers.getWord("FPCR"), true)
    image.fill(0, FPCR + 4, BYTES)
  },
  load(registers, image) {
    for (let n = 0; n < 32; n++) writeV(registers, n, image)
    registers.setWord("FPSR", word(image).getUint32(FPSR, true))
    registers.setWord("FPCR", word(image).getUint32(FPCR, true))
  },
  zero(registers) {
    for (let n = 0; n < 32; n++) writeV(registers, n, undefined)
    registers.setWord("FPSR", 0)
    registers.setWord("FPCR", 0)
  }
}
export const components: readonly Component[] = [fpsimdState]
