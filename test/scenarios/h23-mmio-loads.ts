import { isErrno } from "@eltwo/kvm"
import { expect } from "vitest"
import { guest, host, PLAIN_MODES, scenario } from "./scenario.ts"

const SCTLR_EE = 1 << 25
/** Loads, and what X1 is afterwards when the device says 0x...8384 in as many bytes as are asked for. */
const LOADS = [
  ["ldrb w1, [x28]", 0x84n],
  ["ldrsb w1, [x28]", 0xffffff84n],
  ["ldrsb x1, [x28]", 0xffffffffffffff84n],
  ["ldrh w1, [x28]", 0x8384n],
  ["ldrsh w1, [x28]", 0xffff8384n],
  ["ldrsh x1, [x28]", 0xffffffffffff8384n],
  ["ldr w1, [x28]", 0x81828384n],
  ["ldrsw x1, [x28]", 0xffffffff81828384n],
  ["ldr x1, [x28]", 0x7172737481828384n]
] as const
const DEVICE_VALUE = 0x7172737481828384n

export default scenario(
  "H23",
  "MMIO loads of every size: extended as the instruction says; the processor has one byte order (SCTLR_EL1.EE is RES0)",
  () => {
    for (const mode of PLAIN_MODES) {
      const on = host(mode)
      for (const tried of [false, true])
        for (const [load, value] of LOADS) {
          const order = tried ? `mrs x2, sctlr_el1\norr x2, x2, #${SCTLR_EE}\nmsr sctlr_el1, x2\nisb\n` : ""
          const { vm, vcpus } = guest(on, `main: mov x1, #-1\n${order}${load}\nhlt #1`)
          const [vcpu] = vcpus
          const exit = vcpu!.run(1000)
          if (isErrno(exit) || exit.reason !== "mmio") throw new Error(`No MMIO exit of ${load}: ${JSON.stringify(exit)}`)
          vcpu!.setMmioData(BigInt.asUintN(8 * exit.bytes, DEVICE_VALUE))
          expect(vcpu!.run(1000)).toMatchObject({ reason: "debug" })
          expect([load, tried, vcpu!.registers.x[1]]).toEqual([load, tried, value])
          vm.destroy()
        }
    }
  }
)
