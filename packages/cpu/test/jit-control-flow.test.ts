/** Random branches, calls and returns: the same state after exactly as many instructions, however the run is cut into slices. */
import { describe, expect, it } from "vitest"
import { CODE, DATA, listing, Random, randomState, Twins } from "./jit-twins.ts"
import { assemble } from "./machine.ts"

const LENGTH = 48
const INSTRUCTIONS = 1200
const RET = 0xd65f_03c0

/** Eight registers, so that values meet; X10 and X11 point to data. */
const arithmetic = (random: Random): number => {
  const register = () => random.below(8)
  const [d, n, m] = [register(), register(), register()]
  const sf = random.below(2) << 31
  const three = sf | (m << 16) | (n << 5) | d
  const condition = random.below(16) << 12
  switch (random.below(14)) {
    case 0:
      return 0x0b00_0000 | three // ADD
    case 1:
      return 0x6b00_0000 | three // SUBS
    case 2:
      return 0x2b00_0000 | three // ADDS
    case 3:
      return 0x6a00_0000 | three // ANDS
    case 4:
      return 0x1a80_0000 | three | condition | (random.below(2) << 10) | (random.below(2) << 30) // CSEL, CSINC, CSINV, CSNEG
    case 5:
      return 0x7a40_0000 | sf | (m << 16) | condition | (n << 5) | random.below(16) // CCMP
    case 6:
      return 0x7100_0000 | sf | (random.below(16) << 10) | (n << 5) | d // SUBS (immediate)
    case 7:
      return 0x1b00_0000 | three | (register() << 10) // MADD
    case 8:
      return 0x1a00_0000 | three | (random.below(4) << 29) // ADC, ADCS, SBC, SBCS
    case 9:
      return 0xf940_0000 | (random.below(2) << 22) | (random.below(32) << 10) | (10 << 5) | d // LDR, STR
    case 10:
      return 0xf840_0c00 | (((random.below(64) - 32) & 511) << 12) | (11 << 5) | d // LDR, pre-indexed
    case 11:
      return 0xa900_0000 | (random.below(2) << 22) | (random.below(8) << 15) | (register() << 10) | (10 << 5) | d // LDP, STP
    case 12:
      return random.pick([0x1e62_2820, 0x1e61_0820, 0x1e62_2020, 0x1e64_0c82, 0x4e20_d420, 0x4ea1_8401]) // FADD, FMUL, FCMP, FCSEL, ...
    default:
      return 0x9100_0000 | (random.below(256) << 10) | (n << 5) | d // ADD (immediate)
  }
}
const branch = (random: Random, at: number): number => {
  const distance = random.below(LENGTH + 1) - at
  const register = random.below(8)
  switch (random.below(12)) {
    case 0:
      return 0x1400_0000 | (distance & 0x3ff_ffff) // B
    case 1:
    case 2:
      return 0x9400_0000 | (distance & 0x3ff_ffff) // BL
    case 3:
    case 4:
    case 5:
      return 0x5400_0000 | ((distance & 0x7_ffff) << 5) | random.below(16) // B.cond
    case 6:
    case 7:
      return 0x3400_0000 | (random.below(2) << 31) | (random.below(2) << 24) | ((distance & 0x7_ffff) << 5) | register // CBZ, CBNZ
    case 8:
      return 0x3600_0000 | (random.below(2) << 24) | (random.below(32) << 19) | ((distance & 0x3fff) << 5) | register // TBZ, TBNZ
    case 9:
      return random.pick([0xd61f_0200, 0xd63f_0220, 0xd61f_0240]) // BR X16, BLR X17, BR X18
    default:
      return RET
  }
}
const program = (random: Random): number[] => [
  ...Array.from({ length: LENGTH }, (_, at) => (random.below(4) === 0 ? branch(random, at) : arithmetic(random)) >>> 0),
  RET
]
const start = (twins: Twins, random: Random): readonly number[] => {
  const words = program(random)
  const state = randomState(random)
  for (let n = 0; n < 8; n++) if (random.below(2)) state.x[n] = BigInt(random.below(16))
  state.x[10] = BigInt(DATA + 0x800)
  state.x[11] = BigInt(DATA + 0x2000)
  for (const n of [16, 17, 18, 30]) state.x[n] = BigInt(CODE + 4 * random.below(LENGTH))
  twins.load(state, words, random.bytes(0x4000))
  return words
}

describe("control flow agrees with the interpreter", () => {
  it("in one slice", () => {
    const twins = new Twins()
    const random = new Random(11)
    for (let n = 0; n < 250; n++) {
      const words = start(twins, random)
      expect(twins.run(INSTRUCTIONS), `case ${n}:\n${listing(words)}`).toEqual([])
    }
    expect(twins.engine.counters.instructions).toBeGreaterThan(5000)
  })
  it("in slices of 1 to 50 instructions", () => {
    const twins = new Twins()
    const random = new Random(12)
    const lengths = new Random(13)
    for (let n = 0; n < 150; n++) {
      const words = start(twins, random)
      expect(
        twins.run(INSTRUCTIONS, (left) => Math.min(left, 1 + lengths.below(50))),
        `case ${n}:\n${listing(words)}`
      ).toEqual([])
    }
    expect(twins.engine.counters.entries).toBeGreaterThan(1000)
  })
  it("when indirect branches are followed to where they mostly go", () => {
    const twins = new Twins(4)
    const source = `
      loop:
        and x1, x5, #3
        cmp x1, #2
        csel x16, x17, x18, lo
        csel x16, x19, x16, eq
        blr x16
        add x2, x2, x0
        tbnz x5, #9, =skip
        mov x30, x20
        ret
      skip:
        eor x3, x3, x2
      join:
        subs x5, x5, #1
        b.ne =loop
      self:
        b =self
      first:
        add x0, x5, #1
        ret
      second:
        sub x0, x5, #7
        stp x29, x30, [sp, #-16]!
        bl =first
        ldp x29, x30, [sp], #16
        ret
      third:
        eor x0, x0, x5
        br x30
    `
    const words = [...assemble(source, CODE)]
    const label = (index: number) => BigInt(CODE + 4 * index)
    const state = randomState(new Random(15))
    for (const [n, value] of [
      [5, 20_000n],
      [17, label(13)],
      [18, label(15)],
      [19, label(20)],
      [20, label(10)],
      [31, BigInt(DATA + 0x800)]
    ] as const)
      state.x[n] = value
    twins.load(state, words, new Uint8Array(0x4000))
    expect(twins.run(400_000)).toEqual([])
    expect(twins.jit.x[5]).toBe(0n)
    expect(twins.engine.counters.entries).toBeLessThan(40_000)
  })
  it("when only hot code is translated", () => {
    const twins = new Twins(8)
    const random = new Random(14)
    for (let n = 0; n < 150; n++) {
      const words = start(twins, random)
      expect(twins.run(INSTRUCTIONS), `case ${n}:\n${listing(words)}`).toEqual([])
    }
  })
})
