/** Ids of ONE_REG: the architecture in bits 63:60, the size's code in 55:52, a coprocessor in 31:16, and an index. */

/** Sizes by their code. */
export const SIZE = { U32: 2, U64: 3, U128: 4, U512: 6 } as const
export const ARM64 = 6n
/** Coprocessors of the kernel's own; extensions have others. */
export const Coprocessor = { CORE: 0x10, DEMUX: 0x11, SYSREG: 0x13, FW: 0x14, FW_FEAT_BMAP: 0x16 } as const

export const idOf = (size: number, coprocessor: number, index: number): bigint =>
  (ARM64 << 60n) | (BigInt(size) << 52n) | BigInt(coprocessor * 0x10000 + index)
