/** A small seeded generator (xorshift128): the same seed gives the same cases on every machine. */
export class Random {
  #s: Uint32Array
  constructor(seed: number) {
    this.#s = Uint32Array.of(seed | 1, seed ^ 0x9e3779b9, Math.imul(seed, 0x85ebca6b) ^ 0x243f6a88, 0xb7e15162)
    for (let i = 0; i < 16; i++) this.word()
  }
  /** 32 random bits, unsigned. */
  word(): number {
    const s = this.#s
    let t = s[3]!
    const first = s[0]!
    s[3] = s[2]!
    s[2] = s[1]!
    s[1] = first
    t ^= t << 11
    t ^= t >>> 8
    s[0] = t ^ first ^ (first >>> 19)
    return s[0]!
  }
  /** A whole number in [0, limit). */
  below(limit: number): number {
    return this.word() % limit
  }
  chance(percent: number): boolean {
    return this.below(100) < percent
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }
  doubleword(): bigint {
    return (BigInt(this.word()) << 32n) | BigInt(this.word())
  }
}
