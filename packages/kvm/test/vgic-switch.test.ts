/** Where the CPU interface of a guest moves: masks and priorities at vcpu_load and vcpu_put, list registers at each entry; power states beside it. */
import { DEVICE_TYPE, IRQ_TYPE, type KvmEvent, type Mode, SystemEvent, VGIC_ADDRESS, VGIC_CTRL, VGIC_GROUP } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { boot, type Guest, guest, ok } from "../../../plugins/vhe/test/machine.ts"

const PPI = 20
/** Interrupts on, PPI 20 enabled, X0 = 3 once it is taken; then two calls and the end. */
const SOURCE = `
      mov x9, #2
      movz x8, #0x800, lsl #16
      str w9, [x8]
      movz x8, #0x80b, lsl #16
      movz w9, #0x10, lsl #16
      str w9, [x8, #0x100]
      mov x9, #0xff
      msr icc_pmr_el1, x9
      mov x9, #1
      msr icc_igrpen1_el1, x9
      hlt #1
      mrs x5, icc_iar1_el1
      movz x0, #0x8400, lsl #16
      hvc #0
      msr icc_eoir1_el1, x5
      movz x0, #0x8400, lsl #16
      hvc #0
      hlt #2`
const withController = (mode: Mode, source = SOURCE): Guest => {
  const made = guest(source, { host: boot(mode) })
  const device = ok(made.vm.createDevice(DEVICE_TYPE.VGIC_V3))
  device.setAttribute(VGIC_GROUP.ADDR, VGIC_ADDRESS.V3_DIST, 0x0800_0000n)
  device.setAttribute(VGIC_GROUP.ADDR, VGIC_ADDRESS.V3_REDIST, 0x080a_0000n)
  device.setAttribute(VGIC_GROUP.CTRL, VGIC_CTRL.INIT, 0n)
  return made
}
const raise = ({ vm }: Guest, level = true) => expect(vm.setIrqLine({ type: IRQ_TYPE.PPI, number: PPI, vcpu: 0, level })).toBeUndefined()
/** What of the events is about interrupts, and what it lies between. */
const steps = (events: readonly KvmEvent[]): readonly string[] =>
  events.flatMap((e) => {
    if (e.what === "regs-write" || e.what === "regs-read") {
      const own = e.list.filter((name) => name.startsWith("ICH_"))
      return own.length > 0 ? [`${e.what} ${e.where}: ${own.join(" ")}`] : []
    }
    if (e.what === "exc" && e.hostCall !== undefined) return [`call ${e.hostCall}`]
    if (e.what === "irq" && e.from === "guest-el1") return ["irq"]
    if (e.what === "eret" && e.to === "guest-el1") return ["enter"]
    return e.what === "exc" && e.from === "guest-el1" ? [`exit ${e.ec.toString(16)}`] : []
  })

describe.each([vhe, nvhe, hvhe])("under $name", (mode) => {
  const atEl2 = mode.hostEl === 2
  it("moves where the kernel moves it", () => {
    const made = withController(mode)
    expect(made.vcpu.run(1000)).toMatchObject({ reason: "debug", immediate: 1 })
    made.vcpu.completeHalt()
    raise(made)
    const events: KvmEvent[] = []
    made.host.subscribe((e) => events.push(e))
    expect(made.vcpu.run(1000)).toMatchObject({ reason: "debug", immediate: 2 })
    expect(made.vcpu.registers.x[5]).toBe(BigInt(PPI))
    const seen = steps(events)
    const place = atEl2 ? "host" : "hyp"
    const load = `regs-write ${place}: ICH_VMCR_EL2 ICH_AP0R0_EL2 ICH_AP1R0_EL2`
    const entry = [`regs-write ${place}: ICH_HCR_EL2 ICH_LR0_EL2`, "enter"]
    const saved = `regs-read ${place}: ICH_LR0_EL2`
    const run = (steps: readonly string[]) => (atEl2 ? steps : ["call 9", ...steps])
    const [first, ...rest] = seen.filter((s) => s !== "call 16" && s !== "call 15")
    // load; the entry until a call; the one until the interrupt with a line ends, which asks for maintenance; the one until the next call
    expect(first).toBe(atEl2 ? load : "call 26")
    const expected = [
      ...(atEl2 ? [] : [load]),
      ...run([...entry, "exit 16", saved]),
      ...run([...entry, "irq", saved]),
      ...run([...entry, "exit 16", saved])
    ]
    expect(rest.slice(0, expected.length)).toEqual(expected)
    expect(seen.includes("call 25")).toBe(!atEl2)
    // the interrupt was ended between the calls: its line is high still, so it is pending anew
    const lists = events.flatMap((e) =>
      e.what === "regs-write" && e.list.includes("ICH_LR0_EL2") ? [e.values[e.list.indexOf("ICH_LR0_EL2")]! >> 62n] : []
    )
    expect(lists.slice(0, 3)).toEqual([1n, 2n, 1n])
  })
  it("keeps what the guest set from run to run", () => {
    const made = withController(mode)
    made.vcpu.run(1000)
    expect(made.vcpu.interrupts.vmcr >> 24n).toBe(0xf8n)
    expect(made.vcpu.interrupts.vmcr & 3n).toBe(2n)
    raise(made)
    made.vcpu.completeHalt()
    made.vcpu.run(2)
    expect(made.vcpu.interrupts.ap1r0).toBe(1n)
  })
  it("an interrupt ends a suspension", () => {
    const made = withController(mode)
    made.vcpu.run(1000)
    made.vcpu.completeHalt()
    expect(made.vcpu.setMpState("suspended")).toBeUndefined()
    expect(made.vcpu.run(100)).toEqual({ reason: "stopped" })
    raise(made)
    expect(made.vcpu.run(100)).toEqual({ reason: "systemEvent", type: SystemEvent.WAKEUP, data: [] })
    // it stays suspended until user space says otherwise
    expect(made.vcpu.run(100)).toEqual({ reason: "systemEvent", type: SystemEvent.WAKEUP, data: [] })
    expect(made.vcpu.setMpState("runnable")).toBeUndefined()
    expect(made.vcpu.run(1000)).toMatchObject({ reason: "debug", immediate: 2 })
  })
  it("WFI waits for what is enabled and above the mask, not for a line", () => {
    const waiting = `${SOURCE.slice(0, SOURCE.indexOf("hlt #1"))}hlt #1\nwfi\nhlt #2`
    const made = withController(mode, waiting)
    made.vcpu.run(1000)
    made.vcpu.completeHalt()
    expect(made.vcpu.run(100)).toEqual({ reason: "wfi" })
    raise(made)
    expect(made.vcpu.run(100)).toMatchObject({ reason: "debug", immediate: 2 })
    const masked = withController(mode, waiting.replace("#0xff", "#0"))
    masked.vcpu.run(1000)
    masked.vcpu.completeHalt()
    raise(masked)
    expect(masked.vcpu.run(100)).toEqual({ reason: "wfi" })
  })
})
