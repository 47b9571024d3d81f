/** Streaming vectors, ZA and ZT0 as components of the port. */
import { PE, PortTrap } from "@eltwo/cpu"
import { EC, SMTC } from "@eltwo/isa"
import { describe, expect, it } from "vitest"
import { processor } from "../../sve/test/machine.ts"
import { sme } from "../src/index.ts"

const machine = () => processor(1, [sme], { streamingVectorLengths: [128, 256, 512] })
const reason = (result: unknown) => {
  expect(result).toBeInstanceOf(PortTrap)
  const { ec, iss } = (result as PortTrap).exception
  expect(ec).toBe(EC.SMEAccess)
  return iss
}

describe("component za", () => {
  it("needs PSTATE.ZA, and is as large as the square of the streaming vector length", () => {
    const { port } = machine()
    expect(reason(port.save("za"))).toBe(SMTC.noZA)
    for (const [LEN, bytes] of [
      [0n, 16],
      [1n, 32],
      [3n, 64]
    ] as const) {
      port.msr("SMCR_EL1", LEN)
      port.isb()
      port.msr("SVCR", 2n)
      expect((port.save("za") as Uint8Array).length).toBe(bytes * bytes)
    }
  })
  it("keeps its rows", () => {
    const { pe, port } = machine()
    port.msr("SMCR_EL1", 1n)
    port.isb()
    port.msr("SVCR", 2n)
    const image = Uint8Array.from({ length: 32 * 32 }, (_, i) => i + (i >> 8))
    expect(port.load("za", image)).toBeUndefined()
    expect(pe.bytes[PE.ZA + 31 * 32 + 5]).toBe(image[31 * 32 + 5])
    expect([...(port.save("za") as Uint8Array)]).toEqual([...image])
    port.zero("za")
    expect((port.save("za") as Uint8Array).every((byte) => byte === 0)).toBe(true)
  })
})
describe("component zt", () => {
  it("needs ZA and SMCR_ELx.EZT0", () => {
    const { port } = machine()
    expect(reason(port.save("zt"))).toBe(SMTC.noZA)
    port.msr("SVCR", 2n)
    const image = Uint8Array.from({ length: 64 }, (_, i) => 255 - i)
    expect(port.load("zt", image)).toBeUndefined()
    expect([...(port.save("zt") as Uint8Array)]).toEqual([...image])
    port.msr("SMCR_EL1", 15n)
    port.isb()
    expect(reason(port.save("zt"))).toBe(SMTC.noZT0)
  })
})
describe("component ssve", () => {
  it("needs streaming mode, and holds vectors of its length without FFR", () => {
    const { pe, port } = machine()
    expect(reason(port.save("ssve"))).toBe(SMTC.notStreaming)
    port.msr("SMCR_EL1", 1n)
    port.isb()
    port.msr("SVCR", 1n)
    for (let n = 0; n < 32; n++)
      pe.z(n)
        .subarray(0, 32)
        .fill(n + 1)
    for (let n = 0; n < 16; n++)
      pe.p(n)
        .subarray(0, 4)
        .fill(n + 65)
    pe.fpsr = 0x11
    const image = port.save("ssve") as Uint8Array
    expect(image.length).toBe(32 * 32 + 16 * 4 + 8)
    expect([image[0], image[31 * 32 + 31], image[32 * 32], image[32 * 32 + 63], image[32 * 32 + 64]]).toEqual([1, 32, 65, 80, 0x11])
    port.zero("ssve")
    expect([...pe.z(31), pe.fpsr].every((byte) => byte === 0)).toBe(true)
    port.load("ssve", image)
    expect([...(port.save("ssve") as Uint8Array)]).toEqual([...image])
  })
})
