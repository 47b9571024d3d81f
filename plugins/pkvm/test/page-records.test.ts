/** Layouts that real tables and records must have: eight bytes a page, notes in host stage 2, state bits of a guest; and the map of RAM. */
import { describe, expect, it } from "vitest"
import { donatedDescriptor, GUEST_STATE_MASK, guestStateBits, guestStateIn, ownerIn, POISONED_DESCRIPTOR } from "../src/ownership/descriptors.ts"
import { MemoryMap } from "../src/ownership/memory-map.ts"
import { Vmemmap } from "../src/ownership/page-records.ts"
import { HYP, PageState, pageNumber, pagesOf } from "../src/ownership/page-state.ts"

describe("page record", () => {
  it("of zeroes means host memory", () => {
    const records = new Vmemmap(16, new DataView(new ArrayBuffer(Vmemmap.bytes(4))))
    expect([records.hostState(17), records.hypState(17), records.refcount(17), records.shareCount(17)]).toEqual([
      PageState.OWNED,
      PageState.NOPAGE,
      0,
      0
    ])
    expect([records.hostState(99), records.hypState(3), records.refcount(99), records.shareCount(3)]).toEqual([
      PageState.OWNED,
      PageState.NOPAGE,
      0,
      0
    ])
    expect(() => records.setHostState(20, PageState.NOPAGE)).toThrow(/no record of page 0x14/)
  })
  it("is refcount, order, host and complemented hyp state, share count", () => {
    const bytes = new Uint8Array(Vmemmap.bytes(2))
    const records = new Vmemmap(16, new DataView(bytes.buffer))
    records.setRefcount(17, 0x1234)
    records.setOrder(17, 9)
    records.setHostState(17, PageState.SHARED_OWNED)
    records.setHypState(17, PageState.SHARED_BORROWED)
    records.setShareCount(17, 0x89abcdef)
    expect([...bytes]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0x34, 0x12, 9, 0x11, 0xef, 0xcd, 0xab, 0x89])
    for (const host of Object.values(PageState)) {
      for (const hyp of Object.values(PageState)) {
        records.setHostState(17, host)
        records.setHypState(17, hyp)
        expect([records.hostState(17), records.hypState(17)]).toEqual([host, hyp])
      }
    }
    expect([records.refcount(17), records.order(17), records.shareCount(17)]).toEqual([0x1234, 9, 0x89abcdef])
    for (const wrong of [-1, 0x10000]) expect(() => records.setRefcount(17, wrong)).toThrow(/references/)
    for (const wrong of [-1, 2 ** 32]) expect(() => records.setShareCount(17, wrong)).toThrow(/shares/)
  })
})

describe("descriptors", () => {
  it("name the owner of a page that is not the host's", () => {
    expect(donatedDescriptor(HYP)).toBe(0x2000_0000_0000_0002n)
    const guest = { kind: "guest", handle: 0x10ab, gfn: 0xab_cdef_0123 } as const
    expect(donatedDescriptor(guest)).toBe(0x2000_0000_0000_0004n | (0x10abn << 4n) | (0xab_cdef_0123n << 20n))
    expect(ownerIn(donatedDescriptor(guest))).toEqual(guest)
    expect(ownerIn(donatedDescriptor(HYP))).toEqual(HYP)
    for (const other of [0n, POISONED_DESCRIPTOR, 0x1000_0000_0000_0002n, 0x2000_0000_0000_0003n, 0x2000_0000_0000_0000n])
      expect(ownerIn(other)).toBe(undefined)
  })
  it("hold a guest's state in bits 56:55", () => {
    expect(GUEST_STATE_MASK).toBe(0x0180_0000_0000_0000n)
    expect(POISONED_DESCRIPTOR).toBe(0x3000_0000_0000_0000n)
    for (const state of Object.values(PageState)) expect(guestStateIn(guestStateBits(state) | 0x7c3n)).toBe(state)
    expect(guestStateBits(PageState.SHARED_OWNED)).toBe(1n << 55n)
  })
  it("and registers give whole pages", () => {
    expect(pagesOf({ address: 0x1ffc, bytes: 8 })).toEqual({ pfn: 1, pages: 2 })
    expect(pagesOf({ address: 0x2000, bytes: 0x1000 })).toEqual({ pfn: 2, pages: 1 })
    expect(pageNumber(0xfff0_0000_0000_0005n)).toBe(5)
  })
})

describe("memory map", () => {
  const map = new MemoryMap(
    [
      { pfn: 0x300, pages: 16 },
      { pfn: 0x100, pages: 16 },
      { pfn: 0x110, pages: 16, noMap: true }
    ],
    24
  )
  it("tells ranges that are one region from all others", () => {
    expect(map.checkAllowed(0x100, 16)).toBe(undefined)
    expect(map.checkAllowed(0x100, 17)).toBe("EINVAL")
    expect(map.checkAllowed(0x110, 1)).toBe("EPERM")
    expect(map.checkAllowed(0x0ff, 1)).toBe("EPERM")
    expect(map.checkAllowed(0x0ff, 2)).toBe("EINVAL")
    expect(map.checkAllowed(0x120, 0x1e0)).toBe("EPERM")
    expect(map.checkAllowed(0x120, 0x1e1)).toBe("EINVAL")
    expect(map.checkAllowed(0x310, 2 ** 40)).toBe("EPERM")
    expect([0xff, 0x100, 0x11f, 0x120, 0x30f, 0x310].map((pfn) => map.isMemory(pfn))).toEqual([false, true, true, false, true, false])
  })
  it("ends where the address space ends", () => {
    expect(map.checkLimit(0xfff, 1)).toBe(undefined)
    for (const [pfn, pages] of [
      [0xfff, 2],
      [0x1000, 1],
      [0, 0],
      [0, -1],
      [Number.NaN, 1],
      [0, Number.NaN]
    ] as const)
      expect(map.checkLimit(pfn, pages)).toBe("EINVAL")
  })
  it("refuses regions that overlap, and too many", () => {
    expect(
      () =>
        new MemoryMap(
          [
            { pfn: 0, pages: 2 },
            { pfn: 1, pages: 1 }
          ],
          24
        )
    ).toThrow()
    expect(
      () =>
        new MemoryMap(
          Array.from({ length: 129 }, (_, i) => ({ pfn: 2 * i, pages: 1 })),
          24
        )
    ).toThrow()
  })
})
