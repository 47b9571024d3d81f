/**
 * hVHE against recordings. No recording has this mode alone; but protected hVHE runs an ordinary guest by the same function, with the host behind a stage 2 of
 * its own; and everything outside that function is as in nVHE.
 */

import { HCR } from "@eltwo/kvm"
import { nvhe } from "@eltwo/plugin-nvhe"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { duringRuns, runRecorded, userSees } from "../../vhe/test/driver.ts"
import {
  type Difference,
  expectedLines,
  GUEST_EVENTS,
  knownReturns,
  modelLines,
  type RecordedEvent,
  recording,
  registerLists
} from "../../vhe/test/recorded.ts"
import { hvhe } from "../src/index.ts"

const hex = (value: bigint): string => `0x${value.toString(16)}`
const isHcr = (e: RecordedEvent): boolean => e.reg === "HCR_EL2"
const DIFFERENCES: readonly Difference[] = [
  GUEST_EVENTS,
  { why: "Only hyp code that does not trust the host looks whether it left streaming mode", drops: (e) => e.reg === "SVCR" && e.where === "hyp" },
  {
    why: "pKVM gives an ordinary guest neither TWE nor TID5",
    changes: (e) => (isHcr(e) && BigInt(e.value!) & HCR.SWIO ? { ...e, value: hex(BigInt(e.value!) | HCR.TWE | HCR.TID5) } : e)
  },
  {
    why: "Stage 2 of a protected host's guest starts at level 0, where the first page is missed",
    changes: (e) => (e.ec === "0x20" && e.iss === "0x4" ? { ...e, iss: "0x5" } : e)
  },
  {
    why: "Only a protected host is behind a stage 2 and has its SMC trapped",
    changes: (e) => (isHcr(e) && !(BigInt(e.value!) & HCR.SWIO) ? { ...e, value: hex(BigInt(e.value!) & ~(HCR.VM | HCR.FWB | HCR.TSC)) } : e)
  }
]
const used = DIFFERENCES.map(() => 0)

/** Runs of a recording: from the call to the return to the host. The second VTTBR_EL2 of each is the host's, which only a protected host has. */
const runsOf = (events: readonly RecordedEvent[]): readonly RecordedEvent[] => {
  let inside = false
  let stage2s = 0
  return events.flatMap((e) => {
    if (e.hcall === 9) {
      inside = true
      stage2s = 0
    }
    const belongs = inside
    if (e.what === "eret" && e.to === "host") inside = false
    if (!belongs) return []
    return [e.reg === "VTTBR_EL2" && ++stage2s === 2 ? { ...e, value: "0x0" } : e]
  })
}
/** A recording tells lists of the same names apart by values; of those only the common traps differ between guest and host here. */
const once = (lines: readonly string[]): readonly string[] =>
  lines.filter((line, i) => !line.startsWith("regs-") || line.includes("HSTR_EL2") || lines.indexOf(line) === i)

describe("g1-nofp, hyp code's run function", () => {
  const recorded = recording("g1-nofp.protected-hvhe")
  const run = runRecorded("g1-nofp", hvhe)
  const inRuns = (() => {
    let inside = false
    return duringRuns(run.events).filter((e) => {
      if (e.what === "exc" && e.hostCall === 9) inside = true
      const belongs = inside
      if (e.what === "eret" && e.to === "host") inside = false
      return belongs
    })
  })()
  it("takes the same steps in the same order", () => {
    const expected = once(expectedLines(runsOf(recorded.events), used, DIFFERENCES))
    const model = modelLines(inRuns, { vectors: new Map(), memory: new Map() }, knownReturns(expected)).lines
    expect(expected.filter((line) => line.startsWith("eret hyp>guest")).length).toBe(7)
    expect(model).toEqual(expected)
  })
  it.each(DIFFERENCES.map(({ why }, i) => ({ why, i })))("differs as listed: $why", ({ i }) => {
    expect(used[i]).toBeGreaterThan(0)
  })
  it("moves the recorded lists", () => {
    const names = (id: string) => registerLists[id]!.map((entry) => entry.replace(/=.*/, "")).join(" ")
    const moved = new Set(inRuns.flatMap((e) => (e.what === "regs-write" || e.what === "regs-read" ? [e.list.join(" ")] : [])))
    expect(moved).toEqual(new Set(["L24", "L2", "L25", "L15", "L27", "L28", "L21"].map(names)))
  })
})

/**
 * The guest's FP trap. A protected host's hyp code saves that host's registers in it; what it does for the guest is what hyp code does everywhere.
 */
describe.each(["g2-fp", "g3-sve32", "g3-sve64", "g4-zcr32", "g6-sme"])("%s, the FP trap", (name) => {
  const recorded = recording(`${name}.protected-hvhe`)
  const { events } = runRecorded(name, hvhe)
  const isFpTrap = (ec: number) => ec === 0x07 || ec === 0x19
  it("opens, loads and closes in the same steps, under the same names", () => {
    const from = recorded.events.findIndex((e) => e.what === "exc" && e.from === "guest-el1" && isFpTrap(Number(e.ec)))
    const steps = recorded.events.slice(from, recorded.events.findIndex((e, i) => i > from && e.what === "eret") + 1)
    // from the barrier to the host's FPMR, which is read behind its vectors
    const first = steps.findIndex((e) => e.what === "isb") + 1
    const last = steps.findIndex((e) => e.what === "mrs" && e.reg === "FPMR")
    expect(steps.slice(first, last).map((e) => e.mem ?? e.reg)).toEqual(["ZCR_EL12", "ZCR_EL2", "hyp-host1"])
    const expected = expectedLines([...steps.slice(0, first), ...steps.slice(last + 1)], [], [])
    const at = events.findIndex((e) => e.what === "exc" && e.from === "guest-el1" && isFpTrap(e.ec))
    const model = events.slice(at, events.findIndex((e, i) => i > at && e.what === "eret") + 1)
    expect(modelLines(model, { vectors: new Map(), memory: new Map() }, knownReturns(expected)).lines).toEqual(expected)
  })
})

/** nVHE's step in the spelling of hVHE. */
const respelled = (line: string): string =>
  line
    .replace(/^(msr hyp) CPACR_EL1 /, "$1 CPACR_EL12>CPACR_EL1 ")
    .replace(/^(msr hyp) CPTR_EL2 /, "$1 CPACR_EL1>CPTR_EL2 ")
    .replace(/(CPTR_EL2 |cptr=)(0x\w+)/, (_, what: string, word: string) => `${what}${WORDS[word]}`)
    .replace(/(HCR_EL2 )(0x\w+)/, (_, what: string, value: string) => `${what}${hex(BigInt(value) | HCR.E2H)}`)
    .replace(/^(regs-\w+ hyp) (.*)$/, (_, what: string, list: string) => `${what} ${list.split(" ").map(spelling).join(" ")}`)
/** Classic words of CPTR_EL2 and what they are under E2H. */
const WORDS: Readonly<Record<string, string>> = {
  "0x22ff": "0x3330000",
  "0x401037ff": "0x50000000",
  "0x401033ff": "0x50300000",
  "0x401032ff": "0x50330000"
}
/** ZCR_ELx by the register reached: under E2H hyp code has two names for ZCR_EL2. */
const reached = (line: string): string => line.replace(/ZCR_EL12?>/, "")
const SAME = ["PAR_EL1", "TPIDR_EL1", "SP_EL1"]
const spelling = (register: string): string =>
  SAME.includes(register) ? register : /^(ELR|SPSR)_EL2$/.test(register) ? register.replace("EL2", "EL1") : register.replace(/_EL1$/, "_EL12")

describe.each(["g1-nofp", "g2-fp", "g3-sve32", "g3-sve64", "g4-zcr32", "g5-nosve", "g5b-svefirst", "g6-sme"])("%s", (name) => {
  const [host2, plain, run] = [runRecorded(name, vhe), runRecorded(name, nvhe), runRecorded(name, hvhe)]
  const lines = ({ events, taskName }: typeof run) =>
    modelLines(duringRuns(events), { vectors: new Map(), memory: new Map([[taskName, "task1"]]) }).lines

  it("is nVHE in the other spelling, step by step", () => {
    expect(lines(run).map(reached)).toEqual(lines(plain).map(respelled))
  })
  it("gives user space what the other modes give", () => {
    expect(run.seen.map(userSees)).toEqual(plain.seen.map(userSees))
    expect(run.seen.map(userSees)).toEqual(host2.seen.map(userSees))
    expect(run.host.account.exits).toEqual(host2.host.account.exits)
  })
})
