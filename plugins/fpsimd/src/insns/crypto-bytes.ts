/** Arithmetic of GF(2^8), of which the substitution boxes of AES and SM4 are made. A polynomial is given with its leading term, 0x100 up. */
import { once } from "@eltwo/isa"

export const fieldProduct = (x: number, y: number, polynomial: number): number => {
  let sum = 0
  for (let power = x, rest = y; rest !== 0; rest >>= 1) {
    if (rest & 1) sum ^= power
    power <<= 1
    if (power & 0x100) power ^= polynomial
  }
  return sum
}
/** x to the power 254, which is 1 / x, and 0 for 0. */
export const fieldInverse = (x: number, polynomial: number): number => {
  let result = 1
  let square = x
  for (let bit = 1; bit < 8; bit++) {
    square = fieldProduct(square, square, polynomial)
    result = fieldProduct(result, square, polynomial)
  }
  return result
}
/** The sum of x rotated left by each amount, plus a constant. */
export const affineByte = (x: number, rotations: readonly number[], constant: number): number =>
  rotations.reduce((sum, by) => sum ^ (x << by) ^ (x >> (8 - by)), constant) & 0xff
/** A table of a function of bytes, made when it is first wanted. */
export const byteTable = (of: (x: number) => number): (() => Uint8Array) => once(() => Uint8Array.from({ length: 256 }, (_, x) => of(x)))
