/** The guests of vm-guests report the same in every mode and in both engines. */
import { describe, expect, it } from "vitest"
import { bootHost, RunningGuest, vmGuests } from "./vm-guests/machine.ts"
import { MODES } from "./vm-guests/modes.ts"

const ENGINES = ["interp", "jit"] as const
const guests = vmGuests()

describe.each(guests)("$name", (guest) => {
  it("reports the same in every mode and engine", () => {
    const outcomes = MODES.flatMap((mode) => ENGINES.map((engine) => ({ mode, engine }))).map(({ mode, engine }) => ({
      on: `${mode.name}, ${engine}`,
      ...new RunningGuest(bootHost({ mode, engine }), guest).run().result()
    }))
    const [reference] = outcomes
    expect(reference).toMatchObject({ end: "systemEvent 1" })
    expect(reference!.reports.length).toBeGreaterThan(0)
    for (const outcome of outcomes) expect(outcome).toEqual({ ...reference, on: outcome.on })
  })
})
