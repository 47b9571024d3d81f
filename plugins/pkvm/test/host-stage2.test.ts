/** Stage 2 of the host by itself: how large a mapping is, what it never covers, and what happens when its memory for tables is used up. */
import type { Host, TableMemory } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { RealHostStage2 } from "../src/hyp/host-stage2.ts"
import { VALID } from "../src/hyp/leaves.ts"
import { HypBug } from "../src/ownership/errno.ts"
import { MemoryMap } from "../src/ownership/memory-map.ts"
import { HYP } from "../src/ownership/page-state.ts"

const PAGE = 4096
const BLOCK = 2 ** 21
const LARGE = 2 ** 30
const RAM = 0x4000_0000
/** One gigabyte of RAM, a hole, and a region of three pages. */
const REGIONS = [
  { pfn: RAM / PAGE, pages: LARGE / PAGE },
  { pfn: 0x9000_0000 / PAGE, pages: 3 }
]
/** So many tables, and how often translations were forgotten. */
const stage2With = (tables: number) => {
  const memory = new Map<number, bigint>()
  const free = Array.from({ length: tables }, (_, i) => (i + 1) * PAGE)
  const tableMemory: TableMemory = {
    allocate: () => free.shift(),
    free: (page) => {
      for (let at = page; at < page + PAGE; at += 8) memory.delete(at)
      free.push(page)
    },
    read: (address) => memory.get(address) ?? 0n,
    write: (address, descriptor) => void memory.set(address, descriptor)
  }
  let forgotten = 0
  const features = { physicalBits: 48, physicalRange: 5, vmid16: true, stage2ForceWriteBack: true } as Host["features"]
  const root = tableMemory.allocate()!
  const stage2 = new RealHostStage2({ features } as Host, tableMemory, root, new MemoryMap(REGIONS, 48), () => forgotten++)
  return { stage2, left: () => free.length, forgotten: () => forgotten, bytesAt: (address: number) => stage2.tables.leaf(address)?.bytes }
}

describe("a fault of the host", () => {
  it("maps a gigabyte where all of it is one region, less where it is not", () => {
    const { stage2, bytesAt } = stage2With(10)
    expect(stage2.fault(RAM + 12345)).toBe("mapped")
    expect(bytesAt(RAM)).toBe(LARGE)
    expect(stage2.fault(RAM)).toBe("present")
    expect(stage2.fault(0x9000_1000)).toBe("mapped")
    expect(bytesAt(0x9000_1000)).toBe(PAGE)
    // beside all regions: a device, by the block that touches none
    expect(stage2.fault(0x9000_3000)).toBe("mapped")
    expect(bytesAt(0x9000_3000)).toBe(PAGE)
    expect(stage2.fault(0x9020_0000)).toBe("mapped")
    expect(bytesAt(0x9020_0000)).toBe(BLOCK)
    expect(stage2.fault(2 ** 48)).toBe("refused")
  })
  it("covers nothing that is somebody's", () => {
    const { stage2, bytesAt, forgotten } = stage2With(10)
    stage2.annotate(RAM / PAGE + 5, 2, HYP)
    expect(forgotten()).toBe(0)
    expect([0, 4, 5, 6, 7, 512].map((page) => stage2.fault(RAM + page * PAGE))).toEqual([
      "mapped",
      "mapped",
      "refused",
      "refused",
      "mapped",
      "mapped"
    ])
    expect([bytesAt(RAM), bytesAt(RAM + 5 * PAGE), bytesAt(RAM + BLOCK)]).toEqual([PAGE, undefined, BLOCK])
    expect([stage2.owner(RAM / PAGE + 5), stage2.owner(RAM / PAGE + 4)]).toEqual([HYP, undefined])
  })
  it("is taken apart where somebody gets a page of it, and forgotten by the TLBs", () => {
    const { stage2, bytesAt, forgotten } = stage2With(10)
    stage2.fault(RAM)
    stage2.annotate(RAM / PAGE + 1, 1, HYP)
    expect(forgotten()).toBe(1)
    expect([bytesAt(RAM), bytesAt(RAM + PAGE), bytesAt(RAM + BLOCK)]).toEqual([PAGE, undefined, BLOCK])
    stage2.map(RAM / PAGE + 1, 1)
    expect(bytesAt(RAM + PAGE)).toBe(PAGE)
  })
})

describe("without memory for tables", () => {
  it("mappings of devices go, and come back when they are touched", () => {
    // the first table, one of level 1, two for the device's page
    const { stage2, left, forgotten } = stage2With(4)
    expect(stage2.fault(0x9000_3000)).toBe("mapped")
    expect(left()).toBe(0)
    expect(stage2.fault(RAM)).toBe("mapped")
    stage2.annotate(RAM / PAGE, 1, HYP)
    expect(forgotten()).toBeGreaterThan(0)
    expect(stage2.tables.entry(0x9000_3000).descriptor & VALID).toBe(0n)
  })
  it("and without such mappings hyp code gives up", () => {
    const { stage2 } = stage2With(1)
    expect(() => stage2.fault(RAM)).toThrow(HypBug)
  })
})
