/** Carry-less multiplication of 64-bit polynomials. */
import { helper } from "@eltwo/isa"
import { wordAt, wordsOf } from "./crypto-words.ts"

/** The 128-bit product of two 64-bit polynomials over {0, 1}. */
export const polynomialProduct = helper({
  name: "polynomialProduct",
  takes: ["vector", "vector"],
  gives: "vector",
  pure: true,
  run(_host, x, y) {
    // p3:p2:p1:p0 is x moved left by one for each coefficient of y looked at, from the lowest.
    let [p0, p1, p2, p3] = [wordAt(x, 0), wordAt(x, 1), 0, 0]
    let [r0, r1, r2, r3] = [0, 0, 0, 0]
    for (let k = 0; k < 64; k++) {
      const taken = -((wordAt(y, k >> 5) >>> (k & 31)) & 1)
      r0 ^= p0 & taken
      r1 ^= p1 & taken
      r2 ^= p2 & taken
      r3 ^= p3 & taken
      p3 = (p3 << 1) | (p2 >>> 31)
      p2 = (p2 << 1) | (p1 >>> 31)
      p1 = (p1 << 1) | (p0 >>> 31)
      p0 <<= 1
    }
    return wordsOf(r0, r1, r2, r3)
  }
})
