/** The general registers as one component. */
import type { Component } from "../state.ts"

const BYTES = 31 * 8
/** X0..X30, 8 bytes each. */
export const generalState: Component = {
  id: "general",
  version: 1,
  access: "none",
  bytes: () => BYTES,
  save: (registers, image) => image.set(registers.X()),
  load: (registers, image) => registers.X().set(image),
  zero: (registers) => registers.X().fill(0)
}
