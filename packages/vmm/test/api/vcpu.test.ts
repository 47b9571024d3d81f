/** What the API reaches of a vCPU and its memory, where KVM has more kinds of them than the machines of runs: SVE, protected VMs. */
import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow } from "@eltwo/isa"
import { createHost, isErrno, type Mode, VcpuFeature, type Vm } from "@eltwo/kvm"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { sve } from "@eltwo/plugin-sve"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { vmRam } from "../../src/api/memory.ts"
import { listRegisters, readNamed, writeNamed } from "../../src/api/registers.ts"
import { vcpuRegisters } from "../../src/api/vcpu-registers.ts"

const RAM = 0x4000_0000
const PROTECTED = 1n << 31n
const isa = composeOrThrow([base, fpsimd, sve])
const vmOf = (mode: Mode, type: bigint): Vm => {
  const board = createBoard({ isa, ramBase: 0x8000_0000, ramBytes: 64 << 20, vectorLengths: [128, 256, 512] })
  const vm = createHost({ board, mode }).createVm({ type })
  if (isErrno(vm)) throw new Error(vm)
  expect(vm.setMemoryRegion({ slot: 0, guestPhysical: RAM, bytes: 2 << 20 })).toMatchObject({ slot: 0 })
  return vm
}
const vcpuOf = (vm: Vm, features: number) => {
  const vcpu = vm.createVcpu(0)
  if (isErrno(vcpu)) throw new Error(vcpu)
  expect(vcpu.init({ features: features | (1 << VcpuFeature.PSCI_0_2) })).toBeUndefined()
  return vcpu
}

describe("a vCPU with SVE", () => {
  it("shows Z, P and FFR at the length that ZCR_EL1 asks for", () => {
    const vcpu = vcpuOf(vmOf(vhe, 0n), 1 << VcpuFeature.SVE)
    expect(vcpu.finalize(VcpuFeature.SVE)).toBeUndefined()
    const registers = vcpuRegisters(vcpu)
    const bitsOf = (name: string) => listRegisters(registers).find((register) => register.name === name)?.bits
    expect(writeNamed(registers, "ZCR_EL1", 3n)).toBeUndefined()
    expect([bitsOf("Z5"), bitsOf("P1"), bitsOf("FFR"), bitsOf("V5")]).toEqual([512, 64, 64, 128])
    expect(writeNamed(registers, "Z5", (1n << 511n) | 6n)).toBeUndefined()
    expect(readNamed(registers, "Z5")).toBe((1n << 511n) | 6n)
    expect(readNamed(registers, "V5")).toBe(6n)
    expect(writeNamed(registers, "V5", 7n)).toBeUndefined()
    expect(readNamed(registers, "z5")).toBe((1n << 511n) | 7n)
    expect(writeNamed(registers, "ZCR_EL1", 1n)).toBeUndefined()
    expect([bitsOf("Z5"), bitsOf("P1")]).toEqual([256, 32])
    expect(readNamed(registers, "Z5")).toBe(7n)
    // a request between two lengths gives the shorter one
    expect(writeNamed(registers, "ZCR_EL1", 2n)).toBeUndefined()
    expect(bitsOf("Z5")).toBe(256)
  })
  it("has the virtual timer's registers under their own names", () => {
    const registers = vcpuRegisters(vcpuOf(vmOf(vhe, 0n), 0))
    expect(writeNamed(registers, "CNTV_CVAL_EL0", 0x1234n)).toBeUndefined()
    expect(readNamed(registers, "CNTV_CVAL_EL0")).toBe(0x1234n)
    expect(writeNamed(registers, "MIDR_EL1", 0n)).toMatchObject({ reason: "refused-value" })
    expect(readNamed(registers, "ZCR_EL1")).toMatchObject({ reason: "no-register" })
    expect(readNamed(registers, "constructor")).toMatchObject({ reason: "no-register" })
  })
})

describe("memory of a protected VM", () => {
  it("is refused once it is the guest's alone, and only then", () => {
    const vm = vmOf(protectedMode("hvhe"), PROTECTED)
    const ram = vmRam(vm)
    // movz x0, #7; b .
    const code = new Uint8Array(Uint32Array.of(0xd28000e0, 0x14000000).buffer)
    expect(ram.write(RAM, code)).toBeUndefined()
    expect(ram.read(RAM, 8)).toEqual(code)
    const vcpu = vcpuOf(vm, 0)
    vcpu.setOneReg(0x6030000000100040n, BigInt(RAM))
    expect(vcpu.run(100)).toMatchObject({ reason: "intr" })
    expect(ram.read(RAM, 8)).toMatchObject({ _tag: "AccessError", reason: "protected-memory" })
    expect(ram.write(RAM, code)).toMatchObject({ reason: "protected-memory" })
    expect(ram.read(RAM - 4, 8)).toMatchObject({ reason: "outside-memory" })
    // a page that the guest has not touched is still the host's
    expect(ram.read(RAM + 0x1f_f000, 16)).toEqual(new Uint8Array(16))
  })
})
