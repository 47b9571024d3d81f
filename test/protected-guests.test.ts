/** The guests of vm-guests as protected VMs: what they report is what an ordinary VM reports, apart from what protected VMs do not have. */
import { protectedMode } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { bootHost, RunningGuest, type VmGuest, vmGuests } from "./vm-guests/machine.ts"

const PROTECTED = 1n << 31n
const HOSTS = [
  { base: "hvhe", engine: "interp" },
  { base: "hvhe", engine: "jit" },
  { base: "nvhe", engine: "jit" }
] as const

/** Guests that use what a protected VM lacks, and say so: an UNDEFINED exception for each such instruction. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ["fpmr", "Protected VMs have no FPMR: HCRX_EL2.EnFPM is 0"],
  ["sve-length", "No SVE, though the vCPU was initialised with it"],
  ["sve-predicates", "No SVE"],
  ["sve-sums", "No SVE"]
])
/** Guests that look at ID registers. */
const OTHER_IDS: ReadonlyMap<string, string> = new Map([["identity", "ID registers are hyp code's choice"]])
/** What the vectors of these guests report first: the exception is UNDEFINED. */
const UNDEFINED = /^\d+:32 0x2000000$/

const asOrdinary = (guest: VmGuest) => new RunningGuest(bootHost({ mode: vhe, engine: "jit" }), guest).run().result()
const asProtected = (guest: VmGuest) => {
  const results = HOSTS.map(({ base, engine }) => new RunningGuest(bootHost({ mode: protectedMode(base), engine }), guest, PROTECTED).run().result())
  for (const result of results) expect(result).toEqual(results[0])
  return results[0]!
}

describe.each(vmGuests())("$name", (guest) => {
  const why = REFUSED.get(guest.name) ?? OTHER_IDS.get(guest.name)
  it(why ?? "reports the same as a protected VM", () => {
    const [ordinary, got] = [asOrdinary(guest), asProtected(guest)]
    if (!why) expect(got).toEqual(ordinary)
    else {
      expect(got).not.toEqual(ordinary)
      expect(got.end).toBe(ordinary.end)
    }
    if (REFUSED.has(guest.name)) expect(got.reports.filter((report) => UNDEFINED.test(report)).length).toBeGreaterThan(0)
    if (OTHER_IDS.has(guest.name)) {
      expect(got.reports.length).toBe(ordinary.reports.length)
      // ID_AA64DFR0_EL1, ID_AA64ZFR0_EL1, ID_AA64SMFR0_EL1
      for (const report of ["0:10 0xf00f000000000", "0:11 0x0", "0:12 0x0"]) expect(got.reports).toContain(report)
    }
  })
})
