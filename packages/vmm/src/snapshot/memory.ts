/** Memory of a guest as snapshots see it: a piece of its board's RAM, of which pages that nobody used are not there yet. */
import type { Board, PageSource, PhysicalMemory } from "@eltwo/cpu"
import { unpackPage } from "./lines.ts"
import { type Pages, piecesOf } from "./pages.ts"

export interface Memory {
  /** What its sections are called. */
  readonly name: string
  /** Its bytes in the board's memory: only those of used pages mean something. */
  readonly bytes: Uint8Array
  readonly physical: PhysicalMemory
  /** Number of its first page, from the start of RAM. */
  readonly first: number
}
/** Memory at a physical address. The range must lie in RAM, and begin at a page. */
export const memoryAt = ({ physical }: Board, name: string, address: number, bytes: number): Memory => {
  const at = address - physical.ram.base + physical.ram.offset
  return { name, bytes: physical.bytes.subarray(at, at + bytes), physical, first: physical.pageOf(address) }
}
/** Whether two are the same piece of the same board. */
export const isSameMemory = (a: Memory, b: Memory): boolean =>
  a.name === b.name && a.physical === b.physical && a.first === b.first && a.bytes.length === b.bytes.length

/** What memories of one board hold that snapshots were made of: for each memory its pages in a chain of them, oldest first. */
export const sourceOf = (memories: readonly { readonly first: number; readonly pages: readonly Pages[] }[]): PageSource => ({
  pieces: new Map(memories.flatMap(({ first, pages }) => [...piecesOf(pages, first)])),
  unpack: unpackPage
})
