/**
 * Recorded guests on a protected host, ordinary and protected ones, compared with what the real hyp code did: every call, trap word, exit, transfer
 * and barrier at EL2 in order, and what user space and the guest saw.
 */
import { HCR } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { userSaw, userSees } from "../../vhe/test/driver.ts"
import { expectedValues, modelValues, recording, registerLists } from "../../vhe/test/recorded.ts"
import { protectedMode } from "../src/index.ts"
import { modelLines, type RecordedEvent, recordedLines, runRecorded } from "./recorded-run.ts"

interface Recorded {
  readonly name: string
  readonly base: "hvhe" | "nvhe"
  readonly isProtected: boolean
  readonly maxVl?: number
  readonly hostSve?: boolean
}
const variants = (name: string, bases: readonly string[], more: Pick<Recorded, "maxVl" | "hostSve"> = {}): readonly Recorded[] =>
  bases.map((text) => ({ name, base: text.startsWith("hvhe") ? "hvhe" : "nvhe", isProtected: text.endsWith("pvm"), ...more }))
const ALL = ["hvhe", "nvhe", "hvhe.pvm", "nvhe.pvm"]
const THREE = ["hvhe", "nvhe", "hvhe.pvm"]
const RECORDINGS: readonly Recorded[] = [
  ...variants("g1-nofp", ALL),
  ...variants("g2-fp", ALL),
  ...variants("g3-sve32", THREE, { maxVl: 32, hostSve: true }),
  ...variants("g3-sve64", ["hvhe", "nvhe"], { maxVl: 64, hostSve: true }),
  ...variants("g4-zcr32", ["hvhe", "nvhe"], { maxVl: 32 }),
  ...variants("g5-nosve", ALL),
  ...variants("g5b-svefirst", THREE, { hostSve: true }),
  ...variants("g6-sme", THREE)
]
const title = ({ name, base, isProtected }: Recorded): string => `${name}.protected-${base}${isProtected ? ".pvm" : ""}`

interface Difference {
  readonly why: string
  readonly drops?: (e: RecordedEvent) => boolean
  readonly changes?: (e: RecordedEvent, recorded: Recorded) => RecordedEvent
}
const hex = (value: bigint): string => `0x${value.toString(16)}`
/** What the recorded kernel does and the modelled one does not, or the recorder. */
const DIFFERENCES: readonly Difference[] = [
  {
    why: "HCR_EL2.TWE goes away while the recorded thread is alone on its CPU",
    changes: (e) => (e.reg === "HCR_EL2" && BigInt(e.value!) & HCR.SWIO ? { ...e, value: hex(BigInt(e.value!) | HCR.TWE) } : e)
  },
  {
    why: "A program before the recorded one has left its vector length in the host's ZCR_EL1",
    changes: (e, { hostSve }) => ((e.phys ?? e.reg) === "ZCR_EL1" && !hostSve && e.value === "0x3" ? { ...e, value: "0x0" } : e)
  },
  {
    why: "The recorder takes a save of the host kernel that was interrupted by a stage 2 fault for one of hyp code",
    drops: (e) => e.what === "save" && e.fn === "fpsimd_save_user_state"
  }
]
const used = DIFFERENCES.map(() => 0)
const adapted = (events: readonly RecordedEvent[], recorded: Recorded): readonly RecordedEvent[] =>
  events.flatMap((event) => {
    let e = event
    for (const [i, { drops, changes }] of DIFFERENCES.entries()) {
      const changed = drops?.(e) ? undefined : (changes?.(e, recorded) ?? e)
      if (changed !== e) used[i]!++
      if (changed === undefined) return []
      e = changed
    }
    return [e]
  })
/**
 * A timer interrupt of the recorded host fell between the traps and the ERET: that entry was none, and comes again after the thread was preempted.
 */
const withoutInterrupted = (events: readonly RecordedEvent[]): { readonly kept: readonly RecordedEvent[]; readonly runs: number } => {
  const inHyp = events.filter((e) => e.where === "hyp")
  const kept: RecordedEvent[] = []
  let runs = 0
  let dropping = false
  for (const [i, e] of inHyp.entries()) {
    const entry = e.what === "isb" && e.fn === "__guest_enter"
    if (!dropping) kept.push(e)
    if (!entry) continue
    dropping = inHyp[i + 1]?.what !== "eret"
    if (dropping) runs++
  }
  return { kept, runs }
}
const namesIn = (list: string): string => registerLists[list]!.map((entry) => entry.replace(/=.*/, "")).join(" ")
/** The recorded machine has 52-bit addresses, and so do its VMs. */
const ADDRESS_SIZE = "VTCR_EL2"
/** Restored for the host: SCTLR_EL1 of another kernel than the model's. */
const HOST_OWN: ReadonlySet<string> = new Set(["L29"])
/** Registers of the interrupt controller's interface and timers. */
const NOT_RECORDED = /^(ICC|ICH|CNT[VP]|CNTHCTL)_/
/** How often a run moves a list: some are written for the guest and for the host, by names that are the same for both. */
const perRun = (list: string): number => (/^(VTCR_EL2$|TTBR0|VPIDR_EL2 VMPIDR_EL2 SCTLR_EL1 )/.test(namesIn(list)) ? 2 : 1)

describe.each(RECORDINGS.map((r) => ({ ...r, title: title(r) })))("$title", ({ title: file, ...recordedAs }) => {
  const { name, base, isProtected, maxVl = 0, hostSve = false } = recordedAs
  const recorded = recording(file)
  const run = runRecorded(name, { mode: protectedMode(base), isProtected, maxVl, hostSve })
  const { kept, runs } = withoutInterrupted(recorded.events)

  it("gives user space and the host thread what they saw", () => {
    expect(run.seen.map(userSees)).toEqual(recorded.exits.map(userSaw))
  })
  it("takes the same steps at EL2 in the same order", () => {
    expect(modelLines(run.events)).toEqual(recordedLines(adapted(kept, recordedAs)))
  })
  it("moves each list of registers as often", () => {
    const expected = new Map<string, number>()
    for (const [list, count] of Object.entries(recorded.lists))
      expected.set(namesIn(list), (expected.get(namesIn(list)) ?? 0) + count - runs * perRun(list))
    const moved = new Map<string, number>()
    for (const e of run.events) {
      if ((e.what !== "regs-read" && e.what !== "regs-write") || e.where !== "hyp" || e.list.some((register) => NOT_RECORDED.test(register))) continue
      const names = e.list.join(" ")
      moved.set(names, (moved.get(names) ?? 0) + 1)
    }
    expect(moved).toEqual(expected)
  })
  it("writes the same values", () => {
    const valued = Object.keys(recorded.lists).filter(
      (list) => namesIn(list) !== ADDRESS_SIZE && !HOST_OWN.has(list) && expectedValues(list).length > 1
    )
    // traps of the host; traps, ID view and SCTLR_EL1 of the guest (by plain names these are one list with the host's)
    expect(valued.length).toBeGreaterThan(1)
    for (const list of valued) expect([list, ...modelValues(run.events, list)]).toEqual([list, ...expectedValues(list)])
  })
})
it.each(DIFFERENCES.map(({ why }, i) => ({ why, i })))("differs as listed: $why", ({ i }) => {
  expect(used[i]).toBeGreaterThan(0)
})
