/**
 * The WebAssembly memories of boards that were given up, for later boards of their size. A new memory of 128 MiB makes V8 collect garbage at once, which takes
 * longer than restoring a small machine.
 */

/** Bytes in a page of WebAssembly. */
export const WASM_PAGE = 0x10000

const MOST_KEPT = 4
const MOST_BYTES = 512 << 20
const kept: WebAssembly.Memory[] = []
const bytesOf = (memory: WebAssembly.Memory): number => memory.buffer.byteLength

/** A memory of `pages` pages of WebAssembly, all zero, which cannot grow. Throws RangeError when there is no room for it. */
export const takeMemory = (pages: number): WebAssembly.Memory => {
  const found = kept.findIndex((memory) => bytesOf(memory) === pages * WASM_PAGE)
  return found < 0 ? new WebAssembly.Memory({ initial: pages, maximum: pages }) : kept.splice(found, 1)[0]!
}
/** Gives a memory up that is zero again: nobody may have a view of it any more. */
export const giveMemory = (memory: WebAssembly.Memory): void => {
  kept.unshift(memory)
  while (kept.length > MOST_KEPT || kept.reduce((sum, each) => sum + bytesOf(each), 0) > MOST_BYTES) kept.pop()
}
