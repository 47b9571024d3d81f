import { expect } from "vitest"
import { C, countedShares, onBoth, PAGE, pageFact } from "./protected.ts"
import { scenario } from "./scenario.ts"

export default scenario("H10", "The third of three pages cannot be shared: the first two are the host's alone again", () => {
  onBoth((w) => {
    const { shares, calls } = countedShares(w)
    const pfn = w.hostPages(3)
    // hyp code has it already, though the kernel has no count for it
    expect(w.call(C.HOST_SHARE_HYP, pfn + 2)).toBe("0")
    expect(shares.share(pfn * PAGE, (pfn + 3) * PAGE)).toBe("EPERM")
    expect(calls).toEqual(["share", "share", "share", "unshare", "unshare"])
    expect([0, 1, 2].map((page) => pageFact(w, pfn + page) === undefined)).toEqual([true, true, false])
    expect([0, 1, 2].map((page) => shares.count(pfn + page))).toEqual([0, 0, 0])
  })
})
