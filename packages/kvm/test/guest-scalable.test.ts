/** What guests see of SVE, SME and FPMR: which instruction comes to EL2, with which class, and what becomes of it. */
import { type Host, type KvmEvent, type Mode, REG } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { assemble, boot, bootScalable, GUEST_RAM, guest } from "../../../plugins/vhe/test/machine.ts"

const MODES = [vhe, nvhe, hvhe]
const VECTORS = GUEST_RAM + 0x800
/** ESR_EL1 of an UNDEFINED instruction. */
const UNDEFINED = 0x02000000n
const PFR2 = REG.system(3, 0, 0, 4, 2)
const HLT_IN_VECTOR = 7
const HLT_BEHIND = 1

interface Outcome {
  /** Classes with which the guest came to EL2, aborts and calls left out. */
  readonly classes: readonly number[]
  /** ESR_EL1 if the guest took an exception, else what X1 holds. */
  readonly esr?: bigint
  readonly x1?: bigint
  readonly events: readonly KvmEvent[]
}
const ABORTS = [0x20, 0x24]
interface Choice {
  readonly mode?: Mode
  readonly sveMaxVl?: number
  readonly cpacr?: number
  readonly fpmr?: boolean
  readonly scalable?: boolean
}
const hosts = new Map<string, Host>()
/** One host for each mode and machine: each guest has a VM of its own. */
const hostOf = (mode: Mode, scalable: boolean): Host => {
  const key = `${mode.name} ${scalable}`
  const host = hosts.get(key) ?? (scalable ? bootScalable(mode) : boot(mode))
  hosts.set(key, host)
  return host
}
/** Runs one instruction with everything open that CPACR_EL1 can open. */
const outcome = (instruction: string, { mode = vhe, sveMaxVl = 0, cpacr = 0x3330000, fpmr = true, scalable = true }: Choice = {}): Outcome => {
  const host = hostOf(mode, scalable)
  const code = `
    movz x0, #${VECTORS >> 16}, lsl #16
    movk x0, #${VECTORS & 0xffff}
    msr vbar_el1, x0
    mov x0, #${cpacr}
    msr cpacr_el1, x0
    isb
    mov x1, #0
    ${instruction}
    hlt #${HLT_BEHIND}`
  const { vcpu, vm } = guest(code, { host, sveMaxVl })
  vm.write(VECTORS + 0x200, assemble(`mrs x1, esr_el1\nhlt #${HLT_IN_VECTOR}`, VECTORS + 0x200))
  if (!fpmr) vcpu.setOneReg(PFR2, 0n)
  const events: KvmEvent[] = []
  const stop = host.subscribe((e) => events.push(e))
  const exit = vcpu.run(1000)
  stop()
  expect(exit).toMatchObject({ reason: "debug" })
  const classes = events.flatMap((e) => (e.what === "exc" && e.from.startsWith("guest") && !ABORTS.includes(e.ec) ? [e.ec] : []))
  const x1 = vcpu.getOneReg(REG.x(1)) as bigint
  return { classes, events, ...(typeof exit === "object" && exit.reason === "debug" && exit.immediate === HLT_IN_VECTOR ? { esr: x1 } : { x1 }) }
}

describe.each(MODES)("under $name", (mode) => {
  it.each([
    ["smstart", 0x1d],
    ["smstart sm", 0x1d],
    ["rdsvl x1, #1", 0x1d],
    ["mrs x1, svcr", 0x1d],
    ["msr svcr, x1", 0x1d],
    ["mrs x1, smcr_el1", 0x1d],
    ["msr smcr_el1, x1", 0x1d],
    ["mrs x1, tpidr2_el0", 0x18],
    ["msr tpidr2_el0, x1", 0x18],
    ["mrs x1, smpri_el1", 0x18]
  ] as const)("SME is UNDEFINED: %s comes with class %i", (instruction, ec) => {
    for (const sveMaxVl of [0, 32]) expect(outcome(instruction, { mode, sveMaxVl })).toMatchObject({ classes: [ec], esr: UNDEFINED })
  })
  it("SMIDR_EL1 is in the ID space: by FEAT_IDST the guest sees an access to a system register", () => {
    const { classes, esr } = outcome("mrs x1, smidr_el1", { mode })
    expect([classes, Number(esr) >>> 26]).toEqual([[0x18], 0x18])
  })
  it.each(["ptrue p0.b", "rdvl x1, #1", "mrs x1, zcr_el1", "msr zcr_el1, x1", "mov z0.b, #1"])(
    "SVE is UNDEFINED for a vCPU without it, and for one with it a matter of hyp code: %s",
    (instruction) => {
      expect(outcome(instruction, { mode })).toMatchObject({ classes: [0x19], esr: UNDEFINED })
      const { classes, esr } = outcome(instruction, { mode, sveMaxVl: 64 })
      expect([classes, esr]).toEqual([[0x19], undefined])
    }
  )
  it("what the guest's own CPACR_EL1 closes goes to its EL1 and is not seen at EL2", () => {
    expect(outcome("ptrue p0.b", { mode, sveMaxVl: 32, cpacr: 0x300000 })).toMatchObject({ classes: [], esr: BigInt((0x19 << 26) | (1 << 25)) })
    expect(outcome("smstart", { mode, cpacr: 0x330000 })).toMatchObject({ classes: [], esr: BigInt((0x1d << 26) | (1 << 25)) })
    expect(outcome("fmov d0, x1", { mode, cpacr: 0 })).toMatchObject({ classes: [] })
  })
  it("the length is the smaller of ZCR_EL1's and the vCPU's, of those the processor has", () => {
    const lengths = [0, 1, 2, 3, 15].map((len) => outcome(`mov x2, #${len}\nmsr zcr_el1, x2\nisb\nrdvl x1, #1`, { mode, sveMaxVl: 48 }).x1)
    expect(lengths).toEqual([16n, 32n, 48n, 48n, 48n])
  })
  it("FPMR is switched with the FP state, and UNDEFINED (class 0x18) in a VM that gave it up", () => {
    const own = outcome("mov x2, #5\nmsr fpmr, x2\nmrs x1, fpmr", { mode })
    expect(own).toMatchObject({ classes: [0x07], x1: 5n })
    const without = outcome("mrs x1, fpmr", { mode, fpmr: false })
    expect(without).toMatchObject({ classes: [0x18], esr: UNDEFINED })
    const hcrx = (events: readonly KvmEvent[]) =>
      events.flatMap((e) => (e.what === "regs-write" && e.list.includes("HCRX_EL2") ? [e.values[e.list.indexOf("HCRX_EL2")]! & (1n << 23n)] : []))
    expect(hcrx(own.events)[0]).toBe(1n << 23n)
    expect(hcrx(without.events)[0]).toBe(0n)
    // hyp code does not touch a register that the guest cannot reach
    const used = outcome("fmov d0, x1", { mode, fpmr: false }).events
    expect(used.some((e) => e.what === "load" && e.where === "hyp")).toBe(true)
    expect(used.some((e) => e.what === "msr" && e.where === "hyp" && e.register === "FPMR")).toBe(false)
  })
  it("ID registers are what user space sees of them", () => {
    for (const sveMaxVl of [0, 32])
      for (const [name, op2] of [
        ["id_aa64pfr0_el1", 0],
        ["id_aa64pfr1_el1", 1],
        ["id_aa64pfr2_el1", 2],
        ["id_aa64zfr0_el1", 4],
        ["id_aa64smfr0_el1", 5],
        ["id_aa64fpfr0_el1", 7]
      ] as const) {
        const { vcpu } = guest("hlt #1", { host: hostOf(mode, true), sveMaxVl })
        expect([name, outcome(`mrs x1, ${name}`, { mode, sveMaxVl }).x1]).toEqual([name, vcpu.getOneReg(REG.system(3, 0, 0, 4, op2))])
      }
  })
  it("a machine without the extensions has their instructions and registers unallocated", () => {
    for (const instruction of ["ptrue p0.b", "mrs x1, zcr_el1", "smstart", "mrs x1, fpmr"])
      expect(outcome(instruction, { mode, scalable: false })).toMatchObject({ classes: [], esr: UNDEFINED })
  })
})
