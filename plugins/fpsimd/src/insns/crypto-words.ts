/** Reading and making 128-bit vectors as four 32-bit words, least significant first. */

/** Word `index` of a vector, as a signed number. */
export const wordAt = (vector: Uint8Array, index: number): number =>
  vector[4 * index]! | (vector[4 * index + 1]! << 8) | (vector[4 * index + 2]! << 16) | (vector[4 * index + 3]! << 24)
export const wordsOf = (...words: readonly [number, number, number, number]): Uint8Array => {
  const out = new Uint8Array(16)
  for (let i = 0; i < 16; i++) out[i] = words[i >> 2]! >>> (8 * (i & 3))
  return out
}
export const rotateLeft = (x: number, by: number): number => (x << by) | (x >>> (32 - by))
export const rotateRight = (x: number, by: number): number => (x >>> by) | (x << (32 - by))
/** Bits of y where x is one, of z where it is zero. */
export const choose = (x: number, y: number, z: number): number => z ^ (x & (y ^ z))
/** Bits that at least two of three have. */
export const majority = (x: number, y: number, z: number): number => (x & y) | ((x | y) & z)
export const parity = (x: number, y: number, z: number): number => x ^ y ^ z
