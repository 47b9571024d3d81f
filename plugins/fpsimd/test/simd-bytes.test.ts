/** Byte operations on every pair of values, against what the manual says in plain numbers. */
import { Board } from "@eltwo/cpu"
import { fieldsOf, Table } from "@eltwo/isa"
import { describe, expect, test } from "vitest"
import { ConcreteCpu } from "../../../packages/cpu/src/interp/cpu.ts"
import { simdInstructions } from "../src/insns/simd.ts"

const table = new Table(simdInstructions)
const board = new Board({ isa: { features: new Set(), decode: (word) => table.decode(word) }, ramBase: 0, ramBytes: 4096 })
const pe = board.pes[0]!
const cpu = new ConcreteCpu(pe)
const QC = 1 << 27

const assembled = new Map<string, () => void>()
const executionOf = (text: string): (() => void) => {
  let execution = assembled.get(text)
  if (!execution) {
    const word = table.assemble(text, { address: 0 })!
    const instruction = table.decode(word)!
    const fields = fieldsOf(instruction, word)
    execution = () => instruction.declaration.execute(cpu.builder, fields)
    assembled.set(text, execution)
  }
  return execution
}
/** Sets V0, V1 and V2, executes, and gives V0 and whether FPSR.QC was set. */
const execute = (text: string, v0: Uint8Array, v1: Uint8Array, v2: Uint8Array) => {
  pe.fpsr = 0
  ;[v0, v1, v2].forEach((bytes, n) => {
    pe.z(n).fill(0xaa)
    pe.z(n).set(bytes)
  })
  executionOf(text)()
  cpu.commit()
  return { bytes: pe.z(0), saturated: (pe.fpsr & QC) !== 0 }
}
type Formula = (x: number, y: number) => number
interface Row {
  readonly signed: boolean
  readonly formula: Formula
  /** The result is clamped to this kind of number; otherwise it wraps. */
  readonly clamp?: "signed" | "unsigned"
}
const numberOf = (pattern: number, signed: boolean): number => (signed && pattern > 127 ? pattern - 256 : pattern)
/** The result's pattern, and whether it lost something. */
const expected = (exact: number, clamp: Row["clamp"]): { readonly pattern: number; readonly lost: boolean } => {
  if (clamp === undefined) return { pattern: exact & 255, lost: false }
  const [least, most] = clamp === "signed" ? [-128, 127] : [0, 255]
  const kept = Math.min(Math.max(exact, least), most)
  return { pattern: kept & 255, lost: kept !== exact }
}

/** Shifted by the signed byte y, up when positive; exact in a double, then rounded down. */
const moved = (x: number, y: number, rounds: boolean): number => {
  const by = numberOf(y & 255, true)
  return Math.floor(x * 2 ** by + (rounds && by < 0 ? 0.5 : 0))
}
const product = (x: number, y: number): number => {
  let sum = 0
  for (let k = 0; k < 8; k++) if ((y >> k) & 1) sum ^= x << k
  return sum
}
const truth = (holds: boolean): number => (holds ? 255 : 0)
const both = (name: string, formula: Formula): [string, Row][] => [
  [`s${name}`, { signed: true, formula }],
  [`u${name}`, { signed: false, formula }]
]
const clamped = (name: string, formula: Formula): [string, Row][] => [
  [`sq${name}`, { signed: true, formula, clamp: "signed" }],
  [`uq${name}`, { signed: false, formula, clamp: "unsigned" }]
]
const signed = (name: string, formula: Formula): [string, Row] => [name, { signed: true, formula }]
const unsigned = (name: string, formula: Formula): [string, Row] => [name, { signed: false, formula }]
const rows: readonly [string, Row][] = [
  ...both("hadd", (x, y) => Math.floor((x + y) / 2)),
  ...both("rhadd", (x, y) => Math.floor((x + y + 1) / 2)),
  ...both("hsub", (x, y) => Math.floor((x - y) / 2)),
  ...both("max", Math.max),
  ...both("min", Math.min),
  ...both("abd", (x, y) => Math.abs(x - y)),
  ...both("shl", (x, y) => moved(x, y, false)),
  ...both("rshl", (x, y) => moved(x, y, true)),
  ...clamped("add", (x, y) => x + y),
  ...clamped("sub", (x, y) => x - y),
  ...clamped("shl", (x, y) => moved(x, y, false)),
  ...clamped("rshl", (x, y) => moved(x, y, true)),
  signed("cmgt", (x, y) => truth(x > y)),
  signed("cmge", (x, y) => truth(x >= y)),
  unsigned("cmhi", (x, y) => truth(x > y)),
  unsigned("cmhs", (x, y) => truth(x >= y)),
  signed("cmeq", (x, y) => truth(x === y)),
  signed("cmtst", (x, y) => truth((x & y) !== 0)),
  signed("add", (x, y) => x + y),
  signed("sub", (x, y) => x - y),
  signed("mul", (x, y) => x * y),
  unsigned("pmul", product)
]

const all = Uint8Array.from({ length: 256 }, (_, i) => i)
/** Every pair, sixteen at a time: x counts within a register, y is the same in all lanes. */
const check = (text: string, { signed, formula, clamp }: Row, sources: (x: Uint8Array, y: Uint8Array) => [Uint8Array, Uint8Array, Uint8Array]) => {
  const wrong: string[] = []
  for (let y = 0; y < 256; y++)
    for (let start = 0; start < 256; start += 16) {
      const x = all.subarray(start, start + 16)
      const { bytes, saturated } = execute(text, ...sources(x, new Uint8Array(16).fill(y)))
      let lost = false
      for (let i = 0; i < 16; i++) {
        const result = expected(formula(numberOf(x[i]!, signed), numberOf(y, signed)), clamp)
        lost ||= result.lost
        if (bytes[i] !== result.pattern) wrong.push(`${x[i]}, ${y}: ${bytes[i]}, not ${result.pattern}`)
      }
      if (saturated !== lost) wrong.push(`${start}.., ${y}: QC ${saturated}`)
    }
  expect(wrong.slice(0, 5)).toEqual([])
}
describe("every pair of bytes", () => {
  test.each(rows)("%s", (mnemonic, row) => {
    check(`${mnemonic} v0.16b, v1.16b, v2.16b`, row, (x, y) => [y, x, y])
  })
  test("mla, mls, saba, uaba keep what they add to", () => {
    const accumulate = (mnemonic: string, row: Row) =>
      check(`${mnemonic} v0.16b, v1.16b, v2.16b`, { ...row, formula: (x, y) => 77 + row.formula(x, y) }, (x, y) => [
        new Uint8Array(16).fill(77),
        x,
        y
      ])
    accumulate("mla", { signed: true, formula: (x, y) => x * y })
    accumulate("mls", { signed: true, formula: (x, y) => -x * y })
    accumulate("saba", { signed: true, formula: (x, y) => Math.abs(x - y) })
    accumulate("uaba", { signed: false, formula: (x, y) => Math.abs(x - y) })
  })
  test("suqadd and usqadd add a number of the other sign", () => {
    const pattern = (x: number): number => x & 255
    check("suqadd v0.16b, v1.16b", { signed: true, formula: (x, y) => x + pattern(y), clamp: "signed" }, (x, y) => [x, y, y])
    check("usqadd v0.16b, v1.16b", { signed: false, formula: (x, y) => x + numberOf(y, true), clamp: "unsigned" }, (x, y) => [x, y, y])
  })
})

describe("every byte", () => {
  const leading = (x: number): number => Math.clz32(x & 255) - 24
  const unary: readonly [string, Row][] = [
    ["sqabs", { signed: true, formula: Math.abs, clamp: "signed" }],
    ["sqneg", { signed: true, formula: (x) => -x, clamp: "signed" }],
    ["abs", { signed: true, formula: Math.abs }],
    ["neg", { signed: true, formula: (x) => -x }],
    ["mvn", { signed: true, formula: (x) => -1 - x }],
    ["clz", { signed: false, formula: leading }],
    ["cls", { signed: true, formula: (x) => leading(x < 0 ? ~x : x) - 1 }],
    ["cnt", { signed: false, formula: (x) => x.toString(2).replace(/0/g, "").length }],
    ["rbit", { signed: false, formula: (x) => Number.parseInt([...x.toString(2).padStart(8, "0")].reverse().join(""), 2) }]
  ]
  test.each(unary)("%s", (mnemonic, row) => {
    check(`${mnemonic} v0.16b, v1.16b`, row, (x, y) => [y, x, y])
  })
  test.each([
    ...both("shr", (x, by) => Math.floor(x / 2 ** by)),
    ...both("rshr", (x, by) => Math.floor(x / 2 ** by + 0.5)),
    ...clamped("shl", (x, by) => x * 2 ** by),
    ["sqshlu", { signed: true, formula: (x: number, by: number) => x * 2 ** by, clamp: "unsigned" } satisfies Row] as const,
    signed("shl", (x, by) => x * 2 ** by)
  ])("%s by each amount", (mnemonic, { signed, formula, clamp }) => {
    const first = mnemonic.endsWith("shr") ? 1 : 0
    for (let by = first; by < first + 8; by++) {
      const text = `${mnemonic} v0.16b, v1.16b, #${by}`
      for (let start = 0; start < 256; start += 16) {
        const x = all.subarray(start, start + 16)
        const wanted = [...x].map((pattern) => expected(formula(numberOf(pattern, signed), by), clamp))
        const { bytes, saturated } = execute(text, x, x, x)
        expect([...bytes.subarray(0, 16)]).toEqual(wanted.map(({ pattern }) => pattern))
        expect(saturated).toBe(wanted.some(({ lost }) => lost))
      }
    }
  })
})

describe("every halfword made a byte", () => {
  const halfwords = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer)
  const narrow = (text: string, source: "signed" | "unsigned", formula: (x: number) => number, clamp: Row["clamp"]) => {
    const wrong: string[] = []
    for (let start = 0; start < 65536; start += 8) {
      const v1 = halfwords.subarray(2 * start, 2 * start + 16)
      const { bytes, saturated } = execute(text, v1, v1, v1)
      let lost = false
      for (let i = 0; i < 8; i++) {
        const x = start + i
        const result = expected(formula(source === "signed" && x > 32767 ? x - 65536 : x), clamp)
        lost ||= result.lost
        if (bytes[i] !== result.pattern) wrong.push(`${x}: ${bytes[i]}, not ${result.pattern}`)
      }
      if (saturated !== lost) wrong.push(`${start}..: QC ${saturated}`)
      if (bytes.subarray(8).some((byte) => byte !== 0)) wrong.push(`${start}..: the rest is not zero`)
    }
    expect(wrong.slice(0, 5)).toEqual([])
  }
  test("extract narrow", () => {
    narrow("xtn v0.8b, v1.8h", "unsigned", (x) => x, undefined)
    narrow("sqxtn v0.8b, v1.8h", "signed", (x) => x, "signed")
    narrow("sqxtun v0.8b, v1.8h", "signed", (x) => x, "unsigned")
    narrow("uqxtn v0.8b, v1.8h", "unsigned", (x) => x, "unsigned")
  })
  test.each([1, 5, 8])("shift right narrow by %d", (by) => {
    for (const [r, half] of [
      ["", 0],
      ["r", 0.5]
    ] as const) {
      const formula = (x: number): number => Math.floor(x / 2 ** by + half)
      narrow(`${r}shrn v0.8b, v1.8h, #${by}`, "unsigned", formula, undefined)
      narrow(`sq${r}shrn v0.8b, v1.8h, #${by}`, "signed", formula, "signed")
      narrow(`sq${r}shrun v0.8b, v1.8h, #${by}`, "signed", formula, "unsigned")
      narrow(`uq${r}shrn v0.8b, v1.8h, #${by}`, "unsigned", formula, "unsigned")
    }
  })
})
