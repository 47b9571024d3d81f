import { isErrno, PSCI_VERSIONS, REG, VcpuFeature } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { boot, guest, ok } from "../../../plugins/vhe/test/machine.ts"

const nothing = "hlt #1"
const value = (n: number): bigint => 0x0123_4567_89ab_cdefn ^ BigInt(n)
const word = (result: bigint | string): bigint => {
  if (typeof result === "string") throw new Error(result)
  return result
}
const FW = (n: number): bigint => 0x6030000000140000n + BigInt(n)
const BITMAP = (n: number): bigint => 0x6030000000160000n + BigInt(n)
const CCSIDR = (n: number): bigint => 0x6020000000110000n + BigInt(n)

describe("ONE_REG", () => {
  it("has the ids of the interface", () => {
    expect(REG.x(0)).toBe(0x6030000000100000n)
    expect(REG.x(30)).toBe(0x603000000010003cn)
    expect(REG.sp).toBe(0x603000000010003en)
    expect(REG.pc).toBe(0x6030000000100040n)
    expect(REG.pstate).toBe(0x6030000000100042n)
    expect(REG.spEl1).toBe(0x6030000000100044n)
    expect(REG.elrEl1).toBe(0x6030000000100046n)
    expect(REG.spsrEl1).toBe(0x6030000000100048n)
    expect(REG.v(0)).toBe(0x6040000000100054n)
    expect(REG.v(31)).toBe(0x60400000001000d0n)
    expect(REG.fpsr).toBe(0x60200000001000d4n)
    expect(REG.fpcr).toBe(0x60200000001000d5n)
    expect(REG.system(3, 0, 1, 0, 0)).toBe(0x603000000013c080n)
    expect(REG.system(3, 0, 1, 0, 2)).toBe(0x603000000013c082n)
    expect(REG.system(3, 0, 12, 0, 0)).toBe(0x603000000013c600n)
    expect(REG.system(3, 3, 13, 0, 2)).toBe(0x603000000013de82n)
  })
  it("lists every register once, and each can be read and written with its own value", () => {
    const { vcpu } = guest(nothing)
    const list = ok(vcpu.getRegList()) as readonly bigint[]
    expect(new Set(list).size).toBe(list.length)
    // 31 X, SP PC PSTATE SP_EL1 ELR_EL1, 5 SPSRs, 32 V, FPSR, FPCR
    expect(list.filter((id) => ((id >> 16n) & 0xffffn) === 0x10n).length).toBe(75)
    for (const id of list) {
      const read = vcpu.getOneReg(id)
      expect([id, isErrno(read)]).toEqual([id, false])
      expect([id, vcpu.setOneReg(id, word(read))]).toEqual([id, undefined])
    }
  })
  it("lists system registers by architectural encoding, the virtual timer's exchanged pair at their meaning", () => {
    const { vcpu } = guest(nothing)
    const system = (ok(vcpu.getRegList()) as readonly bigint[]).filter((id) => ((id >> 16n) & 0xffffn) === 0x13n)
    const exchanged = new Map([
      [0x603000000013df02n, 0x603000000013df1an],
      [0x603000000013df1an, 0x603000000013df02n]
    ])
    const architectural = system.map((id) => exchanged.get(id) ?? id)
    expect(architectural).toEqual([...architectural].sort((a, b) => (a < b ? -1 : 1)))
  })
  it("keeps what is written, and the guest sees it", () => {
    const { vcpu } = guest(`
      fmov x2, d31
      fmov x3, v31.d[1]
      mrs x4, fpsr
      mrs x5, tpidr_el1
      mov x6, sp
      hlt #1`)
    expect(vcpu.setOneReg(REG.v(31), (value(1) << 64n) | value(2))).toBeUndefined()
    expect(vcpu.setOneReg(REG.fpsr, 0x10n)).toBeUndefined()
    expect(vcpu.setOneReg(REG.system(3, 0, 13, 0, 4), value(3))).toBeUndefined()
    expect(vcpu.setOneReg(REG.spEl1, value(4))).toBeUndefined()
    expect(vcpu.setOneReg(REG.x(7), value(5))).toBeUndefined()
    expect(vcpu.setOneReg(REG.system(3, 0, 1, 0, 2), 0x300000n)).toBeUndefined()
    expect(vcpu.run(100)).toEqual({ reason: "debug", immediate: 1 })
    expect([2, 3, 4, 5, 6, 7].map((n) => vcpu.getOneReg(REG.x(n)))).toEqual([value(2), value(1), 0x10n, value(3), value(4), value(5)])
    expect(vcpu.getOneReg(REG.v(31))).toBe((value(1) << 64n) | value(2))
  })
  it("refuses ids of wrong architecture, size or place", () => {
    const { vcpu } = guest(nothing)
    expect(vcpu.getOneReg(0x4030000000100000n)).toBe("EINVAL")
    expect(vcpu.getOneReg(0x6030000000100001n)).toBe("EINVAL")
    expect(vcpu.getOneReg(0x6040000000100055n)).toBe("EINVAL")
    expect(vcpu.getOneReg(0x60300000001000d4n)).toBe("EINVAL")
    expect(vcpu.getOneReg(0x60200000001000d6n)).toBe("ENOENT")
    expect(vcpu.getOneReg(0x6020000000130000n + 0xc080n)).toBe("ENOENT")
    expect(vcpu.getOneReg(0x603000000013ffffn)).toBe("ENOENT")
    expect(vcpu.getOneReg(0x6130000000100000n)).toBe("ENOENT")
  })
  it("firmware: PSCI version by feature, workaround levels, bitmaps frozen by the first run", () => {
    const { vcpu } = guest(nothing)
    expect(vcpu.getOneReg(FW(0))).toBe(BigInt(PSCI_VERSIONS.v1_3))
    expect(vcpu.setOneReg(FW(0), 1n)).toBe("EINVAL")
    expect(vcpu.setOneReg(FW(0), BigInt(PSCI_VERSIONS.v1_1))).toBeUndefined()
    expect(vcpu.getOneReg(FW(0))).toBe(BigInt(PSCI_VERSIONS.v1_1))
    expect(vcpu.setOneReg(FW(1), 3n)).toBe("EINVAL")
    expect(vcpu.setOneReg(FW(1), 0n)).toBeUndefined()
    expect(vcpu.getOneReg(FW(1))).toBe(2n)
    expect(vcpu.getOneReg(FW(4))).toBe("ENOENT")
    expect([0, 1, 2, 3].map((n) => vcpu.getOneReg(BITMAP(n)))).toEqual([1n, 1n, 3n, 0n])
    expect(vcpu.setOneReg(BITMAP(3), 4n)).toBe("EINVAL")
    expect(vcpu.setOneReg(BITMAP(3), 3n)).toBeUndefined()
    vcpu.run(10)
    expect(vcpu.setOneReg(BITMAP(3), 3n)).toBeUndefined()
    expect(vcpu.setOneReg(BITMAP(3), 0n)).toBe("EBUSY")
    expect(vcpu.setOneReg(FW(0), BigInt(PSCI_VERSIONS.v1_3))).toBeUndefined()
    const old = guest(nothing, { features: 1 << VcpuFeature.POWER_OFF })
    expect(old.vcpu.getOneReg(FW(0))).toBe(1n)
    expect(old.vcpu.setOneReg(FW(0), BigInt(PSCI_VERSIONS.v0_2))).toBe("EINVAL")
  })
  it("ID registers: the host's view sanitised; may be lowered before the first run only", () => {
    const { vcpu, vm } = guest(nothing)
    const PFR0 = REG.system(3, 0, 0, 4, 0)
    const ISAR0 = REG.system(3, 0, 0, 6, 0)
    const pfr0 = word(vcpu.getOneReg(PFR0))
    // EL0 and EL1 in AArch64; no SVE, no GIC
    expect(pfr0 & 0xffn).toBe(0x11n)
    expect((pfr0 >> 32n) & 15n).toBe(0n)
    const isar0 = word(vcpu.getOneReg(ISAR0))
    const withoutAtomics = isar0 & ~(15n << 20n)
    expect(vcpu.setOneReg(ISAR0, isar0 + (1n << 20n))).toBe("EINVAL")
    expect(vcpu.setOneReg(ISAR0, withoutAtomics)).toBeUndefined()
    expect(vcpu.setOneReg(PFR0, pfr0 & ~15n)).toBe("EINVAL")
    vcpu.run(10)
    expect(vm.hasRun).toBe(true)
    expect(vcpu.setOneReg(ISAR0, isar0)).toBe("EBUSY")
    expect(vcpu.setOneReg(ISAR0, withoutAtomics)).toBeUndefined()
    expect(vcpu.setOneReg(REG.system(3, 0, 0, 0, 0), 0n)).toBe("EINVAL")
  })
  it("timer ids: CVAL and CNT are exchanged; CTL drops ISTATUS", () => {
    const { vcpu } = guest("mrs x1, cntv_cval_el0\nmrs x2, cntv_ctl_el0\nhlt #1")
    const CTL = 0x603000000013df19n
    const CVAL = 0x603000000013df02n
    const CNT = 0x603000000013df1an
    expect(vcpu.setOneReg(CVAL, 0x7fff_0000n)).toBeUndefined()
    expect(vcpu.setOneReg(CTL, 7n)).toBeUndefined()
    expect(vcpu.getOneReg(CTL)).toBe(3n)
    vcpu.run(10)
    expect([vcpu.registers.x[1], vcpu.registers.x[2]]).toEqual([0x7fff_0000n, 3n])
    expect(word(vcpu.getOneReg(CNT))).toBeLessThan(1000n)
    expect(vcpu.setOneReg(CNT, 1_000_000n)).toBeUndefined()
    expect(word(vcpu.getOneReg(CNT))).toBe(1_000_000n)
  })
  it("cache geometry by selector", () => {
    const { vcpu } = guest(nothing)
    const first = word(vcpu.getOneReg(CCSIDR(0)))
    expect(first & 7n).toBe(2n)
    expect(vcpu.setOneReg(CCSIDR(0), 0n)).toBe("EINVAL")
    expect(vcpu.setOneReg(CCSIDR(13), first)).toBeUndefined()
    expect(vcpu.getOneReg(CCSIDR(14))).toBe("ENOENT")
  })
  it("VCPU_INIT resets everything but ID registers", () => {
    const host = boot()
    const { vcpu } = guest("mov x1, #1\nhlt #1", { host })
    vcpu.setOneReg(REG.v(3), 5n)
    vcpu.run(10)
    vcpu.init({ features: 1 << VcpuFeature.PSCI_0_2 })
    expect([REG.x(1), REG.pc, REG.v(3), REG.sp, REG.fpcr].map((id) => vcpu.getOneReg(id))).toEqual([0n, 0n, 0n, 0n, 0n])
    expect(vcpu.getOneReg(REG.pstate)).toBe(0x3c5n)
    expect(vcpu.getOneReg(REG.system(3, 0, 1, 0, 0))).toBe(0xc50078n)
    expect(vcpu.getOneReg(REG.system(3, 0, 0, 0, 5))).toBe(0x80000000n)
  })
})
