/**
 * How much of the architecture is declared, per feature expression. The unit is a known encoding: a row of the table that `test/conformance/coverage.ts`
 * counts. It counts as declared when words of it decode to one of our declarations; the declaration's name says which.
 */
import type { Machine } from "@eltwo/isa"
import counts from "./coverage.json" with { type: "json" }

export interface FeatureCoverage {
  readonly feature: string
  /** Known encodings that a declaration of this machine covers. */
  readonly declared: number
  readonly known: number
}
/** Feature expression to the number of known encodings, and how many of them each declaration covers. */
export type CoverageCounts = Readonly<Record<string, { readonly known: number; readonly covered: Readonly<Record<string, number>> }>>

export const coverageOf = ({ instructions, unimplemented }: Machine): readonly FeatureCoverage[] => {
  const names = new Set([...instructions, ...unimplemented].map(({ name }) => name))
  return Object.entries(counts as CoverageCounts)
    .map(([feature, { known, covered }]) => ({
      feature,
      declared: Object.entries(covered).reduce((sum, [name, count]) => (names.has(name) ? sum + count : sum), 0),
      known
    }))
    .sort((a, b) => (a.feature < b.feature ? -1 : 1))
}
