/**
 * hVHE against recordings. No recording has this mode alone; but protected hVHE runs an ordinary guest by the same function, with the host behind a stage 2 of
 * its own; and everything outside that function is as in nVHE.
 */

import { HCR } from "@eltwo/kvm"
import { nvhe } from "@eltwo/plugin-nvhe"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { duringRuns, runRecorded, userSees } from "../../vhe/test/driver.ts"
import { type Difference, expectedLines, modelLines, type RecordedEvent, recording, registerLists } from "../../vhe/test/recorded.ts"
import { hvhe } from "../src/index.ts"

/** ZEN and SMEN. */
const SCALABLE = 0x3000000n | 0x30000n
const hex = (value: bigint): string => `0x${value.toString(16)}`
const isHcr = (e: RecordedEvent): boolean => e.reg === "HCR_EL2"
const DIFFERENCES: readonly Difference[] = [
  { why: "The recorder also saw the guest's own register accesses and marks; events are of host and hyp", drops: (e) => e.where === "guest-el1" },
  { why: "No SME: SVCR is not looked at", drops: (e) => e.reg === "SVCR" },
  {
    why: "No SVE and SME: ZEN and SMEN do not exist",
    changes: (e) =>
      e.what === "msr" && e.reg?.startsWith("CPACR")
        ? { ...e, value: hex(BigInt(e.value!) & ~SCALABLE) }
        : e.cptr
          ? { ...e, cptr: hex(BigInt(e.cptr) & ~SCALABLE) }
          : e
  },
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
    const model = modelLines(inRuns, { vectors: new Map(), memory: new Map() }).lines
    const expected = once(expectedLines(runsOf(recorded.events), used, DIFFERENCES))
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

/** nVHE's step in the spelling of hVHE. */
const respelled = (line: string): string =>
  line
    .replace(/^(msr hyp) CPACR_EL1 /, "$1 CPACR_EL12>CPACR_EL1 ")
    .replace(/^(msr hyp) CPTR_EL2 /, "$1 CPACR_EL1>CPTR_EL2 ")
    .replace(/(CPTR_EL2 |cptr=)(0x\w+)/, (_, what: string, word: string) => `${what}${WORDS[word]}`)
    .replace(/(HCR_EL2 )(0x\w+)/, (_, what: string, value: string) => `${what}${hex(BigInt(value) | HCR.E2H)}`)
    .replace(/^(regs-\w+ hyp) (.*)$/, (_, what: string, list: string) => `${what} ${list.split(" ").map(spelling).join(" ")}`)
/** Classic words of CPTR_EL2 and what they are under E2H. */
const WORDS: Readonly<Record<string, string>> = { "0x33ff": "0x300000", "0x401037ff": "0x50000000", "0x401033ff": "0x50300000" }
const SAME = ["PAR_EL1", "TPIDR_EL1", "SP_EL1"]
const spelling = (register: string): string =>
  SAME.includes(register) ? register : /^(ELR|SPSR)_EL2$/.test(register) ? register.replace("EL2", "EL1") : register.replace(/_EL1$/, "_EL12")

describe.each(["g1-nofp", "g2-fp", "g5-nosve"])("%s", (name) => {
  const [host2, plain, run] = [runRecorded(name, vhe), runRecorded(name, nvhe), runRecorded(name, hvhe)]
  const lines = ({ events, taskName }: typeof run) =>
    modelLines(duringRuns(events), { vectors: new Map(), memory: new Map([[taskName, "task1"]]) }).lines

  it("is nVHE in the other spelling, step by step", () => {
    expect(lines(run)).toEqual(lines(plain).map(respelled))
  })
  it("gives user space what the other modes give", () => {
    expect(run.seen.map(userSees)).toEqual(plain.seen.map(userSees))
    expect(run.seen.map(userSees)).toEqual(host2.seen.map(userSees))
    expect(run.host.account.exits).toEqual(host2.host.account.exits)
  })
})
