/** ZCR_ELx, the vector lengths they lead to, and where the ID registers show SVE. */
import { executeWord, type Pe, PortTrap, synchronize } from "@eltwo/cpu"
import { base, composeOrThrow, EC } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { describe, expect, it } from "vitest"
import { sve } from "../src/index.ts"
import { processor, set } from "./machine.ts"

const RDVL_X0 = 0x04bf5020
const E2H = 1n << 34n
const TGE = 1n << 27n
const RW = 1n << 31n
/** Vector length in bytes as a program sees it. */
const length = (pe: Pe): number => {
  expect(executeWord(pe, RDVL_X0).kind).toBe("limit")
  return Number(pe.x[0])
}
const lengthWith = (el: 0 | 1 | 2, controls: Readonly<Record<string, bigint>>, vectorLengths?: readonly number[]): number => {
  const { pe } = processor(el, [], vectorLengths ? { vectorLengths } : {})
  for (const [name, value] of Object.entries(controls)) {
    set(pe, name, value)
    synchronize(pe)
  }
  return length(pe)
}

describe("ZCR_ELx", () => {
  it("keeps LEN as written, whatever length is in force, and nothing else", () => {
    const { port } = processor(2, [], { vectorLengths: [128, 256] })
    port.msr("ZCR_EL2", 0xffff_ffff_ffff_ffffn)
    port.isb()
    expect(port.mrs("ZCR_EL2")).toBe(15n)
    expect(lengthWith(2, { ZCR_EL2: 15n }, [128, 256])).toBe(32)
  })
  it("is UNDEFINED at EL0, and its EL1 at EL2 with E2H is EL2's", () => {
    const user = processor(0).port.mrs("ZCR_EL1") as PortTrap
    expect(user).toBeInstanceOf(PortTrap)
    expect(user.exception.ec).toBe(EC.Unknown)
    const { port } = processor(2)
    expect((port.mrs("ZCR_EL12") as PortTrap).exception.ec).toBe(EC.Unknown)
    port.msr("HCR_EL2", RW | E2H)
    port.isb()
    port.msr("CPACR_EL1", 0x33_0000n)
    port.isb()
    port.msr("ZCR_EL1", 3n)
    port.msr("ZCR_EL12", 7n)
    expect([port.mrs("ZCR_EL2"), port.mrs("ZCR_EL12")]).toEqual([3n, 7n])
  })
  it("takes effect at once, without a context synchronisation event", () => {
    const { pe, port } = processor(1)
    port.msr("ZCR_EL1", 1n)
    expect(length(pe)).toBe(32)
    port.msr("ZCR_EL1", 3n)
    expect(length(pe)).toBe(64)
  })
})
describe("vector length", () => {
  it.each([
    ["at EL1 the smaller of EL1's and EL2's", 1, { ZCR_EL1: 3n, ZCR_EL2: 7n }, 64],
    ["at EL1, where EL2 allows less", 1, { ZCR_EL1: 7n, ZCR_EL2: 1n }, 32],
    ["at EL0 likewise", 0, { ZCR_EL1: 15n, ZCR_EL2: 3n }, 64],
    ["at EL2 by EL2's alone", 2, { ZCR_EL1: 0n, ZCR_EL2: 7n }, 128],
    ["at EL0 of a host by EL2's alone", 0, { ZCR_EL1: 0n, ZCR_EL2: 3n, HCR_EL2: RW | E2H | TGE, CPTR_EL2: 0x33_0000n }, 64],
    ["the next implemented length below", 1, { ZCR_EL1: 6n, ZCR_EL2: 15n }, 64]
  ] as const)("is %s", (_name, el, controls, bytes) => expect(lengthWith(el, controls)).toBe(bytes))
  it.each([
    [[128, 256, 512], 15n, 64],
    [[128, 512], 2n, 16],
    [[128, 384, 512], 2n, 48],
    [[128], 15n, 16]
  ] as const)("of a processor with %j", (lengths, LEN, bytes) => expect(lengthWith(1, { ZCR_EL1: LEN }, lengths)).toBe(bytes))
  it("becoming shorter clears what is out of reach, also of predicates", () => {
    const { pe, port } = processor(1)
    pe.z(3).fill(0x5a)
    pe.p(2).fill(0xff)
    pe.p(16).fill(0xff)
    port.msr("ZCR_EL1", 1n)
    port.isb()
    port.msr("ZCR_EL1", 15n)
    port.isb()
    expect([...pe.z(3)]).toEqual(Array.from({ length: 256 }, (_, i) => (i < 32 ? 0x5a : 0)))
    for (const n of [2, 16]) expect([...pe.p(n)]).toEqual(Array.from({ length: 32 }, (_, i) => (i < 4 ? 0xff : 0)))
  })
})
describe("identification", () => {
  const idOf = (features: Readonly<Record<string, boolean>>, register: string): bigint =>
    composeOrThrow([base, fpsimd, sve], { features }).registerByName.get(register)!.reset
  it("shows SVE, and the version where more is asked for", () => {
    expect((idOf({}, "ID_AA64PFR0_EL1") >> 32n) & 15n).toBe(1n)
    expect(idOf({}, "ID_AA64ZFR0_EL1")).toBe(0n)
    expect(idOf({ SVE2: true, SVE2p1: true }, "ID_AA64ZFR0_EL1")).toBe(2n)
    expect((idOf({ SVE: false }, "ID_AA64PFR0_EL1") >> 32n) & 15n).toBe(0n)
  })
  it("leaves no trace of the controls when SVE is off", () => {
    const { registerByName } = composeOrThrow([base, fpsimd, sve], { features: { SVE: false } })
    expect(registerByName.has("ZCR_EL1")).toBe(false)
    expect(registerByName.get("CPACR_EL1")!.layout.writable & (3n << 16n)).toBe(0n)
    expect(registerByName.get("CPTR_EL2")!.layout.ones & (1n << 8n)).toBe(1n << 8n)
  })
})
