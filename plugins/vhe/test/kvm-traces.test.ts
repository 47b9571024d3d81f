/** Recorded guests run by a host program at EL0 on the model, compared with what a real kernel did: every trap word, exit, transfer and barrier in order. */

import { describe, expect, it } from "vitest"
import { D0, D31, duringRuns, runRecorded, userSaw, userSees } from "./driver.ts"
import { ok } from "./machine.ts"
import { DIFFERENCES, expectedLines, expectedValues, modelLines, modelValues, recording, registerLists, withoutExits } from "./recorded.ts"

const listKey = (list: string): string => registerLists[list]!.map((entry) => entry.replace(/=.*/, "")).join(" ")
const used = DIFFERENCES.map(() => 0)
/** Exits of the recording that the machine under test does not have, with the reason. */
const GUESTS: readonly { readonly name: string; readonly inGuest?: { readonly why: string; readonly ec: string; readonly exits: number } }[] = [
  { name: "g1-nofp" },
  { name: "g2-fp" },
  {
    name: "g5-nosve",
    inGuest: {
      why: "PTRUE and MRS ZCR_EL1 are unallocated without SVE: UNDEFINED at the guest's own EL1, not EC 0x19 at EL2 and injected",
      ec: "0x19",
      exits: 2
    }
  }
]

describe.each(GUESTS)("$name", ({ name, inGuest }) => {
  const recorded = recording(`${name}.vhe`)
  const run = runRecorded(name)
  const { kept, dropped } = withoutExits(recorded.events, (e) => e.what === "exc" && e.ec === inGuest?.ec)

  it("gives user space the same exits, data and registers", () => {
    expect(run.seen.map((s) => s.result)).toEqual(recorded.exits.map(() => 0n))
    expect(run.seen.map(userSees)).toEqual(
      recorded.exits.map((e) => userSaw(e, e.host ? { d0: BigInt(e.host.d0), d31: BigInt(e.host.d31) } : { d0: D0, d31: D31 }))
    )
  })

  it("takes the same steps in the same order", () => {
    const { vm, events, taskName } = run
    const names = {
      vectors: new Map([
        [vm.host.vectors, "vectors"],
        [vm.host.guestVectors, "__kvm_hyp_vector"]
      ]),
      memory: new Map([[taskName, "task1"]])
    }
    expect(dropped).toBe(inGuest?.exits ?? 0)
    const model = modelLines(duringRuns(events), names)
    expect(model.lines).toEqual(expectedLines(kept, used))
    // each list of registers moves as often; an exit that is not there would have moved the return state once
    const returnState = ["L5", "L6"]
    const injection = ["L10", "L11", "L12"]
    for (const [list, count] of Object.entries(recorded.lists)) {
      const expected = returnState.includes(list) ? count - dropped : injection.includes(list) && inGuest ? 0 : count
      expect([list, model.lists.get(listKey(list)) ?? 0]).toEqual([list, expected])
    }
  })
  it("writes the same values", () => {
    const valued = Object.keys(recorded.lists).filter((list) => expectedValues(list).length > 0)
    expect(valued.length).toBe(3)
    for (const list of valued) expect([list, ...modelValues(run.events, list)]).toEqual([list, ...expectedValues(list)])
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
