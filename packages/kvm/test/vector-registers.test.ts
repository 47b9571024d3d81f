/** What extensions say to KVM, seen through the interface: SVE, SME and FPMR of vCPUs. */
import { isErrno, type KvmPart, REG, VcpuFeature } from "@eltwo/kvm"
import { fpmr } from "@eltwo/plugin-fpmr"
import { nvhe } from "@eltwo/plugin-nvhe"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"
import { describe, expect, it } from "vitest"
import { kvm as fpmrPart } from "../../../plugins/fpmr/src/kvm.ts"
import { kvm as smePart } from "../../../plugins/sme/src/kvm.ts"
import { kvm as svePart } from "../../../plugins/sve/src/kvm.ts"
import { boot, bootScalable, guest, isaWithoutSme, ok, PSCI_0_2, scalableBoard, scalableIsa, VLS } from "../../../plugins/vhe/test/machine.ts"
import { createHost } from "../src/index.ts"

const SVE = 1 << VcpuFeature.SVE
const Z = (n: number, slice = 0): bigint => 0x6080000000150000n | BigInt((n << 5) | slice)
const P = (n: number, slice = 0): bigint => 0x6050000000150400n | BigInt((n << 5) | slice)
const FFR = 0x6050000000150600n
const ZCR_EL1 = REG.system(3, 0, 1, 2, 0)
const FPMR = REG.system(3, 3, 4, 4, 2)
const ID = {
  PFR0: REG.system(3, 0, 0, 4, 0),
  PFR1: REG.system(3, 0, 0, 4, 1),
  PFR2: REG.system(3, 0, 0, 4, 2),
  ZFR0: REG.system(3, 0, 0, 4, 4)
} as const
const SMFR0 = REG.system(3, 0, 0, 4, 5)
const FPFR0 = REG.system(3, 0, 0, 4, 7)
const SVE_FIELD = 1n << 32n

const nothing = "hlt #1"
const withSve = (sveMaxVl: number, host = bootScalable()) => guest(nothing, { host, sveMaxVl }).vcpu
const word = (result: bigint | string): bigint => {
  if (typeof result === "string") throw new Error(result)
  return result
}
const bytesOf = (length: number, seed: number): bigint =>
  Array.from({ length }, (_, i) => BigInt((seed + 7 * i) & 0xff)).reduceRight((v, b) => (v << 8n) | b, 0n)
const coprocessor = (id: bigint): bigint => (id >> 16n) & 0xffffn

describe("the parts of extensions", () => {
  it("have the shape that KVM reads", () => {
    const parts: readonly KvmPart[] = [svePart, smePart, fpmrPart]
    expect([sve.kvm, sme.kvm, fpmr.kvm]).toEqual(parts)
  })
})

describe("KVM_GET_REG_LIST of a vCPU with SVE", () => {
  const vcpu = withSve(64)
  const list = ok(vcpu.getRegList()) as readonly bigint[]
  it("has 43 core registers, and behind them the lengths, Z, P and FFR", () => {
    expect(list.filter((id) => coprocessor(id) === 0x10n).length).toBe(43)
    const vectors = [VLS, ...Array.from({ length: 32 }, (_, n) => Z(n)), ...Array.from({ length: 16 }, (_, n) => P(n)), FFR]
    expect(list.slice(43, 43 + 50)).toEqual(vectors)
    expect(list.filter((id) => coprocessor(id) === 0x15n).length).toBe(50)
    expect(list).toContain(ZCR_EL1)
    expect(list).toContain(FPMR)
  })
  it("has nothing twice, and each can be written with its own value but the lengths, which are fixed", () => {
    expect(new Set(list).size).toBe(list.length)
    for (const id of list) {
      const value = word(vcpu.getOneReg(id))
      expect([id, vcpu.setOneReg(id, value)]).toEqual([id, id === VLS ? "EPERM" : undefined])
    }
  })
  it("without it the vCPU has V, and neither vectors nor ZCR_EL1", () => {
    const plain = ok(guest(nothing, { host: bootScalable() }).vcpu.getRegList()) as readonly bigint[]
    expect(plain.filter((id) => coprocessor(id) === 0x10n).length).toBe(75)
    expect(plain.filter((id) => coprocessor(id) === 0x15n || id === ZCR_EL1)).toEqual([])
    expect(plain).toContain(ID.ZFR0)
  })
})

describe("vector registers", () => {
  it.each([16, 32, 48, 64, 128, 256])("of %i bytes keep what is written, up to that length", (length) => {
    const vcpu = withSve(length)
    const everything = (1n << 2048n) - 1n
    for (let n = 0; n < 32; n++) expect(vcpu.setOneReg(Z(n), bytesOf(256, n))).toBeUndefined()
    for (let n = 0; n < 16; n++) expect(vcpu.setOneReg(P(n), bytesOf(32, 100 + n))).toBeUndefined()
    expect(vcpu.setOneReg(FFR, everything)).toBeUndefined()
    for (let n = 0; n < 32; n++) expect(vcpu.getOneReg(Z(n))).toBe(bytesOf(length, n))
    for (let n = 0; n < 16; n++) expect(vcpu.getOneReg(P(n))).toBe(BigInt.asUintN(length, bytesOf(32, 100 + n)))
    expect(vcpu.getOneReg(FFR)).toBe((1n << BigInt(length)) - 1n)
  })
  it("have one slice, one size and no others: what is no register is refused before what is not there yet", () => {
    const vcpu = withSve(32)
    expect([Z(0, 1), P(3, 1), FFR + 1n].map((id) => vcpu.getOneReg(id))).toEqual(["ENOENT", "ENOENT", "ENOENT"])
    expect([Z(32), P(17), Z(0) ^ (1n << 52n), VLS - 1n].map((id) => vcpu.getOneReg(id))).toEqual(["EINVAL", "EINVAL", "EINVAL", "EINVAL"])
    const { vm } = guest(nothing, { host: bootScalable() })
    const unfinished = ok(ok(vm.host.createVm()).createVcpu(0))
    unfinished.init({ features: PSCI_0_2 | SVE })
    expect([Z(0), Z(0, 1), Z(32)].map((id) => unfinished.getOneReg(id))).toEqual(["EPERM", "ENOENT", "EINVAL"])
    expect(unfinished.setOneReg(P(0), 0n)).toBe("EPERM")
  })
  it("lengths: only the largest is free; every length below it must be chosen", () => {
    const board = scalableBoard(scalableIsa, { vectorLengths: [128, 256, 512] })
    const vcpu = ok(ok(createHost({ board, mode: nvhe }).createVm()).createVcpu(0))
    vcpu.init({ features: PSCI_0_2 | SVE })
    expect(vcpu.getOneReg(VLS)).toBe(0b1011n)
    for (const wrong of [0n, 0b1n << 1n, 0b1001n, 0b1111n, 0b10001011n, 0b1011n | (1n << 200n)]) expect(vcpu.setOneReg(VLS, wrong)).toBe("EINVAL")
    expect(vcpu.setOneReg(VLS, 0b11n)).toBeUndefined()
    expect(vcpu.getOneReg(VLS)).toBe(0b11n)
    // another VCPU_INIT forgets it
    vcpu.init({ features: PSCI_0_2 | SVE })
    expect(vcpu.getOneReg(VLS)).toBe(0b1011n)
    vcpu.setOneReg(VLS, 1n)
    expect(vcpu.finalize(VcpuFeature.SVE)).toBeUndefined()
    vcpu.init({ features: PSCI_0_2 | SVE })
    expect(vcpu.getOneReg(VLS)).toBe(1n)
    expect(vcpu.fp.sve!.length).toBe(546)
  })
  it("are zero after VCPU_INIT", () => {
    const vcpu = withSve(32)
    for (const [id, value] of [
      [Z(3), 5n],
      [FFR, 6n],
      [ZCR_EL1, 1n],
      [FPMR, 7n]
    ] as const)
      expect(vcpu.setOneReg(id, value)).toBeUndefined()
    vcpu.init({ features: PSCI_0_2 | SVE })
    expect([Z(3), FFR, ZCR_EL1, FPMR].map((id) => vcpu.getOneReg(id))).toEqual([0n, 0n, 0n, 0n])
  })
})

describe("KVM_ARM_VCPU_INIT", () => {
  it("refuses SVE where the processor has none", () => {
    const { vm } = guest(nothing, { host: boot() })
    expect(ok(ok(vm.host.createVm()).createVcpu(0)).init({ features: PSCI_0_2 | SVE })).toBe("EINVAL")
  })
  it("leaves a vCPU with SVE unable to run until it is finalised", () => {
    const vcpu = ok(ok(bootScalable().createVm()).createVcpu(0))
    vcpu.init({ features: PSCI_0_2 | SVE })
    expect([vcpu.run(10), vcpu.getRegList(), vcpu.finalize(3)]).toEqual(["EPERM", "EPERM", "EINVAL"])
    expect([vcpu.finalize(VcpuFeature.SVE), vcpu.finalize(VcpuFeature.SVE)]).toEqual([undefined, "EPERM"])
    expect(isErrno(vcpu.run(1))).toBe(false)
  })
})

describe("ID registers of a VM", () => {
  const ids = (vcpu: ReturnType<typeof withSve>, ...registers: readonly bigint[]) => registers.map((id) => word(vcpu.getOneReg(id)))
  it("show SVE with the feature only, SME never, FPMR as the processor has it", () => {
    const host = bootScalable()
    const { machine } = host.cpus[0]!.pe.controls
    const own = (name: string) => machine.registerByName.get(name)!.reset
    const [pfr0, pfr1, pfr2, zfr0, smfr0] = ids(withSve(32, host), ID.PFR0, ID.PFR1, ID.PFR2, ID.ZFR0, SMFR0)
    expect([(pfr0! >> 32n) & 15n, (pfr1! >> 24n) & 15n, (pfr2! >> 32n) & 15n, zfr0, smfr0]).toEqual([1n, 0n, 1n, own("ID_AA64ZFR0_EL1"), 0n])
    expect(own("ID_AA64SMFR0_EL1")).not.toBe(0n)
    const plain = guest(nothing, { host }).vcpu
    expect(ids(plain, ID.ZFR0, SMFR0)).toEqual([0n, 0n])
    expect(word(plain.getOneReg(ID.PFR0)) & SVE_FIELD).toBe(0n)
  })
  it("SVE and SME cannot be set or taken away", () => {
    const host = bootScalable()
    const [scalable, plain] = [withSve(32, host), guest(nothing, { host }).vcpu]
    const pfr0 = word(scalable.getOneReg(ID.PFR0))
    expect(scalable.setOneReg(ID.PFR0, pfr0 & ~SVE_FIELD)).toBe("EINVAL")
    expect(plain.setOneReg(ID.PFR0, word(plain.getOneReg(ID.PFR0)) | SVE_FIELD)).toBe("EINVAL")
    expect(plain.setOneReg(ID.PFR1, word(plain.getOneReg(ID.PFR1)) | (1n << 24n))).toBe("EINVAL")
    expect([plain.setOneReg(SMFR0, 1n << 32n), plain.setOneReg(ID.ZFR0, 1n), plain.setOneReg(ID.ZFR0, 0n)]).toEqual(["EINVAL", "EINVAL", undefined])
  })
  it("FPMR can be taken away, and is gone then for user space", () => {
    const { vcpu } = guest("mrs x0, id_aa64pfr2_el1\nhlt #1", { host: bootScalable() })
    expect(vcpu.setOneReg(FPMR, 5n)).toBeUndefined()
    expect(vcpu.setOneReg(ID.PFR2, 0n)).toBeUndefined()
    expect([vcpu.getOneReg(FPMR), vcpu.setOneReg(FPMR, 0n)]).toEqual(["ENOENT", "ENOENT"])
    expect(vcpu.getRegList()).not.toContain(FPMR)
    expect(vcpu.run(100)).toMatchObject({ reason: "debug" })
    expect(vcpu.getOneReg(REG.x(0))).toBe(0n)
  })
  it("flags are lowered one by one", () => {
    const { vcpu } = guest(nothing, { host: bootScalable(undefined, isaWithoutSme) })
    const flags = word(vcpu.getOneReg(FPFR0))
    expect(flags & 3n).toBe(3n)
    expect(vcpu.setOneReg(FPFR0, flags & ~1n)).toBeUndefined()
    // a field the processor lacks, worth less as a number than one it has
    expect(flags & (1n << 30n)).toBe(0n)
    expect(vcpu.setOneReg(FPFR0, (flags & ~(1n << 31n)) | (1n << 30n))).toBe("EINVAL")
  })
})
