/** Memory under generated code: faults in the middle of a region, page crossings, the exclusive monitor, code that writes code. */
import { describe, expect, it } from "vitest"
import { CODE, DATA, IXC, type State, Twins } from "./jit-twins.ts"
import { assemble } from "./machine.ts"

const state = (x: Readonly<Record<number, bigint>>): State => ({
  x: Array.from({ length: 32 }, (_, n) => x[n] ?? BigInt(n)),
  v: Array.from({ length: 64 }, (_, n) => BigInt(n)),
  flags: 0,
  fpcr: 0,
  fpsr: IXC
})
const data = Uint8Array.from({ length: 0x4000 }, (_, i) => (i * 7) & 255)

/** Runs a program on both engines and expects no difference; gives the machines. */
const agree = (source: string, x: Readonly<Record<number, bigint>>, instructions: number, twins = new Twins()): Twins => {
  twins.load(state(x), [...assemble(source, CODE)], data)
  expect(twins.run(instructions)).toEqual([])
  return twins
}

describe("memory under generated code", () => {
  it("a loop runs into unmapped memory: registers are as before the access, and what was stored stays", () => {
    const twins = agree(
      `
      loop:
        add x3, x3, #1
        str x3, [x1], #8
        ldr x2, [x0], #64
        add x4, x4, x2
        b =loop
      `,
      { 0: BigInt(0x40_0000 - 64 * 700), 1: BigInt(DATA) },
      100_000
    )
    expect(twins.jit.x[3]).toBe(704n)
    expect(twins.jit.pc).not.toBe(BigInt(CODE))
  })
  it("a pair whose halves lie in two pages", () => {
    agree(
      `
      loop:
        ldp x2, x3, [x0]
        stp x3, x2, [x0, #16]
        .word 0xad7f0801 ; ldp q1, q2, [x0, #-32]
        add x0, x0, #8
        subs x5, x5, #1
        b.ne =loop
      self:
        b =self
      `,
      { 0: BigInt(DATA + 0x800), 5: 900n },
      6000
    )
  })
  it("misaligned accesses across pages", () => {
    const twins = agree(
      `
      loop:
        ldr x2, [x0], #7
        str w2, [x1], #5
        ldrh w3, [x0, #1]
        .word 0x3cc03024 ; ldur q4, [x1, #3]
        subs x5, x5, #1
        b.ne =loop
      self:
        b =self
      `,
      { 0: BigInt(DATA + 1), 1: BigInt(DATA + 0x2001), 5: 1500n },
      9000
    )
    expect(twins.engine.counters.interpreted).toBeGreaterThan(4)
    expect(twins.engine.counters.interpreted).toBeLessThan(100)
  })
  it("accesses that share a lookup near the end of a page do not leave each time", () => {
    const twins = agree(
      `
      loop:
        ldr x2, [x0]
        ldr x3, [x0, #64]
        add x4, x2, x3
        subs x5, x5, #1
        b.ne =loop
      self:
        b =self
      `,
      { 0: BigInt(DATA + 0x1000 - 32), 5: 5000n },
      25_100
    )
    expect(twins.engine.counters.interpreted).toBeLessThan(300)
  })
  it("a misaligned stack pointer faults", () => {
    agree(
      `
      loop:
        str x1, [sp, #-16]!
        ldr x2, [sp]
        add x3, x3, #1
        cmp x3, #20
        b.ne =loop
        sub sp, sp, #8
        ldr x4, [sp]
        b =loop
      `,
      { 3: 0n, 31: BigInt(DATA + 0x2000) },
      400
    )
  })
  it("memory copy and memory set, of all sizes and across pages", () => {
    const twins = agree(
      `
      loop:
        add x10, x0, x5
        add x11, x1, x5, lsl #2
        and x12, x5, #127
        cpyfp [x10]!, [x11]!, x12!
        cpyfm [x10]!, [x11]!, x12!
        cpyfe [x10]!, [x11]!, x12!
        add x13, x1, #300
        lsl x14, x5, #1
        setp [x13]!, x14!, x5
        setm [x13]!, x14!, x5
        sete [x13]!, x14!, x5
        add x10, x1, #9
        mov x12, #40
        mov x11, x1
        cpyp [x11]!, [x10]!, x12!
        cpym [x11]!, [x10]!, x12!
        cpye [x11]!, [x10]!, x12!
        mov x10, x1
        add x11, x1, #9
        mov x12, #40
        cpyp [x11]!, [x10]!, x12!
        cpym [x11]!, [x10]!, x12!
        cpye [x11]!, [x10]!, x12!
        subs x5, x5, #1
        b.ne =loop
      self:
        b =self
      `,
      { 0: BigInt(DATA + 0x800), 1: BigInt(DATA + 0x2800), 5: 700n },
      19_000
    )
    // page crossings, new pages, and the copies that run backwards
    expect(twins.jit.x[5]).toBe(0n)
    expect(twins.engine.counters.interpreted).toBeLessThan(700 * 4)
  })
  it("exclusive loads and stores, and atomics", () => {
    agree(
      `
      loop:
        ldaxr x2, [x0]
        add x2, x2, #3
        stlxr w3, x2, [x0]
        cbnz w3, =loop
        ldadd x2, x6, [x1]
        ldxp x7, x8, [x0]
        stxp w9, x8, x7, [x0]
        stxr w10, x8, [x0]
        subs x5, x5, #1
        b.ne =loop
      self:
        b =self
      `,
      { 0: BigInt(DATA + 0x40), 1: BigInt(DATA + 0x80), 5: 500n },
      6000
    )
  })
})

describe("code that changes", () => {
  it("a store to a later instruction of its own region is seen", () => {
    const twins = agree(
      `
      loop:
        add w1, w1, w2
        str w1, [x0]
        nop
        add x3, x3, #0
        subs x5, x5, #1
        b.ne =loop
      self:
        b =self
      `,
      // adds 1 to the immediate of the ADD each time
      { 0: BigInt(CODE + 12), 1: 0x9100_0063n, 2: 1n << 10n, 3: 0n, 5: 200n },
      1300
    )
    expect(twins.jit.x[3]).toBe(20_100n)
  })
  it("stores beside code do not take it away for good", () => {
    const twins = agree(
      `
      loop:
        str x5, [x0]
        subs x5, x5, #1
        b.ne =loop
      self:
        b =self
      `,
      { 0: BigInt(CODE + 0x800), 5: 3000n },
      9100
    )
    expect(twins.engine.counters.regions).toBeLessThan(60)
  })
  it("a program loaded over another is translated anew", () => {
    const twins = new Twins()
    agree("loop:\n add x1, x1, #1\n b =loop", {}, 500, twins)
    agree("loop:\n sub x1, x1, #1\n b =loop", {}, 500, twins)
    expect(twins.jit.x[1]).toBe(BigInt.asUintN(64, 1n - 250n))
  })
})
