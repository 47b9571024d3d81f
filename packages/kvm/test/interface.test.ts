/** The calls of a recorded program against the real interface, most of them wrong, with the answers the kernel gave. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Capability, ERRNO, isErrno, type Mode, REG, type Vcpu, VcpuFeature, Vm } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { bootScalable, GUEST_RAM, ok } from "../../../plugins/vhe/test/machine.ts"

/** Bit 31 of the type of KVM_CREATE_VM. */
const PROTECTED = 1n << 31n
interface RecordedCall {
  readonly call: number
  readonly what: string
  readonly ret?: number
  readonly errno?: number
  readonly value?: readonly number[]
}
const recordingOf = (name: string): readonly RecordedCall[] =>
  readFileSync(fileURLToPath(new URL(`../../../test/golden/kvm-traces/g11-api.${name}.jsonl`, import.meta.url)), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter((line) => "api" in line)
    .map((line) => line.api)
/** What was recorded, and the mode and kind of VM that should answer the same. */
const RECORDINGS: readonly { readonly recording: string; readonly mode: Mode; readonly type?: bigint }[] = [
  { recording: "vhe", mode: vhe },
  { recording: "nvhe", mode: nvhe },
  { recording: "nvhe", mode: hvhe },
  { recording: "protected-hvhe", mode: protectedMode("hvhe") },
  { recording: "protected-hvhe.pvm", mode: protectedMode("hvhe"), type: PROTECTED },
  { recording: "protected-nvhe", mode: protectedMode("nvhe") },
  { recording: "protected-nvhe.pvm", mode: protectedMode("nvhe"), type: PROTECTED }
]

const bit = (feature: VcpuFeature): number => 1 << feature
const PSCI = bit(VcpuFeature.PSCI_0_2)
const SIZE = { U32: 2n << 52n, U64: 3n << 52n, U128: 4n << 52n, U2048: 8n << 52n }
const sized = (id: bigint, size: bigint): bigint => (id & ~(15n << 52n)) | size
const Z0 = 0x6080000000150000n
const VLS = 0x606000000015ffffn
const SVE = 4
const ZCR_EL1 = REG.system(3, 0, 1, 2, 0)
const pstate = { EL3h: 0x3cdn, EL2h: 0x3c9n, EL1h: 0x3c5n, svc32: 0x1d3n }

/** What the machine under test lacks, where the recorded one had it: the calls about it are not comparable. */
const LACKING: Readonly<Record<string, readonly number[]>> = {
  "AArch32 at EL1": [65, 66]
}

describe.each(RECORDINGS)("recorded calls of $recording, $mode.banner", ({ recording, mode, type = 0n }) => {
  const host = bootScalable(mode)
  const vm = ok(host.createVm({ type }))
  const vm2 = ok(host.createVm({ type }))
  const recorded = recordingOf(recording)
  let vcpu: Vcpu
  let vcpu2: Vcpu
  const idRegister = (op2: number): bigint => REG.system(3, 0, 0, 4, op2)
  const SVE_1 = 1n << 32n
  const SME_1 = 1n << 24n
  const region = (slot: number, guestPhysical: number, bytes: number) => vm.setMemoryRegion({ slot, guestPhysical, bytes })
  const initialised = () => vcpu.init({ features: PSCI | bit(VcpuFeature.SVE) })

  const CALLS: ReadonlyMap<number, () => unknown> = new Map<number, () => unknown>([
    [1, () => host.createVm({ type: 0x7f00n })],
    [2, () => host.createVm({ type })],
    // of SVE, pointer authentication and AArch32 the processor has the first
    [3, () => expect(vm.checkExtension(Capability.ARM_SVE)).toBe(recorded.find(({ call }) => call === 3)!.value![0])],
    [4, () => expect(vm.preferredTarget()).toEqual({ target: 5, features: 0 })],
    [5, () => region(0, GUEST_RAM, 100)],
    [6, () => region(0, GUEST_RAM + 1, 4096)],
    [7, () => region(0, GUEST_RAM, 0x10000)],
    [8, () => region(1, GUEST_RAM + 0x8000, 0x10000)],
    [9, () => vm.createVcpu(100_000)],
    [10, () => (vcpu = ok(vm.createVcpu(0)))],
    [11, () => vm.createVcpu(0)],
    [12, () => vcpu.run(10)],
    [13, () => vcpu.getOneReg(REG.pc)],
    [14, () => vcpu.finalize(SVE)],
    [15, () => vcpu.init({ target: 0x7777, features: PSCI })],
    [16, () => vcpu.init({ features: 1 << 20 })],
    [17, () => vcpu.init({ features: bit(VcpuFeature.PTRAUTH_ADDRESS) })],
    [18, () => vcpu.init({ features: bit(VcpuFeature.HAS_EL2) })],
    [19, initialised],
    [20, () => vcpu.run(10)],
    [21, () => vcpu.getOneReg(Z0)],
    [22, () => vcpu.getRegList()],
    [23, () => vcpu.getOneReg(VLS)],
    [24, () => vcpu.setOneReg(VLS, 0n)],
    [25, () => vcpu.setOneReg(VLS, 2n)],
    [26, () => vcpu.setOneReg(VLS, 5n)],
    [27, () => vcpu.setOneReg(VLS, 1n << 511n)],
    [28, () => vcpu.setOneReg(VLS, 3n)],
    [29, () => vcpu.finalize(0)],
    [30, () => vcpu.finalize(99)],
    [31, () => vcpu.finalize(SVE)],
    [32, () => vcpu.finalize(SVE)],
    [33, () => vcpu.setOneReg(VLS, 3n)],
    [34, () => vcpu.getOneReg(VLS)],
    [35, () => vcpu.getOneReg(Z0)],
    [36, () => vcpu.getOneReg(Z0 + 1n)],
    [37, () => vcpu.getOneReg(sized(Z0, SIZE.U64))],
    [38, () => vcpu.getOneReg(REG.v(0))],
    [39, () => vcpu.getOneReg(REG.fpsr)],
    [40, () => vcpu.getOneReg(sized(REG.pc, SIZE.U32))],
    [41, () => vcpu.getOneReg(sized(REG.pc, SIZE.U128))],
    [42, () => vcpu.getOneReg(0x6030000000100000n + 0x200n)],
    [43, () => vcpu.getOneReg(0x6030000000770000n)],
    [44, () => vcpu.setOneReg(REG.pstate, pstate.EL3h)],
    [45, () => vcpu.setOneReg(REG.pstate, pstate.EL2h)],
    [46, () => vcpu.setOneReg(REG.pstate, pstate.svc32)],
    [47, () => vcpu.setOneReg(REG.pstate, pstate.EL1h)],
    [48, () => vcpu.getOneReg(0x603000000013da12n)],
    [49, () => vcpu.getOneReg(0x603000000013c096n)],
    [50, () => vcpu.getOneReg(ZCR_EL1)],
    [51, () => vcpu.getOneReg(REG.system(3, 3, 4, 4, 2))],
    [52, initialised],
    [53, () => vcpu.setOneReg(VLS, 3n)],
    [54, () => vcpu.init({ features: 0 })],
    [55, () => ok(vm.createVcpu(1)).init({ features: PSCI })],
    [56, () => vcpu.run(10, { immediateExit: true })],
    [57, () => (vcpu2 = ok(vm2.createVcpu(0))).init({ features: PSCI })],
    [58, () => vcpu2.finalize(SVE)],
    [59, () => vcpu2.getOneReg(Z0)],
    [60, () => vcpu2.getOneReg(VLS)],
    [61, () => vcpu2.getOneReg(ZCR_EL1)],
    [62, () => vcpu2.getOneReg(REG.v(0))],
    [63, () => vcpu2.setOneReg(idRegister(0), (vcpu2.getOneReg(idRegister(0)) as bigint) | SVE_1)],
    [64, () => vcpu2.setOneReg(idRegister(1), (vcpu2.getOneReg(idRegister(1)) as bigint) | SME_1)],
    [67, () => vcpu.file.ioctl!(0xae7f, 0n)]
  ])
  const errnoOf = (result: unknown): number => (isErrno(result) ? ERRNO[result] : typeof result === "number" && result < 0 ? -result : 0)

  const apart = new Set(Object.values(LACKING).flat())
  it("are all compared or listed", () => {
    expect(recorded.map((r) => r.call).filter((call) => !CALLS.has(call) && !apart.has(call))).toEqual([])
    expect(CALLS.size).toBe(recorded.length - apart.size)
  })
  it.each(recorded.filter((r) => !apart.has(r.call)))("$call $what: errno $errno", ({ call, errno = 0 }) => {
    expect(errnoOf(CALLS.get(call)!())).toBe(errno)
  })
})

describe.each([vhe, nvhe, hvhe])("under $name", (mode) => {
  const host = bootScalable(mode)
  describe("calls that must fail", () => {
    const fresh = () => {
      const machine = ok(host.createVm())
      const cpu = ok(machine.createVcpu(0))
      return { machine, cpu }
    }
    it("CREATE_VM: unknown type bits, protected without pKVM, IPA sizes out of range", () => {
      for (const type of [1n << 9n, 1n << 31n, 31n, 49n, 255n]) expect(host.createVm({ type })).toBe("EINVAL")
      expect(host.createVm({ type: 48n })).toBeInstanceOf(Vm)
    })
    it("VCPU_INIT: features of the VM are fixed by its first vCPU, POWER_OFF excepted", () => {
      const { machine, cpu } = fresh()
      expect(cpu.init({ features: PSCI })).toBeUndefined()
      expect(cpu.init({ features: PSCI | bit(VcpuFeature.POWER_OFF) })).toBeUndefined()
      expect(cpu.mpState).toBe("stopped")
      expect(ok(machine.createVcpu(1)).init({ features: 0 })).toBe("EINVAL")
      expect(cpu.init({ features: PSCI, moreFeatures: [0, 1] })).toBe("ENOENT")
      expect(cpu.init({ features: PSCI | bit(VcpuFeature.PMU_V3) })).toBe("EINVAL")
    })
    it("memory regions", () => {
      const { machine } = fresh()
      const set = (slot: number, guestPhysical: number, bytes: number, readonly = false) =>
        machine.setMemoryRegion({ slot, guestPhysical, bytes, readonly })
      expect(set(0, 0, 0)).toBe("EINVAL")
      expect(set(-1, 0, 4096)).toBe("EINVAL")
      expect(set(40_000, 0, 4096)).toBe("EINVAL")
      expect(set(0, 2 ** 40 - 4096, 8192)).toBe("EFAULT")
      expect(set(0, 2 ** 60, 4096)).toBe("EINVAL")
      expect(set(0, 0, 2 ** 39)).toBe("ENOMEM")
      ok(set(0, 0x1000, 0x2000))
      expect(set(0, 0x1000, 0x3000)).toBe("EINVAL")
      expect(set(0, 0x1000, 0x2000, true)).toBe("EINVAL")
      expect(set(1, 0x2000, 0x1000)).toBe("EEXIST")
      ok(set(0, 0x8000, 0x2000))
      ok(set(1, 0x1000, 0x1000))
      expect(set(0, 0x1000, 0x2000)).toBe("EEXIST")
      ok(set(0, 0, 0))
      ok(set(1, 0, 0))
    })
    it("SMCCC filter", () => {
      const { machine, cpu } = fresh()
      expect(machine.setSmcccFilter({ base: 0xc6000000, count: 0 }, "forward")).toBe("EINVAL")
      expect(machine.setSmcccFilter({ base: 0xffffffff, count: 2 }, "forward")).toBe("EINVAL")
      expect(machine.setSmcccFilter({ base: 0x8000ffff, count: 1 }, "deny")).toBe("EEXIST")
      expect(machine.setSmcccFilter({ base: 0xc6000000, count: 4 }, "forward")).toBeUndefined()
      expect(machine.setSmcccFilter({ base: 0xc6000003, count: 4 }, "deny")).toBe("EEXIST")
      expect(machine.setSmcccFilter({ base: 0xc6000004, count: 4 }, "deny")).toBeUndefined()
      ok(machine.setMemoryRegion({ slot: 0, guestPhysical: 0, bytes: 4096 }))
      cpu.init({ features: PSCI })
      cpu.run(1)
      expect(machine.setSmcccFilter({ base: 0xc7000000, count: 1 }, "deny")).toBe("EBUSY")
    })
    it("gives all memory back when a VM is closed", () => {
      const before = host.pages.available
      const { machine, cpu } = fresh()
      ok(machine.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: 4 << 20 }))
      cpu.init({ features: PSCI })
      cpu.registers.pc = BigInt(GUEST_RAM)
      cpu.run(1000)
      expect(host.pages.available).toBeLessThan(before - 1024)
      expect(machine.destroy()).toBeUndefined()
      expect(host.pages.available).toBe(before)
      expect([machine.destroy(), cpu.run(10), machine.setMemoryRegion({ slot: 0, guestPhysical: 0, bytes: 4096 })]).toEqual([undefined, "EIO", "EIO"])
    })
  })
})
