/** An image as data: a machine that is reset loads it again. */
import { type Saved, shape } from "@eltwo/cpu"
import type { BareImage } from "./image.ts"

export const IMAGE_STATE = shape({
  kinds: {
    flat: { bytes: "bytes" },
    elf: {
      entry: "u64",
      segments: { list: { fields: { address: "u64", physical: "u64", contents: "bytes", memoryBytes: "size" } }, most: 128 }
    }
  }
})
export type ImageState = Saved<typeof IMAGE_STATE>

export const imageState = (image: BareImage): ImageState =>
  image.format === "flat"
    ? { kind: "flat", bytes: image.bytes.slice() }
    : {
        kind: "elf",
        entry: image.elf.entry,
        segments: image.elf.segments.map(({ address, physical, contents, memoryBytes }) => ({
          address,
          physical,
          contents: contents.slice(),
          memoryBytes
        }))
      }
/** The image, for a machine with `ramBytes` from `ramBase`; a string says what cannot be. */
export const imageOf = (state: ImageState, ramBase: number, ramBytes: number): BareImage | string => {
  if (state.kind === "flat") return state.bytes.length <= ramBytes ? { format: "flat", bytes: state.bytes } : "an image larger than RAM"
  for (const { physical, contents, memoryBytes } of state.segments)
    if (contents.length > memoryBytes || physical < BigInt(ramBase) || physical + BigInt(memoryBytes) > BigInt(ramBase + ramBytes))
      return `a segment at 0x${physical.toString(16)}`
  const segments = state.segments.map((segment) => ({ ...segment, readable: true, writable: true, executable: true }))
  return {
    format: "elf",
    elf: {
      entry: state.entry,
      relocatable: false,
      segments,
      headersAddress: undefined,
      headerCount: 0,
      alignment: 4096,
      executableStack: false
    }
  }
}
