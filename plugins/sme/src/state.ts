/** Streaming vectors, ZA and ZT0 as components. */
import type { Component, RegisterBytes } from "@eltwo/isa"

const VECTORS = 32
const PREDICATES = 16
const STATUS_BYTES = 8
const TABLE_BYTES = 64

/** Calls `each` for Z0..Z31 and P0..P15 with the bytes that the streaming vector length uses. */
const walk = (registers: RegisterBytes, each: (register: Uint8Array, at: number) => void): number => {
  const { streamingVectorBytes: bytes } = registers
  for (let n = 0; n < VECTORS; n++) each(registers.Z(n).subarray(0, bytes), n * bytes)
  for (let n = 0; n < PREDICATES; n++) each(registers.P(n).subarray(0, bytes / 8), VECTORS * bytes + (n * bytes) / 8)
  return VECTORS * bytes + (PREDICATES * bytes) / 8
}
const words = (image: Uint8Array): DataView => new DataView(image.buffer, image.byteOffset, image.byteLength)

/** Z0..Z31 and P0..P15 in streaming mode, FPSR, FPCR. There is no FFR: without FA64 it is not accessible there. */
export const streamingState: Component = {
  id: "ssve",
  version: 1,
  access: "SM",
  bytes: ({ streamingVectorBytes }) => VECTORS * streamingVectorBytes + (PREDICATES * streamingVectorBytes) / 8 + STATUS_BYTES,
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
/** Calls `each` for every row of ZA. */
const rows = (registers: RegisterBytes, each: (row: Uint8Array, at: number) => void): void => {
  const { streamingVectorBytes: bytes } = registers
  for (let index = 0; index < bytes; index++) each(registers.ZA(index), index * bytes)
}
/** ZA, row by row: as many rows as the streaming vector length has bytes. */
export const arrayState: Component = {
  id: "za",
  version: 1,
  access: "ZA",
  bytes: ({ streamingVectorBytes }) => streamingVectorBytes ** 2,
  save: (registers, image) => rows(registers, (row, at) => image.set(row, at)),
  load: (registers, image) => rows(registers, (row, at) => row.set(image.subarray(at, at + row.length))),
  zero: (registers) => rows(registers, (row) => row.fill(0))
}
/** ZT0. */
export const tableState: Component = {
  id: "zt",
  version: 1,
  access: "ZT0",
  bytes: () => TABLE_BYTES,
  save: (registers, image) => image.set(registers.ZT0()),
  load: (registers, image) => registers.ZT0().set(image),
  zero: (registers) => registers.ZT0().fill(0)
}
export const components: readonly Component[] = [streamingState, arrayState, tableState]
