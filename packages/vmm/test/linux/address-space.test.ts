import { describe, expect, it } from "vitest"
import { AddressSpace } from "../../src/personality/linux/address-space.ts"
import type { GuestMemory } from "../../src/personality/linux/guest.ts"
import { PageAllocator, PageTables, PROTECTION } from "../../src/personality/linux/page-tables.ts"
import { fakeMemory, RAM, randomFrom } from "./fixture.ts"

const PAGE = 4096
/** Addresses the random changes happen at: pages around the corners of tables. */
const BASES = [0x40_0000, 0x7fff_f000, 0x0000_7fff_ffff_8000, 0x0000_8000_0000_0000, 0x0000_aaaa_0020_0000 - 4 * PAGE]
const SPAN = 8
const everyPage = [...new Set(BASES.flatMap((base) => Array.from({ length: 2 * SPAN }, (_, i) => base + i * PAGE)))]

const spaceOf = (memory: GuestMemory) => {
  const pages = new PageAllocator(memory, RAM)
  const tables = new PageTables(memory, pages)
  return { space: new AddressSpace(memory, tables, pages), pages, tables }
}

interface Walked {
  readonly physical: number
  readonly read: boolean
  readonly write: boolean
  readonly execute: boolean
}
/** What the architecture makes of the tables for EL0 at an address: a walk of its own, in 64-bit descriptors. */
const walk = (memory: GuestMemory, root: number, address: bigint): Walked | "fault" => {
  const view = new DataView(memory.bytes.buffer)
  let table = BigInt(root)
  for (let level = 0; ; level++) {
    const shift = BigInt(39 - 9 * level)
    const descriptor = view.getBigUint64(Number(table) - RAM + 8 * Number((address >> shift) & 511n), true)
    if ((descriptor & 1n) === 0n) return "fault"
    expect(descriptor & 2n, `level ${level}`).toBe(2n)
    const output = descriptor & 0xffff_ffff_f000n
    if (level < 3) {
      expect(Number(output)).toBeGreaterThanOrEqual(RAM)
      expect(descriptor >> 59n, "hierarchical permissions").toBe(0n)
      table = output
      continue
    }
    const [ap1, ap2, flag, uxn, pxn] = [6n, 7n, 10n, 54n, 53n].map((bit) => ((descriptor >> bit) & 1n) === 1n)
    expect(flag, "AF").toBe(true)
    expect((descriptor >> 8n) & 3n, "shareability").toBe(3n)
    expect(pxn, "PXN: nothing of EL0 may be executed at EL1").toBe(true)
    return { physical: Number(output), read: ap1!, write: ap1! && !ap2!, execute: !uxn }
  }
}

interface ModelPage {
  protection: number
  /** Undefined until touched. */
  bytes: Uint8Array | undefined
}

describe("address space", () => {
  it("gives each page the permissions and contents of a simple model, as the tables say", () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = randomFrom(seed)
      const memory = fakeMemory(4 << 20)
      const { space, tables } = spaceOf(memory)
      const model = new Map<number, ModelPage>()
      const place = (): number => BASES[random(BASES.length)]! + random(SPAN) * PAGE
      const range = (start: number): readonly [number, number[]] => {
        const count = 1 + random(SPAN)
        return [count * PAGE, Array.from({ length: count }, (_, i) => start + i * PAGE)]
      }
      const protections = [PROTECTION.none, 1, 3, 5, 7, 4]
      for (let step = 0; step < 250; step++) {
        const start = place()
        const [bytes, pages] = range(start)
        const protection = protections[random(protections.length)]!
        switch (random(6)) {
          case 0:
            space.map(start, bytes, protection)
            for (const page of pages) model.set(page, { protection, bytes: undefined })
            break
          case 1:
            space.unmap(start, bytes)
            for (const page of pages) model.delete(page)
            break
          case 2: {
            const all = pages.every((page) => model.has(page))
            expect(space.protect(start, bytes, protection)).toBe(all)
            if (all) for (const page of pages) model.get(page)!.protection = protection
            break
          }
          case 3:
            expect(space.discard(start, bytes)).toBe(pages.every((page) => model.has(page)))
            for (const page of pages) if (model.has(page)) model.get(page)!.bytes = undefined
            break
          default: {
            const at = start + random(PAGE)
            const data = Uint8Array.from({ length: 1 + random(3 * PAGE) }, () => random(256))
            let expected = 0
            while (expected < data.length && ((model.get(at + expected - ((at + expected) % PAGE))?.protection ?? 0) & PROTECTION.write) !== 0) {
              const page = model.get(at + expected - ((at + expected) % PAGE))!
              page.bytes ??= new Uint8Array(PAGE)
              page.bytes[(at + expected) % PAGE] = data[expected]!
              expected++
            }
            expect(space.writable(at, data.length)).toBe(expected)
            expect(space.write(at, data)).toBe(expected)
          }
        }
        if (step % 25 !== 24) continue
        const used = new Set<number>()
        for (const page of everyPage) {
          const wanted = model.get(page)
          const found = walk(memory, tables.root, BigInt(page))
          const may = (access: keyof typeof PROTECTION) => wanted !== undefined && (wanted.protection & PROTECTION[access]) !== 0
          if (found !== "fault") {
            expect([found.read, found.write, found.execute]).toEqual([may("read"), may("write"), may("execute")])
            expect(used.has(found.physical)).toBe(false)
            used.add(found.physical)
          }
          for (const access of ["read", "write", "execute"] as const) {
            const result = space.fault(page + random(PAGE), access)
            expect(result).toBe(wanted === undefined ? "not-mapped" : may(access) ? "mapped" : "no-permission")
            if (result === "mapped") expect(walk(memory, tables.root, BigInt(page))).not.toBe("fault")
          }
          const contents = space.read(page, PAGE)
          expect(contents === undefined).toBe(!may("read"))
          if (contents !== undefined) expect(Buffer.compare(contents, wanted?.bytes ?? new Uint8Array(PAGE))).toBe(0)
        }
      }
    }
  })

  it("keeps what a page holds while nothing may be done with it", () => {
    const { space, tables } = spaceOf(fakeMemory(1 << 20))
    space.map(0x10_0000, PAGE, 3)
    space.write(0x10_0000, Uint8Array.of(1, 2, 3))
    space.protect(0x10_0000, PAGE, PROTECTION.none)
    expect(tables.stale).toBe(true)
    expect(space.fault(0x10_0000, "read")).toBe("no-permission")
    expect(space.read(0x10_0000, 1)).toBeUndefined()
    space.protect(0x10_0000, PAGE, 1)
    expect([...space.read(0x10_0000, 3)!]).toEqual([1, 2, 3])
  })

  it("asks for TLB maintenance exactly when a translation that may be in use changes", () => {
    const { space, tables } = spaceOf(fakeMemory(1 << 20))
    const staleAfter = (act: () => void): boolean => {
      tables.stale = false
      act()
      return tables.stale
    }
    expect(staleAfter(() => space.map(0x10_0000, 4 * PAGE, 3))).toBe(false)
    expect(staleAfter(() => space.protect(0x10_0000, PAGE, 1))).toBe(false)
    expect(staleAfter(() => space.fault(0x10_0000, "read"))).toBe(false)
    expect(staleAfter(() => space.protect(0x10_0000, PAGE, 3))).toBe(true)
    expect(staleAfter(() => space.unmap(0x10_1000, PAGE))).toBe(false)
    expect(staleAfter(() => space.fault(0x10_2000, "write"))).toBe(false)
    expect(staleAfter(() => space.unmap(0x10_2000, PAGE))).toBe(true)
    expect(staleAfter(() => space.unmap(0x10_2000, PAGE))).toBe(false)
  })

  it("gives all memory back: tables too", () => {
    const { space, pages } = spaceOf(fakeMemory(2 << 20))
    const before = pages.available
    for (let i = 0; i < 2000; i++) {
      const at = (i + 1) * 2 ** 30
      space.map(at, PAGE, 3)
      expect(space.write(at, Uint8Array.of(i & 255))).toBe(1)
      space.unmap(at, PAGE)
    }
    expect(pages.available).toBe(before)
  })

  it("says when memory is used up, and works on when some is free again", () => {
    const { space } = spaceOf(fakeMemory(64 * PAGE))
    space.map(0x10_0000, 128 * PAGE, 3)
    let touched = 0
    while (space.fault(0x10_0000 + touched * PAGE, "write") === "mapped") touched++
    expect(touched).toBeGreaterThan(50)
    expect(space.fault(0x10_0000 + touched * PAGE, "write")).toBe("no-memory")
    expect(space.write(0x10_0000 + touched * PAGE, Uint8Array.of(1))).toBe(0)
    space.unmap(0x10_0000, 4 * PAGE)
    expect(space.fault(0x10_0000 + touched * PAGE, "write")).toBe("mapped")
  })

  it("moves pages with their contents", () => {
    const { space } = spaceOf(fakeMemory(1 << 20))
    space.map(0x10_0000, 3 * PAGE, 3)
    space.write(0x10_0000, Uint8Array.of(9))
    space.write(0x10_2fff, Uint8Array.of(8))
    space.move(0x10_0000, 3 * PAGE, 0x7f_0000_0000, 5 * PAGE, { protection: 3, anonymous: true })
    expect(space.read(0x10_0000, 1)).toBeUndefined()
    expect([space.read(0x7f_0000_0000, 1)![0], space.read(0x7f_0000_2fff, 1)![0], space.read(0x7f_0000_4000, 1)![0]]).toEqual([9, 8, 0])
    expect(space.areaAt(0x10_0000)).toBeUndefined()
  })

  it("reads strings up to their end, over pages, and no further than the limit", () => {
    const { space } = spaceOf(fakeMemory(1 << 20))
    space.map(0x10_0000, 2 * PAGE, 3)
    const text = new TextEncoder().encode("x".repeat(100))
    space.write(0x10_0fd0, text)
    expect(new TextDecoder().decode(space.readString(0x10_0fd0, 200) as Uint8Array)).toBe("x".repeat(100))
    expect(space.readString(0x10_0fd0, 100)).toHaveLength(100)
    expect(space.readString(0x10_0fd0, 99)).toBe("too-long")
    space.write(0x10_1ff0, new Uint8Array(16).fill(65))
    expect(space.readString(0x10_1ff0, 4096)).toBeUndefined()
    expect(space.readString(2 ** 53, 10)).toBeUndefined()
  })

  it("moves the break within its room only", () => {
    const { space } = spaceOf(fakeMemory(1 << 20))
    space.brkStart = space.brk = 0x10_0000
    expect(space.moveBreak(0)).toBe(0x10_0000)
    expect(space.moveBreak(0x10_1801)).toBe(0x10_1801)
    expect(space.write(0x10_1fff, Uint8Array.of(1))).toBe(1)
    expect(space.moveBreak(0x10_0fff)).toBe(0x10_0fff)
    expect(space.areaAt(0x10_1000)).toBeUndefined()
    space.map(0x20_0000, PAGE, 1)
    expect(space.moveBreak(0x20_0001)).toBe(0x10_0fff)
    expect(space.moveBreak(2 ** 53)).toBe(0x10_0fff)
    expect(space.moveBreak(0x10_0000 + (64 << 20))).toBe(0x10_0fff)
  })
})
