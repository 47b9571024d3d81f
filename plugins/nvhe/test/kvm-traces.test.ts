/** Recorded guests run by a host program at EL0 on the model, compared with what a real kernel did: every call, trap word, exit, transfer and barrier in order. */

import { HCR } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { D0, D31, duringRuns, runRecorded, userSaw, userSees } from "../../vhe/test/driver.ts"
import { ok } from "../../vhe/test/machine.ts"
import {
  type Difference,
  expectedLines,
  expectedValues,
  modelLines,
  modelValues,
  type RecordedEvent,
  recording,
  registerLists,
  withoutExits
} from "../../vhe/test/recorded.ts"
import { nvhe } from "../src/index.ts"

/** TSM and TZ of the classic layout, which are RES1 without SME and SVE; ZEN and SMEN of CPACR_EL1. */
const CLASSIC = 0x1100n
const SCALABLE = 0x3000000n | 0x30000n
const hex = (value: bigint): string => `0x${value.toString(16)}`
/** What the recorded processor has and the machine of this test has not. */
const DIFFERENCES: readonly Difference[] = [
  { why: "The recorder also saw the guest's own register accesses and marks; events are of host and hyp", drops: (e) => e.where === "guest-el1" },
  { why: "No SME: streaming mode is never left by SMSTOP, and SVCR is not looked at", drops: (e) => e.what === "smstop" || e.reg === "SVCR" },
  { why: "No FPMR", drops: (e) => e.reg === "FPMR" },
  {
    why: "No SVE and SME: TZ and TSM are 1 always",
    changes: (e) =>
      e.reg === "CPTR_EL2" ? { ...e, value: hex(BigInt(e.value!) | CLASSIC) } : e.cptr ? { ...e, cptr: hex(BigInt(e.cptr) | CLASSIC) } : e
  },
  {
    why: "ZEN and SMEN of CPACR_EL1 do not exist, for guest and host",
    changes: (e) => (e.what === "msr" && e.reg === "CPACR_EL1" ? { ...e, value: hex(BigInt(e.value!) & ~SCALABLE) } : e)
  },
  {
    why: "HCR_EL2.TWE goes away while the recorded thread is alone on its CPU",
    changes: (e) => (e.reg === "HCR_EL2" && BigInt(e.value!) & HCR.VM ? { ...e, value: hex(BigInt(e.value!) | HCR.TWE) } : e)
  }
]
const used = DIFFERENCES.map(() => 0)
const listKey = (list: string): string => registerLists[list]!.map((entry) => entry.replace(/=.*/, "")).join(" ")

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
  const recorded = recording(`${name}.nvhe`)
  const run = runRecorded(name, nvhe)
  const { kept, dropped } = withoutExits(recorded.events, (e: RecordedEvent) => e.what === "exc" && e.ec === inGuest?.ec)
  const model = modelLines(duringRuns(run.events), { vectors: new Map(), memory: new Map([[run.taskName, "task1"]]) })

  it("gives user space the same exits, data and registers", () => {
    expect(run.seen.map((s) => s.result)).toEqual(recorded.exits.map(() => 0n))
    expect(run.seen.map(userSees)).toEqual(
      recorded.exits.map((e) => userSaw(e, e.host ? { d0: BigInt(e.host.d0), d31: BigInt(e.host.d31) } : { d0: D0, d31: D31 }))
    )
  })
  it("moves each list of registers as often", () => {
    const expected = new Map<string, number>()
    // an exit that is not there would have been a run of its own
    for (const [list, count] of Object.entries(recorded.lists)) {
      const perRun = { L15: 1, L16: 1, L17: 2, L18: 2, L19: 1, L20: 1, L21: 1 }[list]!
      expected.set(listKey(list), (expected.get(listKey(list)) ?? 0) + count - perRun * dropped)
    }
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
    expect(dropped).toBe(inGuest?.exits ?? 0)
    expect(model.lines).toEqual(expectedLines(kept, used, DIFFERENCES))
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
