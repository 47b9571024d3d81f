/** The state of a processing element as data: put into another one, whatever that did before, it is the same. */
import { base, composeOrThrow } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"
import { describe, expect, it } from "vitest"
import { createBoard, PE, type Pe, peProblem, peState, registerNamed, restorePe, setState, writeRegister, writeSvcr } from "../src/index.ts"

const isa = composeOrThrow([base, fpsimd, sve, sme])
const element = (): Pe => {
  const board = createBoard({ isa, ramBase: 0x4000_0000, ramBytes: 1 << 20, vectorLengths: [128, 256], streamingVectorLengths: [128, 256, 512] })
  return board.pes[0]!
}
let seed = 1
const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0)
const noise = (pe: Pe, at: number, bytes: number): void => {
  for (let i = 0; i < bytes; i++) pe.bytes[at + i] = random() >>> 24
}
/** Something in everything that a program can fill. */
const used = (svcr: number): Pe => {
  const pe = element()
  for (const name of ["ZCR_EL2", "SMCR_EL2"]) writeRegister(pe, registerNamed(pe, name), 15n)
  pe.controls.synchronize()
  setState(pe, pe.pstate)
  writeSvcr(pe, svcr)
  noise(pe, PE.X, 256)
  const bytes = pe.vectorBits / 8
  for (let n = 0; n < 32; n++) noise(pe, PE.Z + 256 * n, bytes)
  for (let n = 0; n < 17; n++) noise(pe, PE.P + 32 * n, bytes / 8)
  if (svcr & 2) {
    noise(pe, PE.ZA, (pe.streamingVectorBits / 8) ** 2)
    noise(pe, PE.ZT0, 64)
  }
  noise(pe, PE.MONITOR_ADDRESS, 24)
  pe.words[PE.MONITOR_SIZE >> 2] = 16
  pe.pc = 0x4000_1234n
  pe.flags = 9
  pe.fpcr = 0x0300_0000
  pe.fpsr = 0x1f
  pe.retire(12345)
  pe.eventRegister = true
  pe.lines.virtualIrq = true
  pe.lines.active.add(27)
  // a write that waits for its ISB
  writeRegister(pe, registerNamed(pe, "CPACR_EL1"), 3n << 20n)
  return pe
}
const LAYOUT: readonly (readonly [string, number, number])[] = [
  ["X", PE.X, 0x108],
  ["Z", PE.Z, 32 * 256],
  ["P", PE.P, 17 * 32],
  ["ZT0", PE.ZT0, 64],
  ["ZA", PE.ZA, 0x10000],
  ["monitor", PE.MONITOR_SIZE, 32],
  ["FPSR to SVCR", PE.FPSR, 12],
  ["time", PE.RETIRED, 8]
]

describe("a processing element", () => {
  it.each([0, 1, 2, 3])("with SVCR %i is restored into a new one and into a used one", (svcr) => {
    const pe = used(svcr)
    const state = peState(pe)
    expect(peState(pe)).toEqual(state)
    for (const other of [element(), used(3 - svcr), used(svcr)]) {
      expect(peProblem(other, state)).toBeUndefined()
      restorePe(other, state)
      expect(peState(other)).toEqual(state)
      for (const [name, at, bytes] of LAYOUT)
        expect([name, Buffer.compare(other.bytes.subarray(at, at + bytes), pe.bytes.subarray(at, at + bytes))]).toEqual([name, 0])
      expect(other.controls.pending).toBe(pe.controls.pending)
      expect([other.vectorBits, other.streamingVectorBits]).toEqual([pe.vectorBits, pe.streamingVectorBits])
      other.controls.synchronize()
      expect(other.controls.inForce(other.controls.slot.CPACR_EL1)).toBe(3n << 20n)
    }
  })
  it("does not take what cannot be", () => {
    const pe = element()
    const state = peState(used(3))
    const wrong = [
      { ...state, index: 1 },
      { ...state, vectorBytes: 16 },
      { ...state, z: state.z.slice(1) },
      { ...state, p: new Uint8Array(3) },
      { ...state, pstate: 3 << 2 },
      { ...state, nzcv: 16 },
      { ...state, svcr: 1 },
      { ...state, za: new Uint8Array(100) },
      { ...state, monitor: { ...state.monitor, size: 3 } },
      { ...state, system: [...state.system, { name: "NOTHING_EL1", value: 0n, inForce: null }] },
      { ...state, system: [...state.system, state.system[0]!] },
      { ...state, modelledEl: 0 },
      { ...state, retired: 1n << 63n }
    ]
    for (const [i, each] of wrong.entries()) expect([i, peProblem(pe, each)]).toEqual([i, expect.any(String)])
  })
})
