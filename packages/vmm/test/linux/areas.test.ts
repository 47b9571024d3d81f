import { describe, expect, it } from "vitest"
import { type AreaKind, Areas } from "../../src/personality/linux/areas.ts"
import { randomFrom } from "./fixture.ts"

const PAGE = 4096
const PAGES = 64
const kindOf = (protection: number, anonymous = true): AreaKind => ({ protection, anonymous })
const text = (kind: AreaKind | undefined): string => (kind === undefined ? "-" : `${kind.protection}${kind.anonymous ? "a" : "f"}`)

describe("areas of an address space", () => {
  it("are what a table of pages says, after any changes", () => {
    const random = randomFrom(42)
    for (let round = 0; round < 15; round++) {
      const areas = new Areas()
      const model: (AreaKind | undefined)[] = new Array(PAGES).fill(undefined)
      for (let step = 0; step < 60; step++) {
        const first = random(PAGES)
        const behind = first + 1 + random(PAGES - first)
        const kind = random(3) === 0 ? undefined : kindOf(random(4), random(4) > 0)
        areas.set(first * PAGE, behind * PAGE, kind)
        model.fill(kind, first, behind)
        expect(model.map((_, page) => text(areas.at(page * PAGE + random(PAGE)))).join(" ")).toBe(model.map(text).join(" "))

        const list = [...areas]
        list.forEach((area, i) => {
          const below = list[i - 1]
          expect(area.end).toBeGreaterThan(area.start)
          if (below === undefined) return
          expect(area.start).toBeGreaterThanOrEqual(below.end)
          expect(area.start === below.end && text(area) === text(below)).toBe(false)
        })
        const from = random(PAGES)
        const to = from + 1 + random(PAGES - from)
        const inside = model.slice(from, to)
        expect(areas.isFree(from * PAGE, to * PAGE)).toBe(inside.every((k) => k === undefined))
        expect(areas.covers(from * PAGE, to * PAGE)).toBe(inside.every((k) => k !== undefined))
        const cut = areas.within(from * PAGE, to * PAGE)
        expect(cut.reduce((sum, { start, end }) => sum + (end - start) / PAGE, 0)).toBe(inside.filter((k) => k !== undefined).length)
        expect(cut.every(({ start, end }) => start >= from * PAGE && end <= to * PAGE)).toBe(true)

        const wanted = 1 + random(8)
        let gap: number | undefined
        for (let at = PAGES - wanted; at >= 2 && gap === undefined; at--)
          if (model.slice(at, at + wanted).every((k) => k === undefined)) gap = at * PAGE
        expect(areas.highestGap(wanted * PAGE, 2 * PAGE, PAGES * PAGE)).toBe(gap)
      }
    }
  })
})
