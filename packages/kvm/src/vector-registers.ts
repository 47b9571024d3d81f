/** ONE_REG of the vector registers that an extension declares: the registers themselves, and the choice of the largest vector length. */
import type { Errno } from "./errno.ts"
import type { VectorFile } from "./extension.ts"
import { SIZE } from "./one-reg-id.ts"
import type { Vcpu } from "./vcpu.ts"
import { vectorsOf } from "./vcpu-init.ts"

/** A register of user space: how it is read and written. */
export interface Place {
  get(): bigint | Errno
  set(value: bigint): Errno | undefined
}
/** Where an id lies: bits 31:16, the size code, bits 15:0. */
interface Id {
  readonly coprocessor: number
  readonly size: number
  readonly index: number
}
/** A vector length is a number of quadwords. */
const QUADWORD = 16
const SLICE_BITS = 5
const SLICE = (1 << SLICE_BITS) - 1

/** Ids of a finalised vCPU, lengths first. */
export const vectorIndices = (vcpu: Vcpu): readonly Id[] => {
  const vectors = vectorsOf(vcpu)
  if (!vectors) return []
  const { coprocessor, lengthsIndex, files } = vectors
  const registers = files.flatMap(({ index, registers: count, sliceLog2 }) =>
    Array.from({ length: count }, (_, n) => ({ coprocessor, size: sliceLog2, index: index + (n << SLICE_BITS) }))
  )
  return [{ coprocessor, size: SIZE.U512, index: lengthsIndex }, ...registers]
}

/** For each file of vectors that a vCPU has, the id of its register `n` (undefined: no such one). Undefined: it has none. */
export const vcpuVectors = (vcpu: Vcpu): readonly ((n: number) => bigint | undefined)[] | undefined => {
  const vectors = vectorsOf(vcpu)
  return vectors?.files.map(({ index, registers, sliceLog2 }) => (n: number) => {
    if (n >= registers) return undefined
    return (6n << 60n) | (BigInt(sliceLog2) << 52n) | BigInt(vectors.coprocessor * 0x10000 + index + (n << SLICE_BITS))
  })
}

export const vectorPlace = (vcpu: Vcpu, coprocessor: number, size: number, index: number): Place | Errno => {
  const vectors = vectorsOf(vcpu)
  if (vectors?.coprocessor !== coprocessor) return "ENOENT"
  if (index === vectors.lengthsIndex && size === SIZE.U512) return lengthsPlace(vcpu)
  let offset = 0
  for (const file of vectors.files) {
    const n = (index - file.index) >> SLICE_BITS
    if (size === file.sliceLog2 && n >= 0 && n < file.registers) {
      if (index & SLICE) return "ENOENT"
      return registerPlace(vcpu, file, offset + n * registerBytes(vcpu, file))
    }
    offset += file.registers * registerBytes(vcpu, file)
  }
  return "EINVAL"
}
const registerBytes = ({ fp }: Vcpu, { vectorBytesPerByte }: VectorFile): number => fp.vl.sve / vectorBytesPerByte

/** What lies beyond the vCPU's largest length reads as zero, and writes of it are ignored. */
const registerPlace = (vcpu: Vcpu, file: VectorFile, offset: number): Place | Errno => {
  const { sve } = vcpu.fp
  if (!sve) return "EPERM"
  const register = sve.subarray(offset, offset + registerBytes(vcpu, file))
  return {
    get: () => register.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n),
    set: (value) => {
      vcpu.vm.host.pages.writes(register)
      for (let i = 0; i < register.length; i++) register[i] = Number((value >> BigInt(8 * i)) & 0xffn)
      return undefined
    }
  }
}

const bitOf = (bytes: number): bigint => 1n << BigInt(bytes / QUADWORD - 1)
/** Lengths up to a largest one, as a bitmap. */
const lengthsUpTo = ({ vm }: Vcpu, largest: number): bigint =>
  vm.host.features.sveVls.reduce((all, vl) => (vl <= largest ? all | bitOf(vl) : all), 0n)
/** User space chooses the largest length; the shorter ones are what the processor has. */
const lengthsPlace = (vcpu: Vcpu): Place => ({
  get: () => lengthsUpTo(vcpu, vcpu.fp.vl.sve),
  set: (value) => {
    if (vcpu.fp.sve) return "EPERM"
    const largest = vcpu.vm.host.features.sveVls.findLast((vl) => value & bitOf(vl))
    if (largest === undefined || value !== lengthsUpTo(vcpu, largest)) return "EINVAL"
    vcpu.fp.vl.sve = largest
    return undefined
  }
})
