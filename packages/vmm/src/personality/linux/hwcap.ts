/** AT_HWCAP and AT_HWCAP2 from the features of the processor (arch/arm64 ABI: Documentation, elf_hwcaps). Bit numbers by FEAT_ name. */

/** A feature's bits when the name is enough; several names may share a bit only where Linux wants all of them (see ALL). */
const HWCAP: Readonly<Record<string, number>> = {
  FP: 0,
  AdvSIMD: 1,
  AES: 3,
  PMULL: 4,
  SHA1: 5,
  SHA256: 6,
  CRC32: 7,
  LSE: 8,
  RDM: 12,
  JSCVT: 13,
  FCMA: 14,
  LRCPC: 15,
  DPB: 16,
  SHA3: 17,
  SM3: 18,
  SM4: 19,
  DotProd: 20,
  SHA512: 21,
  SVE: 22,
  FHM: 23,
  DIT: 24,
  LSE2: 25,
  LRCPC2: 26,
  FlagM: 27,
  SSBS2: 28,
  SB: 29
}
/** Both halves of half precision come with one feature. */
const HWCAP_FP16 = (1n << 9n) | (1n << 10n)
/** ID registers can be read from EL0 (they are emulated). */
const HWCAP_CPUID = 1n << 11n

const HWCAP2: Readonly<Record<string, number>> = {
  DPB2: 0,
  SVE2: 1,
  FlagM2: 7,
  FRINTTS: 8,
  I8MM: 13,
  BF16: 14,
  DGH: 15,
  RNG: 16,
  BTI: 17,
  ECV: 19,
  AFP: 20,
  RPRES: 21,
  SME: 23,
  WFxT: 31,
  EBF16: 32,
  CSSC: 34,
  SVE2p1: 36,
  SME2: 37,
  MOPS: 43,
  HBC: 44,
  LRCPC3: 46,
  LSE128: 47,
  FPMR: 48
}

const collect = (table: Readonly<Record<string, number>>, features: ReadonlySet<string>): bigint =>
  Object.entries(table).reduce((bits, [name, bit]) => (features.has(name) ? bits | (1n << BigInt(bit)) : bits), 0n)

export const hwcap = (features: ReadonlySet<string>): bigint => collect(HWCAP, features) | (features.has("FP16") ? HWCAP_FP16 : 0n) | HWCAP_CPUID
export const hwcap2 = (features: ReadonlySet<string>): bigint => collect(HWCAP2, features)
