import { describe, expect, it } from "vitest"
import { createBoard } from "../src/board.ts"
import { FLAGS, PE } from "../src/layout.ts"
import { nzcvOf } from "../src/pe.ts"
import { run, step } from "../src/run.ts"
import { assemble, machine, peek, RAM, setRegister } from "./machine.ts"

const SPECIAL = [0n, 1n, 2n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffffffffffffn]
const operands = [...SPECIAL, 0x123456789abcdef0n, 0xfedcba9876543210n, 0x5555555500000000n]
/** NZCV of a result of `bits` bits, with carry and overflow. */
const nzcv = (bits: number, result: bigint, carry: boolean, overflow: boolean): number =>
  (BigInt.asIntN(bits, result) < 0n ? 8 : 0) | (BigInt.asUintN(bits, result) === 0n ? 4 : 0) | (carry ? 2 : 0) | (overflow ? 1 : 0)
const expected: Record<string, (a: bigint, b: bigint) => number> = {}
for (const bits of [64, 32]) {
  const u = (x: bigint) => BigInt.asUintN(bits, x)
  const s = (x: bigint) => BigInt.asIntN(bits, x)
  const fits = (x: bigint) => s(x) === x
  expected[`subtract${bits}`] = (a, b) => nzcv(bits, a - b, u(a) >= u(b), !fits(s(a) - s(b)))
  expected[`add${bits}`] = (a, b) => nzcv(bits, a + b, u(a) + u(b) !== u(a + b), !fits(s(a) + s(b)))
  expected[`logic${bits}`] = (a) => nzcv(bits, a, false, false)
}

describe("flags kept as operands", () => {
  it.each(Object.keys(expected))("%s", (kind) => {
    const { pe } = machine("")
    for (const a of operands)
      for (const b of operands) {
        const number = FLAGS[kind as keyof typeof FLAGS]
        const halves = [a, b].flatMap((x) => [Number(x & 0xffffffffn), Number(x >> 32n)]) as [number, number, number, number]
        const flags = expected[kind]!(a, b)
        expect(nzcvOf(number, ...halves), `${kind} ${a} ${b}`).toBe(flags)
        pe.doublewords[PE.FLAGS_A >> 3] = a
        pe.doublewords[PE.FLAGS_B >> 3] = b
        pe.words[PE.FLAGS_KIND >> 2] = number
        expect([pe.flags, pe.flags, pe.words[PE.FLAGS_KIND >> 2]]).toEqual([flags, flags, FLAGS.nzcv])
      }
  })
  it("are what conditions test", () => {
    const holds = (condition: string, flags: number) => {
      const { pe } = machine(`cset w0, ${condition}`)
      pe.flags = flags
      step(pe)
      return pe.x[0] === 1n
    }
    for (let flags = 0; flags < 16; flags++) {
      const [n, z, c, v] = [8, 4, 2, 1].map((bit) => (flags & bit) !== 0) as [boolean, boolean, boolean, boolean]
      const table: Readonly<Record<string, boolean>> = {
        eq: z,
        ne: !z,
        cs: c,
        cc: !c,
        mi: n,
        pl: !n,
        vs: v,
        vc: !v,
        hi: c && !z,
        ls: !(c && !z),
        ge: n === v,
        lt: n !== v,
        gt: !z && n === v,
        le: !(!z && n === v)
      }
      for (const [condition, value] of Object.entries(table)) expect(holds(condition, flags), `${condition} ${flags}`).toBe(value)
    }
  })
})

describe("a processing element", () => {
  it("counts retired instructions beyond 2^32", () => {
    const { pe } = machine("")
    pe.retire(0xffffffff)
    pe.retire(2)
    expect(pe.retired).toBe(0x100000001n)
    expect([pe.words[PE.RETIRED >> 2], pe.words[(PE.RETIRED >> 2) + 1]]).toEqual([1, 1])
  })
  it("has its PC as halves and as a whole", () => {
    const { pe } = machine("")
    pe.pc = 0xffff800012345678n
    expect([pe.pcLow, pe.pcHigh, pe.pc]).toEqual([0x12345678, 0xffff8000, 0xffff800012345678n])
  })
  it("goes on from 4 GiB boundaries and wraps at the end of the address space", () => {
    const { pe } = machine("nop")
    // The last instruction below 4 GiB: RAM ends there
    const board = createBoard({ isa: pe.controls.machine, ramBase: 0xfff00000, ramBytes: 0x200000, memoryWhenOff: "normal" })
    const other = board.pes[0]!
    board.write(0xfffffffc, new Uint8Array(assemble("nop\n mov x0, #3").buffer))
    other.pc = 0xfffffffcn
    run(other, { instructions: 2 })
    expect([other.pc, other.x[0]]).toEqual([0x100000004n, 3n])
  })
  it("derives its state anew after a restore", () => {
    const first = machine("mov x0, #1\n mov x1, #2\n")
    setRegister(first.pe, "SCTLR_EL1", 0x30d00802n)
    step(first.pe)
    const image = first.pe.bytes.slice()
    const second = machine("mov x0, #1\n mov x1, #2\n")
    second.pe.bytes.set(image)
    second.pe.restored()
    expect(second.pe.alignmentCheck).toBe(true)
    step(second.pe)
    expect([second.pe.x[0], second.pe.x[1], second.pe.retired]).toEqual([1n, 2n, 2n])
  })
})

describe("a board", () => {
  const { isa } = machine("").board
  it.each([
    ["RAM off a page boundary", { ramBase: 0x800, ramBytes: 0x1000 }],
    ["RAM beyond the physical address space", { ramBase: 2 ** 48 - 0x1000, ramBytes: 0x2000 }],
    ["RAM of no bytes", { ramBase: 0, ramBytes: 0 }],
    ["RAM of half a page", { ramBase: 0, ramBytes: 0x800 }],
    ["RAM larger than a WebAssembly.Memory", { ramBase: 0, ramBytes: 2 ** 32 }],
    ["RAM that is not a number", { ramBase: 0, ramBytes: Number.NaN }],
    ["no processing element", { ramBase: 0, ramBytes: 0x1000, pes: 0 }],
    ["half a processing element", { ramBase: 0, ramBytes: 0x1000, pes: 1.5 }]
  ])("refuses %s", (_name, options) => {
    expect(() => createBoard({ isa, ...options })).toThrow(RangeError)
  })
  it("takes bytes that fit, and nothing of those that do not", () => {
    const { board } = machine("")
    const end = RAM + 0x100000
    expect(board.write(end - 2, Uint8Array.of(1, 2))).toBe(true)
    expect(board.write(end - 2, Uint8Array.of(3, 4, 5))).toBe(false)
    expect(board.write(RAM - 1, Uint8Array.of(3, 4))).toBe(false)
    expect(peek(board, end - 2, 2)).toBe(0x0201n)
    expect(board.physical.read(end - 2, 3)).toBeUndefined()
    expect(board.physical.doubleword(end - 4)).toBeUndefined()
  })
  it("has several processing elements over one memory", () => {
    const { board } = machine("mrs x0, mpidr_el1\n mov x2, #1\n ldadd x2, x1, [x3]\n hlt #0", 0b1001, { pes: 3 })
    for (const pe of board.pes) {
      pe.pc = BigInt(RAM)
      pe.x[3] = BigInt(RAM + 0x8000)
      expect(run(pe, { instructions: 10 }).kind).toBe("halt")
    }
    expect(board.pes.map((pe) => [pe.x[0]! & 0xffn, pe.x[1]])).toEqual([
      [0n, 0n],
      [1n, 1n],
      [2n, 2n]
    ])
  })
})
