/** What the host kernel does about exits: MMIO, hypercalls, PSCI, waits, system registers, injected exceptions, HLT. */

import { PSCI, REG, type RunExit, SystemEvent, type Vcpu, VcpuFeature } from "@eltwo/kvm"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { vhe } from "@eltwo/plugin-vhe"
import { describe, expect, it } from "vitest"
import { assemble, boot, GUEST_RAM, guest as guestOf, ok, PSCI_0_2 } from "../../../plugins/vhe/test/machine.ts"

const DEVICE = 0x09000000
const NOT_SUPPORTED = BigInt.asUintN(64, -1n)
const signed = (value: number): bigint => BigInt.asUintN(64, BigInt(value))
const VECTORS = GUEST_RAM + 0x1000

describe.each([vhe, nvhe, hvhe])("under $name", (mode) => {
  const guest = (code: string, options: { readonly bytes?: number; readonly features?: number } = {}) =>
    guestOf(code, { host: boot(mode), ...options })
  /** A guest whose synchronous vector (from EL1) reports ESR, ELR and FAR in X20..X22 with HLT #9. */
  const withVectors = (source: string, bytes = 0x10000) => {
    const machine = guest(
      `movz x0, #0x4000, lsl #16
     movk x0, #0x1000
     msr vbar_el1, x0
     isb
     ${source}
     hlt #1`,
      { bytes }
    )
    machine.vm.write(VECTORS + 0x200, assemble("mrs x20, esr_el1\nmrs x21, elr_el1\nmrs x22, far_el1\nmrs x23, spsr_el1\nhlt #9", VECTORS + 0x200))
    return machine
  }
  /** Address of the n-th instruction of `source` above. */
  const at = (n: number): bigint => BigInt(GUEST_RAM + 4 * (4 + n))
  const x = (vcpu: Vcpu, n: number): bigint => vcpu.getOneReg(REG.x(n)) as bigint
  const halt = (immediate: number): RunExit => ({ reason: "debug", immediate })

  describe("MMIO", () => {
    const LOADS: readonly (readonly [string, number, bigint])[] = [
      ["ldrb w1, [x9]", 1, 0x88n],
      ["ldrh w1, [x9]", 2, 0xff88n],
      ["ldr w1, [x9]", 4, 0xaaaaff88n],
      ["ldr x1, [x9]", 8, 0x8000_0000_aaaa_ff88n],
      ["ldrsb x1, [x9]", 1, 0xffff_ffff_ffff_ff88n],
      ["ldrsb w1, [x9]", 1, 0xffff_ff88n],
      ["ldrsh x1, [x9]", 2, 0xffff_ffff_ffff_ff88n],
      ["ldrsh w1, [x9]", 2, 0xffff_ff88n],
      ["ldrsw x1, [x9]", 4, 0xffff_ffff_aaaa_ff88n],
      ["ldurb w1, [x9]", 1, 0x88n],
      ["ldr x1, [x9, x10]", 8, 0x8000_0000_aaaa_ff88n],
      ["ldar x1, [x9]", 8, 0x8000_0000_aaaa_ff88n]
    ]
    it.each(LOADS)("%s reads %i bytes and extends them", (load, bytes, expected) => {
      const { vcpu } = guest(`movz x9, #${DEVICE >> 16}, lsl #16\nmov x10, #0\n${load}\nhlt #1`)
      expect(vcpu.run(100)).toEqual({ reason: "mmio", physical: DEVICE, bytes, isWrite: false, value: 0n })
      expect(vcpu.getOneReg(REG.pc)).toBe(BigInt(GUEST_RAM + 8))
      vcpu.setMmioData(0x8000_0000_aaaa_ff88n)
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 1)).toBe(expected)
    })
    it.each([
      ["strb w1, [x9]", 1, 0xefn],
      ["strh w1, [x9]", 2, 0xcdefn],
      ["str w1, [x9]", 4, 0x89abcdefn],
      ["str x1, [x9]", 8, 0x0123456789abcdefn],
      ["str xzr, [x9, #8]", 8, 0n]
    ] as const)("%s writes %i bytes", (store, bytes, value) => {
      const { vcpu } = guest(`movz x9, #${DEVICE >> 16}, lsl #16\n${store}\nhlt #1`)
      vcpu.setOneReg(REG.x(1), 0x0123456789abcdefn)
      expect(vcpu.run(100)).toMatchObject({ reason: "mmio", bytes, isWrite: true, value })
      expect(vcpu.run(100)).toEqual(halt(1))
    })
    it("goes on with the new PC if user space changes it instead of answering", () => {
      const { vcpu } = guest(`movz x9, #${DEVICE >> 16}, lsl #16\nldr x1, [x9]\nhlt #1`)
      vcpu.run(100)
      vcpu.init({ features: PSCI_0_2 })
      vcpu.setOneReg(REG.pc, BigInt(GUEST_RAM + 8))
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 1)).toBe(0n)
    })
    it("without a describing syndrome: ENOSYS, or an exit if user space asked for it", () => {
      const { vcpu, vm } = guest(`movz x9, #${DEVICE >> 16}, lsl #16\nldp x1, x2, [x9]\nhlt #1`)
      expect(vcpu.run(100)).toBe("ENOSYS")
      expect(vm.enableCapability(177)).toBeUndefined()
      expect(vm.enableCapability(9999)).toBe("EINVAL")
      expect(vcpu.run(100)).toMatchObject({ reason: "nisv", physical: DEVICE })
      vcpu.setOneReg(REG.pc, BigInt(GUEST_RAM + 8))
      expect(vcpu.run(100)).toEqual(halt(1))
    })
    it("reads of a read-only slot are memory, writes exit", () => {
      const { vcpu, vm } = guest("movz x9, #0x6000, lsl #16\nldr x1, [x9]\nstr x1, [x9, #8]\nhlt #1")
      const region = ok(vm.setMemoryRegion({ slot: 1, guestPhysical: 0x60000000, bytes: 4096, readonly: true }))
      region.bytes[0] = 7
      expect(vcpu.run(100)).toEqual({ reason: "mmio", physical: 0x60000008, bytes: 8, isWrite: true, value: 7n })
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(region.bytes[8]).toBe(0)
    })
  })

  describe("aborts that are the guest's", () => {
    it("a fetch where nothing is: external abort at EL1", () => {
      const { vcpu } = withVectors("movz x9, #0x0900, lsl #16\nbr x9")
      expect(vcpu.run(100)).toEqual(halt(9))
      expect([x(vcpu, 20), x(vcpu, 21), x(vcpu, 22)]).toEqual([0x86000010n, BigInt(DEVICE), BigInt(DEVICE)])
    })
    it("beyond the VM's addresses: external abort with the IPA in FAR; beyond the host's: address size fault", () => {
      const { vcpu } = withVectors("mov x9, #0x20000000000\nldr x1, [x9]")
      expect(vcpu.run(100)).toEqual(halt(9))
      expect([x(vcpu, 20), x(vcpu, 21), x(vcpu, 22)]).toEqual([0x96000010n, at(1), 0x20000000000n])
    })
    it("cache maintenance on nothing is skipped", () => {
      const { vcpu } = withVectors("movz x9, #0x0900, lsl #16\ndc civac, x9\nmov x1, #5")
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 1)).toBe(5n)
    })
    it("a walk of the guest's tables where nothing is: external abort on the walk", () => {
      const { vcpu } = withVectors(`
      movz x1, #0x0900, lsl #16
      msr ttbr0_el1, x1
      movz x1, #0x3510
      movk x1, #0x80, lsl #16
      msr tcr_el1, x1
      mov x1, #0xff
      msr mair_el1, x1
      isb
      mrs x2, sctlr_el1
      orr x2, x2, #1
      msr sctlr_el1, x2
      isb`)
      // the vectors are not reachable either: the guest takes aborts for ever, and its time ends
      expect(vcpu.run(10_000)).toMatchObject({ reason: "intr" })
      expect(vcpu.getOneReg(REG.system(3, 0, 5, 2, 0))).toBe(0x86000014n)
    })
  })

  describe("SMCCC and PSCI", () => {
    const call = (...values: readonly bigint[]) => {
      const machine = guest("hvc #0\nhlt #1")
      for (const [i, v] of values.entries()) machine.vcpu.setOneReg(REG.x(i), v)
      return machine
    }
    const result = (...values: readonly bigint[]): bigint => {
      const { vcpu } = call(...values)
      expect(vcpu.run(100)).toEqual(halt(1))
      return x(vcpu, 0)
    }
    it.each([
      ["SMCCC_VERSION", [0x80000000n], 0x10001n],
      ["SMCCC_ARCH_FEATURES(workaround 1)", [0x80000001n, 0x80008000n], 1n],
      ["SMCCC_ARCH_FEATURES(workaround 2)", [0x80000001n, 0x80007fffn], NOT_SUPPORTED],
      ["PSCI_VERSION", [0x84000000n], 0x10003n],
      ["MIGRATE_INFO_TYPE", [0x84000006n], 2n],
      ["FEATURES(CPU_ON)", [0x8400000an, 0xc4000003n], 0n],
      ["FEATURES(SYSTEM_OFF2)", [0x8400000an, 0x84000015n], 1n],
      ["FEATURES(SMCCC_VERSION)", [0x8400000an, 0x80000000n], 0n],
      ["FEATURES(unknown)", [0x8400000an, 0x8400001fn], NOT_SUPPORTED],
      ["AFFINITY_INFO of itself", [0xc4000004n, 0n, 0n], 0n],
      ["AFFINITY_INFO of nobody", [0xc4000004n, 5n, 0n], signed(PSCI.INVALID_PARAMS)],
      ["AFFINITY_INFO level 4", [0xc4000004n, 0n, 4n], signed(PSCI.INVALID_PARAMS)],
      ["AFFINITY_INFO with bits that no affinity has", [0xc4000004n, 1n << 48n, 0n], signed(PSCI.INVALID_PARAMS)],
      ["CPU_ON of a running CPU", [0xc4000003n, 0n, 0n, 0n], signed(PSCI.ALREADY_ON)],
      ["CPU_ON of nobody", [0xc4000003n, 9n, 0n, 0n], signed(PSCI.INVALID_PARAMS)],
      ["SYSTEM_RESET2 with a reserved type", [0xc4000012n, 1n], signed(PSCI.INVALID_PARAMS)],
      ["an unknown PSCI function", [0x8400001en], NOT_SUPPORTED],
      ["a wide form that does not exist", [0xc4000000n], NOT_SUPPORTED],
      ["a vendor call nobody knows", [0xc6000007n], NOT_SUPPORTED],
      ["KVM features", [0x86000000n], 3n],
      ["the vendor UID", [0x8600ff01n], 0xb66fb428n],
      ["TRNG_VERSION", [0x84000050n], 0x10000n],
      ["TRNG_RND64, more than there is", [0xc4000053n, 193n], 0xffff_ffff_ffff_fffen],
      ["precise time of no counter", [0x86000001n, 7n], NOT_SUPPORTED]
    ] as const)("%s", (_, values, expected) => {
      expect(result(...values)).toBe(expected)
    })
    it.each([
      ["SYSTEM_OFF", [0x84000008n], SystemEvent.SHUTDOWN, 0n],
      ["SYSTEM_RESET", [0x84000009n], SystemEvent.RESET, 0n],
      ["SYSTEM_RESET2", [0xc4000012n, 0n], SystemEvent.RESET, 1n],
      ["SYSTEM_OFF2", [0xc4000015n, 1n, 0n], SystemEvent.SHUTDOWN, 1n]
    ] as const)("%s stops the VM; X0 holds INTERNAL_FAILURE", (_, values, type, flag) => {
      const { vcpu } = call(...values)
      expect(vcpu.run(100)).toEqual({ reason: "systemEvent", type, data: [flag] })
      expect(x(vcpu, 0)).toBe(signed(PSCI.INTERNAL_FAILURE))
      expect(vcpu.run(100)).toEqual({ reason: "stopped" })
      vcpu.setMpState("runnable")
      expect(vcpu.run(100)).toEqual(halt(1))
    })
    it("the filter forwards or denies, for HVC and SMC", () => {
      const { vcpu, vm } = guest("hvc #0\nmov x5, x0\nmovz x0, #0xc600, lsl #16\nsmc #0\nmov x6, x0\nmovz x0, #0xc700, lsl #16\nhvc #0\nhlt #1")
      vm.setSmcccFilter({ base: 0xc6000000, count: 16 }, "forward")
      vm.setSmcccFilter({ base: 0xc7000000, count: 1 }, "deny")
      vcpu.setOneReg(REG.x(0), 0xc6000001n)
      expect(vcpu.run(100)).toEqual({ reason: "hypercall", nr: 0xc6000001, smc: false })
      expect(vcpu.getOneReg(REG.pc)).toBe(BigInt(GUEST_RAM + 4))
      vcpu.setOneReg(REG.x(0), 77n)
      expect(vcpu.run(100)).toEqual({ reason: "hypercall", nr: 0xc6000000, smc: true })
      expect(vcpu.getOneReg(REG.pc)).toBe(BigInt(GUEST_RAM + 16))
      vcpu.setOneReg(REG.x(0), 78n)
      expect(vcpu.run(100)).toEqual(halt(1))
      expect([x(vcpu, 5), x(vcpu, 6), x(vcpu, 0)]).toEqual([77n, 78n, NOT_SUPPORTED])
    })
    it("workaround calls are answered by the vector: no exit is counted", () => {
      const { vcpu, host } = guest("hvc #0\nhlt #1")
      vcpu.setOneReg(REG.x(0), 0x80008000n)
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 0)).toBe(0n)
      expect(host.account.exits.has("HVC64")).toBe(false)
    })
    it("an SMC with an immediate is no call", () => {
      const { vcpu } = guest("movz x0, #0x8400, lsl #16\nsmc #5\nhlt #1")
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 0)).toBe(NOT_SUPPORTED)
    })
    it("PSCI 0.1 knows CPU_OFF and CPU_ON only", () => {
      const { vcpu } = guest("hvc #0\nhlt #1", { features: 0 })
      vcpu.setOneReg(REG.x(0), 0x84000000n)
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 0)).toBe(NOT_SUPPORTED)
      vcpu.setOneReg(REG.pc, BigInt(GUEST_RAM))
      vcpu.setOneReg(REG.x(0), 0x95c1ba5fn)
      expect(vcpu.run(100)).toEqual({ reason: "stopped" })
    })
    it("CPU_ON starts another vCPU where it is told, CPU_OFF stops the caller", () => {
      const { vcpu, vm } = guest("hvc #0\nmov x9, x0\nmovz x0, #0x8400, lsl #16\nmovk x0, #2\nhvc #0\nhlt #3")
      const second = ok(vm.createVcpu(1))
      second.init({ features: PSCI_0_2 | (1 << VcpuFeature.POWER_OFF) })
      expect(second.run(100)).toEqual({ reason: "stopped" })
      for (const [i, v] of [0xc4000003n, 1n, BigInt(GUEST_RAM + 20), 0x1234n].entries()) vcpu.setOneReg(REG.x(i), v)
      expect(vcpu.run(100)).toEqual({ reason: "stopped" })
      expect(x(vcpu, 9)).toBe(0n)
      // what it had set up before is gone
      second.setOneReg(REG.system(3, 0, 12, 0, 0), 0x40001000n)
      expect(second.run(100)).toEqual(halt(3))
      expect(second.getOneReg(REG.system(3, 0, 12, 0, 0))).toBe(0n)
      expect([x(second, 0), second.getOneReg(REG.pc)]).toEqual([0x1234n, BigInt(GUEST_RAM + 20)])
    })
  })

  describe("trapped system registers", () => {
    it.each([
      ["id_aa64pfr0_el1", (v: bigint) => v & 0xffn, 0x11n],
      ["midr_el1", (v: bigint) => v, 0xf0510n],
      ["mpidr_el1", (v: bigint) => v, 0x80000000n],
      ["actlr_el1", (v: bigint) => v, 0n],
      ["lorid_el1", (v: bigint) => v, 0n],
      ["ctr_el0", (v: bigint) => v & 0xfn, 4n],
      ["oslsr_el1", (v: bigint) => v, 8n],
      ["lorsa_el1", (v: bigint) => v, 0n],
      ["mdscr_el1", (v: bigint) => v, 0n]
    ] as const)("mrs %s", (name, part, expected) => {
      const { vcpu } = withVectors(`mrs x1, ${name}`)
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(part(x(vcpu, 1))).toBe(expected)
    })
    it("ID registers are what user space made of them", () => {
      const { vcpu } = withVectors("mrs x1, id_aa64isar0_el1")
      const id = REG.system(3, 0, 0, 6, 0)
      const lowered = (vcpu.getOneReg(id) as bigint) & ~(15n << 20n)
      vcpu.setOneReg(id, lowered)
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 1)).toBe(lowered)
    })
    it("writes are kept: MDSCR, DBGBVR, OS lock", () => {
      const { vcpu } = withVectors(
        "mov x2, #0x1000\nmsr mdscr_el1, x2\nmrs x1, mdscr_el1\nmov x3, #1\nmsr oslar_el1, x3\nmrs x4, oslsr_el1\nmsr dbgbvr0_el1, x2\nmrs x5, dbgbvr0_el1"
      )
      expect(vcpu.run(100)).toEqual(halt(1))
      expect([x(vcpu, 1), x(vcpu, 4), x(vcpu, 5)]).toEqual([0x1000n, 0xan, 0x1000n])
    })
    it("limited ordering regions are UNDEFINED when user space took FEAT_LOR away", () => {
      const { vcpu } = withVectors("msr lorc_el1, x1\nmrs x1, lorid_el1")
      const id = REG.system(3, 0, 0, 7, 1)
      expect(vcpu.setOneReg(id, (vcpu.getOneReg(id) as bigint) & ~(15n << 16n))).toBeUndefined()
      expect(vcpu.run(100)).toEqual(halt(9))
      expect([x(vcpu, 20), x(vcpu, 21)]).toEqual([0x02000000n, at(0)])
    })
    it("cleaning by set and way does nothing", () => {
      const { vcpu } = withVectors("dc isw, xzr\ndc cisw, x1")
      expect(vcpu.run(100)).toEqual(halt(1))
    })
    it.each(["mrs x1, s3_0_c15_c2_0", "mrs x1, hcr_el2"])("%s is UNDEFINED for a guest", (text) => {
      const { vcpu } = withVectors(text)
      expect(vcpu.run(100)).toEqual(halt(9))
      expect([x(vcpu, 20), x(vcpu, 21)]).toEqual([0x02000000n, at(0)])
    })
  })

  describe("waiting and time", () => {
    it("WFI without anything to wait for is user space's business; with an interrupt pending it is over", () => {
      const { vcpu } = guest("wfi\nmov x1, #1\nhlt #1")
      expect(vcpu.run(100)).toEqual({ reason: "wfi" })
      expect(vcpu.getOneReg(REG.pc)).toBe(BigInt(GUEST_RAM + 4))
      const other = guest("wfi\nmov x1, #1\nhlt #1")
      other.vcpu.setIrqLine("irq", true)
      expect(other.vcpu.run(100)).toEqual(halt(1))
    })
    it("WFE yields and goes on", () => {
      const { vcpu } = guest("wfe\nwfe\nhlt #1")
      expect(vcpu.run(100)).toEqual(halt(1))
    })
    it("the counter starts near zero, and WFI sleeps to the timer's deadline, of which user space is told", () => {
      const { vcpu } = guest(`
      mrs x1, cntvct_el0
      mov x2, #10000
      msr cntv_tval_el0, x2
      mov x2, #1
      msr cntv_ctl_el0, x2
      wfi
      mrs x3, cntvct_el0
      hlt #1`)
      expect(vcpu.run(1000)).toEqual({ reason: "intr", deviceIrqLevel: 1 })
      expect(vcpu.run(1000)).toEqual(halt(1))
      expect(x(vcpu, 1)).toBeLessThan(100n)
      const slept = x(vcpu, 3) - x(vcpu, 1)
      expect(slept).toBeGreaterThanOrEqual(10000n)
      expect(slept).toBeLessThan(10100n)
    })
    it("a line that user space raises interrupts the guest until it falls", () => {
      const { vcpu, vm } = withVectors("msr daifclr, #2\nnop\nnop")
      vm.write(VECTORS + 0x280, assemble("mov x20, #77\nhlt #2\neret", VECTORS + 0x280))
      vcpu.setIrqLine("irq", true)
      expect(vcpu.run(100)).toEqual(halt(2))
      vcpu.setIrqLine("irq", false)
      vcpu.completeHalt()
      expect(vcpu.run(100)).toEqual(halt(1))
    })
    it("comes back when its instructions are used up, having run exactly as many", () => {
      const { vcpu, host } = guest("b =again\nagain:\nadd x1, x1, #1\nb =again")
      const { pe } = host.cpus[0]!
      vcpu.run(1)
      const before = pe.retired
      expect(vcpu.run(1000)).toEqual({ reason: "intr", deviceIrqLevel: 0 })
      // with the two of the VMM thread
      expect(pe.retired - before).toBe(1002n)
      expect(x(vcpu, 1)).toBe(500n)
    })
    it("WFIT ends at its time", () => {
      const { vcpu } = guest("mrs x1, cntvct_el0\nmov x2, #5000\nadd x2, x1, x2\nwfit x2\nmrs x3, cntvct_el0\nhlt #1")
      expect(vcpu.run(1000)).toEqual(halt(1))
      const slept = x(vcpu, 3) - x(vcpu, 1)
      expect(slept).toBeGreaterThanOrEqual(5000n)
      expect(slept).toBeLessThan(5100n)
    })
  })

  describe("HLT", () => {
    it("is the debugger's: completed, the guest goes on behind it", () => {
      const { vcpu } = guest("mov x0, #4\nhlt #0xf000\nmov x1, x0\nhlt #1")
      expect(vcpu.run(100)).toEqual(halt(0xf000))
      expect([x(vcpu, 0), vcpu.getOneReg(REG.pc)]).toEqual([4n, BigInt(GUEST_RAM + 4)])
      vcpu.setOneReg(REG.x(0), 9n)
      expect(vcpu.completeHalt()).toBeUndefined()
      expect(vcpu.completeHalt()).toBe("EINVAL")
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 1)).toBe(9n)
    })
    it("refused, it is UNDEFINED", () => {
      const { vcpu } = withVectors("hlt #0xf000")
      expect(vcpu.run(100)).toEqual(halt(0xf000))
      expect(vcpu.refuseHalt()).toBeUndefined()
      expect(vcpu.run(100)).toEqual(halt(9))
      expect([x(vcpu, 20), x(vcpu, 21), x(vcpu, 23) & 0x3ffn]).toEqual([0x02000000n, at(0), 0x3c5n])
    })
    it("unanswered, it is asked again", () => {
      const { vcpu } = guest("hlt #3")
      expect([vcpu.run(100), vcpu.run(100)]).toEqual([halt(3), halt(3)])
    })
  })

  describe("states that cannot be entered", () => {
    it("PSTATE of EL3 by a raw restore: FAIL_ENTRY; of EL2: runs at EL1", () => {
      const { vcpu } = guest("mrs x1, currentel\nhlt #1")
      vcpu.registers.pstate = 0x3cdn
      expect(vcpu.run(100)).toMatchObject({ reason: "failEntry" })
      vcpu.registers.pstate = 0x3c9n
      expect(vcpu.run(100)).toEqual(halt(1))
      expect(x(vcpu, 1)).toBe(4n)
    })
  })
})
