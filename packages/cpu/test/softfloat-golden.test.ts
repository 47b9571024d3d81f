import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { casesOf, foldCase, GOLDEN_FILE, unpackGolden } from "./golden-softfloat.ts"
import { evaluateCase, operations } from "./softfloat-operations.ts"

// Recorded from qemu-aarch64 -cpu max by test/conformance/record-softfloat.ts.
describe("arithmetic as recorded from QEMU", () => {
  const { header, outcomes } = unpackGolden(readFileSync(GOLDEN_FILE))
  const cases = new Map(operations.map((operation) => [operation.name, casesOf(operation, header.seed, header.casesPerOperation)]))

  it("has the cases of the recording", () => {
    expect(operations.map(({ name }) => name)).toEqual(header.operations)
    expect([...cases.values()].flat().reduce(foldCase, 0)).toBe(header.checksum)
    expect(header.operations.length * header.casesPerOperation).toBeGreaterThan(60_000)
  })

  it.each(header.operations.map((name, index) => [name, index] as const))("%s", (name, index) => {
    const operation = operations.find((candidate) => candidate.name === name)!
    const wrong = cases.get(name)!.flatMap((one, n) => {
      const recorded = outcomes[index]![n]!
      const ours = evaluateCase(operation, one)
      return ours.result === recorded.result && ours.flags === recorded.flags ? [] : [{ one, recorded, ours }]
    })
    expect(wrong).toEqual([])
  })
})
