import { createBoard, executeWord } from "@eltwo/cpu"
import { base, composeOrThrow, Table } from "@eltwo/isa"
import { describe, expect, test } from "vitest"
import fpsimd from "../src/index.ts"
import { floatInstructions } from "../src/insns/float.ts"
import { floatCases, type State } from "./float-cases.ts"

const CODE = 0x1000n
const table = new Table(floatInstructions)
const board = createBoard({ isa: composeOrThrow([base, fpsimd]), ramBase: 0, ramBytes: 0x10000 })
const pe = board.pes[0]!
/** Garbage above 128 bits, which every write must clear. */
const ABOVE = 0xa5

const registers = [0, 1, 2, 3] as const
const load = (state: State): void => {
  pe.pc = CODE
  pe.fpcr = state.fpcr ?? 0
  pe.fpsr = 0
  pe.flags = state.flags ?? 0
  pe.x[0] = state.x0 ?? 0n
  pe.x[1] = state.x1 ?? 0n
  for (const n of registers) {
    const bytes = pe.z(n)
    const value = state[`v${n}`] ?? 0n
    bytes.fill(ABOVE)
    for (let i = 0; i < 16; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 0xffn)
  }
}
const register = (n: number): bigint =>
  pe
    .z(n)
    .subarray(0, 16)
    .reduceRight((total, byte) => (total << 8n) | BigInt(byte), 0n)
const hex = (n: bigint): string => n.toString(16).padStart(32, "0")

describe("floating-point instructions", () => {
  test.each(floatCases)("%s", (text, before, after) => {
    const word = table.assemble(text, { address: 0 })
    expect(word).toBeDefined()
    load(before)
    expect(executeWord(pe, word!).kind).toBe("limit")
    expect(pe.pc).toBe(CODE + 4n)
    for (const n of registers) expect(hex(register(n)), `v${n}`).toBe(hex(after[`v${n}`] ?? before[`v${n}`] ?? 0n))
    expect(pe.x[0]).toBe(after.x0 ?? before.x0 ?? 0n)
    expect(pe.fpsr).toBe(after.fpsr ?? 0)
    expect(pe.flags).toBe(after.flags ?? before.flags ?? 0)
    if (after.v0 !== undefined)
      expect(
        pe
          .z(0)
          .subarray(16)
          .some((byte) => byte !== 0),
        "bits above 128"
      ).toBe(false)
  })
})

test("half precision, alternate modes and every feature have rows", () => {
  const features = new Set(floatCases.map(([text]) => table.decode(table.assemble(text, { address: 0 })!)!.declaration.feature))
  expect(features).toEqual(new Set(floatInstructions.map((i) => i.declaration.feature)))
})
