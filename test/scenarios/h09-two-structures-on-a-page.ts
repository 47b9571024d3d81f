import { expect } from "vitest"
import { countedShares, onBoth, PAGE, pageFact } from "./protected.ts"
import { scenario } from "./scenario.ts"

export default scenario("H9", "Two structures on one page: shared by one call, and it stays shared until both are unshared", () => {
  onBoth((w) => {
    const { shares, calls } = countedShares(w)
    const pfn = w.hostPages()
    const at = pfn * PAGE
    expect([shares.share(at, at + 64), shares.share(at + 1024, at + 1088)]).toEqual([undefined, undefined])
    expect(calls).toEqual(["share"])
    expect(shares.count(pfn)).toBe(2)
    expect(shares.unshare(at, at + 64)).toEqual([])
    expect(pageFact(w, pfn)).toContain("host SO, hyp SB")
    expect(shares.unshare(at + 1024, at + 1088)).toEqual([])
    expect(calls).toEqual(["share", "unshare"])
    expect(pageFact(w, pfn)).toBeUndefined()
  })
})
