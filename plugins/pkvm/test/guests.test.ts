/** The guests of test/vm-guests in protected VMs: they report what they report elsewhere, but for what a protected VM does not have. */
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { bootHost, RunningGuest, type VmGuest, vmGuest, vmGuests } from "../../../test/vm-guests/machine.ts"
import { type Base, protectedMode, tableProblems } from "../src/index.ts"
import { PROTECTED } from "./protected-host.ts"

/** Guests that see a difference, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  fpmr: "FPMR is hidden from protected VMs",
  identity: "ID registers of protected VMs say less",
  "sve-length": "SVE is UNDEFINED in protected VMs",
  "sve-predicates": "SVE is UNDEFINED in protected VMs",
  "sve-sums": "SVE is UNDEFINED in protected VMs"
}
const BASES: readonly Base[] = ["hvhe", "nvhe"]

const inProtectedVm = (guest: VmGuest, base: Base, engine: "interp" | "jit") => {
  const host = bootHost({ mode: protectedMode(base), engine })
  const running = new RunningGuest(host, guest, PROTECTED).run()
  const problems = [...tableProblems(host)]
  running.vm.destroy()
  return { ...running.result(), problems: [...problems, ...tableProblems(host)] }
}

describe.each(vmGuests())("$name", (guest) => {
  it("reports the same in protected VMs of both bases and engines", () => {
    const reference = inProtectedVm(guest, "hvhe", "jit")
    expect(reference.problems).toEqual([])
    expect(reference.reports.length).toBeGreaterThan(0)
    expect(inProtectedVm(guest, "nvhe", "jit")).toEqual(reference)
    expect(inProtectedVm(guest, "nvhe", "interp")).toEqual(reference)
    const elsewhere = new RunningGuest(bootHost({ mode: vhe, engine: "jit" }), guest).run().result()
    if (guest.name in DIFFERENT) expect(reference.reports).not.toEqual(elsewhere.reports)
    else expect({ ...reference, problems: undefined }).toEqual({ ...elsewhere, problems: undefined })
  })
})

describe.each(BASES)("two CPUs, base %s", (base) => {
  it("run an ordinary VM with two vCPUs beside a protected one, moving between them", () => {
    const host = bootHost({ mode: protectedMode(base), engine: "jit", cpus: 2 })
    host.scheduler.configure({ seed: 5, slice: 300, quantum: 200, migration: "random" })
    const ordinary = new RunningGuest(host, vmGuest("two-vcpus")).schedule(host)
    const hidden = new RunningGuest(host, vmGuest("fp-registers"), PROTECTED).schedule(host)
    for (let turn = 0; turn < 400 && (ordinary.end === undefined || hidden.end === undefined); turn++) {
      expect(host.scheduler.run(20_000)).toEqual(expect.any(String))
      expect(tableProblems(host)).toEqual([])
    }
    const alone = (name: string) => new RunningGuest(bootHost({ mode: vhe, engine: "jit" }), vmGuest(name)).run().result()
    expect(ordinary.result()).toEqual(alone("two-vcpus"))
    expect(hidden.result()).toEqual(alone("fp-registers"))
  })
})
