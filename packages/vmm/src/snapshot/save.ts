/** A guest between two slices, as the bytes of a snapshot: the same bytes for the same state. Looking at it changes nothing. */
import { virtualTime } from "@eltwo/cpu"
import { SnapshotError } from "../errors.ts"
import { accountOf, boardOf, type Live } from "../live.ts"
import type { PlatformService } from "../platform.ts"
import type { Prepared } from "../run-result.ts"
import type { SignalClock } from "../signal-schedule.ts"
import { checkChain, containersOf } from "./chain.ts"
import { type Draft, draftContainer, idAtEnd, type Section, wholeDraft } from "./container.ts"
import { type Header, WRITER } from "./header.ts"
import type { Secrecy } from "./host-parts.ts"
import { type Kept, keepPages } from "./kept-pages.ts"
import type { Memory } from "./memory.ts"
import { type PresentPages, pageSections, pagesOf, piecesOf, readChain } from "./pages.ts"
import { partsOf, section } from "./parts.ts"
import { reading } from "./refusal.ts"
import { runState } from "./run-state.ts"
import { seal, unseal } from "./seal.ts"
import { changedSince, noteFrom } from "./since.ts"

export interface SaveOptions {
  /** Snapshots this one is the changes to: the full one first, each the parent of the next. None: it is full. */
  readonly parents?: readonly Uint8Array[] | undefined
  /** What the guest writes is noted from now on: the next snapshot that builds on this one costs only that. Those with parents do so anyway. */
  readonly note?: boolean | undefined
}
/** The snapshot of a guest; SNAPSHOT_BUSY when it is in the middle of something, SNAPSHOT_PROTECTED when it is not for everybody to read. */
export const saveLive = (prepared: Prepared, live: Live, clock: SignalClock, options: SaveOptions = {}): Uint8Array | SnapshotError =>
  finished(draftLive(prepared, live, clock, options))
const finished = (draft: Draft | SnapshotError): Uint8Array | SnapshotError => (draft instanceof SnapshotError ? draft : draft.finish())
/** As saveLive, for who writes it while its hashes are computed. The guest may go on. */
export const draftLive = (
  prepared: Prepared,
  live: Live,
  clock: SignalClock,
  { parents = [], note }: SaveOptions = {},
  secrecy: Secrecy = { sealed: false }
): Draft | SnapshotError =>
  reading(() => {
    const { platform } = prepared
    const { header, sections, memories } = presentOf(prepared, live, clock, secrecy)
    const { id, pages } =
      parents.length === 0 ? { id: null, pages: memories.map((memory) => pagesOf(memory)) } : changes(live, memories, parents, platform)
    const draft = draftOf({ ...header, parent: id }, sections, memories, pages, platform)
    if (!(note ?? parents.length > 0)) return draft
    const noted = noteFrom(live, memories)
    const finish = () => {
      const file = draft.finish()
      noted(idAtEnd(file))
      return file
    }
    return { ...draft, finish }
  })
/**
 * The snapshot of a guest, sealed with a key of 32 bytes, and so are those it builds on. Its bytes are others each time. It is of the moment of the call: the
 * guest may go on, or be closed, at once.
 */
export const saveSealed = async (
  prepared: Prepared,
  live: Live,
  clock: SignalClock,
  key: Uint8Array,
  { parents = [] }: Pick<SaveOptions, "parents"> = {}
): Promise<Uint8Array | SnapshotError> => {
  const { sha256 } = prepared.platform
  const clear = parents.length === 0 ? draftLive(prepared, live, clock, {}, { sealed: true }) : await changesTo(prepared, live, clock, key, parents)
  const file = finished(clear)
  return file instanceof SnapshotError ? file : seal(file, key, sha256)
}
/** What a guest has different now from sealed snapshots. Opening those takes a while: what it writes meanwhile is kept as it was. */
const changesTo = async (
  prepared: Prepared,
  live: Live,
  clock: SignalClock,
  key: Uint8Array,
  parents: readonly Uint8Array[]
): Promise<Draft | SnapshotError> => {
  const { platform } = prepared
  const now = reading(() => {
    const present = presentOf(prepared, live, clock, { sealed: true })
    return { ...present, ...keepPages(boardOf(live)) }
  })
  if (now instanceof SnapshotError) return now
  const { header, sections, memories, kept, stop } = now
  try {
    const opened: Uint8Array[] = []
    for (const parent of parents) {
      const file = await unseal(parent, key, platform.sha256)
      if (file instanceof SnapshotError) return file
      opened.push(file)
    }
    return reading(() => {
      const pages = pagesSince(memories, opened, platform, kept)
      return draftOf({ ...header, parent: idAtEnd(opened.at(-1)!) }, sections, memories, pages, platform)
    })
  } finally {
    stop()
  }
}
/** As saveSealed, for who writes drafts. */
export const sealedDraft = async (...saved: Parameters<typeof saveSealed>): Promise<Draft | SnapshotError> => {
  const file = await saveSealed(...saved)
  return file instanceof SnapshotError ? file : wholeDraft(file)
}
/** What a guest has different from the last of some snapshots, and that one's id. */
const changes = (
  live: Live,
  memories: readonly Memory[],
  parents: readonly Uint8Array[],
  platform: PlatformService
): { readonly id: Uint8Array; readonly pages: readonly PresentPages[] } => {
  const id = idAtEnd(parents.at(-1)!)
  const noted = changedSince(live, id, memories)
  if (noted !== undefined) return { id, pages: noted }
  return { id, pages: pagesSince(memories, parents, platform) }
}
/** The same by comparing all memory; `kept` has pages that were written since the moment that is wanted. Throws SnapshotError. */
const pagesSince = (memories: readonly Memory[], parents: readonly Uint8Array[], platform: PlatformService, kept?: Kept): readonly PresentPages[] => {
  const chain = containersOf(parents, platform)
  if (chain instanceof SnapshotError) throw chain
  checkChain(chain)
  return memories.map((memory) => pagesOf(memory, { base: piecesOf(readChain(chain, memory.name)), kept }))
}

/** All of a guest but the contents of its memories. Throws SnapshotError. */
const presentOf = (prepared: Prepared, live: Live, clock: SignalClock, secrecy: Secrecy) => {
  const { options, host, random } = prepared
  const { sections, memories } = partsOf(live, secrecy)
  const run = runState(options, host.startTime, random.state, clock)
  return { header: headerOf(prepared, live, run.guest, null), sections: [section("run", run), ...sections], memories }
}
const draftOf = (
  header: ReturnType<typeof headerOf>,
  sections: readonly Section[],
  memories: readonly Memory[],
  pages: readonly PresentPages[],
  { sha256 }: PlatformService
): Draft => draftContainer(header, [...sections, ...memories.flatMap(({ name }, i) => pageSections(name, pages[i]!))], sha256)

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
