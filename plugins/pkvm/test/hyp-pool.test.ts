/** Hyp's page allocator: blocks are halved, joined, cleared, and never given twice. */
import { describe, expect, it } from "vitest"
import { HypPool } from "../src/ownership/hyp-pool.ts"
import { NO_ORDER, Vmemmap } from "../src/ownership/page-records.ts"
import { ClearedPages } from "./in-memory.ts"

const FIRST = 0x200
const make = (pages: number, reserved = 0) => {
  const records = new Vmemmap(FIRST, new DataView(new ArrayBuffer(Vmemmap.bytes(64))))
  const memory = new ClearedPages()
  return { records, memory, pool: new HypPool(records, memory, FIRST, pages, reserved) }
}
const orders = (records: Vmemmap, pages: number) => Array.from({ length: pages }, (_, i) => records.order(FIRST + i))

describe("hyp pool", () => {
  it("starts with the largest blocks that fit, all clear", () => {
    const { pool, records, memory } = make(11)
    expect(pool.available).toBe(11)
    expect(memory.takeCleared()).toHaveLength(11)
    expect(orders(records, 11).filter((order) => order !== NO_ORDER)).toEqual([3, 1, 0])
    expect(pool.allocate(4)).toBe(undefined)
    expect(pool.allocate(3)).toBe(FIRST)
    expect(pool.allocate(3)).toBe(undefined)
  })
  it("halves blocks, and joins them when both halves are back", () => {
    const { pool, records } = make(8)
    const pages = [pool.allocate(), pool.allocate(), pool.allocate(1), pool.allocate(2)]
    expect(pages).toEqual([FIRST, FIRST + 1, FIRST + 2, FIRST + 4])
    expect(pages.map((pfn) => records.refcount(pfn!))).toEqual([1, 1, 1, 1])
    expect(pool.available).toBe(0)
    for (const pfn of [FIRST + 1, FIRST + 4, FIRST]) pool.put(pfn)
    expect([pool.available, pool.allocate(3), pool.allocate(2), pool.allocate(1)]).toEqual([6, undefined, FIRST + 4, FIRST])
    for (const pfn of [FIRST, FIRST + 2, FIRST + 4]) pool.put(pfn)
    expect(pool.allocate(3)).toBe(FIRST)
  })
  it("keeps a page until its last reference goes, and clears it then", () => {
    const { pool, memory } = make(4)
    const pfn = pool.allocate()!
    memory.takeCleared()
    pool.get(pfn)
    pool.put(pfn)
    expect([pool.available, memory.takeCleared()]).toEqual([3, []])
    pool.put(pfn)
    expect([pool.available, memory.takeCleared()]).toEqual([4, [pfn]])
    expect(() => pool.put(pfn)).toThrow(/no reference/)
  })
  it("gives the single pages of a block back one by one", () => {
    const { pool } = make(8)
    const pfn = pool.allocate(3)!
    pool.split(pfn)
    for (let i = 7; i >= 0; i--) pool.put(pfn + i)
    expect(pool.allocate(3)).toBe(pfn)
  })
  it("takes single pages from outside its range, which join nothing", () => {
    const { pool, records } = make(4)
    records.setRefcount(FIRST + 4, 1)
    records.setOrder(FIRST + 4, 2)
    pool.put(FIRST + 4)
    expect(pool.available).toBe(5)
    expect([pool.allocate(2), pool.allocate(), pool.allocate()]).toEqual([FIRST, FIRST + 4, undefined])
  })
  it("joins no page of its own with one from outside", () => {
    const { pool, records } = make(3)
    for (let i = 0; i < 3; i++) pool.allocate()
    records.setRefcount(FIRST + 3, 1)
    records.setOrder(FIRST + 3, 0)
    for (const page of [3, 2, 0, 1]) pool.put(FIRST + page)
    expect(pool.allocate(1)).toBe(FIRST)
    expect(pool.allocate(1)).toBe(undefined)
    expect(pool.available).toBe(2)
  })
  it("leaves reserved pages out until they are put", () => {
    const { pool } = make(8, 3)
    expect([pool.available, pool.allocate(3)]).toEqual([5, undefined])
    for (const page of [0, 1, 2]) pool.put(FIRST + page)
    expect(pool.allocate(3)).toBe(FIRST)
  })
  it("never gives a page twice, whatever the order of requests", () => {
    const { pool } = make(37)
    const held = new Map<number, number>()
    let state = 7
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
      return (state >> 8) % below
    }
    for (let i = 0; i < 5000; i++) {
      const order = random(4)
      const pfn = random(2) === 0 ? pool.allocate(order) : undefined
      if (pfn !== undefined) {
        for (const [other, size] of held) expect(pfn + 2 ** order <= other || other + 2 ** size <= pfn).toBe(true)
        expect(pfn >= FIRST && pfn + 2 ** order <= FIRST + 37).toBe(true)
        held.set(pfn, order)
      } else if (held.size > 0) {
        const [first] = [...held.keys()].slice(random(held.size))
        pool.put(first!)
        held.delete(first!)
      }
      const used = [...held.values()].reduce((sum, size) => sum + 2 ** size, 0)
      if (pool.available + used !== 37) expect.fail(`step ${i}: ${pool.available} free, ${used} used`)
    }
    for (const pfn of held.keys()) pool.put(pfn)
    expect(pool.allocate(5)).toBe(FIRST)
  })
})
