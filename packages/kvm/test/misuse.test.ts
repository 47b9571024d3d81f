/** Misuse of the KVM interface, and what each is answered with: the whole table, in every mode. */
import {
  brokenInvariants,
  Capability,
  DEVICE_TYPE,
  type Errno,
  type Host,
  KVM_RUN,
  REG,
  type Vcpu,
  VcpuFeature,
  VGIC_CTRL,
  VGIC_GROUP,
  type Vm
} from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { bootScalable, GUEST_RAM, ok } from "../../../plugins/vhe/test/machine.ts"

const bit = (feature: VcpuFeature): number => 1 << feature
const PSCI = bit(VcpuFeature.PSCI_0_2)
const SVE = PSCI | bit(VcpuFeature.SVE)
const Z0 = 0x6080000000150000n
const VLS = 0x606000000015ffffn
const PSCI_VERSION = 0x6030000000140000n
const BITMAP = 0x6030000000160003n
const PFR0 = REG.system(3, 0, 0, 4, 0)
const ISAR0 = REG.system(3, 0, 0, 6, 0)
const GET_REGS = 0x8360ae81
const GET_FPU = 0x81a0ae8c

interface Machine {
  readonly host: Host
  readonly vm: Vm
  readonly vcpu: Vcpu
}
const machine = (host: Host, features?: number): Machine => {
  const vm = ok(host.createVm())
  const vcpu = ok(vm.createVcpu(0))
  if (features !== undefined) expect(vcpu.init({ features })).toBeUndefined()
  return { host, vm, vcpu }
}
const hasRun = (host: Host): Machine => {
  const made = machine(host, PSCI)
  expect(made.vcpu.run(10, { immediateExit: true })).toBe("EINTR")
  return made
}
const finalized = (host: Host): Machine => {
  const made = machine(host, SVE)
  expect(made.vcpu.finalize(VcpuFeature.SVE)).toBeUndefined()
  return made
}
const value = (vcpu: Vcpu, id: bigint): bigint => vcpu.getOneReg(id) as bigint
const ioctl = (vcpu: Vcpu, request: number, argument = 0n): Errno | "ok" => (vcpu.file.ioctl!(request, argument) === -22 ? "EINVAL" : "ok")

type Row = readonly [misuse: string, answer: Errno | undefined, call: (host: Host) => unknown]
const ROWS: readonly Row[] = [
  ["M1 RUN on a new vCPU", "ENOEXEC", (host) => machine(host).vcpu.run(1)],
  ["M2 RUN with SVE not finalized", "EPERM", (host) => machine(host, SVE).vcpu.run(1)],
  ["M3 GET_REG_LIST with SVE not finalized", "EPERM", (host) => machine(host, SVE).vcpu.getRegList()],
  ["M4 FINALIZE twice", "EPERM", (host) => finalized(host).vcpu.finalize(VcpuFeature.SVE)],
  ["M5 FINALIZE without SVE", "EINVAL", (host) => machine(host, PSCI).vcpu.finalize(VcpuFeature.SVE)],
  ["M6 FINALIZE before INIT", "ENOEXEC", (host) => machine(host).vcpu.finalize(VcpuFeature.SVE)],
  ["M7 SET VLS after FINALIZE", "EPERM", (host) => finalized(host).vcpu.setOneReg(VLS, 1n)],
  ["M8 VLS with a hole below the largest", "EINVAL", (host) => machine(host, SVE).vcpu.setOneReg(VLS, 5n)],
  ["M9 VLS beyond the host's", "EINVAL", (host) => machine(host, SVE).vcpu.setOneReg(VLS, (1n << 512n) - 1n)],
  ["M10 V0 with SVE", "EINVAL", (host) => finalized(host).vcpu.getOneReg(REG.v(0))],
  ["M11 slice 1 of Z0", "ENOENT", (host) => finalized(host).vcpu.getOneReg(Z0 + 1n)],
  ["M12 Z0 without SVE", "ENOENT", (host) => machine(host, PSCI).vcpu.getOneReg(Z0)],
  ["M13 INIT with feature bit 9", "ENOENT", (host) => machine(host).vcpu.init({ features: 1 << 9 })],
  ["M14 INIT with one half of pointer authentication", "EINVAL", (host) => machine(host).vcpu.init({ features: bit(VcpuFeature.PTRAUTH_GENERIC) })],
  ["M15 INIT of a second vCPU with other features", "EINVAL", (host) => ok(machine(host, PSCI).vm.createVcpu(1)).init({ features: 0 })],
  ["M16 INIT with POWER_OFF only changed", undefined, (host) => machine(host, PSCI).vcpu.init({ features: PSCI | 1 })],
  [
    "M17 ID register changed after a run",
    "EBUSY",
    (host) => {
      const { vcpu } = hasRun(host)
      expect(vcpu.setOneReg(ISAR0, value(vcpu, ISAR0))).toBeUndefined()
      return vcpu.setOneReg(ISAR0, 0n)
    }
  ],
  [
    "M18 ID register above the host's",
    "EINVAL",
    (host) => {
      const { vcpu } = machine(host, PSCI)
      return vcpu.setOneReg(PFR0, value(vcpu, PFR0) | (0xfn << 56n))
    }
  ],
  ["M19 PSCI 0.2 without the feature", "EINVAL", (host) => machine(host, 0).vcpu.setOneReg(PSCI_VERSION, 2n)],
  ["M20 firmware bitmap beyond its bits", "EINVAL", (host) => machine(host, PSCI).vcpu.setOneReg(BITMAP, 4n)],
  [
    "M20 firmware bitmap after a run",
    "EBUSY",
    (host) => {
      const { vcpu } = hasRun(host)
      expect(vcpu.setOneReg(BITMAP, 0n)).toBeUndefined()
      return vcpu.setOneReg(BITMAP, 1n)
    }
  ],
  ["M21 a power state that does not exist", "EINVAL", (host) => machine(host, PSCI).vcpu.setMpState("7" as "stopped")],
  [
    "M22 events with reserved bytes",
    "EINVAL",
    (host) => machine(host, PSCI).vcpu.setEvents({ serrorPending: false, serrorHasEsr: false, serrorEsr: 0n, extDabtPending: false, reserved: 1 })
  ],
  [
    "M23 IRQ line of a vCPU beside a controller in the kernel",
    "ENXIO",
    (host) => {
      const { vm } = machine(host, PSCI)
      ok(vm.createDevice(DEVICE_TYPE.VGIC_V3))
      return vm.setIrqLine({ type: 0, vcpu: 0, number: 0, level: true })
    }
  ],
  ["M24 GET_REGS", "EINVAL", (host) => ioctl(machine(host, PSCI).vcpu, GET_REGS)],
  ["M24 GET_FPU", "EINVAL", (host) => ioctl(machine(host, PSCI).vcpu, GET_FPU)],
  ["M25 RUN with an argument", "EINVAL", (host) => ioctl(machine(host, PSCI).vcpu, KVM_RUN, 1n)],
  [
    "M26 CREATE_VCPU after the controller's INIT",
    "EBUSY",
    (host) => {
      const { vm } = machine(host, PSCI)
      const device = ok(vm.createDevice(DEVICE_TYPE.VGIC_V3))
      expect(device.setAttribute(VGIC_GROUP.CTRL, VGIC_CTRL.INIT, 0n)).toBeUndefined()
      return vm.createVcpu(1)
    }
  ],
  ["M27 register list too small", "E2BIG", (host) => machine(host, PSCI).vcpu.getRegList(3)],
  ...(
    [
      ["overlap", "EEXIST", { slot: 1, guestPhysical: GUEST_RAM + 4096, bytes: 4096 }],
      ["resize", "EINVAL", { slot: 0, guestPhysical: GUEST_RAM, bytes: 4096 }],
      ["delete what is not there", "EINVAL", { slot: 5, guestPhysical: 0, bytes: 0 }]
    ] as const
  ).map(
    ([what, answer, request]): Row => [
      `M28 memory: ${what}`,
      answer,
      (host) => {
        const { vm } = machine(host)
        ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 8192 }))
        return vm.setMemoryRegion(request)
      }
    ]
  ),
  ["M29 filter after a run", "EBUSY", (host) => hasRun(host).vm.setSmcccFilter({ base: 0xc6000000, count: 1 }, "deny")],
  ["M30 CREATE_VM with type bit 9", "EINVAL", (host) => host.createVm({ type: 1n << 9n })],
  ["M32 MTE after a vCPU", "EINVAL", (host) => machine(host).vm.enableCapability(Capability.ARM_MTE)]
]

describe.each([vhe, nvhe, hvhe, protectedMode("hvhe")])("misuse under $banner", (mode) => {
  const host = bootScalable(mode)
  it.each(ROWS)("%s: %s", (_, answer, call) => {
    expect(call(host)).toBe(answer)
  })
  it("M31 a protected VM: only where hyp code protects", () => {
    const made = host.createVm({ type: 1n << 31n })
    if (mode.vms) expect(made).toMatchObject({ protected: true })
    else expect(made).toBe("EINVAL")
  })
})

describe("dirty log", () => {
  const PAGE = 4096
  const logged = (vm: Vm) => {
    const log = vm.getDirtyLog(0)
    if (!(log instanceof Uint8Array)) throw new Error(`No log: ${JSON.stringify(log)}`)
    return Array.from({ length: 8 * log.length }, (_, page) => page).filter((page) => log[page >> 3]! & (1 << (page & 7)))
  }
  /** A guest that writes to the page its X1 points to, each time it runs. */
  const writer = (host: Host) => {
    const { vm, vcpu } = machine(host, PSCI)
    ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 2 << 20 }))
    // str x1, [x1]; hlt #1
    expect(vm.write(GUEST_RAM, new Uint8Array(Uint32Array.of(0xf9000021, 0xd4400020).buffer))).toBeUndefined()
    const write = (page: number) => {
      vcpu.setOneReg(REG.pc, BigInt(GUEST_RAM))
      vcpu.setOneReg(REG.x(1), BigInt(GUEST_RAM + page * PAGE))
      expect(vcpu.run(100)).toMatchObject({ reason: "debug" })
    }
    const log = (logDirty: boolean) => ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 2 << 20, logDirty }))
    return { vm, write, log }
  }
  it.each([vhe, nvhe, hvhe, protectedMode("hvhe")])("has what was written since it was read, under $banner", (mode) => {
    const { vm, write, log } = writer(bootScalable(mode))
    // a block is mapped before pages are logged
    write(3)
    log(true)
    expect(logged(vm)).toEqual([])
    write(3)
    write(70)
    expect(logged(vm)).toEqual([3, 70])
    expect(logged(vm)).toEqual([])
    write(70)
    write(71)
    expect(logged(vm)).toEqual([70, 71])
    log(false)
    write(5)
    expect(vm.getDirtyLog(0)).toBe("ENOENT")
  })
  it("is user space's to clear with manual protection, all ones at first if asked", () => {
    const { vm, write, log } = writer(bootScalable(vhe))
    expect(vm.enableCapability(Capability.MANUAL_DIRTY_LOG_PROTECT2, { argument: 3n })).toBeUndefined()
    log(true)
    expect(logged(vm).length).toBe(512)
    expect(vm.clearDirtyLog({ slot: 0, firstPage: 0, pages: 512 })).toBeUndefined()
    expect(logged(vm)).toEqual([])
    write(3)
    write(70)
    expect(logged(vm)).toEqual([3, 70])
    expect(logged(vm)).toEqual([3, 70])
    expect(vm.clearDirtyLog({ slot: 0, firstPage: 64, pages: 64, bitmap: Uint8Array.of(1 << 6) })).toBeUndefined()
    expect(logged(vm)).toEqual([3])
    write(3)
    write(70)
    expect(logged(vm)).toEqual([3, 70])
  })
})

describe("events", () => {
  it("an external abort takes effect at once; a bad SError beside it is still refused", () => {
    const { vcpu } = machine(bootScalable(vhe), PSCI)
    vcpu.setOneReg(REG.pc, 0x1000n)
    const both = { serrorPending: true, serrorHasEsr: true, serrorEsr: 1n << 25n, extDabtPending: true }
    expect(vcpu.setEvents(both)).toBe("EINVAL")
    expect([value(vcpu, REG.pc), value(vcpu, REG.system(3, 0, 5, 2, 0)), value(vcpu, REG.elrEl1)]).toEqual([0x200n, 0x96000010n, 0x1000n])
    expect(vcpu.setEvents({ ...both, serrorEsr: 0x123n, extDabtPending: false })).toBeUndefined()
    // masked by the abort: pending
    expect(vcpu.getEvents()).toEqual({ serrorPending: true, serrorHasEsr: true, serrorEsr: 0x123n, extDabtPending: false })
  })
})

describe("counter offset", () => {
  it("fixes the counter: its register can be written no more", () => {
    const { vm, vcpu } = machine(bootScalable(vhe), PSCI)
    const count = 0x603000000013df1an
    expect(vcpu.setOneReg(count, 1_000_000n)).toBeUndefined()
    expect(value(vcpu, count)).toBe(1_000_000n)
    expect(vm.setCounterOffset({ offset: 0n, reserved: 1n })).toBe("EINVAL")
    expect(vm.setCounterOffset({ offset: 0n })).toBeUndefined()
    const now = value(vcpu, count)
    expect(now).toBeLessThan(1_000_000n)
    vcpu.setOneReg(count, 1_000_000n)
    expect(value(vcpu, count)).toBe(now)
  })
})

describe("calls that come too late or from the wrong place", () => {
  it("a VM that is destroyed answers EIO", () => {
    const { vm, vcpu } = hasRun(bootScalable(vhe))
    expect(vm.destroy()).toBeUndefined()
    const calls = [
      vm.createVcpu(1),
      vm.setSmcccFilter({ base: 0xc6000000, count: 1 }, "deny"),
      vm.setCounterOffset({ offset: 0n }),
      vcpu.init({ features: PSCI }),
      vcpu.finalize(VcpuFeature.SVE),
      vcpu.getOneReg(REG.pc),
      vcpu.setOneReg(REG.pc, 0n),
      vcpu.run(1)
    ]
    expect(calls).toEqual(calls.map(() => "EIO"))
  })
  it.each([vhe, nvhe, hvhe, protectedMode("hvhe")])("a listener that calls the host, or throws, harms nothing under $name", (mode) => {
    const host = bootScalable(mode)
    const { vcpu } = hasRun(host)
    for (const misuse of [() => vcpu.run(1), () => host.ioctl(vcpu.descriptor, KVM_RUN), () => host.scheduler.run(1)]) {
      const stop = host.subscribe(() => void misuse())
      expect(() => vcpu.run(10, { immediateExit: true })).toThrow(RangeError)
      stop()
    }
    const stop = host.subscribe(() => {
      throw new Error("a listener's own")
    })
    expect(() => vcpu.run(10, { immediateExit: true })).toThrow("a listener's own")
    stop()
    expect(host.crash).toBeUndefined()
    expect(brokenInvariants(host, [vcpu])).toEqual([])
    expect(vcpu.run(10, { immediateExit: true })).toBe("EINTR")
  })
})
