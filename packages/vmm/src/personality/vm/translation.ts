/** Addresses of a guest at EL1 as a debugger looks them up: its stage 1 tables walked without permissions. */

/** The registers that say how. */
export interface TranslationRegisters {
  readonly sctlr: bigint
  readonly tcr: bigint
  readonly ttbr0: bigint
  readonly ttbr1: bigint
}
const MMU_ENABLED = 1n
const VALID = 1n
const TABLE = 2n
/** Bits of an address within a page, by TCR.TG0 and TCR.TG1. */
const GRANULE = { low: [12, 16, 14], high: [undefined, 14, 12, 16] } as const
const OUTPUT = (1n << 48n) - 1n

/** The guest-physical address, or undefined when nothing is mapped there. `descriptor` reads 8 bytes of guest memory. */
export const physicalOf = (
  address: bigint,
  { sctlr, tcr, ttbr0, ttbr1 }: TranslationRegisters,
  descriptor: (physical: number) => bigint | undefined
): number | undefined => {
  if ((sctlr & MMU_ENABLED) === 0n) return address < 1n << 48n ? Number(address) : undefined
  const high = (address >> 55n) & 1n
  const field = (at: number, width: number) => Number((tcr >> BigInt(at)) & ((1n << BigInt(width)) - 1n))
  const granule = high ? GRANULE.high[field(30, 2)] : GRANULE.low[field(14, 2)]
  const size = 64 - field(high ? 16 : 0, 6)
  const ignoresTop = field(high ? 38 : 37, 1) === 1
  const top = ignoresTop ? BigInt.asUintN(55, address) >> BigInt(Math.min(size, 55)) : address >> BigInt(size)
  const fill = ignoresTop ? (1n << BigInt(55 - Math.min(size, 55))) - 1n : (1n << BigInt(64 - size)) - 1n
  if (granule === undefined || size < granule + 4 || size > 48 || top !== (high ? fill : 0n)) return undefined
  const stride = granule - 3
  let shift = granule + stride * Math.floor((size - granule - 1) / stride)
  let table = (high ? ttbr1 : ttbr0) & OUTPUT & ~1n
  for (let bits = size - shift; ; bits = stride) {
    const index = (address >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n)
    const entry = descriptor(Number(table + index * 8n))
    if (entry === undefined || (entry & VALID) === 0n) return undefined
    const isTable = (entry & TABLE) !== 0n && shift > granule
    const below = (1n << BigInt(isTable ? granule : shift)) - 1n
    const output = entry & OUTPUT & ~below
    if (!isTable) {
      // At the last level bit 1 must be set; above it a clear one is a block.
      if (shift === granule && (entry & TABLE) === 0n) return undefined
      return Number(output | (address & below))
    }
    table = output
    shift -= stride
  }
}
