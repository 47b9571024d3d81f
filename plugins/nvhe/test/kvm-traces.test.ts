/** Recorded guests run by a host program at EL0 on the model, compared with what a real kernel did: every call, trap word, exit, transfer and barrier in order. */

import { describe, expect, it } from "vitest"
import { duringRuns, runRecorded, userSaw, userSees } from "../../vhe/test/driver.ts"
import { ok } from "../../vhe/test/machine.ts"
import {
  ALONE,
  type Difference,
  expectedLines,
  expectedValues,
  firstZcr,
  GUEST_EVENTS,
  knownReturns,
  modelLines,
  modelValues,
  recording,
  registerLists
} from "../../vhe/test/recorded.ts"
import { nvhe } from "../src/index.ts"

const DIFFERENCES: readonly Difference[] = [GUEST_EVENTS, ALONE]
const used = DIFFERENCES.map(() => 0)
const listKey = (list: string): string => registerLists[list]!.map((entry) => entry.replace(/=.*/, "")).join(" ")

describe.each(["g1-nofp", "g2-fp", "g3-sve32", "g3-sve64", "g4-zcr32", "g5-nosve", "g5b-svefirst", "g6-sme"])("%s", (name) => {
  const recorded = recording(`${name}.nvhe`)
  const run = runRecorded(name, nvhe, { zcr: firstZcr(recorded, "nvhe") })
  const expected = expectedLines(recorded.events, used, DIFFERENCES)
  const model = modelLines(duringRuns(run.events), { vectors: new Map(), memory: new Map([[run.taskName, "task1"]]) }, knownReturns(expected))

  it("gives user space the same exits, data and registers", () => {
    expect(run.seen.map((s) => s.result)).toEqual(recorded.exits.map(() => 0n))
    expect(run.seen.map(userSees)).toEqual(recorded.exits.map(userSaw))
  })
  it("moves each list of registers as often", () => {
    const expected = new Map<string, number>()
    for (const [list, count] of Object.entries(recorded.lists)) expected.set(listKey(list), (expected.get(listKey(list)) ?? 0) + count)
    expect(model.lists).toEqual(expected)
  })
  it("writes the same values", () => {
    const valued = Object.keys(recorded.lists).filter((list) => expectedValues(list).length > 0)
    expect(valued).toEqual(["L15", "L17", "L19", "L21"])
    for (const list of valued) expect([list, ...modelValues(run.events, list)]).toEqual([list, ...expectedValues(list)])
  })
  it("has two vectors of hyp code in VBAR_EL2, one while the host runs and one while the guest does", () => {
    const vectors = run.events.flatMap((e) => (e.what === "msr" && e.register === "VBAR_EL2" ? [e.value] : []))
    const [guest, host] = vectors
    expect(guest).not.toBe(host)
    expect(vectors).toEqual(vectors.map((_, i) => (i % 2 === 0 ? guest : host)))
  })
  it("takes the same steps in the same order", () => {
    expect(model.lines).toEqual(expected)
  })
})

describe("the listed differences", () => {
  it.each(DIFFERENCES.map(({ why }, i) => ({ why, i })))("occur: $why", ({ i }) => {
    expect(used[i]).toBeGreaterThan(0)
  })
  it("keep the guest's state of FP in order: the account counts as the recording", () => {
    const { host } = runRecorded("g2-fp", nvhe)
    const { events } = recording("g2-fp.nvhe")
    const count = (what: string) => events.filter((e) => e.what === what).length
    // the VMM thread, which ran before, is saved once; it and the driver are loaded before the first call
    expect(host.account.saves).toBe(count("save") + 1)
    expect(host.account.loads).toBe(count("load") + 2)
    expect(ok(host.account.exits.get("FPAccess"))).toBe(events.filter((e) => e.ec === "0x7").length)
  })
})
