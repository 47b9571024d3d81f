/** Randomness of a run: the same seed gives the same bytes. */

/** Bytes on demand; `state` is where the sequence stands. */
export interface RandomBytes {
  (count: number): Uint8Array
  state: number
}
/** A source of bytes by xorshift over 32 bits, four bytes a step. */
export const seededBytes = (seed: number): RandomBytes => {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x6a09e667) >>> 0 || 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    return (state ^= state << 5)
  }
  const bytes = (count: number): Uint8Array => {
    const words = new Uint32Array(Math.ceil(count / 4))
    for (let i = 0; i < words.length; i++) words[i] = Math.imul(next(), 0x9e3779b1)
    return new Uint8Array(words.buffer, 0, count)
  }
  return Object.defineProperty(bytes, "state", {
    get: () => state >>> 0,
    set: (value: number) => {
      state = value >>> 0 || 1
    }
  }) as RandomBytes
}
