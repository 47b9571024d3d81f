/**
 * The virtual CPU interface where the recorded comparison (system-golden.test.ts) has nothing to compare with: delivery in both engines, interrupts that stand
 * for physical ones, the count of ends without list register, maintenance interrupts as a line, WFI.
 */
import { describe, expect, it } from "vitest"
import { attachJit } from "../src/index.ts"
import { pendingInterrupt, wakes } from "../src/pending.ts"
import { run } from "../src/run.ts"
import { EL1, EL2, getRegister, machine, RAM, setRegister } from "./machine.ts"

const RW = 1n << 31n
const IMO = 1n << 4n
const FMO = 1n << 3n
const PENDING = 1n << 62n
const ACTIVE = 1n << 63n
const HW = 1n << 61n
const GROUP1 = 1n << 60n
const lr = (intid: number, { state = PENDING, priority = 0x80, extra = GROUP1 } = {}): bigint =>
  state | extra | (BigInt(priority) << 48n) | BigInt(intid)
const OPEN = EL1
/** PMR 0xf8, both groups enabled. */
const VMCR = 0xf8000003n
const EOI_MODE = 1n << 9n

const guest = (source: string, registers: Readonly<Record<string, bigint>> = {}, state = OPEN) => {
  const made = machine(source, state)
  setRegister(made.pe, "HCR_EL2", RW | IMO | FMO)
  setRegister(made.pe, "ICH_VMCR_EL2", VMCR)
  setRegister(made.pe, "ICH_HCR_EL2", 1n)
  for (const [name, value] of Object.entries(registers)) setRegister(made.pe, name, value)
  return made
}

describe("the virtual CPU interface", () => {
  it.each(["interp", "jit"] as const)("delivers, acknowledges and ends an interrupt at EL1 (%s)", (engine) => {
    const { board, pe } = guest("nop\nnop\nhlt #1", { ICH_LR0_EL2: lr(27) })
    if (engine === "jit") attachJit(board, { hot: 1 })
    pe.modelledEl = 1
    const exit = run(pe, { instructions: 100, engine })
    expect(exit.kind).toBe("exception")
    expect(pe.pc).toBe(BigInt(RAM + 0x80000 + 0x280))
    expect(getRegister(pe, "ELR_EL1")).toBe(BigInt(RAM))
    expect(getRegister(pe, "ICC_IAR1_EL1")).toBe(27n)
    expect(getRegister(pe, "ICC_RPR_EL1")).toBe(0x80n)
    expect(getRegister(pe, "ICH_LR0_EL2")).toBe(lr(27, { state: ACTIVE }))
    expect(getRegister(pe, "ICC_IAR1_EL1")).toBe(1023n)
    setRegister(pe, "ICC_EOIR1_EL1", 27n)
    expect(getRegister(pe, "ICC_RPR_EL1")).toBe(0xffn)
    expect(getRegister(pe, "ICH_LR0_EL2")).toBe(lr(27, { state: 0n }))
    expect(getRegister(pe, "ICH_ELRSR_EL2")).toBe(15n)
  })
  it("asserts nothing while the interface is off, the group is off, or the priority is masked", () => {
    const asserted = (registers: Readonly<Record<string, bigint>>) =>
      pendingInterrupt(guest("nop", { ICH_LR0_EL2: lr(27), ...registers }).pe)?.virtual ?? false
    expect(asserted({})).toBe(true)
    expect(asserted({ ICH_HCR_EL2: 0n })).toBe(false)
    expect(asserted({ ICH_VMCR_EL2: 0xf8000001n })).toBe(false)
    expect(asserted({ ICH_VMCR_EL2: 0x80000003n })).toBe(false)
    expect(asserted({ HCR_EL2: RW | FMO })).toBe(false)
    expect(asserted({ ICH_AP1R0_EL2: 1n << 16n })).toBe(false)
    expect(asserted({ ICH_AP1R0_EL2: 1n << 17n })).toBe(true)
  })
  it("gives group 0 as FIQ", () => {
    const { pe } = guest("nop", { ICH_LR0_EL2: lr(27, { extra: 0n }) })
    expect(pendingInterrupt(pe)).toMatchObject({ kind: "fiq", virtual: true })
  })
  it("ends WFI by a virtual interrupt, masked or not", () => {
    const { pe } = guest("wfi", { ICH_LR0_EL2: lr(27) }, OPEN | 0x3c0)
    expect(wakes(pe)).toBe(true)
    setRegister(pe, "ICH_LR0_EL2", 0n)
    expect(wakes(pe)).toBe(false)
  })
  it("deactivates the physical interrupt a list register stands for, so that its timer asserts again", () => {
    const { pe } = guest("nop", { ICH_LR0_EL2: lr(27, { extra: GROUP1 | HW }) | (27n << 32n), CNTV_CTL_EL0: 1n })
    pe.lines.active.add(27)
    const physical = () => pendingInterrupt(pe)?.virtual === undefined && pendingInterrupt(pe) !== undefined
    expect(getRegister(pe, "ICC_IAR1_EL1")).toBe(27n)
    expect(physical()).toBe(false)
    setRegister(pe, "ICC_EOIR1_EL1", 27n)
    expect(pe.lines.active.has(27)).toBe(false)
    expect(physical()).toBe(true)
  })
  it("counts ends of interrupts no list register has, in the mode that deactivates", () => {
    const count = (pe: ReturnType<typeof guest>["pe"]) => getRegister(pe, "ICH_HCR_EL2") >> 27n
    const { pe } = guest("nop", { ICH_AP1R0_EL2: 0xf00n })
    setRegister(pe, "ICC_EOIR1_EL1", 40n)
    setRegister(pe, "ICC_DIR_EL1", 40n)
    setRegister(pe, "ICC_EOIR1_EL1", 8192n)
    setRegister(pe, "ICC_EOIR1_EL1", 1023n)
    expect(count(pe)).toBe(1n)
    setRegister(pe, "ICH_VMCR_EL2", VMCR | EOI_MODE)
    setRegister(pe, "ICC_EOIR1_EL1", 40n)
    expect(count(pe)).toBe(1n)
    setRegister(pe, "ICC_DIR_EL1", 40n)
    setRegister(pe, "ICC_DIR_EL1", 8192n)
    expect(count(pe)).toBe(2n)
    expect(getRegister(pe, "ICH_MISR_EL2")).toBe(0n)
    setRegister(pe, "ICH_HCR_EL2", getRegister(pe, "ICH_HCR_EL2") | 4n)
    expect(getRegister(pe, "ICH_MISR_EL2")).toBe(4n)
  })
  it("asserts maintenance as IRQ where a machine says so", () => {
    const { pe } = guest("nop", { ICH_HCR_EL2: 3n })
    expect(getRegister(pe, "ICH_MISR_EL2")).toBe(2n)
    expect(pendingInterrupt(pe)).toBeUndefined()
    pe.lines.maintenanceAssertsIrq = true
    expect(pendingInterrupt(pe)).toMatchObject({ kind: "irq", target: 2 })
    setRegister(pe, "ICH_HCR_EL2", 2n)
    expect(pendingInterrupt(pe)).toBeUndefined()
  })
  it("is not what EL2 reaches: nothing is pending at the physical interface", () => {
    const { pe } = guest("mrs x0, ICC_IAR1_EL1\nmov x1, #0x88\nmsr ICC_PMR_EL1, x1\nmrs x2, ICH_VMCR_EL2\nhlt #0", { ICH_LR0_EL2: lr(27) }, EL2)
    run(pe, { instructions: 10 })
    expect([...pe.x.slice(0, 3)]).toEqual([1023n, 0x88n, 0xf8000003n | (2n << 21n) | (3n << 18n) | 8n])
  })
  it("lets EL2 keep ICC_SRE_EL1 from EL1", () => {
    const { pe } = guest("mrs x0, ICC_SRE_EL1\nhlt #0", { ICC_SRE_EL2: 7n })
    pe.modelledEl = 2
    const exit = run(pe, { instructions: 10 })
    expect(exit).toMatchObject({ kind: "exception", exception: { target: 2, ec: 0x18 } })
  })
})
