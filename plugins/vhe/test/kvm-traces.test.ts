/** Recorded guests run by a host program at EL0 on the model, compared with what a real kernel did: every trap word, exit, transfer and barrier in order. */

import { describe, expect, it } from "vitest"
import { vhe } from "../src/index.ts"
import { duringRuns, runRecorded, userSaw, userSees } from "./driver.ts"
import { bootScalable, isaWithoutSme, ok, scalableIsa } from "./machine.ts"
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
  registerLists,
  withoutSme
} from "./recorded.ts"

const listKey = (list: string): string => registerLists[list]!.map((entry) => entry.replace(/=.*/, "")).join(" ")
const DIFFERENCES: readonly Difference[] = [
  GUEST_EVENTS,
  ALONE,
  { why: "No CNTPOFF_EL2: no ISB after CNTP_CVAL between HCR and CPTR", drops: (e) => e.what === "isb" && e.fn === "__activate_traps" }
]
const used = DIFFERENCES.map(() => 0)

describe.each([
  { name: "g1-nofp", kernel: "vhe", machine: scalableIsa },
  { name: "g2-fp", kernel: "vhe", machine: scalableIsa },
  { name: "g2-fp", kernel: "vhe-nosme", machine: isaWithoutSme },
  { name: "g3-sve32", kernel: "vhe", machine: scalableIsa },
  { name: "g3-sve32", kernel: "vhe-nosme", machine: isaWithoutSme },
  { name: "g3-sve64", kernel: "vhe", machine: scalableIsa },
  { name: "g4-zcr32", kernel: "vhe", machine: scalableIsa },
  { name: "g5-nosve", kernel: "vhe", machine: scalableIsa },
  { name: "g5b-svefirst", kernel: "vhe", machine: scalableIsa },
  { name: "g6-sme", kernel: "vhe", machine: scalableIsa }
])("$name, $kernel", ({ name, kernel, machine }) => {
  const recorded = recording(`${name}.${kernel}`)
  const run = runRecorded(name, vhe, { host: bootScalable(vhe, machine), zcr: firstZcr(recorded, kernel) })
  const { vm, events, taskName } = run
  const expected = expectedLines(recorded.events, used, DIFFERENCES)
  const names = {
    vectors: new Map([
      [vm.host.vectors, "vectors"],
      [vm.host.guestVectors, "__kvm_hyp_vector"]
    ]),
    memory: new Map([[taskName, "task1"]])
  }
  const model = modelLines(duringRuns(events), names, knownReturns(expected))

  it("gives user space the same exits, data and registers", () => {
    expect(run.seen.map((s) => s.result)).toEqual(recorded.exits.map(() => 0n))
    expect(run.seen.map(userSees)).toEqual(recorded.exits.map(userSaw))
  })
  it("takes the same steps in the same order", () => {
    expect(model.lines).toEqual(expected)
  })
  it("moves each list of registers as often", () => {
    expect(new Map(Object.keys(recorded.lists).map((list) => [listKey(list), model.lists.get(listKey(list)) ?? 0]))).toEqual(
      new Map(Object.entries(recorded.lists).map(([list, count]) => [listKey(list), count]))
    )
  })
  it("writes the same values", () => {
    const valued = Object.keys(recorded.lists).filter((list) => expectedValues(list).length > 0)
    expect(valued.length).toBe(3)
    const values = (list: string) => expectedValues(list).map((value) => (machine === isaWithoutSme ? withoutSme(value) : value))
    for (const list of valued) expect([list, ...modelValues(run.events, list)]).toEqual([list, ...values(list)])
  })
})

describe("the listed differences", () => {
  it.each(DIFFERENCES.map(({ why }, i) => ({ why, i })))("occur: $why", ({ i }) => {
    expect(used[i]).toBeGreaterThan(0)
  })
  it("keep the guest's state of FP in order: the account counts as the recording", () => {
    const { host } = runRecorded("g2-fp")
    const { events } = recording("g2-fp.vhe")
    const count = (what: string) => events.filter((e) => e.what === what).length
    // the VMM thread, which ran before, is saved once; it and the driver are loaded before the first call
    expect(host.account.saves).toBe(count("save") + 1)
    expect(host.account.loads).toBe(count("load") + 2)
    expect(host.account.fpTraps).toBe(events.filter((e) => e.ec === "0x7").length)
    expect(ok(host.account.exits.get("FPAccess"))).toBe(4)
  })
})
