/** Snapshots that build on one another: the full one first, each the parent of the next. */
import type { SnapshotError } from "../errors.ts"
import type { PlatformService } from "../platform.ts"
import { sameBytes } from "./codec.ts"
import { type Container, type Hash, hex, open, type Section, writeContainer } from "./container.ts"
import type { Made } from "./lines.ts"
import { flattenPages, pageSections, readChain } from "./pages.ts"
import { reading, refuse } from "./refusal.ts"
import { refuseSealed } from "./seal.ts"

/** Files of a chain, read; nothing is said of whether they fit. */
export const containersOf = (
  files: readonly Uint8Array[],
  { sha256 }: Partial<Pick<PlatformService, "sha256">>,
  limit?: number
): readonly Container[] | SnapshotError => reading(() => files.map((file) => open(file, { hash: sha256, ...(limit === undefined ? {} : { limit }) })))

/** Throws SnapshotError unless each snapshot's parent is the one before, and the first has none. */
export const checkChain = (chain: readonly Container[]): void => {
  for (const [i, { header }] of chain.entries()) {
    const before = chain[i - 1]
    if (header.parent === null ? before === undefined : before !== undefined && sameBytes(before.id, header.parent)) continue
    refuse("SNAPSHOT_PARENT", {
      path: "header.parent",
      expected: header.parent === null ? "no parent" : `snapshot ${hex(header.parent)}`,
      actual: before === undefined ? "none" : `snapshot ${hex(before.id)}`,
      hint: "Give the snapshots it builds on with --parent, the full one first."
    })
  }
}

/** The last snapshot of a chain as one that builds on nothing: the same bytes as if it had been made so. */
export const flatten = (chain: readonly Container[], hash?: Hash): Uint8Array | SnapshotError =>
  reading(() => {
    chain.forEach(refuseSealed)
    checkChain(chain)
    const last = chain.at(-1)!
    const { header } = last
    const sections = header.sections.flatMap(({ name, version, required, codec, rawLength }): readonly Section<Uint8Array | Made>[] => {
      const memory = /^(.+)\/(index|pages)$/.exec(name)
      if (memory === null) return [{ name, version, required, codec, rawLength, bytes: last.section(name).bytes }]
      if (memory[2] === "pages") return []
      return pageSections(memory[1]!, flattenPages(readChain(chain, memory[1]!)))
    })
    const { format: _, sections: __, ...rest } = header
    return writeContainer({ ...rest, parent: null }, sections, hash)
  })
