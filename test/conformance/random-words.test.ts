import { describe, expect, it } from "vitest"
import { executeRandomWords } from "./random-words.ts"

describe("random instruction words", () => {
  it.each([0, 1] as const)("150,000 of them at EL%i leave the machine alive", (el) => {
    const { executed, retired } = executeRandomWords({ count: 150_000, seed: 20 + el, el })
    expect(executed).toBeGreaterThanOrEqual(150_000)
    // A good part of all words is allocated: an engine that executed nothing would not get there
    expect(retired).toBeGreaterThan(50_000)
  })
})
