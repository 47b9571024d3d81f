/** FP state in memory as data. */
import { type Saved, shape } from "@eltwo/cpu"
import { FPSIMD_BYTES, type FpMemory, type FpType, smeBytes, sveBytes } from "../host/fp-memory.ts"

/**
 * FP state says of itself in which format it is, whatever order its fields are read in: `svcr` first, then the format, then the images at these vector lengths.
 */
export const FP_STATE = shape({
  fields: {
    svcr: "u64",
    fpType: { oneOf: ["FPSIMD", "SVE"] },
    /** Vector lengths in bytes; 0: the owner has none. */
    sveBytes: "u32",
    smeBytes: "u32",
    /** V0..V31, FPSR, FPCR, and 8 bytes of nothing. */
    fpsimd: { bytes: FPSIMD_BYTES },
    /** Z0..Z31, P0..P15, FFR; ZA by rows, ZT0. Null: there is no memory for them. */
    sve: { maybe: "bytes" },
    sme: { maybe: "bytes" },
    fpmr: "u64"
  }
})
export type FpState = Saved<typeof FP_STATE>

export const fpState = (fp: FpMemory): FpState => ({
  svcr: fp.svcr,
  fpType: fp.fpType,
  sveBytes: fp.vl.sve,
  smeBytes: fp.vl.sme,
  fpsimd: fp.fpsimd.slice(),
  sve: fp.sve?.slice() ?? null,
  sme: fp.sme?.slice() ?? null,
  fpmr: fp.fpmr
})
/** Why a state contradicts itself, whoever's it is; undefined when it does not. */
export const fpProblem = ({ svcr, fpType, sve, sme }: FpState): string | undefined => {
  if (svcr > 3n || (svcr !== 0n && sme === null)) return `SVCR ${svcr}`
  if (fpType === "SVE" && sve === null) return "the SVE format without memory for it"
  return undefined
}
/** Puts images into memory that has their lengths. What they mean comes first. */
export const restoreFp = (fp: FpMemory, state: FpState): void => {
  fp.svcr = state.svcr
  fp.fpType = state.fpType as FpType
  fp.fpmr = state.fpmr
  fp.fpsimd.set(state.fpsimd)
  if (state.sve !== null) fp.sve?.set(state.sve)
  if (state.sme !== null) fp.sme?.set(state.sme)
}

const LONGEST = 256
/** The same for memory that is made for it: a host program's, whose lengths it may choose itself. A string says what is wrong. */
export const restoreFpWithMemory = (
  fp: FpMemory,
  state: FpState,
  lengths: { readonly sve: readonly number[]; readonly sme: readonly number[] }
): string | undefined => {
  const { sveBytes: sve, smeBytes: sme } = state
  const isLength = (length: number, known: readonly number[]): boolean => length === 0 || known.includes(length)
  if (!isLength(sve, lengths.sve) || !isLength(sme, lengths.sme)) return `vectors of ${sve} and ${sme} bytes`
  const fits = (image: Uint8Array | null, least: number, most: number): boolean => image === null || (image.length >= least && image.length <= most)
  if (!fits(state.sve, sveBytes(Math.max(sve, sme)), sveBytes(LONGEST))) return `${state.sve?.length} bytes of vectors of ${sve} and ${sme}`
  if (!fits(state.sme, smeBytes(sme), smeBytes(LONGEST))) return `${state.sme?.length} bytes of ZA of ${sme}`
  const problem = fpProblem(state)
  if (problem !== undefined) return problem
  fp.vl = { sve, sme }
  fp.sve = state.sve && new Uint8Array(state.sve.length)
  fp.sme = state.sme && new Uint8Array(state.sme.length)
  restoreFp(fp, state)
  return undefined
}
