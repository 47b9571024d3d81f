/** Arguments of system calls: registers are 64 bits, C types are not. */

/** An address or size: values beyond 2^53 become 2^53, which is never valid. */
export const size = (value: bigint): number => (value > 1n << 53n ? 2 ** 53 : Number(value))
export const int = (value: bigint): number => Number(BigInt.asIntN(32, value))
export const long = (value: bigint): number => Number(BigInt.asIntN(64, value))
/** Largest count of bytes one read or write moves (MAX_RW_COUNT). */
export const MAX_TRANSFER = 0x7fff_f000
/** PATH_MAX. */
export const MAX_PATH = 4096
