/** AT_HWCAP, AT_HWCAP2 and AT_HWCAP3 from the features of the processor (arm64 ELF hwcaps). Bit numbers by FEAT_ name. */

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
  SB: 29,
  GCS: 32,
  CMPBR: 33,
  FPRCVT: 34,
  F8F32MM: 35,
  F8F16MM: 36,
  SVE_F16F32MM: 37,
  SVE_AES2: 39,
  SVE_BFSCALE: 40,
  SVE2p2: 41,
  SME2p2: 42
}
/** Both halves of half precision come with one feature. */
const HWCAP_FP16 = (1n << 9n) | (1n << 10n)
/** ID registers can be read from EL0 (they are emulated). */
const HWCAP_CPUID = 1n << 11n

const HWCAP2: Readonly<Record<string, number>> = {
  DPB2: 0,
  SVE2: 1,
  SVE_AES: 2,
  SVE_PMULL128: 3,
  SVE_BitPerm: 4,
  SVE_SHA3: 5,
  SVE_SM4: 6,
  FlagM2: 7,
  FRINTTS: 8,
  F32MM: 10,
  F64MM: 11,
  I8MM: 13,
  BF16: 14,
  DGH: 15,
  RNG: 16,
  BTI: 17,
  MTE2: 18,
  ECV: 19,
  AFP: 20,
  RPRES: 21,
  MTE3: 22,
  SME: 23,
  SME_I16I64: 24,
  SME_F64F64: 25,
  SME_FA64: 30,
  WFxT: 31,
  EBF16: 32,
  CSSC: 34,
  RPRFM: 35,
  SVE2p1: 36,
  SME2: 37,
  SME2p1: 38,
  SME_F16F16: 42,
  MOPS: 43,
  HBC: 44,
  SVE_B16B16: 45,
  LRCPC3: 46,
  LSE128: 47,
  FPMR: 48,
  LUT: 49,
  FAMINMAX: 50,
  FP8: 51,
  FP8FMA: 52,
  FP8DOT4: 53,
  FP8DOT2: 54
}
const HWCAP3: Readonly<Record<string, number>> = { LSFE: 2 }

const collect = (table: Readonly<Record<string, number>>, features: ReadonlySet<string>): bigint =>
  Object.entries(table).reduce((bits, [name, bit]) => (features.has(name) ? bits | (1n << BigInt(bit)) : bits), 0n)

export const hwcap = (features: ReadonlySet<string>): bigint => collect(HWCAP, features) | (features.has("FP16") ? HWCAP_FP16 : 0n) | HWCAP_CPUID
export const hwcap2 = (features: ReadonlySet<string>): bigint => collect(HWCAP2, features)
export const hwcap3 = (features: ReadonlySet<string>): bigint => collect(HWCAP3, features)
