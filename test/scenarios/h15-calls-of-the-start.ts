import { expect } from "vitest"
import { onBoth } from "./protected.ts"
import { scenario } from "./scenario.ts"

export default scenario("H15", "Hypercalls 0 to 6 when protection is in force: there are no such functions", () => {
  onBoth((w) => {
    for (const id of [0, 1, 2, 3, 4, 5, 6]) expect(w.call(id, 0, 0, 0)).toBe("NOT_SUPPORTED")
    expect(w.problems()).toEqual([])
  })
})
