/**
 * The golden order of one run: a guest that uses FP once, makes a call and switches itself off. For each mode, what must happen in this order, with whatever
 * lies between; and what must not happen at all.
 */
import { HCR, type KvmEvent, type Mode, VcpuFeature } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { describe, expect, it } from "vitest"
import { vhe } from "../src/index.ts"
import { bootScalable, guest } from "./machine.ts"
import { modelLines } from "./recorded.ts"

const GUEST = `
  mov x0, #0x330000
  msr cpacr_el1, x0
  isb
  fmov d0, x1
  movz x0, #0x8400, lsl #16
  hvc #0
  movz x0, #0x8400, lsl #16
  movk x0, #8
  hvc #0`

/** How a mode spells what all do. */
interface Spelling {
  readonly cptr: string
  /** ZCR_EL2 in code that all modes have, and the guest's ZCR_EL1. */
  readonly zcrEl2: string
  readonly guestZcr: string
  readonly rest: string
  readonly free: string
  readonly owned: Readonly<Record<Format, string>>
  readonly hostHcr: string
  readonly hostVbar: string
}
type Format = "FPSIMD" | "SVE"
const REDIRECTED = { cptr: "CPACR_EL1>CPTR_EL2", zcrEl2: "ZCR_EL1>ZCR_EL2", guestZcr: "ZCR_EL12>ZCR_EL1" } as const
const E2H_WORDS = { rest: "0x3330000", free: "0x50000000", owned: { FPSIMD: "0x50300000", SVE: "0x50330000" } } as const
const VHE: Spelling = { ...REDIRECTED, ...E2H_WORDS, hostHcr: "0x488000038", hostVbar: "VBAR_EL1>VBAR_EL2" }
const HVHE: Spelling = { ...REDIRECTED, ...E2H_WORDS, hostHcr: "0x400030480000000", hostVbar: "VBAR_EL2" }
const NVHE: Spelling = {
  cptr: "CPTR_EL2",
  zcrEl2: "ZCR_EL2",
  guestZcr: "ZCR_EL1",
  rest: "0x22ff",
  free: "0x401037ff",
  owned: { FPSIMD: "0x401033ff", SVE: "0x401032ff" },
  hostHcr: "0x400030080000000",
  hostVbar: "VBAR_EL2"
}
const VCPU_BYTES = 32
/** ZCR_ELx.LEN of that length. */
const GUEST_LEN = "0x1"

/** The guest's trap, the same everywhere: opened, loaded, closed, without leaving the run. */
const fpTrap = (s: Spelling, format: Format): readonly string[] => [
  "exc guest-el1>hyp ec=0x7 iss=0x1e00000",
  `msr hyp ${s.cptr} ${s.rest}`,
  "isb hyp",
  ...(format === "SVE" ? [`msr hyp ZCR_EL2 ${GUEST_LEN}`, "load hyp vcpu1 z=32 p=17", `msr hyp ${s.guestZcr} 0x0`] : ["load hyp vcpu1 q=32"]),
  "msr hyp FPMR 0x0",
  `msr hyp ${s.cptr} ${s.owned[format]}`,
  "isb hyp",
  `eret hyp>guest-el1 cptr=${s.owned[format]}`
]
const enter = (s: Spelling, word: string): readonly string[] => [`msr hyp ${s.cptr} ${word}`, "isb hyp", `eret hyp>guest-el1 cptr=${word}`]
const call = (x0: string): string => `exc guest-el1>hyp ec=0x16 iss=0x0 x0=${x0}`
const saved = (format: Format): string => `save host vcpu1 ${format === "SVE" ? "z=32 p=17" : "q=32"} svcr=0x0 fpmr=0x0`

const atEl2 = (format: Format): readonly string[] => {
  const sve = (...lines: readonly string[]) => (format === "SVE" ? lines : [])
  const leave = [`msr hyp HCR_EL2 ${VHE.hostHcr}`, `msr hyp ${VHE.cptr} ${VHE.rest}`, `msr hyp ${VHE.hostVbar} set`, "isb hyp"]
  const toHost = sve(`mrs hyp ${VHE.guestZcr} 0x0`, `msr hyp ${VHE.zcrEl2} ${GUEST_LEN}`)
  return [
    "regs-read host TPIDR_EL0 TPIDRRO_EL0",
    "regs-write host VPIDR_EL2 VMPIDR_EL2 SCTLR_EL12 TCR_EL12",
    "msr host CPACR_EL12>CPACR_EL1 0x0",
    "msr host VTTBR_EL2 set",
    "save host task1 q=32 svcr=0x0 fpmr=0x0",
    "smstop host sm+za",
    "mrs host SVCR 0x0",
    ...enter(VHE, VHE.free),
    ...fpTrap(VHE, format),
    call("0x84000000"),
    ...leave,
    ...toHost,
    ...sve(`msr hyp ${VHE.zcrEl2} ${GUEST_LEN}`, `msr hyp ${VHE.guestZcr} 0x0`),
    ...enter(VHE, VHE.owned[format]),
    call("0x84000008"),
    ...leave,
    ...toHost,
    saved(format),
    "smstop host sm+za",
    "load host task1 q=32 svcr=0x0 fpmr=0x0"
  ]
}
const beside = (s: Spelling, format: Format): readonly string[] => {
  const sve = (...lines: readonly string[]) => (format === "SVE" ? lines : [])
  const leave = [`msr hyp HCR_EL2 ${s.hostHcr}`, `msr hyp ${s.cptr} ${s.rest}`, `msr hyp ${s.hostVbar} set`, "msr hyp VTTBR_EL2 0x0"]
  const toHost = sve(`mrs hyp ${s.guestZcr} 0x0`, `msr hyp ${s.zcrEl2} 0xf`, `msr hyp ${s.guestZcr} ${GUEST_LEN}`)
  const back = `eret hyp>host cptr=${s.rest}`
  const run = "exc host>hyp ec=0x16 iss=0x0 call=9"
  return [
    "exc host>hyp ec=0x16 iss=0x0 call=15",
    "exc host>hyp ec=0x16 iss=0x0 call=16",
    "save host task1 q=32 svcr=0x0 fpmr=0x0",
    "smstop host sm+za",
    "mrs host SVCR 0x0",
    run,
    ...enter(s, s.free),
    ...fpTrap(s, format),
    call("0x84000000"),
    ...leave,
    ...toHost,
    back,
    run,
    ...sve(`msr hyp ${s.zcrEl2} ${GUEST_LEN}`, `msr hyp ${s.guestZcr} 0x0`),
    ...enter(s, s.owned[format]),
    call("0x84000008"),
    ...leave,
    ...toHost,
    back,
    saved(format),
    "smstop host sm+za",
    "exc host>hyp ec=0x16 iss=0x0 call=16",
    "load host task1 q=32 svcr=0x0 fpmr=0x0"
  ]
}

const runGolden = (mode: Mode, format: Format): { readonly events: readonly KvmEvent[]; readonly lines: readonly string[] } => {
  const host = bootScalable(mode)
  const { vcpu } = guest(GUEST, { host, sveMaxVl: format === "SVE" ? VCPU_BYTES : 0 })
  expect((vcpu.features ?? 0) & (1 << VcpuFeature.SVE)).toBe(format === "SVE" ? 1 << VcpuFeature.SVE : 0)
  const events: KvmEvent[] = []
  host.subscribe((e) => events.push(e))
  expect(vcpu.run(1000)).toMatchObject({ reason: "systemEvent", type: 1 })
  return { events, lines: modelLines(events, { vectors: new Map(), memory: new Map([[host.vmm.name, "task1"]]) }).lines }
}
/** The first line of `wanted` that is not found behind the ones before it. */
const missing = (lines: readonly string[], wanted: readonly string[]): string | undefined => {
  let at = -1
  return wanted.find((line) => {
    at = lines.indexOf(line, at + 1)
    return at < 0
  })
}
const namesOf = (e: KvmEvent): readonly string[] => ("register" in e ? [e.register] : "list" in e ? e.list : [])

describe.each(["FPSIMD", "SVE"] as const)("one run with %s", (format) => {
  it.each([
    { mode: vhe, wanted: atEl2(format) },
    { mode: nvhe, wanted: beside(NVHE, format) },
    { mode: hvhe, wanted: beside(HVHE, format) }
  ])("happens in order under $mode.name", ({ mode, wanted }) => {
    const { lines } = runGolden(mode, format)
    expect(missing(lines, wanted)).toBeUndefined()
    expect(lines.filter((line) => line.startsWith("exc guest") && /ec=0x(7|19) /.test(line)).length).toBe(1)
  })
  it("VHE moves no register of the guest's EL1 between the first entry and the last exit, and writes no classic trap word", () => {
    const { events } = runGolden(vhe, format)
    const erets = events.flatMap((e, i) => (e.what === "eret" && e.to === "guest-el1" ? [i] : []))
    const exits = events.flatMap((e, i) => (e.what === "exc" && e.where === "hyp" ? [i] : []))
    const between = events.slice(erets[0], exits.at(-1)! + 1).flatMap(namesOf)
    expect(between.filter((name) => /_EL12$/.test(name) && name !== "ZCR_EL12")).toEqual([])
    const words = events.flatMap((e) => (e.what === "msr" && e.physical === "CPTR_EL2" ? [e.value] : []))
    expect(words.filter((word) => word & 0x3ffn)).toEqual([])
    expect(words.length).toBeGreaterThan(5)
  })
  it("nVHE uses no name of E2H and never sets it; no guest register moves at load and put", () => {
    const { events } = runGolden(nvhe, format)
    expect(events.flatMap(namesOf).filter((name) => /_EL[01]2$/.test(name))).toEqual([])
    expect(events.filter((e) => e.what === "msr" && e.register === "HCR_EL2" && e.value & HCR.E2H)).toEqual([])
    expect(events.filter((e) => "list" in e && e.where === "host")).toEqual([])
  })
  it("hVHE sets E2H in each HCR_EL2; hyp code names the guest's registers as EL12, the kernel its own plainly", () => {
    const { events } = runGolden(hvhe, format)
    const words = events.flatMap((e) => (e.what === "msr" && e.register === "HCR_EL2" ? [e.value] : []))
    expect(words.length).toBeGreaterThan(3)
    expect(words.filter((word) => !(word & HCR.E2H))).toEqual([])
    const named = (where: string) => events.flatMap((e) => ("where" in e && e.where === where ? namesOf(e) : []))
    expect(named("hyp")).toContain("SCTLR_EL12")
    expect(named("hyp")).not.toContain("SCTLR_EL1")
    expect(named("host").filter((name) => /_EL12$/.test(name))).toEqual([])
  })
})
