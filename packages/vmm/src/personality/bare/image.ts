/** Images of bare-metal programs in RAM. */
import type { Elf } from "../../elf.ts"

/** What to run: an ELF file, loaded at its physical addresses, or bytes for the start of RAM. */
export type BareImage = { readonly format: "elf"; readonly elf: Elf } | { readonly format: "flat"; readonly bytes: Uint8Array }

export interface LoadedImage {
  /** Physical address of the first instruction. */
  readonly entry: bigint
  /** Physical address behind the highest byte of the image. */
  readonly end: bigint
}

/** RAM to load into: a board, or a VM's memory. */
export interface ImageMemory {
  readonly ram: { readonly base: number; readonly bytes: number }
  /** False when the bytes do not lie in RAM. */
  write(physical: number, bytes: Uint8Array): boolean
}

/** Puts an image into RAM. A string says why it does not fit; then nothing was written. */
export const loadImage = (board: ImageMemory, image: BareImage): LoadedImage | string => {
  const { base, bytes: ramBytes } = board.ram
  if (image.format === "flat") {
    if (!board.write(base, image.bytes)) return `the image has ${image.bytes.length} bytes; the machine has ${ramBytes} (see --mem)`
    return { entry: BigInt(base), end: BigInt(base + image.bytes.length) }
  }
  const { segments, entry } = image.elf
  let end = BigInt(base)
  for (const { physical, memoryBytes } of segments) {
    const last = physical + BigInt(memoryBytes)
    if (physical < BigInt(base) || last > BigInt(base + ramBytes))
      return `a segment lies at 0x${physical.toString(16)} to 0x${last.toString(16)}; RAM is ${ramBytes} bytes at 0x${base.toString(16)} (see --mem)`
    if (last > end) end = last
  }
  for (const { physical, contents, memoryBytes } of segments) {
    const bytes = new Uint8Array(memoryBytes)
    bytes.set(contents)
    board.write(Number(physical), bytes)
  }
  const started = segments.find(({ address, memoryBytes }) => entry >= address && entry < address + BigInt(memoryBytes))
  return { entry: started ? entry - started.address + started.physical : entry, end }
}
