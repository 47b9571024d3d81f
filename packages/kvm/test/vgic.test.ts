/** The interrupt controller in the kernel as user space sees it: creation, attributes, their errors, lines, registers; and VMs without one. */
import { parseEncoding } from "@eltwo/isa"
import { DEVICE_TYPE, type Errno, type Host, IRQ_TYPE, REG, VGIC_ADDRESS, VGIC_CTRL, VGIC_GROUP, type VgicDevice, type Vm } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { vhe } from "@eltwo/plugin-vhe"
import { beforeEach, describe, expect, it } from "vitest"
import { assemble, boot, GUEST_RAM, guest, ok, PSCI_0_2 } from "../../../plugins/vhe/test/machine.ts"
import { accessController } from "../src/vgic/memory.ts"

const DIST = 0x08000000n
const REDIST = 0x080a0000n
const { ADDR, NR_IRQS, CTRL, DIST_REGS, REDIST_REGS, CPU_SYSREGS, CPU_REGS } = VGIC_GROUP
const region = (index: bigint, base: bigint, count: bigint): bigint => index | base | (count << 52n)
const PFR0 = REG.system(3, 0, 0, 4, 0)
const GIC = 24n

const host: Host = boot()
let vm: Vm
let device: VgicDevice
beforeEach(() => {
  vm = ok(host.createVm())
  device = ok(vm.createDevice(DEVICE_TYPE.VGIC_V3))
})
const setDist = (address: bigint) => device.setAttribute(ADDR, VGIC_ADDRESS.V3_DIST, address)
const setRedist = (address: bigint) => device.setAttribute(ADDR, VGIC_ADDRESS.V3_REDIST, address)
const setRegion = (value: bigint) => device.setAttribute(ADDR, VGIC_ADDRESS.V3_REDIST_REGION, value)
const initialise = () => device.setAttribute(CTRL, VGIC_CTRL.INIT, 0n)
const addVcpu = (id = 0) => {
  const vcpu = ok(vm.createVcpu(id))
  expect(vcpu.init({ features: PSCI_0_2 })).toBeUndefined()
  return vcpu
}

describe("creating it", () => {
  it("is refused for other models, twice, and once a vCPU has run", () => {
    expect(vm.createDevice(DEVICE_TYPE.VGIC_V3)).toBe("EEXIST")
    expect(vm.createDevice(DEVICE_TYPE.VGIC_V2)).toBe("ENODEV")
    const running = guest("hlt #1", { host })
    expect(running.vcpu.run(10)).toMatchObject({ reason: "debug" })
    expect(running.vm.createDevice(DEVICE_TYPE.VGIC_V3)).toBe("EBUSY")
  })
  it("shows itself in the ID registers at once; user space may hide it", () => {
    const vcpu = addVcpu()
    const value = ok(vcpu.getOneReg(PFR0))
    expect((value >> GIC) & 15n).toBe(1n)
    expect(vcpu.setOneReg(PFR0, value)).toBeUndefined()
    expect(vcpu.setOneReg(PFR0, value | (3n << GIC))).toBe("EINVAL")
    expect(vcpu.setOneReg(PFR0, value & ~(15n << GIC))).toBeUndefined()
    const other = guest("hlt #1", { host })
    expect((ok(other.vcpu.getOneReg(PFR0)) >> GIC) & 15n).toBe(0n)
    expect(other.vcpu.setOneReg(PFR0, ok(other.vcpu.getOneReg(PFR0)) | (1n << GIC))).toBe("EINVAL")
    ok(other.vm.createDevice(DEVICE_TYPE.VGIC_V3))
    expect((ok(other.vcpu.getOneReg(PFR0)) >> GIC) & 15n).toBe(1n)
  })
})

describe("attributes", () => {
  it("of another model or without meaning do not exist", () => {
    for (const attribute of [VGIC_ADDRESS.V2_DIST, VGIC_ADDRESS.V2_CPU, VGIC_ADDRESS.V3_ITS, 9]) {
      expect(device.hasAttribute(ADDR, attribute)).toBe("ENXIO")
      expect(device.setAttribute(ADDR, attribute, DIST)).toBe("ENXIO")
    }
    expect(device.hasAttribute(CPU_REGS, 0)).toBe("ENXIO")
    expect(device.hasAttribute(77, 0)).toBe("ENXIO")
    expect(device.hasAttribute(CTRL, 1)).toBe("ENXIO")
    for (const [group, attribute] of [
      [ADDR, VGIC_ADDRESS.V3_DIST],
      [ADDR, VGIC_ADDRESS.V3_REDIST],
      [NR_IRQS, 0],
      [CTRL, VGIC_CTRL.INIT]
    ] as const)
      expect(device.hasAttribute(group, attribute)).toBeUndefined()
  })
  it("of the distributor's address: aligned, within the IPA space, once", () => {
    expect(device.getAttribute(ADDR, VGIC_ADDRESS.V3_DIST)).toBe(0xffff_ffff_ffff_ffffn)
    expect(setDist(DIST + 0x1000n)).toBe("EINVAL")
    expect(setDist(1n << 40n)).toBe("E2BIG")
    expect(setDist((1n << 40n) - 0x8000n)).toBe("EINVAL")
    expect(setDist(DIST)).toBeUndefined()
    expect(setDist(DIST + 1n)).toBe("EEXIST")
    expect(device.getAttribute(ADDR, VGIC_ADDRESS.V3_DIST)).toBe(DIST)
  })
  it("of one redistributor region without end", () => {
    expect(setRedist(REDIST + 1n)).toBe("EINVAL")
    expect(setRedist(1n << 41n)).toBe("E2BIG")
    expect(setRedist(REDIST)).toBeUndefined()
    expect(setRedist(REDIST)).toBe("EEXIST")
    expect(setRegion(region(0n, 0x0900_0000n, 2n))).toBe("EINVAL")
    expect(device.getAttribute(ADDR, VGIC_ADDRESS.V3_REDIST)).toBe(REDIST)
  })
  it("of redistributor regions: counted, in order, apart", () => {
    expect(setRegion(region(0n, REDIST, 0n))).toBe("EINVAL")
    expect(setRegion(region(0n, REDIST, 2n) | 0x1000n)).toBe("EINVAL")
    expect(setRegion(region(1n, REDIST, 2n))).toBe("EINVAL")
    expect(setRegion(region(0n, REDIST, 2n))).toBeUndefined()
    expect(setRegion(region(0n, 0x0900_0000n, 2n))).toBe("EINVAL")
    expect(setRegion(region(2n, 0x0900_0000n, 2n))).toBe("EINVAL")
    expect(setRegion(region(1n, REDIST + 0x30000n, 2n))).toBe("EINVAL")
    expect(setRegion(region(1n, (1n << 40n) - 0x20000n, 2n))).toBe("E2BIG")
    expect(setRegion(region(1n, 0x0900_0000n, 2n))).toBeUndefined()
    expect(setRedist(REDIST)).toBe("EINVAL")
    expect(device.getAttribute(ADDR, VGIC_ADDRESS.V3_REDIST_REGION, 1n)).toBe(region(1n, 0x0900_0000n, 2n))
    expect(device.getAttribute(ADDR, VGIC_ADDRESS.V3_REDIST_REGION, 2n)).toBe("ENOENT")
  })
  it("of the number of interrupts: 64 to 992, a multiple of 32, once, before INIT", () => {
    for (const count of [0n, 32n, 63n, 65n, 96n + 16n, 1023n, 1024n, 2n ** 40n]) expect(device.setAttribute(NR_IRQS, 0, count)).toBe("EINVAL")
    expect(device.setAttribute(NR_IRQS, 0, 96n)).toBeUndefined()
    expect(device.setAttribute(NR_IRQS, 0, 96n)).toBe("EBUSY")
    expect(device.getAttribute(NR_IRQS, 0)).toBe(96n)
  })
  it("of initialisation, after which there are no more vCPUs", () => {
    addVcpu()
    expect(device.getAttribute(CTRL, VGIC_CTRL.INIT)).toBe("ENXIO")
    expect(initialise()).toBeUndefined()
    expect(initialise()).toBeUndefined()
    expect(device.getAttribute(NR_IRQS, 0)).toBe(256n)
    expect(device.setAttribute(NR_IRQS, 0, 96n)).toBe("EBUSY")
    expect(vm.createVcpu(1)).toBe("EBUSY")
  })
})

describe("the first run", () => {
  const failures: readonly (readonly [how: string, errno: Errno, set: () => unknown])[] = [
    ["without a redistributor", "ENXIO", () => setDist(DIST)],
    ["without a distributor", "ENXIO", () => setRedist(REDIST)],
    [
      "with too small regions",
      "ENXIO",
      () => {
        ok(vm.createVcpu(1))
        setDist(DIST)
        setRegion(region(0n, REDIST, 1n))
        initialise()
      }
    ],
    [
      "with both in one place",
      "EINVAL",
      () => {
        setRedist(DIST - 0x10000n)
        setDist(DIST)
        initialise()
      }
    ],
    [
      "before INIT",
      "EBUSY",
      () => {
        setDist(DIST)
        setRedist(REDIST)
      }
    ]
  ]
  it.each(failures)("%s fails with %s and ends the VM", (_, errno, set) => {
    const vcpu = addVcpu()
    set()
    expect([vcpu.run(10), vcpu.run(10)]).toEqual([errno, "EIO"])
    expect(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 4096 })).toBe("EIO")
    expect(vm.destroy()).toBeUndefined()
  })
})

describe("lines", () => {
  const line = (type: number, number: number, vcpu = 0, level = true) => vm.setIrqLine({ type, number, vcpu, level })
  it("are refused by kind, number and state", () => {
    addVcpu()
    expect(line(IRQ_TYPE.CPU, 0)).toBe("ENXIO")
    expect(line(IRQ_TYPE.SPI, 31)).toBe("EINVAL")
    expect(line(IRQ_TYPE.SPI, 40)).toBe("EBUSY")
    device.setAttribute(NR_IRQS, 0, 64n)
    initialise()
    expect(line(IRQ_TYPE.SPI, 64)).toBe("EINVAL")
    expect(line(IRQ_TYPE.SPI, 63)).toBeUndefined()
    expect(line(IRQ_TYPE.PPI, 15)).toBe("EINVAL")
    expect(line(IRQ_TYPE.PPI, 32)).toBe("EINVAL")
    expect(line(IRQ_TYPE.PPI, 20, 3)).toBe("EINVAL")
    expect(line(IRQ_TYPE.PPI, 20)).toBeUndefined()
    expect(line(3, 20)).toBe("EINVAL")
  })
})

describe("interrupts of the timers", () => {
  const TIMER = 1
  it("are private peripheral interrupts, the VM's, and fixed once a vCPU has run", () => {
    const without = guest("hlt #1", { host })
    expect(without.vcpu.setAttribute(TIMER, 0, 20)).toBe("EINVAL")
    const [first, second] = [addVcpu(), addVcpu(1)]
    vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 0x1000 })
    vm.write(GUEST_RAM, assemble("hlt #1"))
    first.registers.pc = BigInt(GUEST_RAM)
    expect([0, 1, 2, 3].map((n) => first.getAttribute(TIMER, n))).toEqual([27, 30, 28, 26])
    expect(first.getAttribute(TIMER, 4)).toBe("ENXIO")
    for (const bad of [15, 32, 40, -1]) expect(first.setAttribute(TIMER, 0, bad)).toBe("EINVAL")
    expect(first.setAttribute(TIMER, 0, 30)).toBeUndefined()
    expect(second.getAttribute(TIMER, 0)).toBe(30)
    setDist(DIST)
    setRedist(REDIST)
    initialise()
    // two timers with one interrupt are noticed at the first run only, and can be mended
    expect(first.run(10)).toBe("EINVAL")
    expect(second.setAttribute(TIMER, 0, 20)).toBeUndefined()
    expect(first.run(10)).toMatchObject({ reason: "debug" })
    expect(first.setAttribute(TIMER, 0, 21)).toBe("EBUSY")
  })
  it("are the ones that come", () => {
    const vcpu = addVcpu()
    vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 0x1000 })
    const source = `
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
      msr cntv_cval_el0, xzr
      msr cntv_ctl_el0, x9
      wfi
      mrs x0, icc_iar1_el1
      hlt #1`
    vm.write(GUEST_RAM, assemble(source))
    vcpu.registers.pc = BigInt(GUEST_RAM)
    vcpu.setAttribute(TIMER, 0, 20)
    setDist(DIST)
    setRedist(REDIST)
    initialise()
    expect(vcpu.run(1000)).toMatchObject({ reason: "debug" })
    expect(vcpu.registers.x[0]).toBe(20n)
  })
})

describe("registers of user space", () => {
  const icc = (rest: string): bigint => BigInt(parseEncoding(`3 0 ${rest}`))
  it("are there after INIT, per vCPU, with the state that a copy needs", () => {
    addVcpu()
    addVcpu(1)
    setDist(DIST)
    setRedist(REDIST)
    expect(device.getAttribute(DIST_REGS, 0n)).toBe("EBUSY")
    initialise()
    expect(device.getAttribute(DIST_REGS, 1n)).toBe("EINVAL")
    expect(device.getAttribute(DIST_REGS, 0x10000n)).toBe("ENXIO")
    expect(device.getAttribute(DIST_REGS, 8n)).toBe(0x4b00343bn)
    expect(device.setAttribute(DIST_REGS, 0n, 2n)).toBeUndefined()
    expect(device.getAttribute(DIST_REGS, 0n)).toBe(0x52n)
    // the pending state of a line is not what software made pending
    expect(vm.setIrqLine({ type: IRQ_TYPE.SPI, number: 40, vcpu: 0, level: true })).toBeUndefined()
    expect(device.getAttribute(DIST_REGS, 0x204n)).toBe(0n)
    expect(device.setAttribute(DIST_REGS, 0x204n, 0x300n)).toBeUndefined()
    expect(device.getAttribute(DIST_REGS, 0x204n)).toBe(0x300n)
    expect(device.setAttribute(DIST_REGS, 0x204n, 0n)).toBeUndefined()
    expect(device.getAttribute(DIST_REGS, 0x204n)).toBe(0n)
    expect(device.setAttribute(REDIST_REGS, 0x10400n | (1n << 32n), 0xa0b0c0ffn)).toBeUndefined()
    expect(device.getAttribute(REDIST_REGS, 0x10400n | (1n << 32n))).toBe(0xa0b0c0f8n)
    expect(device.getAttribute(REDIST_REGS, 0x10400n)).toBe(0n)
    expect(device.getAttribute(REDIST_REGS, 0x10400n | (7n << 32n))).toBe("EINVAL")
  })
  it("of the CPU interface", () => {
    addVcpu()
    initialise()
    const get = (rest: string) => device.getAttribute(CPU_SYSREGS, icc(rest))
    const set = (rest: string, value: bigint) => device.setAttribute(CPU_SYSREGS, icc(rest), value)
    expect([get("12 8 3"), get("12 12 3"), get("4 6 0"), get("12 12 7"), get("12 12 4"), get("12 12 5")]).toEqual([2n, 3n, 0n, 0n, 0x8c00n, 7n])
    expect(set("4 6 0", 0xf0n)).toBeUndefined()
    expect(set("12 12 3", 1n)).toBeUndefined()
    expect(set("12 12 7", 1n)).toBeUndefined()
    expect(set("12 12 4", 0x8c02n)).toBeUndefined()
    expect(set("12 12 4", 0x2n)).toBe("EINVAL")
    expect(set("12 12 5", 0n)).toBe("EINVAL")
    expect(set("12 9 0", 0x10n)).toBeUndefined()
    expect([get("12 12 3"), get("4 6 0"), get("12 12 7"), get("12 12 4"), get("12 9 0")]).toEqual([3n, 0xf0n, 1n, 0x8c02n, 0x10n])
    expect(get("12 12 0")).toBe("ENXIO")
    expect(set("12 12 1", 0n)).toBe("ENXIO")
  })
})

describe("hostile accesses", () => {
  it("of any offset, width and value neither fail nor make interrupts that are not there", () => {
    addVcpu()
    addVcpu(1)
    device.setAttribute(NR_IRQS, 0, 64n)
    setDist(DIST)
    setRedist(REDIST)
    initialise()
    expect(vm.vgic!.map()).toBeUndefined()
    let seed = 1
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return seed % below
    }
    for (let i = 0; i < 20_000; i++) {
      const base = Number([DIST, REDIST, REDIST + 0x10000n, REDIST + 0x30000n][random(4)]!)
      const bytes = ([1, 2, 4, 8] as const)[random(4)]!
      const physical = base + random(random(2) ? 0x1000 : 0x10000)
      const write = BigInt.asUintN(8 * bytes, [0n, -1n, BigInt(random(2 ** 32))][random(3)]!)
      const read = accessController(vm.vgic!, { physical, bytes })
      expect(read !== undefined && read >= 0n && read < 1n << BigInt(8 * bytes)).toBe(true)
      accessController(vm.vgic!, { physical, bytes, write })
    }
    for (const vcpu of vm.vcpus)
      for (const irq of vm.vgic!.cpu(vcpu!).listed) {
        expect(irq.listed).toBe(vcpu)
        expect(irq.active || (irq.enabled && irq.latch)).toBe(true)
        expect(irq.priority & ~0xf8).toBe(0)
        expect(irq.intid).toBeLessThan(64)
      }
    expect(accessController(vm.vgic!, { physical: Number(REDIST) + 0x40000, bytes: 4 })).toBeUndefined()
    expect(accessController(vm.vgic!, { physical: Number(DIST) - 1, bytes: 1 })).toBeUndefined()
  })
})

describe.each([vhe, nvhe, hvhe])("under $name", (mode) => {
  it("a VM without controller has no CPU interface", () => {
    const running = guest(assemble("mrs x0, icc_iar1_el1\nhlt #1"), { host: boot(mode) })
    const { vcpu } = running
    ok(vcpu.getOneReg(PFR0))
    for (const line of [
      "mrs x0, icc_iar1_el1",
      "mrs x0, icc_iar0_el1",
      "msr icc_eoir0_el1, x0",
      "mrs x0, icc_sre_el1",
      "msr icc_pmr_el1, x0",
      "mrs x0, icc_ctlr_el1",
      "msr icc_igrpen1_el1, x0",
      "msr icc_sgi1r_el1, x0",
      "msr icc_dir_el1, x0",
      "mrs x0, ich_vtr_el2"
    ]) {
      running.vm.write(GUEST_RAM, assemble(`${line}\nhlt #1`))
      running.vm.write(GUEST_RAM + 0x200, assemble("mrs x1, esr_el1\nhlt #2", GUEST_RAM + 0x200))
      vcpu.registers.pc = BigInt(GUEST_RAM)
      vcpu.registers.pstate = 0x3c5n
      vcpu.setOneReg(REG.system(3, 0, 12, 0, 0), BigInt(GUEST_RAM))
      expect([line, vcpu.run(100)]).toEqual([line, { reason: "debug", immediate: 2 }])
      expect([line, vcpu.registers.x[1]]).toEqual([line, 0x02000000n])
    }
  })
})
