/**
 * What a guest wrote since one of its snapshots, so that the next one, which builds on that, looks at nothing else. It costs the guest a copy of each page that it
 * writes, once; who does not ask for changes again and again does without and has all pages compared.
 */
import { boardOf, type Live } from "../live.ts"
import { sameBytes } from "./codec.ts"
import { type Kept, keepPages } from "./kept-pages.ts"
import { isSameMemory, type Memory } from "./memory.ts"
import { type PresentPages, pagesChanged } from "./pages.ts"

interface Since {
  /** Of the snapshot; empty while that is not known yet. */
  id: Uint8Array
  readonly memories: readonly Memory[]
  readonly kept: Kept
  readonly stop: () => void
}
const last = new WeakMap<Live, Since>()

/**
 * The guest is now as a snapshot says, whose id is told later: what it writes is noted from here on, and what was noted before is forgotten.
 */
export const noteFrom = (live: Live, memories: readonly Memory[]): ((id: Uint8Array) => void) => {
  last.get(live)?.stop()
  const since: Since = { id: new Uint8Array(0), memories, ...keepPages(boardOf(live)) }
  last.set(live, since)
  return (id) => {
    since.id = id
  }
}
/** Nothing will build on its snapshots any more. */
export const forgetNotes = (live: Live): void => {
  last.get(live)?.stop()
  last.delete(live)
}
const sameMemories = (a: readonly Memory[], b: readonly Memory[]): boolean =>
  a.length === b.length && a.every((memory, i) => isSameMemory(memory, b[i]!))

/** What has changed in each memory since a snapshot; undefined when that was not noted. */
export const changedSince = (live: Live, id: Uint8Array, memories: readonly Memory[]): readonly PresentPages[] | undefined => {
  const since = last.get(live)
  if (since === undefined || !sameBytes(since.id, id) || !sameMemories(since.memories, memories)) return undefined
  return memories.map((memory) => pagesChanged(memory, since.kept))
}
