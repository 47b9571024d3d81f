import { expect } from "vitest"
import { C, countedShares, onBoth, PAGE, pageFact } from "./protected.ts"
import { scenario } from "./scenario.ts"

export default scenario("H10b", "A page that hyp code has pinned cannot be unshared: EBUSY, the kernel leaves it shared for good", () => {
  onBoth((w) => {
    const before = pageFact(w, w.pinnedPage)
    expect(before).toMatch(/host SO, hyp SB, pins [1-9]/)
    expect(w.call(C.HOST_UNSHARE_HYP, w.pinnedPage)).toBe("EBUSY")
    expect(pageFact(w, w.pinnedPage)).toBe(before)
    const { shares } = countedShares(w)
    // a structure on that page, as far as the kernel knows
    const pfn = w.hostPages()
    expect(shares.share(pfn * PAGE, pfn * PAGE + 8)).toBeUndefined()
    w.state.pkvm.records.setRefcount(pfn, 1)
    expect(shares.unshare(pfn * PAGE, pfn * PAGE + 8)).toEqual([{ pfn, errno: "EBUSY" }])
    expect(shares.count(pfn)).toBe(1)
    w.state.pkvm.records.setRefcount(pfn, 0)
  })
})
