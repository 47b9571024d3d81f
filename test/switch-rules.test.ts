/** Whatever guest runs, in whatever mode: every event of the switch path keeps the rules. */
import { brokenInvariants, type KvmEvent } from "@eltwo/kvm"
import { tableProblems } from "@eltwo/plugin-pkvm"
import { describe, expect, it } from "vitest"
import { SwitchRules } from "./switch-rules.ts"
import { bootHost, RunningGuest, vmGuests } from "./vm-guests/machine.ts"
import { MODES } from "./vm-guests/modes.ts"

type Unstamped<T> = T extends unknown ? Omit<T, "time" | "cpu"> : never
const PROTECTED = 1n << 31n
/** All of them with SWITCH_RULES=all; else every third one, beginning elsewhere in each mode. */
const guestsOf = (mode: number) => vmGuests().filter((_, i) => process.env["SWITCH_RULES"] === "all" || i % 3 === mode % 3)

describe.each(MODES.map((mode, index) => ({ mode, index, banner: mode.banner })))("$banner", ({ mode, index }) => {
  it("keeps the rules with every guest", () => {
    let entries = 0
    for (const guest of guestsOf(index))
      for (const type of mode.vms?.protectedVms ? [0n, PROTECTED] : [0n]) {
        const host = bootHost({ mode, engine: "jit" })
        const rules = new SwitchRules(host)
        const { vcpus } = new RunningGuest(host, guest, type).run()
        expect({ guest: guest.name, broken: rules.broken }).toEqual({ guest: guest.name, broken: [] })
        expect(brokenInvariants(host, vcpus)).toEqual([])
        if (guest.vcpus > 1) expect(tableProblems(host)).toEqual([])
        entries += rules.counts.entries
      }
    expect(entries).toBeGreaterThan(100)
  })
  it("and a broken rule is seen", () => {
    const { trapSpelling, e2h } = mode
    const cptr = e2h ? ({ register: "CPACR_EL1", physical: "CPTR_EL2" } as const) : ({ register: "CPTR_EL2" } as const)
    const broken: readonly Unstamped<KvmEvent>[] = [
      { what: "msr", where: "hyp", ...cptr, value: trapSpelling === "classic" ? 0x50000000n : 0x401037ffn },
      { what: "msr", where: "hyp", ...cptr, value: 0x1234n },
      { what: "msr", where: "hyp", register: "HCR_EL2", value: e2h ? 0n : 1n << 34n },
      { what: "msr", where: "hyp", register: "ZCR_EL2", value: 0x1ffn },
      { what: "eret", where: "hyp", to: "guest-el1", cptr: 0n, hcr: 0n, cpacr: 0n },
      { what: "load", where: "host", memory: "vcpu1", component: "fpsimd", bytes: 528 },
      { what: "warn", message: "anything" },
      ...(e2h ? [] : [{ what: "msr", where: "hyp", register: "CPACR_EL12", value: 0n } as const])
    ]
    for (const event of broken) {
      const rules = new SwitchRules(bootHost({ mode, engine: "interp" }))
      rules.see({ time: 0n, cpu: 0, ...event } as KvmEvent)
      expect(rules.broken.length).toBeGreaterThan(0)
    }
  })
})
