/** Random instructions, one after the other: generated code leaves the same state as the interpreter. */
import { describe, expect, it } from "vitest"
import { IXC, listing, machine, Random, randomState, randomWord, type State, Twins } from "./jit-twins.ts"

const BRANCH_TO_ITSELF = 0x1400_0000
const DATA_BYTES = 0x4000
/** So many more than the words: most of a run is the branch at the end. */
const EXTRA = 40

const accessesMemory = /^(LD|ST|CAS|SWP|CPY|SET|PRF|DC )/
/** Left to the interpreter as a whole: a few are enough. */
const rarely = /half precision|^(DSB|SB|MRS|CLREX|SEV)/

interface Plan {
  readonly seed: number
  readonly cases: number
  readonly words: number
  readonly chosen: (name: string) => boolean
  readonly prepare?: (state: State, random: Random) => void
}
const check = (twins: Twins, { seed, cases, words: count, chosen, prepare }: Plan): void => {
  const random = new Random(seed)
  const instructions = machine.instructions.filter((i) => !i.declaration.endsBlock && chosen(i.name))
  for (let n = 0; n < cases; n++) {
    const words: number[] = []
    while (words.length < count) {
      const word = randomWord(random, random.pick(instructions))
      if (word !== undefined) words.push(word)
    }
    const state = randomState(random)
    prepare?.(state, random)
    twins.load(state, [...words, BRANCH_TO_ITSELF], random.bytes(DATA_BYTES))
    const differences = twins.run(count + EXTRA)
    expect(differences, `case ${n} of seed ${seed}:\n${listing(words)}`).toEqual([])
  }
}

describe("straight-line code agrees with the interpreter", () => {
  const twins = new Twins()

  it("integers", () => {
    check(twins, { seed: 1, cases: 150, words: 24, chosen: (name) => !accessesMemory.test(name) && !rarely.test(name) && !/^F|CVT/.test(name) })
  })
  it("floating point with FPSR.IXC set", () => {
    check(twins, { seed: 2, cases: 300, words: 10, chosen: (name) => /^F|CVTF/.test(name) && !rarely.test(name) })
  })
  it("floating point with FPSR.IXC clear", () => {
    const prepare = (state: State) => {
      state.fpsr = 0
    }
    check(twins, { seed: 3, cases: 300, words: 8, chosen: (name) => /^F|CVTF/.test(name) && !rarely.test(name), prepare })
  })
  it("every class of FPCR", () => {
    const prepare = (state: State, random: Random) => {
      state.fpcr = random.word() & 0x07c8_0000
      state.fpsr = random.below(2) ? IXC : 0
    }
    check(twins, { seed: 4, cases: 100, words: 8, chosen: (name) => /^F|CVTF/.test(name) && !rarely.test(name), prepare })
  })
  it("loads, stores and atomics", () => {
    const prepare = (state: State, random: Random) => {
      for (let n = 0; n < 31; n++) if (random.below(8) < 6) state.x[n] = BigInt(0x20_0400 + random.below(0x3800)) & ~(random.below(2) ? 15n : 0n)
    }
    check(twins, { seed: 5, cases: 400, words: 3, chosen: (name) => accessesMemory.test(name) && !/^(CPY|SET|DC)/.test(name), prepare })
  })
  it("what has no lowering", () => {
    check(twins, { seed: 6, cases: 60, words: 6, chosen: (name) => rarely.test(name) || /^(CPY|SET|DC )/.test(name) })
  })
  it("most of it was generated code, and few gaps are known", () => {
    const { instructions, interpreted, lanes, gaps } = twins.engine.report()
    expect(instructions).toBeGreaterThan(5000)
    expect(interpreted).toBeLessThan(instructions / 2)
    expect(lanes.vector).toBeGreaterThan(5 * lanes.lanes)
    const unexpected = gaps.filter(
      ({ reason }) => !/float(16|bfloat16)|FPCR class|FP operation|rounding odd|helper|system register|unprivileged|by a register/.test(reason)
    )
    expect(unexpected).toEqual([])
  })
})
