/** Pages that get their contents when they are first used, however that is; and memories that go from one board to the next. */
import { base, composeOrThrow } from "@eltwo/isa"
import { describe, expect, it } from "vitest"
import { createBoard } from "../src/board.ts"
import { giveMemory, takeMemory } from "../src/board-memory.ts"
import { attachJit } from "../src/jit/jit.ts"
import { PAGE_BYTES, type PageSource } from "../src/memory.ts"
import { portOf } from "../src/port.ts"
import { run } from "../src/run.ts"
import { assemble, EL1, machine, RAM } from "./machine.ts"

/** Page numbers with what they hold: every byte of page n is n, stored as one byte. */
const source = (...pages: readonly number[]): PageSource => ({
  pieces: new Map(pages.map((page) => [page, Uint8Array.of(page)])),
  unpack: (piece, page) => page.fill(piece[0]!)
})
const addressOf = (page: number): number => RAM + page * PAGE_BYTES
const empty = () => createBoard({ isa: composeOrThrow([base]), ramBase: RAM, ramBytes: 0x100000 })

describe("a page that has contents", () => {
  it("has them for whoever looks first: a read, a write beside, a walk, the port", () => {
    const { physical, ...board } = empty()
    physical.supply(source(1, 2, 3, 4, 5))
    expect([1, 2, 3, 4, 5].filter((page) => physical.isUsed(page))).toEqual([])
    expect(physical.read(addressOf(2) - 1, 2)).toEqual(Uint8Array.of(1, 2))
    expect(physical.doubleword(addressOf(3) + 8)).toBe(0x0303030303030303n)
    expect(physical.at(addressOf(4), 0)).toBeGreaterThan(0)
    expect(physical.isUsed(4)).toBe(false)
    expect([1, 2, 3, 4, 5].filter((page) => physical.isUsed(page))).toEqual([1, 2, 3])
    expect(board.ram.bytes).toBe(0x100000)
    expect(physical.usedBytes).toBe(3 * PAGE_BYTES)
    expect(physical.unusedPiece(5)).toEqual(Uint8Array.of(5))
    expect(physical.unusedPiece(6)).toBeUndefined()
  })
  it("is copied with all others, used or not", () => {
    const [one, other] = [empty(), empty()]
    one.physical.supply(source(3, 4))
    one.write(addressOf(3) + 8, Uint8Array.of(99))
    one.write(addressOf(200), Uint8Array.of(1))
    other.physical.supply(one.physical.contents())
    one.write(addressOf(3) + 8, Uint8Array.of(0))
    expect([3, 4, 200].map((page) => other.physical.read(addressOf(page) + 8, 1)![0])).toEqual([99, 4, 0])
    expect(other.physical.read(addressOf(200), 1)).toEqual(Uint8Array.of(1))
    expect(one.physical.isUsed(4)).toBe(false)
  })
  it("keeps what is written before the rest is looked at", () => {
    const board = empty()
    board.physical.supply(source(7))
    expect(board.write(addressOf(7) + 100, Uint8Array.of(1, 2))).toBe(true)
    expect(board.physical.read(addressOf(7) + 99, 4)).toEqual(Uint8Array.of(7, 1, 2, 7))
  })
  it("gets them at once when it is in use already, and loses none of an earlier source", () => {
    const { physical } = empty()
    expect(physical.at(addressOf(9), 1)).toBeGreaterThan(0)
    physical.supply(source(9, 10))
    expect(physical.read(addressOf(9), 1)).toEqual(Uint8Array.of(9))
    physical.supply(source(11))
    expect([10, 11].map((page) => physical.read(addressOf(page), 1)![0])).toEqual([10, 11])
  })
  it("is zero after it was cleared, used or not", () => {
    const { physical } = empty()
    physical.supply(source(1, 2))
    physical.read(addressOf(1), 1)
    physical.clear(addressOf(1), 2 * PAGE_BYTES)
    expect(physical.read(addressOf(1), 2 * PAGE_BYTES)).toEqual(new Uint8Array(2 * PAGE_BYTES))
  })
  it.each(["interp", "jit"] as const)("has them for instructions of a guest: %s", (engine) => {
    // page 0x20 on: loads, stores, an exclusive, a copy; and code in a page nobody has seen
    const { board, pe } = machine(
      `ldr x1, [x20]
       add x24, x20, #4096
       strb w21, [x24, #1]
       ldr x2, [x24]
       add x22, x24, #4096
       ldaddal x21, x3, [x22]
       ldr x4, [x22]
       ldp x5, x6, [x20, #-8]
       br x23`,
      EL1
    )
    if (engine === "jit") attachJit(board)
    const code = new Uint8Array(assemble("mov x7, #77\nagain:\nadd x8, x8, #1\nb =again", addressOf(0x30)).buffer)
    const { pieces, unpack } = source(0x1f, 0x20, 0x21, 0x22)
    board.physical.supply({
      pieces: new Map([...pieces, [0x30, code]]),
      unpack: (piece, page) => (piece === code ? page.set(code) : unpack(piece, page))
    })
    pe.x[20] = BigInt(addressOf(0x20))
    pe.x[21] = 1n
    pe.x[23] = BigInt(addressOf(0x30))
    run(pe, { instructions: 100_000, engine })
    expect([...pe.x.slice(1, 8)]).toEqual([
      0x2020202020202020n,
      0x2121212121210121n,
      0x2222222222222222n,
      0x2222222222222223n,
      0x1f1f1f1f1f1f1f1fn,
      0x2020202020202020n,
      77n
    ])
    expect(pe.x[8]).toBeGreaterThan(40_000n)
    portOf(pe).str(BigInt(addressOf(0x22)), 8, 5n)
    expect(board.physical.read(addressOf(0x22), 9)).toEqual(Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0, 0x22))
  })
})

describe("a memory that is given up", () => {
  it("goes to the next board of its size, all zero", () => {
    const { board, pe } = machine("str x1, [x20]\nagain:\nadd x1, x1, #1\nb =again", EL1, { ramBytes: 0x230000 })
    attachJit(board)
    pe.x[20] = BigInt(addressOf(0x40))
    run(pe, { instructions: 5000, engine: "jit" })
    const { memory, physical } = board
    board.dispose()
    expect(physical.at(RAM, 1)).toBe(-1)
    expect(board.write(RAM, Uint8Array.of(1))).toBe(false)
    const next = createBoard({ isa: composeOrThrow([base]), ramBase: RAM, ramBytes: 0x230000 })
    expect(next.memory).toBe(memory)
    const fresh = createBoard({ isa: composeOrThrow([base]), ramBase: RAM, ramBytes: 0x230000 })
    expect(fresh.memory).not.toBe(memory)
    expect(Buffer.compare(new Uint8Array(next.memory.buffer), new Uint8Array(fresh.memory.buffer))).toBe(0)
  })
  it("is kept only as long as few are", () => {
    const pages = 3
    const given = Array.from({ length: 6 }, () => new WebAssembly.Memory({ initial: pages, maximum: pages }))
    given.forEach(giveMemory)
    const taken = given.map(() => takeMemory(pages))
    expect(taken.filter((memory) => given.includes(memory)).length).toBe(4)
    expect(new Set(taken).size).toBe(6)
  })
})
