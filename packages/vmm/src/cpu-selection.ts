/** The `cpu` option: "max", then features switched on or off and vector lengths in bits. */
import { type FeatureSelection, parseCpu } from "@eltwo/isa"

export interface CpuSelection {
  /** By FEAT_ name without its prefix, in any case. Which features exist is for the composition to say. */
  readonly features: FeatureSelection
  /** Largest vector length and streaming vector length in bits, as asked for. */
  readonly vl?: number | undefined
  readonly svl?: number | undefined
}

const MAX_LENGTH = 2048
const LENGTHS = [128, 256, 512, 1024, MAX_LENGTH]
/** Vector lengths programs start with when none is asked for, in bits. */
const START = { vl: 512, svl: 256 } as const

/** Reads "max,feature=on,vl=256". A string says everything that is wrong. */
export const parseCpuSelection = (text: string): CpuSelection | string => {
  const { features, numbers, problems } = parseCpu(text)
  const wrong = [...problems]
  for (const [name, bits] of Object.entries(numbers)) {
    if (name !== "vl" && name !== "svl") wrong.push(`CPU setting ${name} takes on or off`)
    else if (!LENGTHS.includes(bits)) wrong.push(`${name}=${bits} is not one of ${LENGTHS.join(", ")} bits`)
  }
  return wrong.length > 0 ? wrong.join("; ") : { features, vl: numbers["vl"], svl: numbers["svl"] }
}

export interface VectorLengths {
  /** Every length the processor has, in bits. */
  readonly vector: readonly number[]
  readonly streaming: readonly number[]
  /** What a program starts with, in bits. */
  readonly start: { readonly vl: number; readonly svl: number }
}
const upTo = (bits: number) => LENGTHS.filter((length) => length <= bits)

/** The lengths of a machine with these features; a string says why the selection does not fit them. */
export const vectorLengths = ({ vl, svl }: CpuSelection, features: ReadonlySet<string>): VectorLengths | string => {
  if (vl !== undefined && !features.has("SVE")) return `vl=${vl} needs SVE, which this machine does not have`
  if (svl !== undefined && !features.has("SME")) return `svl=${svl} needs SME, which this machine does not have`
  return {
    vector: features.has("SVE") ? upTo(vl ?? MAX_LENGTH) : [],
    streaming: features.has("SME") ? upTo(svl ?? MAX_LENGTH) : [],
    start: { vl: vl ?? START.vl, svl: svl ?? START.svl }
  }
}
