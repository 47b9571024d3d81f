/** SMCR_ELx and the streaming vector length, SVCR and what a change of it does, TPIDR2_EL0, priority, identification. */
import { executeWord, PE, type Pe, PortTrap, registerNamed, synchronize, writeRegister } from "@eltwo/cpu"
import { base, composeOrThrow, EC, systemSyndrome } from "@eltwo/isa"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sve } from "@eltwo/plugin-sve"
import { describe, expect, it } from "vitest"
import { processor } from "../../sve/test/machine.ts"
import { sme } from "../src/index.ts"

const [RDVL_X0, RDSVL_X0] = [0x04bf5020, 0x04bf5820]
const [SMSTART, SMSTART_SM, SMSTART_ZA] = [0xd503477f, 0xd503437f, 0xd503457f]
const [SMSTOP, SMSTOP_SM, SMSTOP_ZA] = [0xd503467f, 0xd503427f, 0xd503447f]
const machineOf = (el: 0 | 1 | 2, streamingVectorLengths: readonly number[] = [128, 256, 512]) =>
  processor(el, [sme, fpmr], { streamingVectorLengths })
const does = (pe: Pe, word: number) => expect(executeWord(pe, word).kind).toBe("limit")
const lengths = (pe: Pe): readonly [vector: number, streaming: number] => {
  does(pe, RDVL_X0)
  const vector = Number(pe.x[0])
  does(pe, RDSVL_X0)
  return [vector, Number(pe.x[0])]
}
/** ESR_ELx of a trap, without IL. */
const syndrome = (result: unknown) => {
  expect(result).toBeInstanceOf(PortTrap)
  const { ec, iss, target } = (result as PortTrap).exception
  return { ec, iss, target }
}

describe("streaming vector length", () => {
  it.each([
    [[128, 256, 512], 15n, 64],
    [[128, 256, 512], 2n, 32],
    [[256, 1024], 2n, 32],
    // None is as short as asked for: the shortest there is.
    [[512, 1024], 0n, 64]
  ] as const)("of a processor with %j and LEN %i", (implemented, LEN, bytes) => {
    const { pe, port } = machineOf(1, implemented)
    port.msr("SMCR_EL1", LEN)
    port.isb()
    expect(lengths(pe)).toEqual([256, bytes])
    does(pe, SMSTART_SM)
    expect(lengths(pe)).toEqual([bytes, bytes])
  })
  it("is limited by both levels", () => {
    const { pe } = machineOf(1)
    writeRegister(pe, registerNamed(pe, "SMCR_EL2"), 1n)
    synchronize(pe)
    expect(lengths(pe)[1]).toBe(32)
  })
})
describe("SMCR_ELx", () => {
  it("keeps FA64, EZT0 and LEN", () => {
    const { port } = machineOf(2)
    port.msr("SMCR_EL2", 0xffff_ffff_ffff_ffffn)
    expect(port.mrs("SMCR_EL2")).toBe(0xc000_000fn)
    const { port: less } = processor(2, [sme], { features: { SME2: false, SME_FA64: false } })
    less.msr("SMCR_EL2", 0xffff_ffff_ffff_ffffn)
    expect(less.mrs("SMCR_EL2")).toBe(15n)
  })
})

/** Every register that streaming mode or ZA may hide is made non-zero. */
const fill = (pe: Pe): void => {
  for (let n = 0; n < 32; n++) pe.z(n).subarray(0, 32).fill(1)
  for (let n = 0; n < 17; n++) pe.p(n).subarray(0, 4).fill(1)
  pe.bytes.fill(1, PE.ZA, PE.ZA + 32 * 32)
  pe.bytes.fill(1, PE.ZT0, PE.ZT0 + 64)
  pe.fpsr = 0x10
  pe.fpcr = 0x400000
  pe.doublewords[PE.FPMR >> 3] = 9n
}
interface Kept {
  readonly vectors: boolean
  readonly array: boolean
  readonly fpsr: number
  readonly fpmr: bigint
}
const kept = (pe: Pe): Kept => {
  const all = (bytes: Uint8Array, value: number) => bytes.every((byte) => byte === value)
  const vectors = Array.from({ length: 32 }, (_, n) => pe.z(n).subarray(0, 32)).concat(Array.from({ length: 17 }, (_, n) => pe.p(n).subarray(0, 4)))
  const array = [pe.bytes.subarray(PE.ZA, PE.ZA + 32 * 32), pe.bytes.subarray(PE.ZT0, PE.ZT0 + 64)]
  const uniform = (files: readonly Uint8Array[]) => {
    const isKept = all(files[0]!, 1)
    expect(files.every((file) => all(file, isKept ? 1 : 0))).toBe(true)
    return isKept
  }
  expect(pe.fpcr).toBe(0x400000)
  return { vectors: uniform(vectors), array: uniform(array), fpsr: pe.fpsr, fpmr: pe.doublewords[PE.FPMR >> 3]! }
}
const AFTER_SM = { fpsr: 0x0800009f, fpmr: 0n } as const
const UNTOUCHED = { fpsr: 0x10, fpmr: 9n } as const

describe("a change of SVCR", () => {
  it.each([
    ["SMSTART", [], SMSTART, 3n, { vectors: false, array: false, ...AFTER_SM }],
    ["SMSTART SM", [], SMSTART_SM, 1n, { vectors: false, array: true, ...AFTER_SM }],
    ["SMSTART ZA", [], SMSTART_ZA, 2n, { vectors: true, array: false, ...UNTOUCHED }],
    ["SMSTART twice", [SMSTART], SMSTART, 3n, { vectors: true, array: true, ...UNTOUCHED }],
    ["SMSTOP SM", [SMSTART], SMSTOP_SM, 2n, { vectors: false, array: true, ...AFTER_SM }],
    ["SMSTOP ZA", [SMSTART], SMSTOP_ZA, 1n, { vectors: true, array: false, ...UNTOUCHED }],
    ["SMSTOP", [SMSTART], SMSTOP, 0n, { vectors: false, array: false, ...AFTER_SM }],
    ["SMSTOP when off", [], SMSTOP, 0n, { vectors: true, array: true, ...UNTOUCHED }]
  ] as const)("by %s", (_name, before, word, svcr, expected) => {
    const { pe, port } = machineOf(1, [256])
    for (const earlier of before) does(pe, earlier)
    fill(pe)
    does(pe, word)
    expect(port.mrs("SVCR")).toBe(svcr)
    expect(kept(pe)).toEqual(expected)
  })
  it("by MSR is the same, and reserved bits stay zero", () => {
    const { pe, port } = machineOf(1, [256])
    fill(pe)
    expect(port.msr("SVCR", 0xffff_ffff_ffff_ffffn)).toBeUndefined()
    expect(port.mrs("SVCR")).toBe(3n)
    expect(kept(pe)).toEqual({ vectors: false, array: false, ...AFTER_SM })
  })
  it("does not come with exceptions", () => {
    const { pe, port } = machineOf(1, [256])
    port.msr("SVCR", 3n)
    port.hvc(0)
    expect(pe.el).toBe(2)
    expect(port.mrs("SVCR")).toBe(3n)
  })
  it("needs SMEN and not FPEN", () => {
    const { port } = machineOf(1)
    port.msr("CPACR_EL1", 3n << 24n)
    port.isb()
    expect(port.msr("SVCR", 1n)).toBeUndefined()
    port.msr("CPACR_EL1", 3n << 20n)
    port.isb()
    expect(syndrome(port.mrs("SVCR"))).toEqual({ ec: EC.SMEAccess, iss: 0, target: 1 })
  })
})
describe("TPIDR2_EL0", () => {
  const TPIDR2 = 0xde85
  it("is EL0's only with EnTP2", () => {
    const { pe, port } = machineOf(0)
    expect(port.msr("TPIDR2_EL0", 5n)).toBeUndefined()
    expect(port.mrs("TPIDR2_EL0")).toBe(5n)
    writeRegister(pe, registerNamed(pe, "SCTLR_EL1"), 0n)
    synchronize(pe)
    expect(syndrome(port.mrs("TPIDR2_EL0"))).toEqual({ target: 1, ...systemSyndrome(TPIDR2, 0, true) })
  })
  it("and the priority register are trapped to EL2 by fine-grained bits that are 0", () => {
    const { pe, port } = machineOf(1)
    expect(port.mrs("SMPRI_EL1")).toBe(0n)
    writeRegister(pe, registerNamed(pe, "HFGRTR_EL2"), 0n)
    writeRegister(pe, registerNamed(pe, "HFGWTR_EL2"), ~(1n << 55n) & 0xffff_ffff_ffff_ffffn)
    synchronize(pe)
    expect(syndrome(port.mrs("TPIDR2_EL0"))).toEqual({ target: 2, ...systemSyndrome(TPIDR2, 0, true) })
    expect(syndrome(port.msr("TPIDR2_EL0", 0n))).toEqual({ target: 2, ...systemSyndrome(TPIDR2, 0, false) })
    expect(syndrome(port.mrs("SMPRI_EL1")).target).toBe(2)
    expect(port.msr("SMPRI_EL1", 15n)).toBeUndefined()
  })
})
describe("identification", () => {
  const idOf = (features: Readonly<Record<string, boolean>>, register: string): bigint =>
    composeOrThrow([base, fpsimd, sve, sme], { features }).registerByName.get(register)!.reset
  it("shows the version and what outer products there are", () => {
    expect((idOf({}, "ID_AA64PFR1_EL1") >> 24n) & 15n).toBe(2n)
    expect((idOf({ SME2: false }, "ID_AA64PFR1_EL1") >> 24n) & 15n).toBe(1n)
    expect((idOf({ SME: false }, "ID_AA64PFR1_EL1") >> 24n) & 15n).toBe(0n)
    expect(idOf({}, "ID_AA64SMFR0_EL1")).toBe(0x81f1_50ff_0000_0000n)
    expect(idOf({ SME2: false, SME_FA64: false, SME_F64F64: false, SME_I16I64: false }, "ID_AA64SMFR0_EL1")).toBe(0x0000_00fd_0000_0000n)
  })
  it("of the streaming unit is trapped by HCR_EL2.TID1", () => {
    const { pe, port } = machineOf(1)
    expect(port.mrs("SMIDR_EL1")).toBe(0n)
    writeRegister(pe, registerNamed(pe, "HCR_EL2"), (1n << 31n) | (1n << 16n))
    synchronize(pe)
    expect(syndrome(port.mrs("SMIDR_EL1"))).toMatchObject({ ec: EC.SystemRegister, target: 2 })
  })
  it("leaves no trace of the controls when SME is off", () => {
    const { registerByName } = composeOrThrow([base, fpsimd, sve, sme], { features: { SME: false } })
    expect(["SVCR", "SMCR_EL1", "TPIDR2_EL0"].some((name) => registerByName.has(name))).toBe(false)
    expect(registerByName.get("CPACR_EL1")!.layout.writable & (3n << 24n)).toBe(0n)
    expect(registerByName.get("CPTR_EL2")!.layout.ones & (1n << 12n)).toBe(1n << 12n)
  })
})
