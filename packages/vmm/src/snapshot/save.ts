/** A guest between two slices, as the bytes of a snapshot: the same bytes for the same state. Looking at it changes nothing. */
import { virtualTime } from "@eltwo/cpu"
import type { SnapshotError } from "../errors.ts"
import { accountOf, boardOf, type Live } from "../live.ts"
import type { Prepared } from "../run-result.ts"
import type { SignalClock } from "../signal-schedule.ts"
import { type Container, type Hash, type Section, writeContainer } from "./container.ts"
import { type Header, WRITER } from "./header.ts"
import { flattenPages, pageSections, pagesOf, readPages } from "./pages.ts"
import { partsOf, section } from "./parts.ts"
import { reading } from "./refusal.ts"
import { runState } from "./run-state.ts"

export interface SaveOptions {
  /** Snapshots this one is the changes to: the full one first, each the parent of the next. None: it is full. */
  readonly parents?: readonly Container[]
  readonly hash?: Hash | undefined
}
/** The snapshot of a guest; SNAPSHOT_BUSY when it is in the middle of something. */
export const saveLive = (prepared: Prepared, live: Live, clock: SignalClock, { parents = [], hash }: SaveOptions = {}): Uint8Array | SnapshotError =>
  reading(() => {
    const { options, host, random } = prepared
    const { sections, memories } = partsOf(live)
    const run = runState(options, host.startTime, random.state, clock)
    const pages = memories.flatMap(({ name, bytes }): readonly Section[] => {
      const base = parents.length === 0 ? undefined : flattenPages(parents.map((parent) => readPages(parent, name)))
      return pageSections(name, pagesOf(bytes, base))
    })
    const all = [section("run", run), ...sections, ...pages]
    return writeContainer(headerOf(prepared, live, run.guest, parents.at(-1)?.id ?? null), all, hash)
  })

const ascending = (a: number, b: number): number => a - b
/** What the header says of a guest and its machine. */
export const headerOf = ({ options, model }: Prepared, live: Live, guest: string, parent: Uint8Array | null): Omit<Header, "format" | "sections"> => {
  const { mode, era, mem, seed } = options
  const isModelled = live.kind !== "bare"
  return {
    writer: WRITER,
    kind: live.kind,
    time: virtualTime(boardOf(live).pes[0]!),
    instructions: accountOf(live).instructions,
    machine: {
      mode: isModelled ? mode : "",
      era: isModelled ? era : "",
      memory: mem,
      seed,
      features: [...model.isa.features].sort(),
      vectorLengths: [...model.lengths.vector].sort(ascending),
      streamingVectorLengths: [...model.lengths.streaming].sort(ascending),
      plugins: model.plugins.flatMap(({ plugin: { kind, name, apiVersion } }) => (kind === "extension" ? [{ name, apiVersion }] : []))
    },
    guest,
    parent
  }
}
