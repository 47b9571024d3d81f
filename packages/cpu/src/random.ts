/** RNDR: a sequence that the machine's seed, the processing element and virtual time determine. */
import type { Pe } from "./pe.ts"

const GOLDEN = 0x9e3779b97f4a7c15n
/** The next 64 bits of RNDR: from the seed, the processing element and the count of retired instructions. */
export const nextRandom = ({ board, index, retired }: Pe): bigint => {
  let z = BigInt.asUintN(64, board.seed + (retired + 1n) * GOLDEN + BigInt(index) * 0xd1b54a32d192ed03n)
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
  return z ^ (z >> 31n)
}
