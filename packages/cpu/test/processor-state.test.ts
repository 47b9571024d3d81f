/** Vector lengths by control registers, streaming mode, and the trap key that translated code is kept by. */
import { base, composeOrThrow } from "@eltwo/isa"
import fpsimd from "@eltwo/plugin-fpsimd"
import { beforeEach, describe, expect, it } from "vitest"
import { Board, floatClass, registerNamed, setState, startAt, synchronize, trapKey, writeRegister, writeSvcr } from "../src/index.ts"
import { PE, PSTATE } from "../src/layout.ts"
import { FactNumbers } from "../src/trap-key.ts"
import { scalable } from "./scalable-extension.ts"

const board = new Board({
  isa: composeOrThrow([base, fpsimd, scalable]),
  ramBase: 0x40000000,
  ramBytes: 1 << 16,
  vectorLengths: [128, 256, 512, 2048],
  streamingVectorLengths: [256, 512]
})
const pe = board.pes[0]!
const set = (name: string, value: bigint) => {
  writeRegister(pe, registerNamed(pe, name), value)
  synchronize(pe)
}
const E2H_TGE = (1n << 34n) | (1n << 27n) | (1n << 31n)
const at = (el: number) => setState(pe, (el << 2) | (el ? 1 : 0))
beforeEach(() => {
  writeSvcr(pe, 0)
  startAt(pe, 1, 0n)
  set("ZCR_EL2", 15n)
  set("SMCR_EL2", 15n)
})

describe("the vector length", () => {
  it.each([
    [0n, 15n, 128],
    [1n, 15n, 256],
    [2n, 15n, 256],
    [3n, 15n, 512],
    [14n, 15n, 512],
    [15n, 15n, 2048],
    [15n, 3n, 512],
    [1n, 3n, 256]
  ])("with ZCR_EL1.LEN %i and ZCR_EL2.LEN %i is %i", (el1, el2, bits) => {
    set("ZCR_EL1", el1)
    set("ZCR_EL2", el2)
    expect(pe.vectorBits).toBe(bits)
  })
  it("at EL2, and at EL0 in host mode, is ZCR_EL2's alone", () => {
    set("ZCR_EL1", 0n)
    set("ZCR_EL2", 3n)
    at(2)
    expect(pe.vectorBits).toBe(512)
    set("HCR_EL2", E2H_TGE)
    at(0)
    expect(pe.vectorBits).toBe(512)
  })
  it("in streaming mode is that of SMCR, at least the smallest there is", () => {
    set("ZCR_EL1", 15n)
    for (const [length, bits] of [
      [0n, 256],
      [3n, 512],
      [15n, 512]
    ] as const) {
      set("SMCR_EL1", length)
      writeSvcr(pe, 1)
      expect([pe.vectorBits, pe.streamingVectorBits]).toEqual([bits, bits])
      writeSvcr(pe, 0)
      expect(pe.vectorBits).toBe(2048)
    }
  })
  it("waits for synchronisation, and takes what it hides away", () => {
    set("ZCR_EL1", 15n)
    pe.z(7).fill(0x55)
    pe.p(3).fill(0xff)
    pe.p(16).fill(0xff)
    writeRegister(pe, registerNamed(pe, "ZCR_EL1"), 1n)
    expect([pe.vectorBits, pe.z(7)[255]]).toEqual([2048, 0x55])
    synchronize(pe)
    expect([pe.vectorBits, pe.z(7)[31], pe.z(7)[32], pe.p(3)[3], pe.p(3)[4], pe.p(16)[4]]).toEqual([256, 0x55, 0, 0xff, 0, 0])
    set("ZCR_EL1", 15n)
    expect([pe.vectorBits, pe.z(7)[32]]).toEqual([2048, 0])
  })
})

describe("SVCR", () => {
  const fill = () => {
    pe.z(0).fill(1)
    pe.p(0).fill(1)
    pe.bytes.fill(1, PE.ZA, PE.ZA + 4096)
    pe.bytes.fill(1, PE.ZT0, PE.ZT0 + 64)
    pe.fpsr = 0
    pe.fpcr = 1 << 22
    pe.doublewords[PE.FPMR >> 3] = 5n
  }
  const state = () => [pe.z(0)[0], pe.p(0)[0], pe.bytes[PE.ZA], pe.bytes[PE.ZT0], pe.fpsr, pe.fpcr, pe.doublewords[PE.FPMR >> 3]]
  const untouched = [1, 1, 1, 1, 0, 1 << 22, 5n]
  const FPSR = 0x0800009f
  it("clears vectors and FPMR and sets FPSR when SM changes, ZA and ZT0 when ZA changes, nothing else", () => {
    fill()
    writeSvcr(pe, 0)
    expect(state()).toEqual(untouched)
    writeSvcr(pe, 1)
    expect(state()).toEqual([0, 0, 1, 1, FPSR, 1 << 22, 0n])
    fill()
    writeSvcr(pe, 3)
    expect(state()).toEqual([1, 1, 0, 0, 0, 1 << 22, 5n])
    fill()
    writeSvcr(pe, 3)
    expect(state()).toEqual(untouched)
    writeSvcr(pe, 0)
    expect(state()).toEqual([0, 0, 0, 0, FPSR, 1 << 22, 0n])
  })
})

describe("the trap key", () => {
  beforeEach(() => set("CPACR_EL1", 3n << 20n))
  const setFpcr = (value: number) => () => {
    pe.fpcr = value
  }
  const setFpsr = (value: number) => () => {
    pe.fpsr = value
  }
  const setFlags = (value: number) => () => {
    pe.flags = value
  }
  const leaveStreaming = () => {
    writeSvcr(pe, 0)
    pe.fpsr = 0
  }
  const changes = (change: () => void, back: () => void): [boolean, boolean] => {
    const before = trapKey(pe)
    change()
    const changed = trapKey(pe) !== before
    back()
    return [changed, trapKey(pe) === before]
  }
  it.each<[string, () => void, () => void]>([
    ["exception level", () => at(0), () => at(1)],
    ["stack pointer", () => setState(pe, 4), () => at(1)],
    ["illegal state", () => setState(pe, 5 | PSTATE.IL), () => at(1)],
    ["FP enable", () => set("CPACR_EL1", 0n), () => set("CPACR_EL1", 3n << 20n)],
    ["SVE enable", () => set("CPACR_EL1", (3n << 16n) | (3n << 20n)), () => set("CPACR_EL1", 3n << 20n)],
    ["a trap to EL2", () => set("CPTR_EL2", 1n << 10n), () => set("CPTR_EL2", 0n)],
    ["vector length", () => set("ZCR_EL1", 3n), () => set("ZCR_EL1", 0n)],
    ["streaming vector length", () => set("SMCR_EL1", 3n), () => set("SMCR_EL1", 0n)],
    ["streaming mode", () => writeSvcr(pe, 1), leaveStreaming],
    ["ZA", () => writeSvcr(pe, 2), () => writeSvcr(pe, 0)],
    ["alignment checking", () => set("SCTLR_EL1", 1n), () => set("SCTLR_EL1", 0n)],
    ["stack alignment checking", () => set("SCTLR_EL1", 8n), () => set("SCTLR_EL1", 0n)],
    ["ignored top bytes", () => set("TCR_EL1", 1n << 37n), () => set("TCR_EL1", 0n)],
    ["a trap of TPIDR_EL0", () => set("HFGRTR_EL2", (1n << 35n) | (0xfff4n << 48n)), () => set("HFGRTR_EL2", 0xfff4n << 48n)],
    ["FPCR", setFpcr(1 << 22), setFpcr(0)],
    ["FPSR.IXC", setFpsr(1 << 4), setFpsr(0)]
  ])("changes with %s, and back", (_, change, back) => {
    pe.fpcr = 0
    pe.fpsr = 0
    expect(changes(change, back)).toEqual([true, true])
  })
  it.each<[string, () => void, () => void]>([
    ["flags", setFlags(15), setFlags(0)],
    ["interrupt masks", () => setState(pe, 5 | PSTATE.I), () => at(1)],
    ["FPCR.Len and Stride", setFpcr(0x370000), setFpcr(0)],
    ["a table base", () => set("TTBR0_EL1", 0x1000n), () => set("TTBR0_EL1", 0n)],
    ["PAN", () => setState(pe, 5 | PSTATE.PAN), () => at(1)]
  ])("does not change with %s", (_, change, back) => {
    expect(changes(change, back)).toEqual([false, true])
  })
  it("runs out of numbers only with notice", () => {
    const numbers = new FactNumbers(3)
    let resets = 0
    numbers.onReset(() => resets++)
    expect(["a", "b", "a", "c", "b"].map((facts) => numbers.number(facts))).toEqual([0, 1, 0, 2, 1])
    expect([resets, numbers.number("d"), resets, numbers.number("a")]).toEqual([0, 0, 1, 1])
  })
  it("tells the floating-point class: default, with IXC set, other", () => {
    pe.fpcr = 0
    pe.fpsr = 0
    const classes = [floatClass(trapKey(pe))]
    pe.fpsr = 1 << 4
    classes.push(floatClass(trapKey(pe)))
    pe.fpcr = 1 << 24
    classes.push(floatClass(trapKey(pe)))
    expect([classes[0], classes[1], classes[2]! > 1]).toEqual([0, 1, true])
  })
})
