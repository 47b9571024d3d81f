/** The SVE register file as a component of the port, and its instructions where they fault. */
import { executeWord, PortTrap } from "@eltwo/cpu"
import { EC } from "@eltwo/isa"
import { describe, expect, it } from "vitest"
import { processor, RAM } from "./machine.ts"

const LDR_Z0_X0 = 0x85804000
const LDR_P0_X0 = 0x85800000
const LD1B_Z0_P0_X0 = 0xa400a000
const DATA = BigInt(RAM + 0x8000)

describe("component sve", () => {
  it("has the size of the vector length in force", () => {
    for (const [LEN, bytes] of [
      [0n, 16],
      [1n, 32],
      [15n, 256]
    ] as const) {
      const { port } = processor(1)
      port.msr("ZCR_EL1", LEN)
      port.isb()
      expect((port.save("sve") as Uint8Array).length).toBe(32 * bytes + (17 * bytes) / 8 + 8)
    }
  })
  it("saves and loads every register, and clears them", () => {
    const { pe, port } = processor(1)
    port.msr("ZCR_EL1", 3n)
    port.isb()
    for (let n = 0; n < 32; n++)
      pe.z(n)
        .subarray(0, 64)
        .fill(n + 1)
    for (let n = 0; n < 17; n++)
      pe.p(n)
        .subarray(0, 8)
        .fill(n + 101)
    pe.fpsr = 0x1f
    pe.fpcr = 0x400000
    const image = port.save("sve") as Uint8Array
    expect([image[0], image[64], image[31 * 64 + 63], image[32 * 64], image[32 * 64 + 16 * 8 + 7]]).toEqual([1, 2, 32, 101, 117])
    expect(port.zero("sve")).toBeUndefined()
    expect([...pe.z(31), ...pe.p(16), pe.fpsr, pe.fpcr].every((byte) => byte === 0)).toBe(true)
    expect(port.load("sve", image)).toBeUndefined()
    expect([pe.z(31)[63], pe.p(16)[7], pe.fpsr, pe.fpcr]).toEqual([32, 117, 0x1f, 0x400000])
    expect([...(port.save("sve") as Uint8Array)]).toEqual([...image])
  })
  it("is out of reach while its enables are off", () => {
    const { port } = processor(1)
    port.msr("CPACR_EL1", 3n << 20n)
    port.isb()
    const trap = port.save("sve") as PortTrap
    expect(trap).toBeInstanceOf(PortTrap)
    expect([trap.exception.ec, trap.exception.target]).toEqual([EC.SVEAccess, 1])
  })
})
describe("upper bits", () => {
  const FPEN = 3n << 20n
  const ZEN = 3n << 16n
  /** From EL2 to EL1 with these bits of CPACR_EL1: Z0 and P0 there, as bytes that are not 0. */
  const shown = (cpacr: bigint): readonly number[] => {
    const { pe, port } = processor(2)
    port.msr("ZCR_EL2", 3n)
    port.msr("ZCR_EL1", 3n)
    port.isb()
    pe.z(0).subarray(0, 64).fill(1)
    pe.p(0).subarray(0, 8).fill(1)
    port.msr("CPACR_EL1", cpacr)
    port.msr("SPSR_EL2", 0x3c5n)
    port.msr("ELR_EL2", BigInt(RAM))
    expect(port.eret()).toBeUndefined()
    expect(pe.el).toBe(1)
    return [pe.z(0), pe.p(0)].map((bytes) => bytes.filter((byte) => byte !== 0).length)
  }
  it("become zero where FP is open and SVE is not", () => {
    expect(shown(FPEN | ZEN)).toEqual([64, 8])
    expect(shown(FPEN)).toEqual([16, 2])
    expect(shown(0n)).toEqual([64, 8])
  })
})
describe("loads", () => {
  const at = (word: number, address: bigint, memoryWhenOff: "device" | "normal") => {
    const { pe } = processor(1, [], { memoryWhenOff })
    pe.p(0).fill(0xff)
    pe.x[0] = address
    const exit = executeWord(pe, word)
    return exit.kind === "exception" ? exit.exception.ec : exit.kind
  }
  it("of whole registers must be aligned where accesses must, as elements of contiguous ones", () => {
    expect(at(LDR_Z0_X0, DATA + 8n, "device")).toBe(EC.DataAbort)
    expect(at(LDR_Z0_X0, DATA + 8n, "normal")).toBe("limit")
    expect(at(LDR_Z0_X0, DATA + 16n, "device")).toBe("limit")
    expect(at(LDR_P0_X0, DATA + 1n, "device")).toBe(EC.DataAbort)
    expect(at(LDR_P0_X0, DATA + 2n, "device")).toBe("limit")
    expect(at(LD1B_Z0_P0_X0, DATA + 1n, "device")).toBe("limit")
  })
  it("that fault change nothing, and inactive elements do not fault", () => {
    const { pe } = processor(1)
    const end = BigInt(RAM + (1 << 20))
    pe.z(0).fill(7)
    pe.p(0).fill(0xff)
    pe.x[0] = end - 8n
    const exit = executeWord(pe, LD1B_Z0_P0_X0)
    expect(exit.kind).toBe("exception")
    expect(pe.z(0).every((byte) => byte === 7)).toBe(true)
    pe.p(0).fill(0)
    pe.p(0)[0] = 0xff
    pe.pc = BigInt(RAM)
    expect(executeWord(pe, LD1B_Z0_P0_X0).kind).toBe("limit")
    expect(pe.z(0).every((byte) => byte === 0)).toBe(true)
  })
})
