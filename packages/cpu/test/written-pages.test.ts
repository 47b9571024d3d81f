/** What the watch over written pages says, against the difference of RAM before and after. */
import { describe, expect, it } from "vitest"
import { attachJit } from "../src/jit/jit.ts"
import { PAGE_BYTES } from "../src/memory.ts"
import { portOf } from "../src/port.ts"
import { run } from "../src/run.ts"
import { EL1, machine, RAM } from "./machine.ts"

/** Stores to a page chosen by a running number, of sizes that change, some over the end of the page; now and then a copy and a block of zeroes. */
const PROGRAM = `
  again:
    mov x9, #0x4005
    movk x9, #0x6c07, lsl #16
    madd x1, x1, x9, x10
    add x10, x10, #1
    ubfx x2, x1, #20, #6
    lsl x2, x2, #12
    ubfx x3, x1, #8, #12
    orr x2, x2, x3
    add x2, x2, x20
    str x1, [x2]
    strb w1, [x2, #8]
    stp x1, x10, [x2, #-16]
    tbz x1, #40, =again
    and x4, x2, #0xffffffffffffffc0
    dc zva, x4
    ldr x5, [x2]
    b =again
`
const DATA = RAM + 0x20000

describe.each(["interp", "jit"] as const)("%s", (engine) => {
  const start = () => {
    const made = machine(PROGRAM, EL1)
    if (engine === "jit") attachJit(made.board)
    made.pe.x[1] = 0x1234567n
    made.pe.x[20] = BigInt(DATA)
    return made
  }
  const pagesThatDiffer = (before: Uint8Array, after: Uint8Array): number[] =>
    Array.from({ length: before.length / PAGE_BYTES }, (_, page) => page).filter((page) =>
      before.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES).some((byte, i) => byte !== after[page * PAGE_BYTES + i])
    )

  it("names every page that changed, once, before it changes", () => {
    const { board, pe } = start()
    const { ram, written } = board
    const now = () => board.physical.bytes.slice(ram.offset, ram.offset + ram.bytes)
    run(pe, { instructions: 20_000, engine })
    for (let round = 0; round < 6; round++) {
      const before = now()
      const seen: number[] = []
      const kept = new Map<number, Uint8Array>()
      written.watch((page) => {
        seen.push(page)
        kept.set(page, board.physical.bytes.slice(ram.offset + page * PAGE_BYTES, ram.offset + (page + 1) * PAGE_BYTES))
      })
      run(pe, { instructions: [1, 30, 400, 5000, 50_000, 17][round]!, engine })
      if (round === 3) portOf(pe).str(BigInt(RAM + 0xa0008), 8, 5n)
      if (round === 5) board.write(RAM + 0xb0000 - 4, new Uint8Array(8).fill(round))
      const after = now()
      expect(new Set(seen).size).toBe(seen.length)
      const changed = pagesThatDiffer(before, after)
      expect(seen).toEqual(expect.arrayContaining(changed))
      for (const page of seen) {
        expect(written.isWritten(page)).toBe(true)
        expect(Buffer.compare(kept.get(page)!, before.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES))).toBe(0)
      }
      if (round === 3) expect(changed).toContain(0xa0)
      if (round === 5) expect(changed).toEqual(expect.arrayContaining([0xaf, 0xb0]))
    }
    written.stop()
    expect(written.watching).toBe(false)
    expect(written.isWritten(200)).toBe(true)
  })
  it("changes nothing of the run", () => {
    const [plain, watched] = [start(), start()]
    run(plain.pe, { instructions: 60_000, engine: "interp" })
    for (let i = 0; i < 60; i++) {
      watched.board.written.watch(() => {})
      run(watched.pe, { instructions: 1000, engine })
    }
    expect([...watched.pe.x]).toEqual([...plain.pe.x])
    expect(watched.pe.retired).toBe(plain.pe.retired)
    expect(Buffer.compare(watched.board.physical.bytes.slice(plain.board.ram.offset), plain.board.physical.bytes.slice(plain.board.ram.offset))).toBe(
      0
    )
  })
})
