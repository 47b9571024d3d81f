/** FPMR: its fields, its enables, and where the ID registers show it. */
import { PE, PortTrap, registerNamed, synchronize, writeRegister } from "@eltwo/cpu"
import { base, composeOrThrow, EC, systemSyndrome } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { describe, expect, it } from "vitest"
import { processor } from "../../sve/test/machine.ts"
import { fpmr } from "../src/index.ts"

const FPMR = 0xda22
const trapOf = (result: unknown) => {
  expect(result).toBeInstanceOf(PortTrap)
  const { ec, iss, target } = (result as PortTrap).exception
  return { ec, iss, target }
}

describe("FPMR", () => {
  it("keeps its fields and nothing else", () => {
    const { pe, port } = processor(1, [fpmr])
    port.msr("FPMR", 0xffff_ffff_ffff_ffffn)
    expect(port.mrs("FPMR")).toBe(0x3f_ff7f_c1ffn)
    expect(pe.doublewords[PE.FPMR >> 3]).toBe(0x3f_ff7f_c1ffn)
  })
  it("needs SCTLR_EL1.EnFPM at EL0, HCRX_EL2.EnFPM below EL2, and FP, in this order", () => {
    const { pe, port } = processor(0, [fpmr])
    const write = (name: string, value: bigint) => {
      writeRegister(pe, registerNamed(pe, name), value)
      synchronize(pe)
    }
    expect(port.mrs("FPMR")).toBe(0n)
    write("CPACR_EL1", 0n)
    expect(trapOf(port.mrs("FPMR"))).toEqual({ ec: EC.FPAccess, iss: 0x1e00000, target: 1 })
    write("HCRX_EL2", 0n)
    expect(trapOf(port.mrs("FPMR"))).toEqual({ target: 2, ...systemSyndrome(FPMR, 0, true) })
    write("SCTLR_EL1", 0n)
    expect(trapOf(port.msr("FPMR", 1n))).toEqual({ target: 1, ...systemSyndrome(FPMR, 0, false) })
  })
  it("is EL2's whatever the enables say", () => {
    const { port } = processor(2, [fpmr])
    port.msr("HCRX_EL2", 0n)
    port.isb()
    expect(port.msr("FPMR", 8n)).toBeUndefined()
    expect(port.mrs("FPMR")).toBe(8n)
  })
  it("and the formats are shown by the ID registers", () => {
    const idOf = (features: Readonly<Record<string, boolean>>, register: string) =>
      composeOrThrow([base, fpsimd, fpmr], { features }).registerByName.get(register)!.reset
    expect((idOf({}, "ID_AA64PFR2_EL1") >> 32n) & 15n).toBe(1n)
    expect(idOf({}, "ID_AA64FPFR0_EL1")).toBe(0x8000_0003n)
    expect(idOf({ FPMR: false }, "ID_AA64PFR2_EL1")).toBe(0n)
    expect(idOf({ FPMR: false }, "ID_AA64FPFR0_EL1")).toBe(0n)
  })
})
